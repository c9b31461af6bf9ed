#include <catch2/catch.hpp>

#include "cli/follow/decide.hpp"
#include "resolver/config/values.hpp"

using namespace dnscache;
using namespace dnscache::cli;

namespace {

const std::vector<Endpoint> own{*Endpoint::parse("127.0.0.1", dns_port),
                                *Endpoint::parse("::1", dns_port)};

dbus::DnsServer server(int index, const std::string& address, const std::string& name = "") {
  dbus::DnsServer out;
  out.interface_index = index;
  out.endpoint = *Endpoint::parse(address, dns_port);
  out.server_name = name;
  return out;
}

/// A link as resolved has it: "eth0", its index, servers and domains ("~" in front: route only).
dbus::LinkDns link(int index, const std::string& name, const std::vector<std::string>& servers,
                   const std::vector<std::string>& domains = {}, bool is_default = true) {
  dbus::LinkDns out;
  out.index = index;
  out.name = name;
  out.has_dns_scope = true;
  out.is_default_route = is_default;
  for (const auto& address : servers) out.servers.push_back(server(index, address));
  for (const auto& domain : domains) {
    const bool route_only = domain.starts_with('~');
    out.domains.push_back({index, domain.substr(route_only ? 1 : 0), route_only});
  }
  return out;
}

// The manager lists what the links have as well; a loopback server as one of lo.
MachineDns resolved(std::vector<dbus::LinkDns> links,
                    const std::vector<std::string>& global_servers = {},
                    const std::vector<std::string>& global_domains = {}) {
  MachineDns machine;
  machine.own = own;
  machine.resolved.emplace();
  for (const auto& address : global_servers) {
    const bool is_loopback = Endpoint::parse(address, dns_port)->address.is_loopback();
    machine.resolved->servers.push_back(server(is_loopback ? 1 : 0, address));
  }
  for (const auto& domain : global_domains) machine.resolved->domains.push_back({0, domain, true});
  for (const auto& one : links) {
    for (auto listed : one.servers) {
      if (listed.endpoint.address.is_loopback()) listed.interface_index = 1;
      machine.resolved->servers.push_back(listed);
    }
    for (const auto& domain : one.domains) machine.resolved->domains.push_back(domain);
  }
  machine.resolved->links = std::move(links);
  machine.resolv_conf = {*Endpoint::parse("127.0.0.53", dns_port)};
  return machine;
}

const dbus::LinkDns our_link = link(9, "dnsc0", {"127.0.0.1"}, {"~."});

MachineDns resolv_conf(const std::vector<std::string>& servers,
                       const std::vector<std::string>& resolved_list = {}) {
  MachineDns machine;
  machine.own = own;
  for (const auto& text : servers) machine.resolv_conf.push_back(*Endpoint::parse(text, dns_port));
  for (const auto& text : resolved_list) {
    machine.resolved_list.push_back(*Endpoint::parse(text, dns_port));
  }
  return machine;
}

MachineDns network_manager(std::vector<dbus::ConnectionDns> connections,
                           const std::vector<std::string>& resolv_conf_servers) {
  MachineDns machine = resolv_conf(resolv_conf_servers);
  machine.network_manager = {"default", std::move(connections)};
  return machine;
}

std::string text_of(const std::vector<UpstreamConfig>& upstreams) {
  std::string out;
  for (const auto& upstream : upstreams) {
    std::string server = print_upstream(upstream);
    if (server.ends_with(":53")) server.resize(server.size() - 3);
    out += (out.empty() ? "" : " ") + server + (upstream.link.empty() ? "" : '/' + upstream.link);
  }
  return out.empty() ? "none" : out;
}

std::string text_of(const MachineServers& servers) {
  std::string out = servers.source + ": " + text_of(servers.upstreams);
  for (const auto& route : servers.routes) {
    out += "; " + route.zone.to_text() + " = " + text_of(route.upstreams);
  }
  return out;
}

/// A kind of machine, and who is to be asked there.
struct Row {
  std::string what;
  MachineDns machine;
  std::string servers;
};

MachineDns with_fallback(MachineDns machine) {
  machine.resolved->fallback_servers = {server(0, "9.9.9.9")};
  return machine;
}

MachineDns foreign(MachineDns machine, const std::vector<std::string>& servers) {
  machine.resolved->is_foreign = true;
  machine.resolv_conf.clear();
  for (const auto& text : servers) machine.resolv_conf.push_back(*Endpoint::parse(text, dns_port));
  return machine;
}

dbus::LinkDns with_tls(dbus::LinkDns one) {
  one.requires_tls = true;
  one.servers.front().server_name = "dns.example";
  return one;
}

dbus::LinkDns without_scope(dbus::LinkDns one) {
  one.has_dns_scope = false;
  return one;
}

}  // namespace

TEST_CASE("who is asked on machines with systemd-resolved") {
  const auto eth0 = link(2, "eth0", {"10.0.0.2"}, {"ec2.internal"});
  const auto lan = link(2, "eth0", {"192.168.1.1"}, {"lan"});
  const Row row = GENERATE_COPY(values<Row>({
      {"plain", resolved({eth0}), "systemd-resolved: 10.0.0.2/eth0"},
      {"plain, with the cache's own link", resolved({eth0, our_link}),
       "systemd-resolved: 10.0.0.2/eth0"},
      {"uplink mode: the cache is a global server too", resolved({eth0, our_link}, {"127.0.0.1"}),
       "systemd-resolved: 10.0.0.2/eth0"},
      {"the drop-in of --mode resolved", resolved({eth0}, {"127.0.0.1"}, {"."}),
       "systemd-resolved: 10.0.0.2/eth0"},
      {"two servers, in their order", resolved({link(2, "eth0", {"10.0.0.3", "10.0.0.2"})}),
       "systemd-resolved: 10.0.0.3/eth0 10.0.0.2/eth0"},
      {"dual-homed", resolved({link(3, "eth1", {"10.1.0.2"}, {"b.example"}), eth0}),
       "systemd-resolved: 10.0.0.2/eth0 10.1.0.2/eth1; b.example = 10.1.0.2/eth1; "
       "ec2.internal = 10.0.0.2/eth0"},
      {"second interface without a default route",
       resolved({eth0, link(3, "eth1", {"10.1.0.2"}, {"b.example"}, false)}),
       "systemd-resolved: 10.0.0.2/eth0; b.example = 10.1.0.2/eth1"},
      {"the same server at two interfaces", resolved({eth0, link(3, "eth1", {"10.0.0.2"})}),
       "systemd-resolved: 10.0.0.2/eth0 10.0.0.2/eth1; ec2.internal = 10.0.0.2/eth0"},
      {"split tunnel", resolved({lan, link(7, "wg0", {"10.8.0.1"}, {"~corp.example"}, false)}),
       "systemd-resolved: 192.168.1.1/eth0; corp.example = 10.8.0.1/wg0"},
      {"full tunnel: nothing beside it", resolved({lan, link(7, "wg0", {"10.8.0.1"}, {"~."})}),
       "systemd-resolved: 10.8.0.1/wg0; lan = 192.168.1.1/eth0"},
      {"full tunnel and our link", resolved({lan, our_link, link(7, "wg0", {"10.8.0.1"}, {"~."})}),
       "systemd-resolved: 10.8.0.1/wg0; lan = 192.168.1.1/eth0"},
      {"full tunnel that is down",
       resolved({lan, without_scope(link(7, "wg0", {"10.8.0.1"}, {"~."}))}),
       "systemd-resolved: 192.168.1.1/eth0"},
      {"two interfaces for one domain are both asked",
       resolved({lan, link(7, "wg0", {"10.8.0.1"}, {"~corp.example"}, false),
                 link(8, "wg1", {"10.9.0.1"}, {"~corp.example"}, false)}),
       "systemd-resolved: 192.168.1.1/eth0; corp.example = 10.8.0.1/wg0 10.9.0.1/wg1"},
      {"a domain below another one",
       resolved({lan, link(7, "wg0", {"10.8.0.1"}, {"~corp.example"}, false),
                 link(8, "wg1", {"192.168.1.1"}, {"~lab.corp.example"}, false)}),
       "systemd-resolved: 192.168.1.1/eth0; corp.example = 10.8.0.1/wg0; "
       "lab.corp.example = 192.168.1.1/wg1"},
      {"global server beside a link", resolved({eth0}, {"10.9.0.3"}),
       "systemd-resolved: 10.9.0.3 10.0.0.2/eth0; ec2.internal = 10.0.0.2/eth0"},
      {"global server with a domain", resolved({lan}, {"10.9.0.3"}, {"corp.example"}),
       "systemd-resolved: 10.9.0.3 192.168.1.1/eth0; lan = 192.168.1.1/eth0; "
       "corp.example = 10.9.0.3"},
      {"global server for all names", resolved({lan}, {"10.9.0.3"}, {"."}),
       "systemd-resolved: 10.9.0.3; lan = 192.168.1.1/eth0"},
      {"another local resolver as the global server", resolved({our_link}, {"127.0.0.1:5353"}),
       "systemd-resolved: 127.0.0.1:5353"},
      {"another local resolver of a link",
       resolved({link(2, "eth0", {"127.0.1.1"}), our_link}, {"127.0.0.1"}),
       "systemd-resolved: 127.0.1.1/eth0"},
      {"fallback while there is nothing else", with_fallback(resolved({our_link})),
       "systemd-resolved: 9.9.9.9"},
      {"no fallback beside a server", with_fallback(resolved({eth0})),
       "systemd-resolved: 10.0.0.2/eth0"},
      {"no network", resolved({our_link}), "systemd-resolved: none"},
      {"only a split tunnel", resolved({link(7, "wg0", {"10.8.0.1"}, {"~corp.example"}, false)}),
       "systemd-resolved: none; corp.example = 10.8.0.1/wg0"},
      {"link-local", resolved({link(2, "eth0", {"fe80::1%4000"})}),
       "systemd-resolved: [fe80::1%4000]/eth0"},
      {"DNS over TLS", resolved({with_tls(link(2, "eth0", {"10.0.0.2"}))}),
       "systemd-resolved: tls://10.0.0.2:853#dns.example/eth0"},
      {"a domain that is none", resolved({link(2, "eth0", {"10.0.0.2"}, {"a..b"})}),
       "systemd-resolved: 10.0.0.2/eth0"},
      {"somebody else's resolv.conf", foreign(resolved({lan}, {"10.9.0.3"}), {"10.9.0.3"}),
       "/etc/resolv.conf: 10.9.0.3; lan = 192.168.1.1/eth0"},
      {"somebody else's resolv.conf names the cache",
       foreign(resolved({lan}, {"127.0.0.1", "10.9.0.3"}), {"127.0.0.1", "10.9.0.3"}),
       "/etc/resolv.conf: 10.9.0.3; lan = 192.168.1.1/eth0"},
      {"a full tunnel beside somebody else's resolv.conf",
       foreign(resolved({link(7, "wg0", {"10.8.0.1"}, {"~."})}, {"10.9.0.3"}), {"10.9.0.3"}),
       "systemd-resolved: 10.8.0.1/wg0"},
  }));
  CAPTURE(row.what);
  CHECK(text_of(decide(row.machine)) == row.servers);
}

TEST_CASE("who is asked on machines with NetworkManager alone, or with a file") {
  const dbus::ConnectionDns ours{"dnsc0", 1, {"127.0.0.1"}, {}};
  const dbus::ConnectionDns lan{"eth0", 100, {"10.0.0.2", "10.0.0.3"}, {"lan"}};
  const dbus::ConnectionDns vpn{"tun0", 50, {"10.8.0.1"}, {"corp.example"}};
  const dbus::ConnectionDns tunnel{"tun0", 50, {"10.8.0.1"}, {"~."}};
  const dbus::ConnectionDns greedy{"tun0", -50, {"10.8.0.1"}, {"corp.example"}};
  const std::vector<std::string> list{"127.0.0.1", "10.0.0.2"};
  MachineDns left_alone = network_manager({lan}, {"10.9.0.3"});
  left_alone.network_manager->mode = "none";
  const Row row = GENERATE_COPY(values<Row>({
      {"NetworkManager", network_manager({ours, lan}, list), "NetworkManager: 10.0.0.2 10.0.0.3"},
      {"VPN in front", network_manager({ours, vpn, lan}, list),
       "NetworkManager: 10.8.0.1 10.0.0.2 10.0.0.3; lan = 10.0.0.2 10.0.0.3; "
       "corp.example = 10.8.0.1"},
      {"VPN for all names", network_manager({tunnel, lan}, list),
       "NetworkManager: 10.8.0.1; lan = 10.0.0.2 10.0.0.3"},
      {"a negative priority hides the others", network_manager({greedy, lan}, list),
       "NetworkManager: 10.8.0.1; lan = 10.0.0.2 10.0.0.3"},
      {"it knows no server", network_manager({ours}, {"127.0.0.1", "10.0.0.9"}),
       "/etc/resolv.conf: 10.0.0.9"},
      {"it leaves DNS alone", left_alone, "/etc/resolv.conf: 10.9.0.3"},
      {"a VPN client wrote resolv.conf", network_manager({ours, lan}, {"10.8.0.1"}),
       "/etc/resolv.conf: 10.8.0.1"},
      {"static file", resolv_conf({"127.0.0.1", "10.0.0.2", "10.0.0.3"}),
       "/etc/resolv.conf: 10.0.0.2 10.0.0.3"},
      {"stub without a bus", resolv_conf({"127.0.0.53"}, {"127.0.0.1", "10.0.0.2"}),
       "systemd-resolved: 10.0.0.2"},
      {"nothing", resolv_conf({}), "/etc/resolv.conf: none"},
      {"only the cache", resolv_conf({"127.0.0.1", "::1"}), "/etc/resolv.conf: none"},
  }));
  CAPTURE(row.what);
  CHECK(text_of(decide(row.machine)) == row.servers);
}

TEST_CASE("the order in which links are listed says nothing") {
  const auto a = link(2, "eth0", {"10.0.0.2"}, {"a.example"});
  const auto b = link(3, "eth1", {"10.1.0.2"}, {"b.example"});
  CHECK(decide(resolved({a, b, our_link})) == decide(resolved({our_link, b, a})));
}

TEST_CASE("who names no server is told") {
  CHECK(decide(resolv_conf({"127.0.0.1"})).problem ==
        "/etc/resolv.conf names only the cache's own address");
  CHECK(decide(resolv_conf({})).problem == "/etc/resolv.conf names no server");
  CHECK(decide(resolved({})).problem == "systemd-resolved lists no server");
}

TEST_CASE("configured routes come before the machine's, also below their zones") {
  Config config;
  const std::vector<UpstreamConfig> wanted{*parse_upstream("192.0.2.9")};
  config.routes = {{*Name::parse("corp.example"), wanted}};
  const auto servers =
      decide(resolved({link(2, "eth0", {"10.0.0.2"}),
                       link(7, "wg0", {"10.8.0.1"},
                            {"~corp.example", "~lab.corp.example", "~other.example"}, false)}));
  const Config merged = with_servers(config, servers);
  CHECK(text_of(merged.upstreams) == "10.0.0.2/eth0");
  CHECK(merged.upstreams_source == "systemd-resolved");
  REQUIRE(merged.routes.size() == 2);
  CHECK(merged.routes[0] == config.routes[0]);
  CHECK(merged.routes[1].zone == *Name::parse("other.example"));
  CHECK(merged.routes[1].source == "systemd-resolved, link wg0");
  CHECK(servers_source(merged, *Name::parse("corp.example")) == "configuration");
  CHECK(servers_source(merged, *Name::parse("other.example")) == "systemd-resolved, link wg0");
  CHECK(servers_source(merged, Name()) == "systemd-resolved");
}
