// Machines whose /etc/resolv.conf another program than systemd-resolved writes; see lab-manager.
#include "program.hpp"
#include "steady_client.hpp"

using namespace dnscache;
using namespace dnscache::test;
using Catch::Contains;
using Catch::StartsWith;

namespace {

std::string servers() {
  return output_of("awk '$1 == \"nameserver\" { printf \"%s \", $2 }' /etc/resolv.conf");
}

void start_manager(const std::string& kind) {
  install();
  INFO(run("bash " LAB_DIR "/lab-manager " + kind).output);
  REQUIRE(servers() == "10.0.0.2 ");
}

std::string search_line() {
  return output_of("grep -E '^(search|domain)' /etc/resolv.conf | sort");
}

/// Files, with content and metadata, but for those that openresolv writes at each change.
std::string machine() {
  return output_of(
      "find /etc /run/NetworkManager/system-connections /run/resolvconf/interface "
      "\\( -type f -o -type l \\) ! -name .pwd.lock ! -name '*-' ! -name resolv.conf.bak ! -name "
      "resolvconf_resolvers.conf "
      "-printf '%p %y %m %u %g %l\\n' 2>/dev/null | sort; find /etc -type f ! -name '*-' ! -name "
      "resolv.conf.bak ! -name resolvconf_resolvers.conf "
      "-print0 | sort -z | xargs -0 sha256sum; ls /sys/class/net; ls -d /var/lib/dnscachectl "
      "2>/dev/null; cat /etc/resolv.conf");
}

int engine_queries() {
  return std::stoi(output_of(program +
                             " status --json --name example.com | grep -A20 "
                             "'\"queries\": {' | sed -n 's/.*\"total\": \\([0-9]*\\).*/\\1/p'"));
}

void check_that_all_goes_through_the_cache() {
  const int before = engine_queries();
  for (int i = 0; i < 5; ++i) CHECK(look_up("dns", new_name()) == "192.0.2.10");
  CHECK(engine_queries() - before - 1 >= 5);
  CHECK(look_up("dns", "host") == "10.0.0.77");  // by the search domain
}

/// The DHCP server names 10.0.0.3, and 10.0.0.2 is gone.
void change_dhcp_servers() {
  output_of("sed -i 's/dns-server,10.0.0.2/dns-server,10.0.0.3/' /run/vpc/dnsmasq.conf");
  output_of("ip -n vpc address del 10.0.0.2/24 dev vpc0");
  output_of("systemctl restart vpc.service");
  REQUIRE(eventually([] { return run("ip netns exec vpc ss -lunH sport = :67").output != ""; }));
}

// A query that nobody answers or refuses costs this much; whatever is busy is done before.
constexpr auto glibc_patience = std::chrono::milliseconds(4500);

void report(const char* what, const SteadyClient::Report& client) {
  std::printf("%-32s %4d lookups, %d failed, longest %lld ms\n", what, client.lookups,
              client.failed, static_cast<long long>(client.longest.count()));
  CHECK(client.failed == 0);
  CHECK(client.longest < glibc_patience);
}

/// Setup, a second one, an engine that is killed or stopped, and remove: nothing is lost, and the
/// machine is as before.
void check_life(const char* kind) {
  const auto before = machine();
  const auto search = search_line();
  SteadyClient during_setup;
  set_up();
  report("setup", during_setup.stop());
  CHECK(servers() == "127.0.0.1 10.0.0.2 ");
  CHECK(search_line() == search);
  check_that_all_goes_through_the_cache();
  CHECK_THAT(read_file("/etc/dnscachectl/config.yaml"), !Contains("10.0.0.2"));
  CHECK_THAT(dnscachectl("setup --yes").output, Contains("unchanged"));

  SteadyClient while_killed;
  output_of("systemctl kill -s KILL dnscachectl.service");
  CHECK(eventually([] { return servers() == "127.0.0.1 10.0.0.2 "; }));
  report("kill -9", while_killed.stop());
  CHECK(eventually([] { return run(program + " status").status == 0; }));
  SteadyClient while_stopped;
  output_of("systemctl stop dnscachectl.socket dnscachectl.service");
  report("stop", while_stopped.stop());
  CHECK(look_up("dns", new_name()) == "192.0.2.10");
  output_of("systemctl start dnscachectl.service");
  CHECK(eventually([] { return servers() == "127.0.0.1 10.0.0.2 "; }));
  check_that_all_goes_through_the_cache();

  SteadyClient during_removal;
  take_back();
  report("remove", during_removal.stop());
  check_same(machine(), before);
  CHECK(look_up("dns", new_name()) == "192.0.2.10");
  std::printf("%s: as before\n", kind);

  // The lines in other programs' files are known without the journal.
  set_up();
  run("rm -r /var/lib/dnscachectl");
  take_back();
  check_same(machine(), before);
}

/// Another program writes /etc/resolv.conf past the cache: it counts, and the cache follows it.
void check_rewritten(const std::string& comment, const char* advice, int doctor_status) {
  CAPTURE(comment);
  set_up();
  write_file("/etc/resolv.conf", comment + "search ec2.internal\nnameserver 10.0.0.3\n");
  CHECK(eventually([] {
    return dnscachectl("status").output.find("servers  10.0.0.3:53") != std::string::npos;
  }));
  const auto status = dnscachectl("status");
  CHECK(status.status == 7);
  CHECK_THAT(status.output, StartsWith("status   bypassed: ") && Contains("go to 10.0.0.3: ") &&
                                Contains("since setup; ") && Contains(advice) &&
                                !Contains("BYPASS") && !Contains("drift"));
  const auto doctor = dnscachectl("doctor");
  CHECK(doctor.status == doctor_status);
  CHECK_THAT(doctor.output, !Contains("dnscachectl remove"));
  set_up();
  CHECK(servers() == "127.0.0.1 10.0.0.3 ");
  check_that_all_goes_through_the_cache();
  take_back();
  CHECK(servers() == "10.0.0.3 ");
  write_file("/etc/resolv.conf", "search ec2.internal\nnameserver 10.0.0.2\n");
}

void check_changed_servers(const std::string& renew) {
  set_up();
  change_dhcp_servers();
  output_of(renew);
  CHECK(eventually([] { return servers() == "127.0.0.1 10.0.0.3 "; }));
  CHECK(eventually([] { return look_up("dns", new_name()) == "192.0.2.10"; }));
  check_that_all_goes_through_the_cache();
  take_back();
  CHECK(servers() == "10.0.0.3 ");
  CHECK(look_up("dns", new_name()) == "192.0.2.10");
}

}  // namespace

TEST_CASE("NetworkManager lists the cache first, by a profile of ours", "[network-manager]") {
  start_manager("network-manager");
  check_life("NetworkManager");
  set_up();
  output_of("nmcli --wait 10 connection up 'Wired connection 1'");
  CHECK(eventually([] { return servers() == "127.0.0.1 10.0.0.2 "; }));
  output_of("systemctl restart NetworkManager");
  CHECK(eventually([] { return servers() == "127.0.0.1 10.0.0.2 "; }));
  check_that_all_goes_through_the_cache();
  take_back();
  const auto refused = dnscachectl("setup --yes --listen ::1");
  CHECK(refused.status == 1);
  CHECK_THAT(refused.output, Contains("nothing was changed, because NetworkManager can list"));
  check_changed_servers("nmcli --wait 10 connection up 'Wired connection 1'");
}

TEST_CASE("where NetworkManager leaves resolv.conf alone, the file is ours", "[network-manager]") {
  // On the network as the test before has left it: 10.0.0.2 is gone.
  for (const char* setting : {"rc-manager=unmanaged", "dns=none"}) {
    CAPTURE(setting);
    write_file("/etc/NetworkManager/conf.d/dns.conf", "[main]\n" + std::string(setting) + "\n");
    write_file("/etc/resolv.conf", "search ec2.internal\nnameserver 10.0.0.3\n");
    output_of("systemctl restart NetworkManager");
    CHECK(eventually([] { return look_up("dns", new_name()) == "192.0.2.10"; }));
    const auto before = machine();
    CHECK_THAT(dnscachectl("setup --dry-run").output, Contains("is a plain file"));
    set_up();
    output_of("nmcli --wait 10 connection up 'Wired connection 1'");
    CHECK(servers() == "127.0.0.1 10.0.0.3 ");
    check_that_all_goes_through_the_cache();
    take_back();
    check_same(machine(), before);
  }
}

TEST_CASE("resolvconf lists the cache first, as a record of ours", "[resolvconf]") {
  start_manager("resolvconf");
  check_life("resolvconf");
  check_changed_servers("systemctl restart dhclient");
}

TEST_CASE("openresolv lists the cache first, as a record of ours", "[openresolv]") {
  start_manager("openresolv");
  check_life("openresolv");
  check_changed_servers("systemctl restart dhclient");
}

TEST_CASE("dhclient puts the cache before the servers of each lease", "[dhclient]") {
  start_manager("dhclient");
  check_life("dhclient");
  check_changed_servers("systemctl restart dhclient");
}

TEST_CASE("a resolv.conf that links to another program's file is followed there", "[static]") {
  start_manager("static");
  check_life("static file");
  check_rewritten("# Generated by NetworkManager\n", "'dnscachectl setup' puts this cache", 5);
  check_rewritten("# by hand\n", "another program has written", 5);
  check_rewritten("# resolv.conf(5) file generated by tailscale\n", "when its tunnel ends", 0);
  output_of(
      "mkdir -p /run/other; mv /etc/resolv.conf /run/other/resolv.conf; "
      "ln -s ../run/other/resolv.conf /etc/resolv.conf");
  set_up();
  check_that_all_goes_through_the_cache();
  output_of(
      "ip -n vpc address del 10.0.0.2/24 dev vpc0; systemctl restart vpc.service; "
      "sed -i s/10.0.0.2/10.0.0.3/ /run/other/resolv.conf");
  CHECK(eventually([] { return look_up("dns", new_name()) == "192.0.2.10"; }));
  take_back();
  CHECK(std::filesystem::read_symlink("/etc/resolv.conf") == "../run/other/resolv.conf");
  CHECK(servers() == "10.0.0.3 ");
}
