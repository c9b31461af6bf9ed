// `dnscachectl completion` and the hidden `__complete` that the shells' completion files ask.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/command_line.hpp"

namespace dnscache::cli {

/// One word that could stand at the cursor.
struct Candidate {
  std::string word;
  std::string description;  ///< may be empty

  bool operator==(const Candidate&) const = default;
};

/// Candidates for the last of `words` (the words after the program's name; the last one may be
/// empty or begun). Empty where a file name or free text is expected. `cached_names` is called
/// where a name is expected, which may well be one that is in the cache.
std::vector<Candidate> complete(CommandLine& line, const std::vector<std::string>& words,
                                const std::function<std::vector<std::string>()>& cached_names = {});

extern const char* const bash_completion;
extern const char* const zsh_completion;
extern const char* const fish_completion;

}  // namespace dnscache::cli
