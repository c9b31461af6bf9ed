#include "cli/host/route_check.hpp"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <mutex>
#include <set>
#include <thread>

#include "cli/ask/stub_resolver.hpp"
#include "cli/ask/upstream_probe.hpp"
#include "cli/host/lookup_check.hpp"
#include "resolver/base/text.hpp"
#include "resolver/config/upstreams_from.hpp"
#include "resolver/config/values.hpp"

namespace dnscache::cli {

namespace {

using namespace std::chrono_literals;
constexpr const char* configuration = "configuration";
// The engine follows a change within this time, and a manager may be restarting.
constexpr auto settle_patience = 4s;
constexpr auto settle_interval = 100ms;
// Each costs a query; whom the engine would ask for the rest is compared all the same.
constexpr std::size_t most_queries = 16;
constexpr Patience zone_patience{.timeout_seconds = 2, .attempts = 2};

using Servers = std::vector<std::string>;

Servers texts_of(const std::vector<UpstreamConfig>& upstreams) {
  Servers texts;
  for (const auto& upstream : upstreams) texts.push_back(upstream.endpoint.to_text());
  return texts;
}

std::string in_words(const Servers& servers) {
  return servers.empty() ? "nobody" : join_words(servers, "and");
}

std::string names_of(const Name& zone) {
  return zone.is_root() ? "names" : fmt::format("names in {}", zone.to_text());
}

/// The servers of the engine for one zone.
struct Group {
  Name zone;
  std::string source;
  Servers servers;

  bool is_configured() const { return source == configuration; }
};

std::vector<Group> groups_of(const EngineStatus& engine) {
  std::vector<Group> groups;
  for (const auto& told : engine.groups) {
    const auto zone = Name::parse(told.zone);
    if (!zone) continue;
    Group group{*zone, told.source, {}};
    for (const auto& upstream : engine.upstreams) {
      if (upstream.zone == told.zone) group.servers.push_back(upstream.address);
    }
    groups.push_back(std::move(group));
  }
  return groups;
}

const Group* group_for(const Name& zone, const std::vector<Group>& groups) {
  const Group* found = nullptr;
  for (const auto& group : groups) {
    const bool is_deeper = found == nullptr || group.zone.label_count() > found->zone.label_count();
    if (zone.is_within(group.zone) && is_deeper) found = &group;
  }
  return found;
}

std::set<Name> zones_of(const MachineServers& servers) {
  std::set<Name> zones{Name()};
  for (const auto& route : servers.routes) zones.insert(route.zone);
  return zones;
}

bool is_part_of(const Servers& some, const Servers& all) {
  return std::ranges::all_of(some,
                             [&](const auto& server) { return std::ranges::count(all, server); });
}

RouteFault leak(const Name& zone, const Servers& asked, const Servers& expected,
                const std::string& who_lists) {
  return {RouteFault::Kind::leak,
          fmt::format("the cache asks {} for {}, but this machine's servers for them are {} ({})",
                      in_words(asked), names_of(zone), in_words(expected), who_lists)};
}

std::string source_for(const Name& zone, const MachineServers& servers) {
  std::string source = servers.source;
  for (const auto& route : servers.routes) {
    if (zone.is_within(route.zone)) source = route.source;
  }
  return source;
}

// Servers of the configuration are asked beside a tunnel that takes all names.
bool is_past_tunnel(const Group& group, const Servers& expected, const ServerReading& machine) {
  return group.zone.is_root() && machine.domains.has_tunnel && !is_part_of(group.servers, expected);
}

/// Whom the engine sends a name of this zone to; nothing where it does not need to ask.
Servers asked_for(const std::filesystem::path& control, const Name& zone) {
  const auto name = zone.is_root() ? std::string() : new_name_in(zone.to_text());
  const auto told = probe_upstreams(control, name);
  return told ? told->asked : Servers();
}

template <class Check>
std::vector<RouteFault> settled(Check check) {
  const auto deadline = std::chrono::steady_clock::now() + settle_patience;
  for (;;) {
    auto faults = check();
    if (faults.empty() || std::chrono::steady_clock::now() >= deadline) return faults;
    std::this_thread::sleep_for(settle_interval);
  }
}

bool is_zone_answered(const std::string& zone) {
  auto resolver = StubResolver::of_this_machine(zone_patience);
  return resolver && resolver->ask(new_name_in(zone), ns_t_a).is_answer();
}

std::vector<std::string> filter_zones(const std::vector<std::string>& zones, bool is_wanted) {
  std::mutex mutex;
  std::vector<std::string> found;
  std::vector<std::thread> threads;
  for (const auto& zone : zones) {
    threads.emplace_back([&] {
      const bool is_answered = is_zone_answered(zone);
      const std::lock_guard lock(mutex);
      if (is_answered == is_wanted) found.push_back(zone);
    });
  }
  for (auto& thread : threads) thread.join();
  std::ranges::sort(found);
  return found;
}

}  // namespace

const char* to_text(RouteFault::Kind kind) {
  return kind == RouteFault::Kind::bypass ? "bypass" : "leak";
}

std::vector<RouteFault> compare_routes(const EngineStatus& engine, const ServerReading& machine) {
  std::vector<RouteFault> faults;
  if (!machine.is_certain) return faults;
  const auto groups = groups_of(engine);
  auto zones = zones_of(machine.servers);
  for (const auto& group : groups) zones.insert(group.zone);
  for (const auto& zone : zones) {
    const auto* group = group_for(zone, groups);
    if (group == nullptr) continue;
    const auto expected = texts_of(servers_for(zone, machine.servers));
    const bool is_wrong = group->is_configured() ? is_past_tunnel(*group, expected, machine)
                                                 : group->servers != expected;
    if (is_wrong) {
      faults.push_back(leak(zone, group->servers, expected, source_for(zone, machine.servers)));
    }
  }
  return faults;
}

std::vector<RouteFault> compare_machine(const MachineServers& before, const MachineServers& now) {
  std::vector<RouteFault> faults;
  auto zones = zones_of(before);
  zones.merge(zones_of(now));
  for (const auto& zone : zones) {
    const auto was = texts_of(servers_for(zone, before));
    const auto is = texts_of(servers_for(zone, now));
    if (was == is) continue;
    faults.push_back(
        {RouteFault::Kind::leak,
         fmt::format(
             "this machine's servers for {} are {} now instead of {}; if that is not because of "
             "the cache, try again",
             names_of(zone), in_words(is), in_words(was))});
  }
  return faults;
}

ServerSource source_of_engine(const EngineStatus& engine) {
  const auto all = std::ranges::find(engine.groups, ".", &ServerGroup::zone);
  ServerSource source{{}, engine.listen};
  const bool is_file = all != engine.groups.end() && all->source.starts_with('/') &&
                       all->source != default_resolv_conf;
  if (is_file) source.file = all->source;
  return source;
}

std::vector<RouteFault> check_queries(const std::filesystem::path& control,
                                      const EngineStatus& engine, const ServerReading& machine) {
  const auto groups = groups_of(engine);
  std::vector<Name> zones;
  for (const auto& zone : zones_of(machine.servers)) {
    const auto* group = group_for(zone, groups);
    const bool is_followed = group != nullptr && !group->is_configured();
    if (is_followed && zones.size() < most_queries) zones.push_back(zone);
  }
  std::mutex mutex;
  std::vector<RouteFault> faults;
  std::vector<std::thread> threads;
  for (const auto& zone : zones) {
    threads.emplace_back([&] {
      const auto expected = texts_of(servers_for(zone, machine.servers));
      auto asked = asked_for(control, zone);
      std::erase_if(asked, [&](const auto& one) { return std::ranges::count(expected, one) > 0; });
      if (asked.empty()) return;
      const std::lock_guard lock(mutex);
      faults.push_back(leak(zone, asked, expected, source_for(zone, machine.servers)));
    });
  }
  for (auto& thread : threads) thread.join();
  return faults;
}

std::vector<RouteFault> check_routes(const std::filesystem::path& control) {
  return settled([&]() -> std::vector<RouteFault> {
    const auto engine = engine_status(control);
    if (!engine) return {};
    const auto machine = read_servers(source_of_engine(*engine));
    auto faults = compare_routes(*engine, machine);
    if (faults.empty() && machine.is_certain) {
      faults = check_queries(control, *engine, machine);
    }
    return faults;
  });
}

std::vector<RouteFault> check_machine(const std::filesystem::path& control,
                                      const ServerReading& before) {
  return settled([&]() -> std::vector<RouteFault> {
    const auto engine = engine_status(control);
    if (!engine) return {};
    const auto now = read_servers(source_of_engine(*engine));
    if (!before.is_certain || !now.is_certain) return {};
    return compare_machine(before.servers, now.servers);
  });
}

std::vector<RouteFault> check_bypass(const std::filesystem::path& control, bool asks_resolved) {
  std::vector<RouteFault> faults;
  const auto check = [&](auto look) {
    const Result<void> way = look();
    if (way || way.error().code != ExitCode::check_failed) return;
    faults.push_back({RouteFault::Kind::bypass, way.error().message});
  };
  check([&]() -> Result<void> {
    auto resolver = StubResolver::of_this_machine();
    return resolver ? check_way_of_glibc(*resolver, control) : resolver.error();
  });
  if (asks_resolved) check([&] { return check_way_of_resolved(control); });
  return faults;
}

std::vector<std::string> answered_zones(const MachineServers& servers) {
  std::vector<std::string> zones;
  for (const auto& route : servers.routes) {
    if (zones.size() < most_queries) zones.push_back(route.zone.to_text());
  }
  return filter_zones(zones, true);
}

std::vector<std::string> unanswered_zones(const std::vector<std::string>& zones) {
  return filter_zones(zones, false);
}

}  // namespace dnscache::cli
