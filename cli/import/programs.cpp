#include "cli/import/programs.hpp"

#include <algorithm>
#include <array>

#include "cli/import/bind/bind.hpp"
#include "cli/import/dnsmasq/dnsmasq.hpp"
#include "cli/import/draft.hpp"
#include "cli/import/resolved/resolved.hpp"
#include "cli/import/unbound/unbound.hpp"

namespace dnscache::cli {
namespace {

struct Row {
  Program program;
  std::string_view name;
  const char* file;
};

constexpr std::array<Row, 4> rows{{{Program::dnsmasq, "dnsmasq", "/etc/dnsmasq.conf"},
                                   {Program::unbound, "unbound", "/etc/unbound/unbound.conf"},
                                   {Program::bind, "bind", "/etc/bind/named.conf"},
                                   {Program::resolved, "resolved", "/etc/systemd/resolved.conf"}}};

bool begins_with_word(std::string_view line, std::initializer_list<std::string_view> words,
                      std::string_view behind) {
  return std::ranges::any_of(words, [&](std::string_view word) {
    return line.starts_with(word) && line.size() > word.size() &&
           behind.find(line[word.size()]) != std::string_view::npos;
  });
}

}  // namespace

std::optional<Program> parse_program(std::string_view text) {
  const auto row = std::ranges::find(rows, text, &Row::name);
  if (row == rows.end()) return std::nullopt;
  return row->program;
}

std::filesystem::path default_file(Program program) {
  return std::ranges::find(rows, program, &Row::program)->file;
}

Program recognize(std::string_view text) {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line == "[Resolve]") return Program::resolved;
    if (begins_with_word(line,
                         {"server", "forward-zone", "stub-zone", "auth-zone", "remote-control",
                          "include", "include-toplevel", "local-zone", "local-data", "view"},
                         ":")) {
      return Program::unbound;
    }
    if (begins_with_word(line, {"options", "zone", "acl", "include", "logging", "key", "controls"},
                         " \t{\"") &&
        line.find('=') == std::string_view::npos) {
      return Program::bind;
    }
  }
  return Program::dnsmasq;
}

Result<Translation> import_file(const std::filesystem::path& file, std::optional<Program> program,
                                const std::optional<std::filesystem::path>& resolv_file,
                                const ImportFiles& files) {
  if (!program) {
    const auto text = files.read(file);
    // resolved.conf need not be there when its drop-ins are.
    if (!text && file.filename() != "resolved.conf") return text.error();
    program = text ? recognize(*text) : Program::resolved;
    if (file.filename() == "resolved.conf") program = Program::resolved;
  }
  switch (*program) {
    case Program::unbound:
      return import_unbound(file, files);
    case Program::bind:
      return import_bind(file, files);
    case Program::resolved:
      return import_resolved(file, files);
    case Program::dnsmasq:
      break;
  }
  return import_dnsmasq(file, resolv_file, files);
}

}  // namespace dnscache::cli
