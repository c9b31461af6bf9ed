// Who is asked for which name: what setup, status and doctor say of it, and what they refuse.
#include <algorithm>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <sstream>

#include "program.hpp"
#include "support.hpp"

using namespace dnscache::test;
using Catch::Contains;
using nlohmann::json;

namespace {

const char* config = "/etc/dnscachectl/config.yaml";
const std::string outside = "/run/vpc/queries";

/// Queries in a server's log for names that contain `part`, in any case.
int asked(const std::string& log, const std::string& part) {
  std::istringstream lines(read_file(log));
  int count = 0;
  for (std::string line; std::getline(lines, line);) {
    std::ranges::transform(line, line.begin(), [](unsigned char c) { return std::tolower(c); });
    if (line.find("query[") != line.npos && line.find(part) != line.npos) ++count;
  }
  return count;
}

/// A VPN's link with a server of its own, set at run time as wg-quick does it.
void add_vpn(const std::string& domain) {
  output_of("bash " LAB_DIR "/lab-server --link vpn0 10.8.0.1 192.0.2.80");
  output_of(
      "ip link set vpn0 up && ip address add 10.8.0.50/24 dev vpn0 && resolvectl dns vpn0 10.8.0.1 "
      "&& resolvectl default-route vpn0 no && resolvectl domain vpn0 '" +
      domain + "'");
}

void remove_vpn() {
  output_of("systemctl stop dns-10.8.0.1; ip link delete vpn0; resolvectl flush-caches");
}

void check_status(int status, const std::string& text) {
  const auto ran = dnscachectl("status");
  INFO(ran.output);
  CHECK(ran.status == status);
  CHECK_THAT(ran.output, Contains(text));
}

/// All names go through the tunnel, and setup has nothing to do.
void check_tunnel() {
  CHECK(eventually([] { return look_up("resolve", new_name()) == "192.0.2.80"; }));
  const auto before = asked(outside, "once");
  for (int i = 0; i < 6; ++i) CHECK(look_up("dns", new_name()) == "192.0.2.80");
  CHECK(asked(outside, "once") == before);
  check_status(0, "status   ok: ");
  CHECK_THAT(dnscachectl("setup --yes").output, Contains("unchanged:"));
}

}  // namespace

TEST_CASE("the plan shows who is asked for which names", "[routes]") {
  install();
  add_vpn("~corp.example");
  const auto text = dnscachectl("setup --dry-run").output;
  CHECK_THAT(text, Contains("corp.example  10.8.0.1:53 (vpn0)  10.8.0.1:53 (vpn0)  "
                            "systemd-resolved, as today"));
  CHECK_THAT(text, Contains("all others    10.0.0.2:53 (ens5)  10.0.0.2:53 (ens5)  the cache"));
  const auto rows = json::parse(dnscachectl("setup --dry-run --json").output)["asked"];
  REQUIRE(rows.size() == 3);
  CHECK(rows[1]["zone"] == "corp.example");
  CHECK(rows[1]["source"] == "systemd-resolved, link vpn0");
  CHECK(rows[2]["then"] == json::array({"10.0.0.2:53 (ens5)"}));
  const auto other = json::parse(dnscachectl("setup --dry-run --json --upstream 10.0.0.3").output);
  CHECK(other["asked"][2]["today"] == json::array({"10.0.0.2:53 (ens5)"}));
  CHECK(other["asked"][2]["then"] == json::array({"10.0.0.3:53"}));
  remove_vpn();
}

TEST_CASE("a full tunnel gets every name, also when setup runs while it is up", "[routes]") {
  install();
  set_up();
  add_vpn("~.");
  check_tunnel();
  for (const char* change : {"systemctl stop dnscachectl.socket dnscachectl.service",
                             "systemctl stop dnscachectl-source", "ip link delete dnsc0"}) {
    CAPTURE(change);
    run(change);
    set_up();
    check_tunnel();
  }
  CHECK(dnscachectl("remove --yes --force").status == 0);
  CHECK(look_up("resolve", new_name()) == "192.0.2.80");
  set_up();
  check_tunnel();
  take_back();
  remove_vpn();
}

TEST_CASE("names that leak past a tunnel are seen", "[routes]") {
  install();
  set_up();
  add_vpn("~.");
  check_tunnel();
  write_file(config, "upstreams: [10.0.0.2]\n");
  output_of("systemctl reload dnscachectl");
  CHECK(eventually([] { return dnscachectl("status").status == 5; }));
  check_status(5,
               "leak     the cache asks 10.0.0.2:53 for names, but this machine's servers for "
               "them are 10.8.0.1:53");
  CHECK_THAT(dnscachectl("doctor").output, Contains("PROBLEM  leak"));
  CHECK(json::parse(run(program + " status --json 2>/dev/null").output)["faults"][0]["kind"] ==
        "leak");
  std::filesystem::remove(config);
  output_of("systemctl reload dnscachectl");
  CHECK(eventually([] { return dnscachectl("status").status == 0; }));
  take_back();
  remove_vpn();
}

TEST_CASE("programs that do not ask the cache are seen", "[routes]") {
  install();
  set_up();
  check_status(0, "status   ok: ");
  output_of("resolvectl revert dnsc0");
  check_status(7, "status   bypassed: lookups of programs BYPASS this cache");
  CHECK_THAT(dnscachectl("doctor").output, Contains("PROBLEM  link"));
  set_up();
  check_status(0, "status   ok: ");
  take_back();
}

TEST_CASE("setup undoes everything when names would be asked elsewhere", "[routes-setup]") {
  install();
  add_vpn("~.");
  // An engine that may not see what systemd-resolved has for the VPN.
  write_file("/etc/systemd/system/dnscachectl.service.d/50-blind.conf",
             "[Service]\nInaccessiblePaths=/run/dbus /run/systemd/resolve/netif\n");
  const auto refused = dnscachectl("setup --yes");
  INFO(refused.output);
  CHECK(refused.status == 6);
  CHECK_THAT(refused.output, Contains("the cache asks 10.0.0.2:53 for names") &&
                                 Contains("10.8.0.1:53") && Contains("everything was undone"));
  CHECK(run("getent passwd dnscachectl").status == 2);
  CHECK(run("systemctl is-active -q dnscachectl.socket").status != 0);
  CHECK(look_up("resolve", new_name()) == "192.0.2.80");
  std::filesystem::remove_all("/etc/systemd/system/dnscachectl.service.d");
  output_of("systemctl daemon-reload");
  set_up();
  check_tunnel();
  take_back();
  remove_vpn();
}

TEST_CASE("a global server that takes all names stays the only one", "[routes-setup]") {
  install();
  output_of("bash " LAB_DIR "/lab-server 10.9.0.3 192.0.2.93");
  write_file("/etc/systemd/resolved.conf.d/10-admin.conf", "[Resolve]\nDNS=10.9.0.3\nDomains=~.\n");
  output_of("systemctl reset-failed systemd-resolved; systemctl restart systemd-resolved");
  REQUIRE(eventually([] { return look_up("resolve", new_name()) == "192.0.2.93"; }));
  set_up();
  const auto before = asked(outside, "once");
  for (int i = 0; i < 6; ++i) {
    const auto name = new_name();
    CHECK(look_up("resolve", name) == "192.0.2.93");
    CHECK(run(program + " cache get " + name).status == 0);
  }
  CHECK(asked(outside, "once") == before);
  check_status(0, "status   ok: ");
  CHECK_THAT(dnscachectl("setup --yes").output, Contains("unchanged:"));
  output_of("systemctl stop dnscachectl.socket dnscachectl.service");
  CHECK(look_up("resolve", new_name()) == "192.0.2.93");
  set_up();
  take_back();
  // Without a server it has no effect today, and would make the cache the only one.
  std::filesystem::remove("/etc/resolv.conf");
  std::filesystem::create_symlink("../run/systemd/resolve/resolv.conf", "/etc/resolv.conf");
  write_file("/etc/systemd/resolved.conf.d/10-admin.conf", "[Resolve]\nDomains=~.\n");
  output_of("systemctl reset-failed systemd-resolved; systemctl restart systemd-resolved");
  REQUIRE(eventually([] { return look_up("resolve", new_name()) == "192.0.2.10"; }));
  const auto refused = dnscachectl("setup --yes");
  CHECK(refused.status == 1);
  CHECK_THAT(refused.output,
             Contains("nothing was changed, because resolved.conf says Domains=~."));
  std::filesystem::remove("/etc/systemd/resolved.conf.d/10-admin.conf");
  std::filesystem::remove("/etc/resolv.conf");
  std::filesystem::create_symlink("../run/systemd/resolve/stub-resolv.conf", "/etc/resolv.conf");
  output_of("systemctl reset-failed systemd-resolved; systemctl restart systemd-resolved");
}

TEST_CASE("an engine with a user of the moment gets a static one, and keeps its cache",
          "[routes-setup]") {
  install();
  set_up();
  const auto user = [] {
    return output_of("ps -o uid= -p $(systemctl show -P MainPID dnscachectl) | tr -d ' \\n'");
  };
  CHECK(std::stoi(user()) < 1000);
  const auto written = read_file(config);
  // As version 0.1.0 left it.
  output_of("sed -i '/^dnscachectl:/d' /etc/passwd /etc/shadow /etc/group /etc/gshadow");
  write_file(config, "cache: {persist: /var/cache/dnscachectl/cache}\n");
  output_of("systemctl restart dnscachectl");
  CHECK(std::stoi(user()) >= 61184);
  CHECK(eventually([] { return look_up("resolve", "kept.example.com") == "192.0.2.10"; }));
  set_up();
  CHECK(std::stoi(user()) < 1000);
  CHECK(run(program + " cache get kept.example.com").status == 0);
  add_vpn("~.");
  check_tunnel();
  write_file(config, written);
  take_back();
  CHECK(run("getent passwd dnscachectl").status == 2);
  remove_vpn();
}
