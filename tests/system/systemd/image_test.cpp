// Images of machines: what is written before a machine runs is the same on each, and the first boot
// does the rest.
#include "program.hpp"

using namespace dnscache;
using namespace dnscache::test;
using Catch::Contains;

namespace {

constexpr const char* image = "/mnt/image";

/// A machine that was never booted: this one's files, with a copy of whatever is changed.
void make_image() {
  output_of(
      "mount -t tmpfs tmpfs /mnt && mkdir /mnt/image /mnt/upper /mnt/work && mount -t overlay -o "
      "lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/image && "
      "mount --bind /proc /mnt/image/proc && mount -t tmpfs tmpfs /mnt/image/run");
}

void remove_image() { output_of("umount --recursive /mnt"); }

Ran in_image(const std::string& arguments) {
  return run("chroot " + std::string(image) + " " + program + " " + arguments);
}

std::string files() {
  return output_of(
      "cd /mnt/image && find etc var/lib/dnscachectl \\( -type f -o -type l \\) ! -name .pwd.lock "
      "-printf '%p %y %m %u %g %l\\n' 2>/dev/null | sort; cd /mnt/image && find etc -type f "
      "-print0 "
      "| sort -z | xargs -0 sha256sum");
}

std::string written() {
  return output_of("cd /mnt/upper/etc && grep -rh . dnscachectl systemd/system/dnscachectl*");
}

bool is_active(const std::string& unit) {
  return run("systemctl is-active -q " + unit).status == 0;
}

/// This machine is the image's first: it gets its files, and systemd finds its units.
void boot_image() {
  output_of(
      "cp -a /mnt/upper/etc/. /etc/ && mkdir -p /var/lib && cp -a /mnt/upper/var/lib/dnscachectl "
      "/var/lib/ && systemctl daemon-reload");
}

}  // namespace

TEST_CASE("a chroot is prepared for its first boot, and back", "[image]") {
  install();
  make_image();
  const auto before = files();
  CHECK_THAT(in_image("setup --dry-run").output, Contains("this is the image of a machine"));
  check_same(files(), before);
  const auto prepared = in_image("setup --yes");
  INFO(prepared.output);
  REQUIRE(prepared.status == 0);
  CHECK_THAT(prepared.output, Contains("The first boot of this image"));
  CHECK_THAT(written(), !Contains("10.0.0.") && !Contains("ens5") && !Contains("lab"));
  CHECK_FALSE(is_active("dnscachectl.socket"));
  CHECK(in_image("setup --yes --detailed-exitcode").status == 0);
  CHECK_THAT(in_image("setup --yes --image --mode resolved").output, Contains("leave out --mode"));

  CHECK_THAT(in_image("remove --dry-run").output, Contains("disable dnscachectl.socket"));
  const auto removed = in_image("remove --yes");
  INFO(removed.output);
  CHECK(removed.status == 0);
  CHECK_THAT(removed.output, !Contains("stopped"));
  check_same(files(), before);

  // The same from outside, and without a journal.
  const auto root = "--root " + std::string(image) + " ";
  CHECK(dnscachectl(root + "setup --yes --image").status == 0);
  CHECK_THAT(written(), !Contains("10.0.0.") && !Contains(image));
  run("rm -r /mnt/image/var/lib/dnscachectl");
  CHECK(dnscachectl(root + "remove --yes").status == 0);
  check_same(files(), before);
  run("rm /mnt/image/sbin/init");
  CHECK_THAT(dnscachectl(root + "setup --yes --image").output, Contains("not systemd"));
  remove_image();
}

TEST_CASE("the first boot finishes what was prepared", "[image]") {
  install();
  output_of("systemctl mask -q --runtime systemd-networkd-wait-online");  // it waits two minutes
  for (const char* target : {"stub-resolv.conf", "resolv.conf"}) {
    CAPTURE(target);
    output_of("ln -sfn ../run/systemd/resolve/" + std::string(target) + " /etc/resolv.conf");
    make_image();
    REQUIRE(in_image("setup --yes").status == 0);
    boot_image();
    remove_image();
    // While no server is known there is an engine, and lookups are what they were.
    output_of("systemctl stop vpc.service; networkctl down ens5; sleep 0.5");
    output_of("systemctl start dnscachectl.socket dnscachectl.service");
    CHECK(run("systemctl start dnscachectl-setup.service").status != 0);
    CHECK_FALSE(is_active("dnscachectl-source.service"));
    CHECK(run("dig +short @127.0.0.1 localhost").output == "127.0.0.1\n");
    CHECK(run("systemctl is-enabled dnscachectl-setup").output == "enabled\n");
    output_of("systemctl start vpc.service; networkctl up ens5");
    REQUIRE(eventually([] { return look_up("dns", new_name()) == "192.0.2.10"; }));

    output_of("systemctl restart dnscachectl-setup.service");
    CHECK(run("systemctl is-enabled dnscachectl-setup").output == "disabled\n");
    for (const char* service : {"dns", "resolve"}) {
      const auto name = new_name();
      CHECK(look_up(service, name) == "192.0.2.10");
      CHECK(run(program + " cache get " + name).status == 0);
    }
    CHECK_THAT(dnscachectl("setup --yes").output, Contains("unchanged:"));
    take_back();
    CHECK_FALSE(is_active("dnscachectl.socket"));
    CHECK(run("find /etc -name '*dnscachectl*'").output == "");
    CHECK(look_up("dns", new_name()) == "192.0.2.10");
  }
}

TEST_CASE("an image made of a running machine is finished on the next one", "[image]") {
  install();
  const auto prepared = dnscachectl("setup --yes --image");
  INFO(prepared.output);
  REQUIRE(prepared.status == 0);
  CHECK_FALSE(is_active("dnscachectl.socket"));
  CHECK(look_up("dns", new_name()) == "192.0.2.10");
  output_of(
      "systemctl daemon-reload; systemctl start dnscachectl.socket dnscachectl.service "
      "dnscachectl-setup.service");
  CHECK(run("systemctl is-enabled dnscachectl-setup").output == "disabled\n");
  CHECK(is_active("dnscachectl-source.service"));
  take_back();
}
