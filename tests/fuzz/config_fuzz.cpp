// Reading any text must not crash, and what reads without problems must print and read back equal.
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string_view>

#include "resolver/config/read.hpp"
#include "resolver/config/resolv_conf.hpp"

using namespace dnscache;

namespace {

void require(bool good, std::string_view what) {
  if (good) return;
  std::cerr << what << '\n';
  std::abort();
}

void check_config(std::string_view text) {
  const ConfigReading reading = read_config(text, "input");
  for (const Problem& problem : reading.problems) {
    require(problem.to_text().find('\n') == std::string::npos, "a problem has more than one line");
  }
  if (!reading) return;
  const ConfigReading again = read_config(print_config(reading.config), "printed");
  require(static_cast<bool>(again), "what was printed has problems");
  require(again.config == reading.config, "what was printed reads differently");
}

void check_resolv_conf(std::string_view text) {
  const ResolvConf before = parse_resolv_conf(text);
  const std::vector<IpAddress> ours{IpAddress::v4(127, 0, 0, 1)};
  const std::string replaced = replace_nameservers(text, ours);
  const ResolvConf after = parse_resolv_conf(replaced);
  require(after.nameservers.size() == 1, "not exactly the new name server");
  require(after.search == before.search && after.options == before.options, "a line was lost");
  require(replace_nameservers(replaced, ours) == replaced, "replacing twice changes more");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_config(text);
  check_resolv_conf(text);
  return 0;
}
