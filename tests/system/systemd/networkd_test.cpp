// systemd-networkd: a link with DHCP, the drop-in of the file it uses, and changed DHCP options.
#include "dbus/networkd.hpp"

#include <net/if.h>

#include <algorithm>
#include <catch2/catch.hpp>

#include "dbus/resolved.hpp"
#include "dbus/systemd.hpp"
#include "support.hpp"

using namespace dnscache;
using namespace dnscache::dbus;
using namespace dnscache::test;
using Catch::Contains;

namespace {

int ens5() { return static_cast<int>(::if_nametoindex("ens5")); }

std::vector<IpAddress> servers_of_ens5(Networkd& networkd) {
  std::vector<IpAddress> addresses;
  for (const auto& server : value_of(networkd.link(ens5())).servers) {
    addresses.push_back(server.address);
  }
  return addresses;
}

/// Where a drop-in must be so that the link's own file takes it.
std::filesystem::path drop_in_of(const NetworkLink& link) {
  auto folder = link.network_file.filename().string() + ".d";
  return std::filesystem::path("/etc/systemd/network") / folder / "50-test.conf";
}

const std::vector vpc_server{IpAddress::v4(10, 0, 0, 2)};
const std::vector second_server{IpAddress::v4(10, 0, 0, 3)};

}  // namespace

TEST_CASE("a link tells its file and what DHCP gave it", "[networkd]") {
  auto bus = value_of(Bus::connect());
  Networkd networkd(bus);
  CHECK(value_of(networkd.is_running()));
  auto links = value_of(networkd.links());
  auto found = std::find_if(links.begin(), links.end(),
                            [](const NetworkLink& link) { return link.name == "ens5"; });
  REQUIRE(found != links.end());
  CHECK(found->interface_index == ens5());
  CHECK(found->is_managed());
  CHECK(found->network_file == "/run/systemd/network/70-ens5.network");
  CHECK(found->administrative_state == "configured");
  CHECK(found->operational_state == "routable");
  CHECK(found->servers == std::vector{LinkServer{IpAddress::v4(10, 0, 0, 2), "DHCPv4"}});
  CHECK(found->search_domains == std::vector<std::string>{"ec2.internal"});

  auto loopback = value_of(networkd.link(1));
  CHECK(loopback.name == "lo");
  CHECK_FALSE(loopback.is_managed());
}

TEST_CASE("a drop-in beside the link's own file takes effect, and goes again", "[networkd]") {
  auto bus = value_of(Bus::connect());
  Networkd networkd(bus);
  Resolved resolved(bus);
  const auto drop_in = drop_in_of(value_of(networkd.link(ens5())));

  write_file(drop_in, "[Network]\nDNSDefaultRoute=no\n[DHCPv4]\nUseDomains=no\n");
  must(networkd.reload());
  CHECK(eventually([&] {
    auto link = value_of(resolved.link(ens5()));
    return !link.default_route && link.domains.empty() && !link.servers.empty();
  }));
  // The server itself stays visible: whoever follows it still can.
  CHECK(eventually([&] { return servers_of_ens5(networkd) == vpc_server; }));
  CHECK(value_of(networkd.link(ens5())).search_domains.empty());

  write_file(drop_in, "[DHCPv4]\nUseDNS=no\n");
  must(networkd.reload());
  CHECK(eventually([&] { return value_of(resolved.link(ens5())).servers.empty(); }));

  std::filesystem::remove_all(drop_in.parent_path());
  must(networkd.reload());
  CHECK(eventually([&] {
    auto link = value_of(resolved.link(ens5()));
    return link.default_route && link.domains.size() == 1 && link.servers.size() == 1;
  }));
}

TEST_CASE("a drop-in beside the vendor's file has no effect on a linked name", "[networkd]") {
  auto bus = value_of(Bus::connect());
  Networkd networkd(bus);
  const std::filesystem::path drop_in = "/etc/systemd/network/80-ec2.network.d/50-test.conf";
  write_file(drop_in, "[DHCPv4]\nUseDNS=no\n");
  must(networkd.reload());
  must(networkd.reconfigure(ens5()));
  CHECK(eventually([&] { return servers_of_ens5(networkd) == vpc_server; }));
  std::filesystem::remove_all(drop_in.parent_path());
  must(networkd.reload());
}

TEST_CASE("a changed set of DHCP servers is followed", "[networkd]") {
  auto bus = value_of(Bus::connect());
  Networkd networkd(bus);
  Systemd systemd(bus);
  auto serve = [&](const std::string& from, const std::string& to) {
    output_of("sed -i 's/dns-server," + from + "/dns-server," + to + "/' /run/vpc/dnsmasq.conf");
    must(systemd.restart("vpc.service"));
    must(networkd.reconfigure(ens5()));
  };
  serve("10.0.0.2", "10.0.0.3");
  CHECK(eventually([&] { return servers_of_ens5(networkd) == second_server; }));
  serve("10.0.0.3", "10.0.0.2");
  CHECK(eventually([&] { return servers_of_ens5(networkd) == vpc_server; }));
}

TEST_CASE("asking does not start a networkd that is stopped", "[networkd]") {
  auto bus = value_of(Bus::connect());
  Systemd systemd(bus);
  Networkd networkd(bus);
  must(systemd.stop("systemd-networkd.socket"));
  must(systemd.stop("systemd-networkd.service"));
  REQUIRE(eventually([&] { return !value_of(networkd.is_running()); }));
  CHECK_FALSE(networkd.wait_until_running(20ms));
  auto links = networkd.links();
  REQUIRE_FALSE(links);
  CHECK(links.error().message ==
        "cannot list systemd-networkd's links: systemd-networkd is not running");
  CHECK(value_of(systemd.unit("systemd-networkd.service")).active_state == "inactive");
}

TEST_CASE("a description that is not JSON is one clear line", "[networkd]") {
  auto link = parse_network_link("{\"Index\":");
  REQUIRE_FALSE(link);
  CHECK_THAT(link.error().message,
             Contains("cannot read systemd-networkd's description of a link: "));
  CHECK_FALSE(parse_network_link("{\"Name\":\"ens5\"}"));
}
