#include "cli/import/bind/bind.hpp"

#include <set>

#include "cli/import/bind/options.hpp"
#include "cli/import/bind/section.hpp"

namespace dnscache::cli {
namespace bind {
namespace {

constexpr unsigned max_depth = 8;  // of files that include others
constexpr std::size_t max_lines = 1'000'000;

/// Reads statements and gives each to the section that knows it.
class Reader {
 public:
  Reader(Draft& draft, const ImportFiles& files, const std::filesystem::path& file)
      : draft_(draft), files_(files), file_(file) {
    // In this order they finish: what we listen on cannot be a forwarder.
    for (const auto make : {make_listen, make_servers, make_cache, make_answers}) {
      sections_.push_back(make(draft, file));
      options_.merge(sections_.back()->options());
      statements_.merge(sections_.back()->statements());
    }
  }

  Result<void> run() {
    const auto text = files_.read(file_);
    if (!text) return text.error();
    open_.insert(file_);
    read_file(file_, *text, 0);
    for (const auto& section : sections_) section->finish();
    return {};
  }

 private:
  using Index = Draft::Index;

  void add_line(const std::filesystem::path& file, const Statement& statement) {
    draft_.add_line(
        {file.string(), statement.line, printable(statement.text), LineResult::refused, ""});
  }

  void read_file(const std::filesystem::path& file, const std::string& text, unsigned depth) {
    for (const Statement& statement : parse_statements(text)) {
      if (draft_.lines().size() >= max_lines) return;
      const std::string& name = statement.word(0);
      if (name == "options" && statement.has_block) {
        read_options(file, statement, depth);
        continue;
      }
      add_line(file, statement);
      if (statement.is_cut) {
        draft_.refuse("is not closed: a semicolon or brace is missing");
      } else if (name == "include") {
        include(statement, depth, [&](const auto& path, const std::string& more) {
          read_file(path, more, depth + 1);
        });
      } else {
        take_top(statement);
      }
    }
  }

  void read_options(const std::filesystem::path& file, const Statement& options, unsigned depth) {
    for (const Statement& statement : options.block) {
      if (draft_.lines().size() >= max_lines) return;
      add_line(file, statement);
      if (statement.is_cut) {
        draft_.refuse("is not closed: a semicolon or brace is missing");
      } else if (statement.word(0) == "include") {
        include(statement, depth, [&](const auto& path, const std::string& more) {
          Statement inner;
          inner.block = parse_statements(more);
          read_options(path, inner, depth + 1);
        });
      } else {
        take_option(statement);
      }
    }
  }

  template <class Read>
  void include(const Statement& statement, unsigned depth, const Read& read) {
    if (depth >= max_depth) return draft_.refuse("files include each other too deeply");
    const auto matching = matching_files(absolute_path(statement.word(1)), files_);
    if (!matching) return draft_.refuse(matching.error().message);
    draft_.translate(matching->empty() ? "no file there is meant" : "its lines follow");
    const Index line = draft_.current();
    for (const std::filesystem::path& file : *matching) {
      const auto text = files_.read(file);
      draft_.go_to(line);
      if (!text) {
        draft_.refuse(text.error().message);
      } else if (open_.insert(file).second) {
        read(file, *text);
      } else {
        draft_.not_needed("was read already");
      }
    }
    draft_.go_to(line);
  }

  void take_option(const Statement& statement) {
    take(statement, options_, option_remarks(), {"include"});
  }
  void take_top(const Statement& statement) {
    take(statement, statements_, top_remarks(), {"options", "include"});
  }
  void take(const Statement& statement, const Handlers& handlers, std::span<const Remark> remarks,
            std::vector<std::string> known) {
    const std::string& name = statement.word(0);
    if (const auto handler = handlers.find(name); handler != handlers.end()) {
      return handler->second(statement);
    }
    if (apply_remark(draft_, remarks, name)) return;
    for (const auto& [option, handler] : handlers) known.push_back(option);
    add_names(known, remarks);
    refuse_unknown(draft_, name, "BIND 9.18", known);
  }

  Draft& draft_;
  const ImportFiles& files_;
  std::filesystem::path file_;
  std::vector<std::unique_ptr<Section>> sections_;
  Handlers options_, statements_;
  std::set<std::filesystem::path> open_;
};

}  // namespace
}  // namespace bind

Result<Translation> import_bind(const std::filesystem::path& file, const ImportFiles& files) {
  Draft draft("bind");
  if (const auto read = bind::Reader(draft, files, file).run(); !read) return read.error();
  return draft.take();
}

}  // namespace dnscache::cli
