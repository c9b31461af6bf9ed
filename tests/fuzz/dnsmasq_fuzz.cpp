// Any text as dnsmasq's configuration: every line gets a result, and the result is a configuration
// that reads back equal or says what contradicts itself. Hosts files and block lists as well.
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string_view>

#include "cli/import/dnsmasq/dnsmasq.hpp"
#include "resolver/policy/hosts.hpp"

using namespace dnscache;
using namespace dnscache::cli;

namespace {

void require(bool good, std::string_view what) {
  if (good) return;
  std::cerr << what << '\n';
  std::abort();
}

void check_import(std::string_view text) {
  const ImportFiles files{[text](const std::filesystem::path& path) -> Result<std::string> {
                             if (path == "/main" || path == "/again") return std::string(text);
                             return Error{path.string() + ": can't be opened"};
                           },
                           [](const std::filesystem::path&) -> Result<std::vector<std::string>> {
                             return std::vector<std::string>{"again", ".hidden"};
                           }};
  const auto import = import_dnsmasq("/main", std::nullopt, files);
  require(static_cast<bool>(import), "a file that can be read is an error");
  for (const TranslatedLine& line : import->lines) {
    require(!line.explanation.empty(), "a line has no explanation");
    require(line.origin().find('\n') == std::string::npos, "an origin has more than one line");
  }
  const ConfigReading reading =
      read_config(print_config(import->config, import->origins), "result");
  if (reading) require(reading.config == import->config, "the result reads differently");
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
  check_import(text);
  check_lists(text);
  return 0;
}
