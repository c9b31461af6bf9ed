#include "cli/import/dnsmasq/dnsmasq.hpp"

#include <set>

#include "cli/import/dnsmasq/remarks.hpp"
#include "cli/import/dnsmasq/section.hpp"

namespace dnscache::cli {
namespace dnsmasq {
namespace {

constexpr unsigned max_depth = 8;             // of files that include others
constexpr std::size_t max_lines = 1'000'000;  // in total

// A line without its comment; quotes are taken away, and what was in them loses its meaning.
std::string without_comment(std::string_view line) {
  std::string result;
  bool quoted = false;
  bool after_blank = true;
  for (std::size_t i = 0; i < line.size(); ++i) {
    char c = line[i];
    if (c == '"') {
      quoted = !quoted;
      continue;
    }
    if (quoted && c == '\\' && i + 1 < line.size()) c = line[++i];
    if (!quoted && c == '#' && after_blank) break;
    after_blank = !quoted && (c == ' ' || c == '\t');
    result += quoted && c == ',' ? hidden_comma : c;
  }
  return std::string(trim(result));
}

/// Reads lines one after the other and gives each to the section that knows it.
class Reader {
 public:
  explicit Reader(Context& context) : context_(context), draft_(context.draft) {
    // In this order they finish: routes need the servers, those in resolv.conf where we listen.
    for (const auto make : {make_listen, make_cache, make_servers, make_zones, make_records,
                            make_answers, make_logging}) {
      sections_.push_back(make(context));
      handlers_.merge(sections_.back()->handlers());
    }
    handlers_["conf-file"] = [this](const std::string& value) { conf_file(value); };
    handlers_["servers-file"] = handlers_["conf-file"];
    handlers_["conf-dir"] = [this](const std::string& value) { conf_dir(value); };
  }

  Result<void> run(const std::filesystem::path& file) {
    const auto text = context_.files.read(file);
    if (!text) return text.error();
    read_ = {file};
    read_lines(file, *text, 0);
    if (is_too_long_) {
      return Error{file.string() + ": has more than " + std::to_string(max_lines) +
                   " lines with its includes; keep hosts and block lists in files of their own"};
    }
    for (const auto& section : sections_) section->finish();
    return {};
  }

 private:
  void read_lines(const std::filesystem::path& file, std::string_view text, unsigned depth) {
    for (int number = 1; !text.empty(); ++number) {
      const auto end = std::min(text.find('\n'), text.size());
      const std::string line = without_comment(text.substr(0, end));
      const std::string as_written(trim(text.substr(0, end)));
      text.remove_prefix(std::min(end + 1, text.size()));
      if (line.empty()) continue;
      is_too_long_ = draft_.lines().size() >= max_lines;
      if (is_too_long_) return;
      draft_.add_line({file.string(), number, as_written, LineResult::refused, ""});
      const auto equals = line.find('=');
      const std::string option(trim(std::string_view(line).substr(0, equals)));
      const std::string value(
          equals == std::string::npos ? "" : trim(std::string_view(line).substr(equals + 1)));
      depth_ = depth;
      take(option, value);
    }
  }

  void take(const std::string& option, const std::string& value) {
    if (value.starts_with('/')) {
      if (const auto handler = handlers_.find(option + '/'); handler != handlers_.end()) {
        return handler->second(value);
      }
    }
    if (const auto handler = handlers_.find(option); handler != handlers_.end()) {
      return handler->second(value);
    }
    if (const auto remark = remarks().find(option); remark != remarks().end()) {
      return draft_.finish_line(remark->second.result, std::string(remark->second.why));
    }
    if (const auto remark = remark_on_family(option)) {
      return draft_.finish_line(remark->result, std::string(remark->why));
    }
    std::vector<std::string> known;
    for (const auto& [name, handler] : handlers_) {
      if (!name.ends_with('/')) known.push_back(name);
    }
    for (const auto& [name, remark] : remarks()) known.emplace_back(name);
    const std::string meant = nearest(option, known);
    draft_.refuse("is not an option of dnsmasq 2.90" +
                  (meant.empty() ? "" : "; is " + meant + " meant?"));
  }

  void include(const std::filesystem::path& file) {
    if (depth_ >= max_depth)
      return draft_.refuse("files include each other more than 8 levels deep");
    if (!read_.insert(file).second) return draft_.not_needed("was read already");
    const auto text = context_.files.read(file);
    if (!text) return draft_.refuse(text.error().message);
    draft_.translate("its lines follow");
    const Draft::Index line = draft_.current();
    const unsigned depth = depth_;
    read_lines(file, *text, depth + 1);
    draft_.go_to(line);
    depth_ = depth;
  }
  void conf_file(const std::string& value) {
    if (value.empty()) return draft_.refuse("names no file");
    include(value);
  }
  // The files of a folder: "/etc/dnsmasq.d,.bak" leaves files of an ending out,
  // "/etc/dnsmasq.d/,*.conf" reads only some.
  static std::vector<std::string> choose(const std::vector<std::string>& names,
                                         const std::vector<std::string>& endings) {
    std::vector<std::string> only, without;
    for (const std::string& ending : endings) {
      if (ending.starts_with('*')) {
        if (ending.size() > 1) only.push_back(ending.substr(1));
      } else if (!ending.empty()) {
        without.push_back(ending);
      }
    }
    std::vector<std::string> chosen;
    for (const std::string& name : names) {
      const auto ends = [&](const std::string& ending) { return name.ends_with(ending); };
      const bool is_leftover = name.empty() || name.back() == '~' || name[0] == '.' ||
                               (name[0] == '#' && name.back() == '#');
      if (is_leftover || std::ranges::any_of(without, ends)) continue;
      if (only.empty() || std::ranges::any_of(only, ends)) chosen.push_back(name);
    }
    std::ranges::sort(chosen);
    return chosen;
  }
  void conf_dir(const std::string& value) {
    const auto parts = split(value, ',');
    const std::filesystem::path folder = absolute_path(parts[0]);
    const auto names = context_.files.list(folder);
    if (!names) return draft_.refuse(names.error().message);
    const auto chosen = choose(*names, {parts.begin() + 1, parts.end()});
    const Draft::Index line = draft_.current();
    const unsigned depth = depth_;
    draft_.translate(chosen.empty() ? "no file there is meant"
                                    : "the lines of " + join_words(chosen, "and") + " follow");
    for (const std::string& name : chosen) {
      const std::filesystem::path file = folder / name;
      const auto text = context_.files.read(file);
      draft_.go_to(line);
      if (!text) {
        draft_.refuse(text.error().message);
      } else if (depth < max_depth && read_.insert(file).second) {
        read_lines(file, *text, depth + 1);
      }
    }
    draft_.go_to(line);
    depth_ = depth;
  }

  Context& context_;
  Draft& draft_;
  std::vector<std::unique_ptr<Section>> sections_;
  Handlers handlers_;
  bool is_too_long_ = false;
  unsigned depth_ = 0;
  std::set<std::filesystem::path> read_;
};

}  // namespace
}  // namespace dnsmasq

Result<Translation> import_dnsmasq(const std::filesystem::path& file,
                                   const std::optional<std::filesystem::path>& resolv_file,
                                   const ImportFiles& files) {
  dnsmasq::Context context{files};
  if (resolv_file) {
    context.resolv_file = *resolv_file;
    context.has_resolv_file = true;
  }
  if (const auto read = dnsmasq::Reader(context).run(file); !read) return read.error();
  return context.draft.take();
}

}  // namespace dnscache::cli
