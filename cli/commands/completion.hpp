// `dnscachectl completion` and the hidden `__complete` that the shells' completion files ask.
#pragma once

#include <CLI/App.hpp>
#include <functional>
#include <string>
#include <vector>

#include "resolver/base/error.hpp"

namespace dnscache::cli {

/// One word that could stand at the cursor.
struct Candidate {
  std::string word;
  std::string description;  ///< may be empty

  bool operator==(const Candidate&) const = default;
};

/// Candidates for the last of `words` (the words after the program's name; the last one may be
/// empty or begun). Empty where a file name or free text is expected.
/// `cached_names` is asked where a name is expected, which may well be one that is in the cache.
std::vector<Candidate> complete(CLI::App& app, const std::vector<std::string>& words,
                                const std::function<std::vector<std::string>()>& cached_names = {});

/// Prints the candidates, one a line, `word<TAB>description`.
Result<ExitCode> run_complete(const std::vector<std::string>& words);

extern const char* const bash_completion;
extern const char* const zsh_completion;
extern const char* const fish_completion;

/// Prints the completion file for bash, zsh or fish.
Result<ExitCode> run_completion(const std::string& shell);

}  // namespace dnscache::cli
