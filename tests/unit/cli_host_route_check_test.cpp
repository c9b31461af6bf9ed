#include <catch2/catch.hpp>

#include "cli/host/route_check.hpp"
#include "resolver/config/values.hpp"

using namespace dnscache;
using namespace dnscache::cli;
using Catch::Contains;

namespace {

std::vector<UpstreamConfig> servers(std::initializer_list<const char*> texts) {
  std::vector<UpstreamConfig> list;
  for (const auto* text : texts) list.push_back(*parse_upstream(text));
  return list;
}

RouteConfig route(const char* zone, std::initializer_list<const char*> texts) {
  RouteConfig config;
  config.zone = *Name::parse(zone);
  config.upstreams = servers(texts);
  config.source = "systemd-resolved, link vpn0";
  return config;
}

/// A machine with a network card, and a VPN that has names of its own.
ServerReading machine() {
  ServerReading reading;
  reading.servers.upstreams = servers({"10.0.0.2", "10.0.0.3"});
  reading.servers.routes = {route("corp.example", {"10.8.0.1"})};
  reading.servers.source = "systemd-resolved";
  return reading;
}

struct Group {
  const char* zone;
  const char* source;
  std::vector<std::string> servers;
};

EngineStatus engine(const std::vector<Group>& groups) {
  EngineStatus status;
  for (const auto& group : groups) {
    status.groups.push_back({group.zone, group.source, group.servers});
    for (const auto& server : group.servers) {
      UpstreamStatus upstream;
      upstream.zone = group.zone;
      upstream.address = server;
      status.upstreams.push_back(upstream);
    }
  }
  return status;
}

const Group corp{"corp.example", "systemd-resolved, link vpn0", {"10.8.0.1:53"}};
const Group all{".", "systemd-resolved", {"10.0.0.2:53", "10.0.0.3:53"}};

std::string fault(const EngineStatus& status, const ServerReading& reading) {
  const auto faults = compare_routes(status, reading);
  if (faults.empty()) return "";
  CHECK(faults.size() == 1);
  CHECK(faults.front().kind == RouteFault::Kind::leak);
  return faults.front().text;
}

}  // namespace

TEST_CASE("an engine that asks the machine's servers has no fault") {
  CHECK(fault(engine({corp, all}), machine()) == "");
  // A search domain of an interface whose servers are asked for all names.
  auto reading = machine();
  reading.servers.routes.clear();
  const Group search{"ec2.internal", "systemd-resolved, link ens5", all.servers};
  CHECK(fault(engine({search, all}), reading) == "");
}

TEST_CASE("an engine that asks others than the machine's servers leaks names") {
  CHECK_THAT(fault(engine({all}), machine()),
             Contains("the cache asks 10.0.0.2:53 and 10.0.0.3:53 for names in corp.example") &&
                 Contains("are 10.8.0.1:53 (systemd-resolved, link vpn0)"));
  CHECK_THAT(fault(engine({corp, {".", "systemd-resolved", {"10.8.0.1:53"}}}), machine()),
             Contains("asks 10.8.0.1:53 for names, but"));
  // The first of a list is first.
  const Group turned{".", "systemd-resolved", {"10.0.0.3:53", "10.0.0.2:53"}};
  CHECK(fault(engine({corp, turned}), machine()) != "");
  // A route whose link is gone.
  auto reading = machine();
  reading.servers.routes.clear();
  CHECK_THAT(fault(engine({corp, all}), reading), Contains("names in corp.example"));
}

TEST_CASE("what the configuration names is the administrator's choice, but beside a tunnel") {
  const Group named{".", "configuration", {"192.0.2.1:53"}};
  auto reading = machine();
  CHECK(fault(engine({named}), reading) == "");
  const Group own_zone{"corp.example", "configuration", {"192.0.2.1:53"}};
  CHECK(fault(engine({own_zone, all}), reading) == "");
  reading.servers = {servers({"10.8.0.1"}), {}, "systemd-resolved", ""};
  reading.domains.has_tunnel = true;
  CHECK_THAT(fault(engine({named}), reading), Contains("asks 192.0.2.1:53 for names"));
  CHECK(fault(engine({{".", "configuration", {"10.8.0.1:53"}}}), reading) == "");
}

TEST_CASE("a manager that does not answer is no evidence") {
  auto reading = machine();
  reading.is_certain = false;
  CHECK(fault(engine({all}), reading) == "");
}

TEST_CASE("servers that setup would hide are seen") {
  const auto before = machine().servers;
  CHECK(compare_machine(before, before).empty());
  auto now = before;
  now.upstreams = servers({"10.0.0.3"});
  const auto faults = compare_machine(before, now);
  REQUIRE(faults.size() == 1);
  CHECK(faults.front().text ==
        "this machine's servers for names are 10.0.0.3:53 now instead of 10.0.0.2:53 and "
        "10.0.0.3:53; if that is not because of the cache, try again");
  now = before;
  now.routes.clear();
  REQUIRE(compare_machine(before, now).size() == 1);
  CHECK_THAT(compare_machine(before, now).front().text, Contains("names in corp.example"));
}

TEST_CASE("an engine that reads a file is compared with the file") {
  const Group from_file{".", "/run/other/resolv.conf", {"10.0.0.2:53"}};
  CHECK(source_of_engine(engine({from_file})).file == "/run/other/resolv.conf");
  CHECK(source_of_engine(engine({all})).file.empty());
  CHECK(source_of_engine(engine({{".", "/etc/resolv.conf", {}}})).file.empty());
}
