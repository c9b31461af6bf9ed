// Where lookups go in each mode of resolv.conf when the cache is put before a link's servers. The
// cache is a stand-in on 127.0.0.1 that says 192.0.2.20 where the link's server says 192.0.2.10.
#include <net/if.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <sstream>

#include "dbus/link_servers.hpp"
#include "dbus/networkd.hpp"
#include "dbus/resolved.hpp"
#include "dbus/systemd.hpp"
#include "steady_client.hpp"
#include "support.hpp"
#include "templates/templates.hpp"

using namespace dnscache;
using namespace dnscache::dbus;
using namespace dnscache::test;

namespace {

const std::string cache = "cache.service";
const std::filesystem::path drop_in = "/etc/systemd/network/70-ens5.network.d/50-dnscachectl.conf";

int ens5() { return static_cast<int>(::if_nametoindex("ens5")); }

/// How often a name was asked for at the cache and at the link's server beside it.
struct Asked {
  int cache = 0;
  int link = 0;

  bool operator==(const Asked&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Asked& asked) {
  return out << "cache " << asked.cache << ", link " << asked.link;
}

int count_queries(const std::string& log, const std::string& name) {
  std::istringstream lines(read_file(log));
  int count = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.find("query[A] " + name + " ") != std::string::npos) ++count;
  }
  return count;
}

void install_cache(Systemd& systemd) {
  write_file(
      "/run/cache/dnsmasq.conf",
      "keep-in-foreground\nuser=root\npid-file=\nno-resolv\nno-hosts\n"
      "listen-address=127.0.0.1\nbind-interfaces\nlocal=/example.com/ec2.internal/\n"
      "address=/example.com/192.0.2.20\nlocal-ttl=60\nhost-record=host.ec2.internal,10.0.0.78\n"
      "log-queries\nlog-facility=/run/cache/queries\n");
  write_file("/run/systemd/system/" + cache,
             "[Unit]\nStartLimitIntervalSec=0\n"
             "[Service]\nExecStart=/usr/sbin/dnsmasq --conf-file=/run/cache/dnsmasq.conf\n");
  must(systemd.daemon_reload());
  must(systemd.start(cache));
  REQUIRE(eventually(
      [] { return !output_of("dig +short @127.0.0.1 up.example.com || true").empty(); }));
}

/// A name that nothing can have cached.
std::string new_name() {
  static std::atomic<int> count = 0;
  return "name" + std::to_string(++count) + ".example.com";
}

/// The address that programs get for `name` through one service of nsswitch.conf.
std::string look_up(const std::string& nss_service, const std::string& name) {
  return output_of("getent -s hosts:" + nss_service + " ahostsv4 " + name +
                   " | awk 'NR == 1 { printf \"%s\", $1 }'");
}

Asked asked_for(const std::string& nss_service) {
  const auto name = new_name();
  look_up(nss_service, name);
  return {count_queries("/run/cache/queries", name), count_queries("/run/vpc/queries", name)};
}

void set_mode(const std::string& target) {
  std::filesystem::remove("/etc/resolv.conf");
  std::filesystem::create_symlink("../run/systemd/resolve/" + target, "/etc/resolv.conf");
}

std::vector<IpAddress> servers_of_ens5(Bus& bus) {
  std::vector<IpAddress> addresses;
  for (const auto& server : value_of(Resolved(bus).link(ens5())).servers) {
    addresses.push_back(server.endpoint.address);
  }
  return addresses;
}

const auto loopback = IpAddress::v4(127, 0, 0, 1);
const auto vpc = IpAddress::v4(10, 0, 0, 2);

/// Waits until resolved has the link's servers in this order.
void wait_for_servers(Bus& bus, const std::vector<IpAddress>& servers) {
  REQUIRE(eventually([&] { return servers_of_ens5(bus) == servers; }));
}

std::string drop_in_text() {
  std::string text(templates::networkd_conf);
  const std::string place = "@CACHE@";
  return text.replace(text.find(place), place.size(), "127.0.0.1");
}

void check_that_all_goes_through_the_cache() {
  for (const char* service : {"resolve", "dns"}) {
    CAPTURE(service);
    for (int i = 0; i < 3; ++i) CHECK(asked_for(service) == Asked{1, 0});
    // The link's own domain, by its full name and as a search domain.
    CHECK(look_up(service, "host.ec2.internal") == "10.0.0.78");
    CHECK(look_up(service, "host") == "10.0.0.78");
  }
}

}  // namespace

TEST_CASE("the drop-in puts the cache before the link's servers, in every mode", "[modes]") {
  auto bus = value_of(Bus::connect());
  Systemd systemd(bus);
  Networkd networkd(bus);
  install_cache(systemd);
  CHECK(asked_for("resolve") == Asked{0, 1});

  write_file(drop_in, drop_in_text());
  must(networkd.reload());
  wait_for_servers(bus, {loopback, vpc});
  CHECK(value_of(networkd.link(ens5())).servers ==
        std::vector<LinkServer>{{loopback, "static"}, {vpc, "DHCPv4"}});

  for (const char* target : {"stub-resolv.conf", "resolv.conf"}) {
    CAPTURE(target);
    set_mode(target);
    check_that_all_goes_through_the_cache();

    // Without the cache every name still resolves, at once.
    must(systemd.stop(cache));
    for (const char* service : {"resolve", "dns"}) {
      CAPTURE(service);
      CHECK(asked_for(service) == Asked{0, 1});
      CHECK(look_up(service, "host") == "10.0.0.77");
    }
    must(systemd.start(cache));

    // resolved stays on the link's server until it is told otherwise.
    REQUIRE(eventually(
        [] { return !output_of("dig +short @127.0.0.1 up.example.com || true").empty(); }));
    CHECK(asked_for("resolve") == Asked{0, 1});
    must(revert_link_servers(bus, ens5(), loopback));
    wait_for_servers(bus, {loopback, vpc});
    must(Resolved(bus).flush_caches());
    check_that_all_goes_through_the_cache();
  }
  set_mode("stub-resolv.conf");

  // Changed DHCP servers are followed behind the cache.
  output_of("sed -i 's/dns-server,10.0.0.2/dns-server,10.0.0.3/' /run/vpc/dnsmasq.conf");
  must(systemd.restart("vpc.service"));
  must(networkd.reconfigure(ens5()));
  wait_for_servers(bus, {loopback, IpAddress::v4(10, 0, 0, 3)});
  output_of("sed -i 's/dns-server,10.0.0.3/dns-server,10.0.0.2/' /run/vpc/dnsmasq.conf");
  must(systemd.restart("vpc.service"));

  std::filesystem::remove_all(drop_in.parent_path());
  must(networkd.reload());
  wait_for_servers(bus, {vpc});
  must(Resolved(bus).flush_caches());
  CHECK(asked_for("resolve") == Asked{0, 1});
}

TEST_CASE("the cache can be put before the link's servers without a gap", "[modes]") {
  auto bus = value_of(Bus::connect());
  Systemd systemd(bus);
  Networkd networkd(bus);
  install_cache(systemd);
  wait_for_servers(bus, {vpc});
  CHECK(asked_for("resolve") == Asked{0, 1});
  must(set_link_servers(bus, ens5(), loopback, {vpc}));
  CHECK(servers_of_ens5(bus) == std::vector{loopback, vpc});
  must(Resolved(bus).flush_caches());
  check_that_all_goes_through_the_cache();
  CHECK(value_of(networkd.link(ens5())).search_domains == std::vector<std::string>{"ec2.internal"});

  must(systemd.stop(cache));
  CHECK(asked_for("resolve") == Asked{0, 1});
  must(revert_link_servers(bus, ens5(), vpc));
  wait_for_servers(bus, {vpc});
  CHECK(asked_for("resolve") == Asked{0, 1});
}

TEST_CASE("no lookup is lost while the cache is put before the link's servers", "[modes]") {
  auto bus = value_of(Bus::connect());
  Systemd systemd(bus);
  install_cache(systemd);
  wait_for_servers(bus, {vpc});
  for (const char* target : {"stub-resolv.conf", "resolv.conf"}) {
    CAPTURE(target);
    set_mode(target);
    SteadyClient client;
    for (int i = 0; i < 40; ++i) {
      must(set_link_servers(bus, ens5(), loopback, {vpc}));
      must(revert_link_servers(bus, ens5(), vpc));
      wait_for_servers(bus, {vpc});
    }
    auto [lookups, failed, longest] = client.stop();
    std::printf("%s: %d lookups, %d failed, longest %lld ms\n", target, lookups, failed,
                static_cast<long long>(longest.count()));
    CHECK(lookups > 20);
    CHECK(failed == 0);
  }
  set_mode("stub-resolv.conf");
}
