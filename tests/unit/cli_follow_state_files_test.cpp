#include <catch2/catch.hpp>
#include <filesystem>

#include "cli/follow/decide.hpp"
#include "cli/follow/state_files.hpp"
#include "resolver/config/values.hpp"
#include "tests/support/process.hpp"

using namespace dnscache;
using namespace dnscache::cli;
using dnscache::test::TempDir;

namespace fs = std::filesystem;

namespace {

/// The files of a machine, as systemd 252 writes them.
struct Machine {
  TempDir root;
  std::map<int, InterfaceState> links{{2, {"ens5", true}}, {3, {"vpn0", true}}};

  Machine() {
    file("run/systemd/netif/links/2",
         "# This is private data. Do not parse.\nADMIN_STATE=configured\nOPER_STATE=routable\n"
         "DNS=10.0.0.2 "
         "10.0.0.3\nNTP=\nDOMAINS=ec2.internal\nROUTE_DOMAINS=\nDNS_DEFAULT_ROUTE=yes\n");
    file("run/systemd/netif/links/3", "ADMIN_STATE=unmanaged\nOPER_STATE=routable\n");
    file("run/systemd/resolve/resolv.conf",
         "nameserver 10.9.0.3\nnameserver 10.0.0.2\nsearch ec2.internal\n");
    file("run/systemd/resolve/stub-resolv.conf", "nameserver 127.0.0.53\n");
    fs::create_directories(root.path() / "etc");
    fs::create_symlink("../run/systemd/resolve/stub-resolv.conf", root.path() / "etc/resolv.conf");
  }
  void file(const std::string& name, const std::string& text) const {
    fs::create_directories((root.path() / name).parent_path());
    root.write(name, text);
  }
  void vpn(const std::string& settings) const { file("run/systemd/resolve/netif/3", settings); }

  std::string servers() const {
    MachineDns machine;
    machine.resolved = read_state_files(links, root.path());
    const auto decided = decide(machine);
    std::string out = decided.source + ": " + texts(decided.upstreams);
    for (const auto& route : decided.routes) {
      out += "| " + route.zone.to_text() + " = " + texts(route.upstreams);
    }
    return out;
  }
  static std::string texts(const std::vector<UpstreamConfig>& upstreams) {
    std::string out;
    for (const auto& one : upstreams) {
      out += print_upstream(one) + (one.link.empty() ? "" : '/' + one.link) + ' ';
    }
    return out;
  }
};

const std::string ens5 = "10.0.0.2:53/ens5 10.0.0.3:53/ens5 ";

}  // namespace

TEST_CASE("without the bus systemd-resolved's servers are put together from its files") {
  Machine machine;
  const std::string plain = "systemd-resolved: 10.9.0.3:53 " + ens5 + "| ec2.internal = " + ens5;
  CHECK(machine.servers() == plain);
  machine.vpn(
      "LLMNR=yes\nDNSOVERTLS=no\nDEFAULT_ROUTE=no\nSERVERS=10.8.0.1 10.8.0.2:54#vpn\n"
      "DOMAINS=~corp.example\n");
  CHECK(machine.servers() == "systemd-resolved: 10.9.0.3:53 " + ens5 + "| ec2.internal = " + ens5 +
                                 "| corp.example = 10.8.0.1:53/vpn0 10.8.0.2:54/vpn0 ");
  machine.vpn("DNSOVERTLS=yes\nSERVERS=10.8.0.2#vpn.example\nDOMAINS=~.\n");
  CHECK(machine.servers() ==
        "systemd-resolved: tls://10.8.0.2:853#vpn.example/vpn0 | ec2.internal = " + ens5);
  machine.links[3].is_usable = false;
  CHECK(machine.servers() == plain);
}

TEST_CASE("a link whose domains only route is not asked for other names") {
  Machine machine;
  machine.vpn("SERVERS=10.8.0.1\nDOMAINS=~corp.example\n");
  CHECK(machine.servers().find("10.0.0.3:53/ens5 10.8.0.1") == std::string::npos);
  machine.vpn("SERVERS=10.8.0.1\nDOMAINS=corp.example\n");
  CHECK(machine.servers().find("10.0.0.3:53/ens5 10.8.0.1") != std::string::npos);
}

TEST_CASE("resolved.conf and its drop-ins count without the bus as well") {
  Machine machine;
  machine.file("etc/systemd/resolved.conf", "[Resolve]\n#DNSOverTLS=no\nDomains=~.\n");
  machine.file("usr/lib/systemd/resolved.conf.d/10-a.conf", "[Resolve]\nDNSOverTLS=yes\n");
  CHECK(machine.servers() ==
        "systemd-resolved: tls://10.9.0.3:853 | ec2.internal = "
        "tls://10.0.0.2:853/ens5 tls://10.0.0.3:853/ens5 ");
  machine.file("etc/systemd/resolved.conf.d/10-a.conf", "[Resolve]\nDomains=\n");
  CHECK(machine.servers() == "systemd-resolved: 10.9.0.3:53 " + ens5 + "| ec2.internal = " + ens5);
}

TEST_CASE("somebody else's resolv.conf is seen without the bus") {
  Machine machine;
  CHECK_FALSE(read_state_files(machine.links, machine.root.path()).is_foreign);
  fs::remove(machine.root.path() / "etc/resolv.conf");
  machine.file("etc/resolv.conf", "nameserver 10.9.0.3\n");
  CHECK(read_state_files(machine.links, machine.root.path()).is_foreign);
}
