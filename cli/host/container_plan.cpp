#include "cli/host/container_plan.hpp"

#include <fmt/format.h>

#include "resolver/base/text.hpp"
#include "resolver/config/upstreams_from.hpp"

namespace dnscache::cli {

namespace {

// After this setup the file names the cache.
bool will_name_cache(const Facts& facts, const Route& route, const ServerList& list) {
  if (list.target == systemd_resolv_conf) {
    // resolved takes the servers of a resolv.conf that is not its own into its list.
    const bool takes_ours = route.writes_resolv_conf && facts.system.resolved.has_value();
    return route.writes_resolved || takes_ours;
  }
  if (list.path == default_resolv_conf) {
    return route.writes_resolved || route.writes_resolv_conf || route.mode == Mode::manager;
  }
  const auto target = list.target.string();
  return route.mode == Mode::manager &&
         (target.starts_with("/run/NetworkManager/") || target.starts_with("/run/resolvconf/"));
}

Step note(std::string text) {
  Step step;
  step.kind = Step::Kind::verify_system;
  step.is_change = false;
  step.text = std::move(text);
  return step;
}

Step docker_note(const Docker& docker) {
  if (docker.has_own_servers) {
    return note("Docker gives containers the servers of /etc/docker/daemon.json");
  }
  std::vector<std::string> names;
  for (const auto& server : docker.list.servers) {
    if (!server.address.is_loopback()) names.push_back(server.address.to_text());
  }
  return note(fmt::format("Docker gives containers {}, as it leaves loopback addresses out",
                          names.empty() ? "8.8.8.8" : join_words(names, "and")));
}

}  // namespace

Result<std::vector<Step>> container_steps(const Facts& facts, const Route& route) {
  std::vector<Step> steps;
  if (const auto& kubelet = facts.containers.kubelet) {
    const auto file = kubelet->list.path.string();
    if (will_name_cache(facts, route, kubelet->list)) {
      return Error{fmt::format(
          "nothing was changed, because kubelet gives pods the servers of {0}, and for a pod the "
          "cache's loopback address is the pod itself; write the servers for pods into a file of "
          "their own, name it as resolvConf: in {1} and restart kubelet",
          file, kubelet->config.string())};
    }
    steps.push_back(note(
        fmt::format("kubelet gives pods the servers of {}, which does not name the cache", file)));
  }
  if (const auto& docker = facts.containers.docker) steps.push_back(docker_note(*docker));
  return steps;
}

}  // namespace dnscache::cli
