// The cache as the first source of systemd-resolved: whom each name is asked at, whatever happens.
#include <net/if.h>
#include <sys/stat.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>
#include <sstream>

#include "dbus/resolved.hpp"
#include "dbus/systemd.hpp"
#include "program.hpp"
#include "steady_client.hpp"
#include "support.hpp"

using namespace dnscache;
using namespace dnscache::test;
using Catch::Contains;

namespace {

/// Lines of a server's query log that ask for a name which contains `part`.
int asked(const std::string& log, std::string part) {
  std::istringstream lines(read_file(log));
  int count = 0;
  for (std::string line; std::getline(lines, line);) {
    std::ranges::transform(line, line.begin(), [](unsigned char c) { return std::tolower(c); });
    if (line.find("query[") != line.npos && line.find(part) != line.npos) ++count;
  }
  return count;
}

/// The domain of our interface as resolved has it: ".", "dnscachectl.invalid"; empty: it is gone.
std::string own_domain() {
  const auto index = static_cast<int>(::if_nametoindex("dnsc0"));
  if (index == 0) return {};
  auto bus = value_of(dbus::Bus::connect());
  const auto link = dbus::Resolved(bus).link(index);
  return link && link->domains.size() == 1 ? link->domains.front().name : "";
}

bool is_up() {
  return eventually([] { return own_domain() == "."; });
}

/// A new name is found, and the engine has been asked for it.
void check_through_cache() {
  const auto name = new_name();
  CHECK(look_up("resolve", name) == "192.0.2.10");
  CHECK(run(program + " cache get " + name).status == 0);
}

void set_mode(const std::string& target) {
  std::filesystem::remove("/etc/resolv.conf");
  std::filesystem::create_symlink("../run/systemd/resolve/" + target, "/etc/resolv.conf");
}

/// A VPN's interface, which systemd-networkd does not manage, with a server of its own.
void add_vpn(const std::string& domain) {
  output_of(
      "ip link add wg0 type veth peer name wgp netns vpc && ip -n vpc address add 10.8.0.1/24 dev "
      "wgp && ip -n vpc link set wgp up && ip address add 10.8.0.2/24 dev wg0 && ip link set wg0 "
      "up");
  write_file("/run/vpc/vpn.conf",
             "keep-in-foreground\nuser=root\npid-file=\nno-resolv\nno-hosts\n"
             "listen-address=10.8.0.1\nbind-interfaces\naddress=/example.com/10.8.0.99\n"
             "host-record=db.corp.example,10.8.0.77\nlog-queries\n"
             "log-facility=/run/vpc/vpn.queries\n");
  output_of(
      "systemd-run -q --unit=vpn -p NetworkNamespacePath=/run/netns/vpc /usr/sbin/dnsmasq "
      "--conf-file=/run/vpc/vpn.conf && resolvectl dns wg0 10.8.0.1 && resolvectl domain wg0 '" +
      domain + "' && resolvectl default-route wg0 no");
}

void remove_vpn() { output_of("systemctl stop vpn; ip link delete wg0"); }

/// Everything of the network and the units ends and starts again, with an empty /run.
void restart_network() {
  output_of(
      "systemctl stop dnscachectl-source dnscachectl.socket dnscachectl.service "
      "systemd-networkd.socket systemd-networkd systemd-resolved 2>/dev/null;"
      "ip address flush dev ens5; ip link set ens5 down;"
      "rm -rf /run/systemd/netif/* /run/systemd/resolve/*; systemctl daemon-reload;"
      "systemctl start dnscachectl.socket systemd-networkd.socket systemd-networkd "
      "systemd-resolved dnscachectl.service dnscachectl-source");
  REQUIRE(eventually([] { return run("resolvectl dns ens5 | grep -q 10.0.0").status == 0; }));
}

}  // namespace

TEST_CASE("the cache stays in place whatever its neighbours do", "[source]") {
  install();
  set_mode("stub-resolv.conf");
  // A catch-all file would make networkd ask for an address on our interface.
  write_file("/etc/systemd/network/99-all.network", "[Match]\nName=*\n[Network]\nDHCP=yes\n");
  output_of("networkctl reload");
  set_up();
  REQUIRE(is_up());
  check_through_cache();
  for (const char* event :
       {"networkctl reload", "systemctl restart systemd-networkd",
        "systemctl reset-failed systemd-resolved; systemctl restart systemd-resolved",
        "networkctl renew ens5", "systemctl restart dnscachectl",
        "systemctl restart dnscachectl.socket", "resolvectl flush-caches"}) {
    CAPTURE(event);
    output_of(event);
    CHECK(is_up());
    CHECK(eventually([] { return look_up("resolve", new_name()) == "192.0.2.10"; }));
    check_through_cache();
    CHECK_THAT(run("networkctl list dnsc0").output, Contains("unmanaged"));
    CHECK_THAT(dnscachectl("setup --yes").output, Contains("unchanged:"));
  }
  take_back();
  CHECK(::if_nametoindex("dnsc0") == 0);
  std::filesystem::remove("/etc/systemd/network/99-all.network");
  output_of("networkctl reload");
}

TEST_CASE("what resolvectl changed on our interface is set again by setup", "[source]") {
  install();
  set_up();
  for (const char* change : {"resolvectl domain dnsc0 '~other.example'", "resolvectl revert dnsc0",
                             "ip link delete dnsc0", "systemctl stop dnscachectl-source",
                             "systemctl stop dnscachectl.socket dnscachectl.service"}) {
    CAPTURE(change);
    run(change);
    set_up();
    CHECK(own_domain() == ".");
    check_through_cache();
    CHECK_THAT(dnscachectl("setup --yes").output, Contains("unchanged:"));
  }
  take_back();
}

TEST_CASE("names of a VPN's domain go to its server alone", "[source]") {
  install();
  set_up();
  add_vpn("~corp.example");
  CHECK(eventually([] { return look_up("resolve", "db.corp.example") == "10.8.0.77"; }));
  CHECK(asked("/run/vpc/queries", "corp.example") == 0);
  check_through_cache();
  set_up();
  output_of("resolvectl flush-caches");
  CHECK(look_up("resolve", "db.corp.example") == "10.8.0.77");
  CHECK(asked("/run/vpc/queries", "corp.example") == 0);
  take_back();
  CHECK(look_up("resolve", "db.corp.example") == "10.8.0.77");
  remove_vpn();
}

TEST_CASE("an engine that ends for good costs a moment, whatever ends it", "[source]") {
  install();
  set_mode("stub-resolv.conf");
  set_up();
  const auto unit = [] {
    auto bus = value_of(dbus::Bus::connect());
    return value_of(dbus::Systemd(bus).unit("dnscachectl.service"));
  };
  // Hung: the watchdog ends it, and the next engine is the first server again.
  const auto pid = unit().main_pid;
  {
    SteadyClient client;
    REQUIRE(::kill(pid, SIGSTOP) == 0);
    CHECK(eventually([&] { return unit().main_pid != pid && own_domain() == "."; }));
    const auto hung = client.stop();
    std::printf("hung: %d lookups, %d failed, longest %lld ms\n", hung.lookups, hung.failed,
                static_cast<long long>(hung.longest.count()));
    CHECK(hung.failed == 0);
  }
  // The program is gone: after the second end the interface is as well.
  SteadyClient client;
  std::filesystem::rename(program, program + ".away");
  REQUIRE(::kill(unit().main_pid, SIGKILL) == 0);
  CHECK(eventually([&] { return unit().restarts > 3; }));
  std::filesystem::rename(program + ".away", program);
  CHECK(is_up());
  const auto gone = client.stop();
  std::printf("program gone: %d lookups, %d failed, longest %lld ms\n", gone.lookups, gone.failed,
              static_cast<long long>(gone.longest.count()));
  CHECK(gone.failed <= 1);
  check_through_cache();
  take_back();
}

TEST_CASE("a server in the .network file itself is not asked past the cache after a boot",
          "[source-boot]") {
  install();
  std::filesystem::remove("/run/systemd/network/70-ens5.network");
  write_file("/run/systemd/network/10-netplan-ens5.network",
             "[Match]\nName=ens5\n[Network]\nAddress=10.0.0.50/24\nDNS=10.0.0.2\n");
  output_of("networkctl reload");
  REQUIRE(eventually([] { return look_up("resolve", new_name()) == "192.0.2.10"; }));
  for (const char* target : {"stub-resolv.conf", "resolv.conf"}) {
    CAPTURE(target);
    set_mode(target);
    set_up();
    check_through_cache();
    restart_network();
    REQUIRE(is_up());
    CHECK(eventually([] { return look_up("resolve", new_name()) == "192.0.2.10"; }));
    for (int i = 0; i < 3; ++i) check_through_cache();
    CHECK(dnscachectl("doctor").status == 0);
    take_back();
  }
}

TEST_CASE("a global server stays in the list, after the cache", "[source-boot]") {
  install();
  output_of("ip -n vpc address add 10.9.0.3/32 dev lo");
  write_file("/etc/systemd/resolved.conf.d/10-admin.conf", "[Resolve]\nDNS=10.0.0.3\n");
  output_of("systemctl reset-failed systemd-resolved; systemctl restart systemd-resolved");
  for (const char* target : {"stub-resolv.conf", "resolv.conf"}) {
    CAPTURE(target);
    set_mode(target);
    REQUIRE(eventually([] { return look_up("resolve", new_name()) == "192.0.2.10"; }));
    set_up();
    check_through_cache();
    const auto list = read_file("/run/systemd/resolve/resolv.conf");
    CHECK_THAT(list, Contains("nameserver 10.0.0.3\n"));
    if (std::string(target) == "resolv.conf") {
      CHECK(list.find("nameserver 127.0.0.1\n") < list.find("nameserver 10.0.0.3\n"));
    }
    take_back();
    CHECK_THAT(read_file("/run/systemd/resolve/resolv.conf"), !Contains("127.0.0.1"));
  }
  std::filesystem::remove("/etc/systemd/resolved.conf.d/10-admin.conf");
  output_of("systemctl reset-failed systemd-resolved; systemctl restart systemd-resolved");
  set_mode("stub-resolv.conf");
}

TEST_CASE("a blank in the program's path and a narrow umask do no harm", "[source-boot]") {
  std::filesystem::create_directories("/opt/dns cache");
  std::filesystem::copy_file(DNSCACHECTL_PATH, "/opt/dns cache/dnscachectl",
                             std::filesystem::copy_options::overwrite_existing);
  install();
  set_mode("resolv.conf");
  const auto ran = run("umask 077; '/opt/dns cache/dnscachectl' setup --yes");
  INFO(ran.output);
  REQUIRE(ran.status == 0);
  check_through_cache();
  for (const char* path :
       {"/etc/systemd/resolved.conf.d/50-dnscachectl.conf",
        "/run/systemd/network/00-dnscachectl.network", "/etc/dnscachectl/config.yaml"}) {
    struct stat status {};
    CAPTURE(path);
    REQUIRE(::stat(path, &status) == 0);
    CHECK((status.st_mode & 0777) == 0644);
  }
  take_back();
  set_mode("stub-resolv.conf");
}
