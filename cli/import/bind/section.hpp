// What the sections of BIND's statements have in common. Each is a file that reads alone.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "cli/import/bind/statement.hpp"
#include "cli/import/draft.hpp"
#include "resolver/base/text.hpp"
#include "resolver/config/values.hpp"

namespace dnscache::cli::bind {

/// Takes a statement.
using Handler = std::function<void(const Statement&)>;
using Handlers = std::map<std::string, Handler>;

/// Statements that belong together.
class Section {
 public:
  Section(Draft& draft, std::filesystem::path file)
      : draft_(draft), config_(draft.config()), file_(std::move(file)) {}
  Section(const Section&) = delete;
  Section& operator=(const Section&) = delete;
  virtual ~Section() = default;

  /// Of the statements in options { }.
  virtual Handlers options() = 0;
  /// Of those at the top level.
  virtual Handlers statements() { return {}; }
  /// Called when every statement is read, for what they mean together.
  virtual void finish() = 0;

 protected:
  using Index = Draft::Index;

  template <class S>
  static Handler call(S* section, void (S::*method)(const Statement&)) {
    return [section, method](const Statement& statement) { (section->*method)(statement); };
  }
  void refuse_value(const Statement& statement) {
    draft_.refuse(in_quotes(statement.word(1)) + " is not a value of this option");
  }

  Draft& draft_;
  Config& config_;
  std::filesystem::path file_;  ///< the one that includes the others
};

std::unique_ptr<Section> make_listen(Draft& draft, const std::filesystem::path& file);
std::unique_ptr<Section> make_servers(Draft& draft, const std::filesystem::path& file);
std::unique_ptr<Section> make_cache(Draft& draft, const std::filesystem::path& file);
std::unique_ptr<Section> make_answers(Draft& draft, const std::filesystem::path& file);

/// yes, true, 1 or no, false, 0.
std::optional<bool> bool_of(std::string_view text);

/// The number behind the word "port", from that word of the statement on.
std::optional<std::uint16_t> port_in(const Statement& statement, std::size_t from = 0);

}  // namespace dnscache::cli::bind
