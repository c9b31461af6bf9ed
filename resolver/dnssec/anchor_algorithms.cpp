#include "resolver/dnssec/anchor_algorithms.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <map>
#include <sstream>

#include "resolver/wire/name.hpp"

namespace dnscache {
namespace {

// The signing algorithms and digests of the IANA registries that libunbound 1.13 and later checks.
constexpr std::array algorithms{5u, 7u, 8u, 10u, 13u, 14u, 15u, 16u};
constexpr std::array digests{1u, 2u, 4u};

/// What the anchors of one zone have.
struct ZoneAnchors {
  bool has_usable = false;
  std::string algorithms;  // of the others, "1 and 3"
};

// Records may take several lines in parentheses, which mean nothing else.
std::string without_comments(const std::string& text) {
  std::string result;
  std::istringstream lines(text);
  unsigned open = 0;
  for (std::string line; std::getline(lines, line);) {
    line.resize(std::min(line.find(';'), line.size()));
    for (char& c : line) {
      if (c == '(') ++open;
      if (c == ')' && open > 0) --open;
      if (c == '(' || c == ')') c = ' ';
    }
    result += line + (open > 0 ? ' ' : '\n');
  }
  return result;
}

unsigned number_at(const std::vector<std::string>& words, std::size_t at) {
  unsigned number = 0;
  if (at < words.size()) {
    std::from_chars(words[at].data(), words[at].data() + words[at].size(), number);
  }
  return number;
}

// A line such as ". 86400 IN DS 20326 8 2 E06D…"; anything else is not ours to judge.
void add_record(const std::string& line, std::map<Name, ZoneAnchors>& zones) {
  std::istringstream stream(line);
  const std::vector<std::string> words{std::istream_iterator<std::string>(stream), {}};
  const auto type = std::ranges::find_if(words, [](const std::string& word) {
    return word == "DS" || word == "ds" || word == "DNSKEY" || word == "dnskey";
  });
  if (type == words.end() || type == words.begin()) return;
  const auto zone = words[0] == "." ? Name() : Name::parse(words[0]).value_or(Name());
  const auto at = static_cast<std::size_t>(type - words.begin());
  const bool is_ds = *type == "DS" || *type == "ds";
  const unsigned algorithm = number_at(words, at + (is_ds ? 2 : 3));
  const bool has_digest =
      !is_ds || std::ranges::find(digests, number_at(words, at + 3)) != digests.end();
  ZoneAnchors& anchors = zones[zone];
  if (has_digest && std::ranges::find(algorithms, algorithm) != algorithms.end()) {
    anchors.has_usable = true;
    return;
  }
  anchors.algorithms += (anchors.algorithms.empty() ? "" : " and ") + std::to_string(algorithm);
  if (!has_digest) anchors.algorithms += " with digest " + std::to_string(number_at(words, at + 3));
}

}  // namespace

Result<void> check_algorithms(const std::vector<std::string>& texts) {
  std::map<Name, ZoneAnchors> zones;
  for (const std::string& text : texts) {
    std::istringstream lines(without_comments(text));
    for (std::string line; std::getline(lines, line);) add_record(line, zones);
  }
  for (const auto& [zone, anchors] : zones) {
    if (anchors.has_usable) continue;
    return Error{"dnssec.trust_anchors: libunbound can check no anchor of " + zone.to_text() +
                 " (algorithm " + anchors.algorithms +
                 "), and would take the zone for unsigned; name an anchor of a current algorithm, "
                 "such as 8 or 13"};
  }
  return {};
}

}  // namespace dnscache
