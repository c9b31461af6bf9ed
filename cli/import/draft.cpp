#include "cli/import/draft.hpp"

#include <charconv>

#include "resolver/base/text.hpp"
#include "resolver/config/record.hpp"
#include "resolver/config/values.hpp"

namespace dnscache::cli {

void Draft::note(const std::string& setting, Index line) {
  auto& origins = translation_.origins[setting];
  const std::string origin = translation_.lines[line].origin();
  if (std::ranges::find(origins, origin) == origins.end()) origins.push_back(origin);
}

bool Draft::set_seconds(std::string_view value, const std::string& key,
                        std::chrono::seconds& setting, std::uint32_t highest,
                        std::uint32_t lowest) {
  const auto number = number_of(value);
  if (!number || *number < lowest) {
    refuse(in_quotes(value) + " is not a valid number of seconds");
    return false;
  }
  setting = std::chrono::seconds(std::min(*number, highest));
  note(key);
  const std::string text = key + ": " + print_duration(setting);
  translate(*number > highest ? text + ", the most that is possible" : text);
  return true;
}

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (text = trim(text); !text.empty(); text = trim(text)) {
    const auto end = std::min(text.find_first_of(" \t"), text.size());
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return words;
}

std::optional<std::uint32_t> number_of(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

std::optional<std::uint64_t> bytes_of(std::string_view text) {
  unsigned shift = 0;
  if (!text.empty()) {
    const char unit = text.back();
    shift = unit == 'k' || unit == 'K' ? 10 : unit == 'm' || unit == 'M' ? 20 : 0;
    if (unit == 'g' || unit == 'G') shift = 30;
  }
  if (shift != 0) text.remove_suffix(1);
  const auto number = number_of(text);
  if (!number) return std::nullopt;
  return std::uint64_t{*number} << shift;
}

std::optional<Name> name_of(std::string_view text) {
  if (text.starts_with('.')) text.remove_prefix(1);
  const auto name = parse_zone(text);
  if (!name) return std::nullopt;
  return *name;
}

std::vector<Network> private_networks() {
  std::vector<Network> networks;
  for (const char* network : {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
                              "100.64.0.0/10", "fc00::/7", "fe80::/10"}) {
    networks.push_back(*Network::parse(network));
  }
  return networks;
}

std::vector<Name> reverse_zones(const Network& network) {
  const unsigned step = network.address.is_v6 ? 4 : 8;  // bits of a label
  const unsigned whole = (network.prefix_length + step - 1) / step;
  const unsigned open = whole * step - network.prefix_length;
  const unsigned labels = network.address.is_v6 ? 32 : 4;
  std::vector<Name> zones;
  for (unsigned i = 0; i < 1u << open; ++i) {
    IpAddress address = network.address;
    const unsigned last = whole * step - step;
    const unsigned shift = 8 - step - last % 8;
    address.bytes[last / 8] = static_cast<std::uint8_t>(address.bytes[last / 8] | i << shift);
    Name zone = reverse_name(address);
    for (unsigned cut = whole; cut < labels; ++cut) zone = zone.parent();
    zones.push_back(zone);
  }
  return zones;
}

}  // namespace dnscache::cli
