// A machine that version 0.1.0 has set up: its drop-in for the link's .network file, the server of
// the link at run time, and the units that kept both.
#include <nlohmann/json.hpp>

#include "program.hpp"
#include "templates/templates.hpp"

using namespace dnscache;
using namespace dnscache::test;
using Catch::Contains;
using nlohmann::json;

namespace {

const std::string units = "/etc/systemd/system/";
const std::string drop_in_folder = "/etc/systemd/network/70-ens5.network.d";
const std::string drop_in = drop_in_folder + "/50-dnscachectl.conf";

std::string hex(const std::string& text) {
  std::string out;
  for (const unsigned char c : text) {
    constexpr char digits[] = "0123456789abcdef";
    out += {digits[c >> 4], digits[c & 15]};
  }
  return out;
}

json state(const std::string& kind, const std::string& content) {
  return {{"kind", kind},       {"content", hex(content)}, {"mode", 0644}, {"uid", 0}, {"gid", 0},
          {"modified", {0, 0}}, {"xattrs", json::object()}};
}

/// Writes the journal line by line, as the old setup did, beside what it did.
class OldSetup {
 public:
  OldSetup() {
    add_directory("/etc/dnscachectl");
    add_file("/etc/dnscachectl/config.yaml",
             "# Configuration of dnscachectl, written by 'dnscachectl setup'. It is yours now.\n"
             "# Every setting: 'dnscachectl check --print' and dnscachectl.yaml(5).\n"
             "# After a change: 'dnscachectl check', then send the engine SIGHUP.\n\n"
             "# The servers to ask are those that systemd-resolved lists for the links, as they "
             "change.\n"
             "upstreams_from: \"/run/systemd/resolve/resolv.conf\"\n");
    add_file(units + "dnscachectl.socket", std::string(templates::dnscachectl_socket));
    add_file(units + "dnscachectl.service",
             "[Unit]\nDescription=DNS cache\nDocumentation=man:dnscachectl(1)\n"
             "Requires=dnscachectl.socket\nAfter=dnscachectl.socket\n[Service]\nType=notify\n"
             "ExecStart=" +
                 program +
                 " serve\nDynamicUser=yes\nRuntimeDirectory=dnscachectl\n"
                 "[Install]\nWantedBy=multi-user.target\nAlso=dnscachectl.socket\n");
    add_file(units + "dnscachectl-recover.path",
             "[Unit]\nDescription=DNS cache: watch for new DHCP leases\n"
             "Documentation=man:dnscachectl(1)\n[Path]\nPathChanged=/run/systemd/netif/leases\n"
             "[Install]\nWantedBy=multi-user.target\n");
    add_file(units + "dnscachectl-recover.service",
             "[Unit]\nDescription=DNS cache: repair after a start or a new lease\n"
             "Documentation=man:dnscachectl(1)\n[Service]\nType=oneshot\nExecStart=-" +
                 program + " recover\n");
    const std::vector<std::string> enabled = {"dnscachectl.socket", "dnscachectl.service",
                                              "dnscachectl-recover.path"};
    add({{"step", "enabled_units"}, {"path", "units"}, {"names", enabled}});
    for (const auto& unit : enabled) add({{"step", "started_unit"}, {"path", unit}});
    output_of("systemctl daemon-reload");
    for (const auto& unit : enabled) output_of("systemctl enable -q --now " + unit);
    add_directory(drop_in_folder);
    add_file(drop_in,
             "# Written by `dnscachectl setup`, taken back by `dnscachectl remove`; see "
             "systemd.network(5).\n[Network]\nDNS=127.0.0.1\n");
    add({{"step", "link_servers"}, {"path", "ens5"}, {"servers", {"10.0.0.2"}}});
    set_link_servers();
    journal_ += "{\"committed\":true}\n";
    write_file("/var/lib/dnscachectl/journal", journal_);
  }

 private:
  void add(const json& entry) { journal_ += entry.dump() + "\n"; }
  void add_directory(const std::string& path) {
    std::filesystem::create_directories(path);
    add({{"step", "directory"}, {"path", path}});
  }
  void add_file(const std::string& path, const std::string& text) {
    write_file(path, text);
    add({{"step", "file"},
         {"path", path},
         {"before", state("absent", "")},
         {"after", state("regular", text)}});
  }
  static void set_link_servers() {
    output_of("networkctl reload; networkctl reconfigure ens5");
    REQUIRE(eventually(
        [] { return run("resolvectl dns ens5").output.find("10.0.0.2") != std::string::npos; }));
    output_of(
        "busctl call org.freedesktop.network1 /org/freedesktop/network1 "
        "org.freedesktop.network1.Manager SetLinkDNS 'ia(iay)' $(cat /sys/class/net/ens5/ifindex) "
        "2 "
        "2 4 127 0 0 1 2 4 10 0 0 2");
  }

  std::string journal_;
};

std::string etc_state() {
  return output_of(
      "find /etc \\( -type f -o -type l \\) ! -name .pwd.lock ! -name '*-' -printf '%p %y %m "
      "%u %g %l\\n' | "
      "sort;"
      " find /etc -type f ! -name '*-' -print0 | sort -z | xargs -0 sha256sum; ls "
      "/var/lib/dnscachectl "
      "2>/dev/null || true");
}

std::string link_servers() { return output_of("resolvectl dns ens5 | sed 's/.*: *//'"); }

void check_nothing_old() {
  CHECK_FALSE(std::filesystem::exists(drop_in));
  CHECK(run("find /etc -name 'dnscachectl-recover*'").output == "");
  CHECK(run("systemctl list-units --all --plain --no-legend 'dnscachectl-recover*'").output == "");
  CHECK(eventually([] { return link_servers() == "10.0.0.2\n"; }));
}

}  // namespace

TEST_CASE("setup takes the place of what version 0.1.0 did", "[migration]") {
  install();
  const auto before = etc_state();
  OldSetup old;
  REQUIRE(link_servers() == "127.0.0.1 10.0.0.2\n");
  const auto ran = dnscachectl("setup --yes");
  INFO(ran.output);
  REQUIRE(ran.status == 0);
  CHECK_THAT(ran.output, Contains("set up by an older version"));
  check_nothing_old();
  const auto name = new_name();
  CHECK(look_up("resolve", name) == "192.0.2.10");
  CHECK(run(program + " cache get " + name).status == 0);
  CHECK_THAT(dnscachectl("setup --yes").output, Contains("unchanged:"));
  take_back();
  check_same(etc_state(), before);
  CHECK(look_up("resolve", new_name()) == "192.0.2.10");
}

TEST_CASE("remove takes back what version 0.1.0 did", "[migration]") {
  install();
  const auto before = etc_state();
  OldSetup old;
  SECTION("by its journal") {}
  SECTION("by its files") { run("rm -r /var/lib/dnscachectl"); }
  const auto ran = dnscachectl("remove --yes");
  INFO(ran.output);
  CHECK(ran.status == 0);
  output_of("networkctl reload; networkctl reconfigure ens5");
  check_nothing_old();
  check_same(etc_state(), before);
  CHECK(eventually([] { return look_up("resolve", new_name()) == "192.0.2.10"; }));
}
