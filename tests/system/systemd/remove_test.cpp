// What `remove` takes back where something is missing: a bus, the journal, the right to write.
#include <sys/xattr.h>

#include "program.hpp"

using namespace dnscache;
using namespace dnscache::test;
using Catch::Contains;

namespace {

/// Everything below /etc, with content, owner and mode, and what is enabled. The copies of
/// /etc/passwd and the like before their last change ("passwd-") are their tools'.
std::string etc_state() {
  return output_of(
      "find /etc \\( -type f -o -type l \\) ! -name .pwd.lock ! -name '*-' -printf '%p %y %m %u %g "
      "%l\\n' | "
      "sort;"
      " find /etc -type f ! -name '*-' -print0 | sort -z | xargs -0 sha256sum; ls -d "
      "/var/lib/dnscachectl || "
      "true");
}

bool is_active(const std::string& unit) {
  return run("systemctl is-active -q " + unit).status == 0;
}

/// What a removal without systemd's help leaves in memory.
void restart_network() {
  run("systemctl stop dnscachectl.socket dnscachectl.service; systemctl daemon-reload;"
      " resolvectl revert ens5; systemctl reset-failed systemd-networkd systemd-resolved;"
      " systemctl restart systemd-networkd systemd-resolved");
  CHECK(eventually([] { return look_up("dns", new_name()) == "192.0.2.10"; }));
}

std::string xattr(const char* path, const char* name) {
  std::array<char, 100> value{};
  const auto size = ::lgetxattr(path, name, value.data(), value.size());
  return size < 0 ? "none" : std::string(value.data(), static_cast<std::size_t>(size));
}

void set_xattr(const char* path, const char* name, const std::string& value) {
  REQUIRE(::lsetxattr(path, name, value.data(), value.size(), 0) == 0);
}

}  // namespace

TEST_CASE("remove works in a chroot, where there is no systemd to ask", "[remove]") {
  install();
  const auto before = etc_state();
  set_up();
  const auto removed =
      run("unshare -m bash -c 'mount -t tmpfs tmpfs /run && exec " + program + " remove --yes'");
  INFO(removed.output);
  CHECK(removed.status == 0);
  check_same(etc_state(), before);
  CHECK(is_active("dnscachectl.socket"));  // it is the machine's, not the chroot's
  restart_network();
  CHECK_FALSE(is_active("dnscachectl.service"));
}

TEST_CASE("remove without a journal knows its own files", "[remove]") {
  install();
  const auto before = etc_state();
  set_up();
  run("rm -r /var/lib/dnscachectl");
  CHECK_THAT(dnscachectl("doctor").output, Contains("journal"));
  const auto plan = dnscachectl("remove --dry-run");
  CHECK_THAT(plan.output, Contains("the journal of setup is lost") &&
                              Contains("/etc/systemd/system/dnscachectl.service"));
  SECTION("as setup wrote them") {
    const auto removed = dnscachectl("remove --yes");
    INFO(removed.output);
    CHECK(removed.status == 0);
    check_same(etc_state(), before);
    CHECK_FALSE(is_active("dnscachectl.socket"));
    CHECK(look_up("dns", new_name()) == "192.0.2.10");
  }
  SECTION("a unit that somebody changed is kept and named") {
    output_of("echo '# mine' >>/etc/systemd/system/dnscachectl.socket");
    const auto removed = dnscachectl("remove --yes");
    CHECK(removed.status == 1);
    CHECK_THAT(removed.output,
               Contains("/etc/systemd/system/dnscachectl.socket is not what setup writes"));
    CHECK(std::filesystem::exists("/etc/systemd/system/dnscachectl.socket"));
    CHECK_FALSE(is_active("dnscachectl.service"));
    CHECK(dnscachectl("remove --yes --force").status == 0);
    check_same(etc_state(), before);
  }
  SECTION("the administrator's configuration stays") {
    output_of("echo '# mine' >>/etc/dnscachectl/config.yaml");
    CHECK(dnscachectl("remove --yes").status == 0);
    CHECK_THAT(read_file("/etc/dnscachectl/config.yaml"), Contains("# mine"));
    CHECK(dnscachectl("remove --yes --purge").status == 0);
    check_same(etc_state(), before);
  }
  CHECK_THAT(dnscachectl("remove --yes").output, Contains("unchanged"));
  restart_network();
}

TEST_CASE("umask does not reach what setup writes", "[remove]") {
  install();
  const auto before = etc_state();
  for (const char* mask : {"027", "077"}) {
    CAPTURE(mask);
    const auto ran = run("umask " + std::string(mask) + "; " + program + " setup --yes");
    INFO(ran.output);
    CHECK(ran.status == 0);
    CHECK(output_of("find /etc/dnscachectl /etc/systemd /run/systemd/network /var/lib/dnscachectl "
                    "-name '*dnscachectl*' ! -perm -004 -print 2>/dev/null; true") == "");
    CHECK(is_active("dnscachectl.service"));
    take_back();
    check_same(etc_state(), before);
  }
}

TEST_CASE("what cannot be removed is said with its remedy, and nothing else changes", "[remove]") {
  install();
  const auto before = etc_state();
  set_up();
  const auto after = etc_state();
  output_of("chattr +i /etc/systemd/system/dnscachectl.socket");
  const auto refused = dnscachectl("remove --yes");
  CHECK(refused.status == 4);
  CHECK_THAT(refused.output, Contains("nothing was changed: ") &&
                                 Contains("'chattr -i /etc/systemd/system/dnscachectl.socket'"));
  check_same(etc_state(), after);
  CHECK(is_active("dnscachectl.service"));
  output_of("chattr -i /etc/systemd/system/dnscachectl.socket");

  // Without the bus, which `remove` needs here.
  run("mv /run/dbus/system_bus_socket /run/dbus/away");
  const auto cut_off = dnscachectl("remove --yes");
  run("mv /run/dbus/away /run/dbus/system_bus_socket");
  CHECK(cut_off.status == 1);
  CHECK_THAT(cut_off.output, Contains("nothing was changed, because systemd cannot be asked"));
  check_same(etc_state(), after);

  take_back();
  check_same(etc_state(), before);
  set_up();
  check_same(etc_state(), after);
  CHECK(dnscachectl("remove --yes --force").status == 0);
  check_same(etc_state(), before);
}

TEST_CASE("new files get the label that the policy has for them", "[remove]") {
  install();
  set_xattr("/etc", "security.selinux", "system_u:object_r:etc_t:s0");
  set_xattr("/etc/systemd/system", "security.selinux", "system_u:object_r:systemd_unit_file_t:s0");
  SECTION("by restorecon") {
    write_file("/usr/local/sbin/restorecon",
               "#!/usr/bin/python3\nimport os, sys\npath = sys.argv[1]\n"
               "os.setxattr(path, 'security.selinux', b'policy:' + path.encode(), "
               "follow_symlinks=False)\n");
    output_of("chmod 755 /usr/local/sbin/restorecon");
    const auto ran = run("PATH=/usr/local/sbin:$PATH " + program + " setup --yes");
    INFO(ran.output);
    CHECK(ran.status == 0);
    for (const char* path : {"/etc/dnscachectl", "/etc/dnscachectl/config.yaml",
                             "/etc/systemd/system/dnscachectl.service"}) {
      CHECK(xattr(path, "security.selinux") == "policy:" + std::string(path));
    }
  }
  SECTION("without it, their folder's") {
    set_up();
    CHECK(xattr("/etc/dnscachectl/config.yaml", "security.selinux") ==
          "system_u:object_r:etc_t:s0");
    CHECK(xattr("/etc/systemd/system/dnscachectl.socket", "security.selinux") ==
          "system_u:object_r:systemd_unit_file_t:s0");
  }
  take_back();
  for (const char* path : {"/etc", "/etc/systemd/system"}) {
    ::lremovexattr(path, "security.selinux");
  }
}

// Last, because the machine has no systemd-resolved afterwards.
TEST_CASE("owner, mode and extended attributes of resolv.conf come back", "[remove]") {
  install();
  output_of("bash " LAB_DIR "/lab-manager static");
  const char* path = "/etc/resolv.conf";
  output_of(
      "chown 1:2 /etc/resolv.conf; chmod 0604 /etc/resolv.conf; touch -d @1234567890 "
      "/etc/resolv.conf");
  const std::string label = "system_u:object_r:net_conf_t:s0";
  set_xattr(path, "security.selinux", label);
  set_xattr(path, "trusted.lab", "kept");
  const auto before = etc_state();
  set_up();
  CHECK(xattr(path, "security.selinux") == label);
  CHECK(look_up("dns", new_name()) == "192.0.2.10");
  take_back();
  check_same(etc_state(), before);
  CHECK(xattr(path, "security.selinux") == label);
  CHECK(xattr(path, "trusted.lab") == "kept");
  CHECK(output_of("stat -c %Y /etc/resolv.conf") == "1234567890\n");

  // Without the journal, what stands beside the cache's line is what was there.
  set_up();
  run("rm -r /var/lib/dnscachectl");
  take_back();
  CHECK(read_file(path) == "search ec2.internal\nnameserver 10.0.0.2\n");
  CHECK(xattr(path, "security.selinux") == label);
}
