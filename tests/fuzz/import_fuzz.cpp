// Any text as the configuration of each program that can be imported: every line gets a result, and
// the translation is a configuration that reads back equal or says what contradicts itself. Hosts
// files and block lists as well.
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string_view>

#include "cli/import/programs.hpp"
#include "resolver/local/block_list.hpp"
#include "resolver/local/hosts.hpp"

using namespace dnscache;
using namespace dnscache::cli;

namespace {

void require(bool good, std::string_view what) {
  if (good) return;
  std::cerr << what << '\n';
  std::abort();
}

void check_import(std::string_view text, Program program) {
  const ImportFiles files{[text](const std::filesystem::path& path) -> Result<std::string> {
                            if (path == "/main" || path == "/again") return std::string(text);
                            return Error{path.string() + ": cannot be opened"};
                          },
                          [](const std::filesystem::path&) -> Result<std::vector<std::string>> {
                            return std::vector<std::string>{"again", ".hidden", "x.conf"};
                          }};
  const auto translation = import_file("/main", program, std::nullopt, files);
  require(static_cast<bool>(translation), "a file that can be read is an error");
  for (const TranslatedLine& line : translation->lines) {
    require(!line.explanation.empty(), "a line has no explanation");
    require(line.origin().find('\n') == std::string::npos, "an origin has more than one line");
  }
  const ConfigReading reading =
      read_config(print_config(translation->config, translation->origins), "result");
  if (reading) require(reading.config == translation->config, "the result reads differently");
}

void check_lists(std::string_view text) {
  std::size_t lines = 1;
  for (const char c : text) lines += c == '\n' ? 1 : 0;
  const auto hosts = read_hosts(text, [](const IpAddress&, const Name& name, bool) {
    require(!name.is_root(), "the root is a host");
  });
  const auto blocked = read_block_list(
      text, [](const Name& name, bool) { require(!name.is_root(), "all is blocked"); });
  require(hosts.count <= lines && blocked.count <= lines, "more problems than lines");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const Program program :
       {Program::dnsmasq, Program::unbound, Program::bind, Program::resolved}) {
    check_import(text, program);
  }
  recognize(text);
  check_lists(text);
  return 0;
}
