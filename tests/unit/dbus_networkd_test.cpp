#include <catch2/catch.hpp>

#include "dbus/networkd.hpp"

using namespace dnscache;
using namespace dnscache::dbus;

TEST_CASE("networkd's description of a link with DHCP is read") {
  // As systemd 252 writes it, without what we do not read.
  auto link = parse_network_link(R"({"Index":2,"Name":"ens5","Kind":"veth","Type":"ether",
    "AdministrativeState":"configured","OperationalState":"routable",
    "NetworkFile":"/run/systemd/network/70-ens5.network",
    "DNS":[{"Family":2,"Address":[127,0,0,1],"ConfigSource":"static"},
           {"Family":2,"Address":[10,0,0,2],"ConfigSource":"DHCPv4","ConfigProvider":[10,0,0,1]},
           {"Family":10,"Address":[253,0,14,194,0,0,0,0,0,0,0,0,0,0,2,83],"ConfigSource":"NDISC"}],
    "SearchDomains":[{"Domain":"ec2.internal","ConfigSource":"DHCPv4"}],
    "RouteDomains":[{"Domain":"corp.example","ConfigSource":"static"}]})");
  REQUIRE(link);
  CHECK(link->interface_index == 2);
  CHECK(link->name == "ens5");
  CHECK(link->is_managed());
  CHECK(link->network_file == "/run/systemd/network/70-ens5.network");
  CHECK(link->administrative_state == "configured");
  CHECK(link->operational_state == "routable");
  REQUIRE(link->servers.size() == 3);
  CHECK(link->servers[0] == LinkServer{IpAddress::v4(127, 0, 0, 1), "static"});
  CHECK(link->servers[1] == LinkServer{IpAddress::v4(10, 0, 0, 2), "DHCPv4"});
  CHECK(link->servers[2] == LinkServer{*IpAddress::parse("fd00:ec2::253"), "NDISC"});
  CHECK(link->search_domains == std::vector<std::string>{"ec2.internal"});
  CHECK(link->route_domains == std::vector<std::string>{"corp.example"});
}

TEST_CASE("a link that networkd does not manage has no file") {
  auto link = parse_network_link(
      R"({"Index":1,"Name":"lo","AdministrativeState":"unmanaged","OnlineState":null,"DNS":null})");
  REQUIRE(link);
  CHECK_FALSE(link->is_managed());
  CHECK(link->servers.empty());
}

TEST_CASE("a description of another shape is an error, not a crash") {
  for (const char* json : {"", "[]", "null", "{}", R"({"Index":"2"})", R"({"Index":2,"Name":7})",
                           R"({"Index":2,"DNS":[{}]})", R"({"Index":2,"DNS":[{"Address":["x"]}]})",
                           R"({"Index":2,"DNS":[7]})", R"({"Index":2,"SearchDomains":[7]})"}) {
    CAPTURE(json);
    auto link = parse_network_link(json);
    REQUIRE_FALSE(link);
    CHECK(link.error().message.find("cannot read systemd-networkd's description") == 0);
  }
}
