// systemd-resolved as it really answers: settings, modes of resolv.conf, lookups.
#include "dbus/resolved.hpp"

#include <net/if.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "dbus/systemd.hpp"
#include "support.hpp"

using namespace dnscache;
using namespace dnscache::dbus;
using namespace dnscache::test;
using Catch::Contains;

namespace {

const std::string unit = "systemd-resolved.service";
const std::filesystem::path drop_in = "/etc/systemd/resolved.conf.d/50-test.conf";

int ens5() { return static_cast<int>(::if_nametoindex("ens5")); }

DnsServer server(int interface_index, const char* endpoint) {
  return {interface_index, *Endpoint::parse(endpoint, 53), ""};
}

template <class Value>
bool contains(const std::vector<Value>& values, const Value& value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

/// Restarts resolved as often as a test needs it, and waits until it knows the link's server again.
void restart_resolved(Bus& bus) {
  Systemd systemd(bus);
  must(systemd.reset_failed(unit));
  must(systemd.restart(unit));
  must(Resolved(bus).wait_until_running());
  REQUIRE(eventually([&] { return !value_of(Resolved(bus).link(ens5())).servers.empty(); }));
}

/// Makes /etc/resolv.conf a link to `target` in one step, as a person would.
void link_resolv_conf(const char* target) {
  std::filesystem::create_symlink(target, "/etc/resolv.conf.new");
  std::filesystem::rename("/etc/resolv.conf.new", "/etc/resolv.conf");
}

}  // namespace

TEST_CASE("a fresh machine asks the link's server for everything", "[resolved]") {
  auto bus = value_of(Bus::connect());
  Resolved resolved(bus);
  CHECK(value_of(resolved.is_running()));
  auto state = value_of(resolved.state());
  CHECK(state.servers == std::vector{server(ens5(), "10.0.0.2")});
  CHECK(state.domains == std::vector{Domain{ens5(), "ec2.internal", false}});
  CHECK(state.resolv_conf_mode == ResolvConfMode::stub);

  auto link = value_of(resolved.link(ens5()));
  CHECK(link.servers == std::vector{server(ens5(), "10.0.0.2")});
  CHECK(link.domains == std::vector{Domain{ens5(), "ec2.internal", false}});
  CHECK(link.default_route);
}

TEST_CASE("a drop-in takes effect with a restart and is read back", "[resolved]") {
  auto bus = value_of(Bus::connect());
  Resolved resolved(bus);
  write_file(drop_in,
             "[Resolve]\nDNS=127.0.0.1 [::1]:5353#cache.example\nDomains=~. corp.example\n"
             "DNSStubListener=no\n");
  restart_resolved(bus);
  auto state = value_of(resolved.state());
  CHECK(contains(state.servers, server(1, "127.0.0.1")));
  CHECK(contains(state.servers, {1, *Endpoint::parse("[::1]:5353", 53), "cache.example"}));
  CHECK(contains(state.servers, server(ens5(), "10.0.0.2")));
  CHECK(contains(state.domains, Domain{0, ".", true}));
  CHECK(contains(state.domains, Domain{0, "corp.example", false}));
  // A stub link has the servers themselves while there is no stub listener.
  CHECK(state.resolv_conf_mode == ResolvConfMode::uplink);
  CHECK_THAT(read_file("/etc/resolv.conf"), Contains("nameserver 127.0.0.1\n"));

  std::filesystem::remove(drop_in);
  restart_resolved(bus);
  CHECK(value_of(resolved.state()).servers == std::vector{server(ens5(), "10.0.0.2")});
}

TEST_CASE("a bad value in a drop-in shows only in what is read back", "[resolved]") {
  auto bus = value_of(Bus::connect());
  write_file(drop_in, "[Resolve]\nDNS=not-an-address\n");
  restart_resolved(bus);
  CHECK(value_of(Systemd(bus).unit(unit)).is_active());
  CHECK(value_of(Resolved(bus).state()).servers == std::vector{server(ens5(), "10.0.0.2")});
  std::filesystem::remove(drop_in);
  restart_resolved(bus);
}

TEST_CASE("every mode of resolv.conf is told apart", "[resolved]") {
  auto bus = value_of(Bus::connect());
  Resolved resolved(bus);
  auto mode = [&] { return value_of(resolved.state()).resolv_conf_mode; };

  CHECK(mode() == ResolvConfMode::stub);
  link_resolv_conf("../run/systemd/resolve/resolv.conf");
  CHECK(mode() == ResolvConfMode::uplink);
  link_resolv_conf("../usr/lib/systemd/resolv.conf");
  CHECK(mode() == ResolvConfMode::static_file);

  std::filesystem::remove("/etc/resolv.conf");
  CHECK(mode() == ResolvConfMode::missing);
  write_file("/etc/resolv.conf", "nameserver 10.0.0.3\nsearch old.example\n");
  CHECK(mode() == ResolvConfMode::foreign);
  // Its servers and domains become resolved's own, and stay so until the next restart.
  restart_resolved(bus);
  CHECK(contains(value_of(resolved.state()).servers, server(0, "10.0.0.3")));
  CHECK(contains(value_of(resolved.state()).domains, Domain{0, "old.example", false}));

  std::filesystem::remove("/etc/resolv.conf");
  link_resolv_conf("../run/systemd/resolve/stub-resolv.conf");
  CHECK(mode() == ResolvConfMode::stub);
  CHECK(contains(value_of(resolved.state()).servers, server(0, "10.0.0.3")));
  restart_resolved(bus);
  CHECK_FALSE(contains(value_of(resolved.state()).servers, server(0, "10.0.0.3")));
}

TEST_CASE("a lookup says what answered it", "[resolved]") {
  auto bus = value_of(Bus::connect());
  Resolved resolved(bus);
  auto www = value_of(resolved.resolve("www.example.com", AF_INET));
  CHECK(www.addresses == std::vector{IpAddress::v4(192, 0, 2, 10)});
  CHECK(www.canonical_name == "www.example.com");
  CHECK(www.from_network);
  CHECK_FALSE(www.from_cache);
  CHECK_FALSE(www.is_synthetic);

  CHECK(value_of(resolved.resolve("www.example.com", AF_INET)).from_network);

  auto localhost = value_of(resolved.resolve("localhost", AF_INET));
  CHECK(localhost.addresses == std::vector{IpAddress::v4(127, 0, 0, 1)});
  CHECK_FALSE(localhost.from_network);
  CHECK(localhost.is_synthetic);

  auto host = value_of(resolved.resolve("host", AF_INET));
  CHECK(host.canonical_name == "host.ec2.internal");
  CHECK(host.addresses == std::vector{IpAddress::v4(10, 0, 0, 77)});

  auto nothing = resolved.resolve("nothing.ec2.internal", AF_INET);
  REQUIRE_FALSE(nothing);
  CHECK_THAT(nothing.error().message,
             Contains("cannot look nothing.ec2.internal up through systemd-resolved: ") &&
                 Contains("not found"));
}

TEST_CASE("a link that does not exist is one clear line", "[resolved]") {
  auto bus = value_of(Bus::connect());
  auto link = Resolved(bus).link(4711);
  REQUIRE_FALSE(link);
  CHECK_THAT(link.error().message,
             Contains("cannot read systemd-resolved's settings of link 4711: "));
}

TEST_CASE("asking does not start a resolved that is stopped", "[resolved]") {
  auto bus = value_of(Bus::connect());
  Systemd systemd(bus);
  Resolved resolved(bus);
  must(systemd.stop(unit));
  REQUIRE(eventually([&] { return !value_of(resolved.is_running()); }));
  auto state = resolved.state();
  REQUIRE_FALSE(state);
  CHECK(state.error().message ==
        "cannot read systemd-resolved's settings: systemd-resolved is not running");
  CHECK(value_of(systemd.unit(unit)).active_state == "inactive");

  CHECK(value_of(systemd.mask({unit})));
  CHECK(value_of(systemd.unit(unit)).is_masked());
  CHECK_FALSE(resolved.state());
  auto restarted = systemd.restart(unit);
  REQUIRE_FALSE(restarted);
  CHECK_THAT(restarted.error().message, Contains("is masked"));
  CHECK(value_of(systemd.unmask({unit})));
  restart_resolved(bus);
}
