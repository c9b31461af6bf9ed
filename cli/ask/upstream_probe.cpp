#include "cli/ask/upstream_probe.hpp"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>

#include "cli/ask/control_client.hpp"
#include "resolver/base/text_file.hpp"
#include "resolver/config/resolv_conf.hpp"

namespace dnscache::cli {

namespace {

using nlohmann::json;

constexpr std::chrono::seconds patience{8};  // two questions, see the control command

std::string text_of(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Result<UpstreamProbe> probe_once(const std::filesystem::path& control, const std::string& name) {
  json request = {{"command", "probe"}};
  if (!name.empty()) request["name"] = name;
  const auto reply = ask_engine(control, request, patience);
  if (!reply) return reply.error();
  UpstreamProbe probe;
  if (const auto question = reply->find("question"); question != reply->end()) {
    probe.question = fmt::format("{} {}", text_of(*question, "name"), text_of(*question, "type"));
  }
  probe.outcome = text_of(*reply, "outcome");
  probe.rcode = text_of(*reply, "rcode");
  probe.upstream = text_of(*reply, "upstream");
  const auto took = reply->find("took_ms");
  if (took != reply->end() && took->is_number()) probe.took_ms = took->get<double>();
  for (const auto& asked : reply->value("asked", json::array())) {
    probe.asked.push_back(text_of(asked, "upstream"));
  }
  return probe;
}

// A server may know nothing but its own zones, and refuse the rest.
std::vector<std::string> names_to_try() {
  const auto resolv_conf = read_text_file("/etc/resolv.conf");
  auto names = parse_resolv_conf(resolv_conf ? *resolv_conf : "").search;
  names.push_back("example.com");
  return names;
}

}  // namespace

Result<UpstreamProbe> probe_upstreams(const std::filesystem::path& control,
                                      const std::string& name) {
  auto probe = probe_once(control, name);
  if (!name.empty() || !probe || probe->outcome != "failed") return probe;
  for (const auto& other : names_to_try()) {
    auto again = probe_once(control, other);
    // The name may belong to a route, whose upstreams say nothing of these.
    const bool is_same =
        again && std::ranges::find(probe->asked, again->upstream) != probe->asked.end();
    if (is_same && again->is_answered()) return again;
  }
  return probe;
}

}  // namespace dnscache::cli
