// The units as setup installs them, with a stand-in for the engine.
#include <catch2/catch.hpp>
#include <regex>

#include "dbus/systemd.hpp"
#include "support.hpp"
#include "templates/templates.hpp"

using namespace dnscache;
using namespace dnscache::dbus;
using namespace dnscache::test;
using Catch::Contains;

namespace {

const std::string service = "dnscachectl.service";
const std::string socket_unit = "dnscachectl.socket";
const std::string engine = "/usr/bin/stand-in-engine";

std::string service_text() {
  return std::regex_replace(std::string(templates::dnscachectl_service),
                            std::regex("@DNSCACHECTL@"), engine);
}

/// Installs the units, once per lab, as setup would.
void install(Systemd& systemd) {
  if (value_of(systemd.unit(service)).exists()) return;
  std::filesystem::copy_file(STAND_IN_ENGINE_PATH, engine);
  std::filesystem::create_directories("/run/stand-in");
  write_file("/etc/systemd/system/" + service, service_text());
  write_file("/etc/systemd/system/" + socket_unit, std::string(templates::dnscachectl_socket));
  must(systemd.daemon_reload());
  CHECK(value_of(systemd.enable({service, socket_unit})));
}

/// "pid/reloads" of the engine that answers a lookup, within three tries of five seconds.
std::string ask(const std::string& server_and_options = "@127.0.0.1") {
  return output_of("dig +short +tries=3 +time=5 " + server_and_options +
                   " test. TXT | tr -d '\"\\n'");
}

/// Whether the next lookup is answered by the process that systemd takes for the engine.
bool answers(Systemd& systemd, const std::string& server_and_options = "@127.0.0.1") {
  const auto answer = ask(server_and_options);
  const auto pid = value_of(systemd.unit(service)).main_pid;
  return pid > 0 && answer == std::to_string(pid) + "/0";
}

UnitState state(Systemd& systemd) { return value_of(systemd.unit(service)); }

}  // namespace

TEST_CASE("the units are sound, and the service is exposed at most 1.0", "[units]") {
  auto bus = value_of(Bus::connect());
  Systemd systemd(bus);
  install(systemd);
  const std::string files =
      "/etc/systemd/system/dnscachectl.service "
      "/etc/systemd/system/dnscachectl.socket";
  CHECK(output_of("systemd-analyze verify --man=no " + files + " 2>&1") == "");
  CHECK_THAT(output_of("systemd-analyze security --no-pager --threshold=10 dnscachectl.service"),
             Contains("Overall exposure level for dnscachectl.service: "));
  std::printf(
      "%s\n",
      output_of("systemd-analyze security --no-pager dnscachectl.service | tail -1").c_str());
}

TEST_CASE("the socket starts the engine with the first lookup, and keeps the ports", "[units]") {
  auto bus = value_of(Bus::connect());
  Systemd systemd(bus);
  install(systemd);
  must(systemd.start(socket_unit));
  CHECK(value_of(systemd.unit(socket_unit)).sub_state == "listening");
  for (const char* options : {"@127.0.0.1", "@127.0.0.1 +tcp", "@::1", "@::1 +tcp"}) {
    CAPTURE(options);
    CHECK(answers(systemd, options));
  }
  // A dynamic user, systemd.exec(5).
  const auto uid = std::stoi(output_of("ps -o uid= -p " + std::to_string(state(systemd).main_pid)));
  CHECK((uid >= 61184 && uid <= 65519));

  must(systemd.restart(service));
  CHECK(answers(systemd));
  CHECK(value_of(systemd.unit(socket_unit)).is_active());

  // A service that someone stopped comes back with the next lookup.
  must(systemd.stop(service));
  CHECK(answers(systemd));
}

TEST_CASE("a reload reaches the engine without a restart", "[units]") {
  auto bus = value_of(Bus::connect());
  Systemd systemd(bus);
  install(systemd);
  must(systemd.restart(socket_unit));
  must(systemd.start(service));
  const auto pid = state(systemd).main_pid;
  must(systemd.reload(service));
  CHECK(eventually([&] { return ask() == std::to_string(pid) + "/1"; }));
}

TEST_CASE("an engine that is killed again and again answers the next lookup", "[units]") {
  auto bus = value_of(Bus::connect());
  Systemd systemd(bus);
  install(systemd);
  must(systemd.start(service));
  // Far beyond systemd's own start limit of five in ten seconds.
  for (int i = 0; i < 20; ++i) {
    const auto pid = state(systemd).main_pid;
    output_of("kill -KILL " + std::to_string(pid));
    CAPTURE(i);
    CHECK(answers(systemd));
    CHECK(state(systemd).main_pid != pid);
  }
  CHECK(state(systemd).restarts >= 20);
}

TEST_CASE("an engine that hangs is ended by the watchdog and comes back", "[units]") {
  auto bus = value_of(Bus::connect());
  Systemd systemd(bus);
  install(systemd);
  write_file("/etc/systemd/system/dnscachectl.service.d/quick.conf",
             "[Service]\nWatchdogSec=500ms\n");
  must(systemd.daemon_reload());
  must(systemd.restart(service));
  const auto pid = state(systemd).main_pid;
  write_file("/run/stand-in/hang", "");
  CHECK(eventually([&] { return state(systemd).main_pid != pid; }));
  std::filesystem::remove("/run/stand-in/hang");
  CHECK(eventually([&] { return state(systemd).sub_state == "running"; }));
  CHECK(answers(systemd));
  std::filesystem::remove_all("/etc/systemd/system/dnscachectl.service.d");
  must(systemd.daemon_reload());
}

TEST_CASE("the socket works on a machine without ::1", "[units]") {
  auto bus = value_of(Bus::connect());
  Systemd systemd(bus);
  install(systemd);
  must(systemd.stop(socket_unit));
  write_file("/proc/sys/net/ipv6/conf/lo/disable_ipv6", "1\n");
  must(systemd.start(socket_unit));
  CHECK(answers(systemd));
  write_file("/proc/sys/net/ipv6/conf/lo/disable_ipv6", "0\n");
}

TEST_CASE("a binary that is gone for a while is found again", "[units]") {
  auto bus = value_of(Bus::connect());
  Systemd systemd(bus);
  install(systemd);
  must(systemd.start(service));
  std::filesystem::rename(engine, engine + ".away");
  output_of("kill -KILL " + std::to_string(state(systemd).main_pid));
  CHECK(eventually([&] { return state(systemd).restarts > 10; }));
  std::filesystem::rename(engine + ".away", engine);
  CHECK(answers(systemd));
}

// Such as cloud-init's: they must not wait for the engine while the engine waits for them.
TEST_CASE("a lookup of those who come before sysinit.target is answered", "[boot]") {
  {
    auto bus = value_of(Bus::connect());
    Systemd systemd(bus);
    install(systemd);
  }
  write_file("/etc/systemd/system/early.service",
             "[Unit]\nDefaultDependencies=no\nAfter=dnscachectl.socket local-fs.target\n"
             "Before=sysinit.target\n[Service]\nType=oneshot\n"
             "ExecStart=dig +short +tries=1 +time=20 @127.0.0.1 test. TXT\n"
             "StandardOutput=file:/run/early\n[Install]\nWantedBy=sysinit.target\n");
  // Everything ends and starts again, as far as it can without a new machine.
  write_file("/etc/systemd/system/nothing.target",
             "[Unit]\nDefaultDependencies=no\nAllowIsolate=yes\n");
  output_of("systemctl daemon-reload && systemctl --quiet enable early.service");
  output_of("systemctl isolate nothing.target");
  CHECK(eventually(
      [] { return output_of("systemctl is-active sysinit.target || :") == "inactive\n"; }));
  output_of("systemctl isolate multi-user.target");
  CHECK(output_of("systemctl is-system-running --wait || :") == "running\n");
  CHECK(read_file("/run/early") ==
        '"' + output_of("systemctl show --value -p MainPID dnscachectl.service | tr -d '\\n'") +
            "/0\"\n");
}
