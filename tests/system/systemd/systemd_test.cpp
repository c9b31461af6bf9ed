// Units through their lives, on the real service manager.
#include "dbus/systemd.hpp"

#include <catch2/catch.hpp>

#include "support.hpp"

using namespace dnscache;
using namespace dnscache::dbus;
using namespace dnscache::test;
using Catch::Contains;

namespace {

const std::filesystem::path units = "/etc/systemd/system";

void install_unit(Systemd& systemd, const std::string& name, const std::string& text) {
  write_file(units / name, text);
  must(systemd.daemon_reload());
}

}  // namespace

TEST_CASE("a unit is started, restarted and stopped, and says so", "[systemd]") {
  auto bus = value_of(Bus::connect());
  Systemd systemd(bus);
  install_unit(systemd, "life.service", "[Service]\nExecStart=/bin/sleep infinity\n");

  auto before = value_of(systemd.unit("life.service"));
  CHECK(before.exists());
  CHECK(before.load_state == "loaded");
  CHECK(before.active_state == "inactive");
  CHECK(before.file == units / "life.service");
  CHECK_FALSE(before.active_since);
  CHECK(before.main_pid == 0);

  auto asked_at = std::chrono::system_clock::now();
  must(systemd.start("life.service"));
  auto started = value_of(systemd.unit("life.service"));
  CHECK(started.is_active());
  CHECK(started.sub_state == "running");
  CHECK(started.result == "success");
  CHECK(started.main_pid > 1);
  CHECK(started.restarts == 0);
  REQUIRE(started.active_since);
  CHECK(*started.active_since >= asked_at);

  must(systemd.restart("life.service"));
  auto restarted = value_of(systemd.unit("life.service"));
  CHECK(restarted.is_active());
  CHECK(restarted.main_pid != started.main_pid);

  must(systemd.stop("life.service"));
  CHECK_FALSE(value_of(systemd.unit("life.service")).is_active());
}

TEST_CASE("a reload runs ExecReload, and a unit without one refuses", "[systemd]") {
  auto bus = value_of(Bus::connect());
  Systemd systemd(bus);
  install_unit(systemd, "reload.service",
               "[Service]\nExecStart=/bin/sleep infinity\nExecReload=/bin/touch /run/reloaded\n");
  must(systemd.start("reload.service"));
  CHECK(value_of(systemd.unit("reload.service")).can_reload);
  must(systemd.reload("reload.service"));
  CHECK(std::filesystem::exists("/run/reloaded"));

  CHECK_FALSE(value_of(systemd.unit("systemd-resolved.service")).can_reload);
  CHECK_FALSE(systemd.reload("systemd-resolved.service"));
}

TEST_CASE("a crashed service that comes back counts its restarts", "[systemd]") {
  auto bus = value_of(Bus::connect());
  Systemd systemd(bus);
  install_unit(systemd, "crash.service",
               "[Service]\nExecStart=/bin/sleep infinity\nRestart=always\nRestartSec=10ms\n");
  must(systemd.start("crash.service"));
  auto first = value_of(systemd.unit("crash.service"));
  output_of("kill -KILL " + std::to_string(first.main_pid));
  CHECK(eventually([&] {
    auto now = value_of(systemd.unit("crash.service"));
    return now.restarts == 1 && now.is_active() && now.main_pid != first.main_pid;
  }));
}

TEST_CASE("a unit that fails to start says why and where to look", "[systemd]") {
  auto bus = value_of(Bus::connect());
  Systemd systemd(bus);
  install_unit(systemd, "fail.service", "[Service]\nType=notify\nExecStart=/bin/false\n");
  auto started = systemd.start("fail.service");
  REQUIRE_FALSE(started);
  CHECK(started.error().message ==
        "cannot start fail.service: the job ended with: failed (exit-code); see `journalctl -u "
        "fail.service`");
  auto state = value_of(systemd.unit("fail.service"));
  CHECK(state.active_state == "failed");
  CHECK(state.result == "exit-code");

  must(systemd.reset_failed("fail.service"));
  CHECK(value_of(systemd.unit("fail.service")).active_state == "inactive");
  must(systemd.reset_failed("not-even-loaded.service"));
}

TEST_CASE("a unit that is never ready ends with systemd's own time-out or ours", "[systemd]") {
  auto bus = value_of(Bus::connect());
  Systemd patient(bus);
  install_unit(patient, "slow.service",
               "[Service]\nType=notify\nExecStart=/bin/sleep infinity\nTimeoutStartSec=500ms\n");
  auto timed_out = patient.start("slow.service");
  REQUIRE_FALSE(timed_out);
  CHECK_THAT(timed_out.error().message, Contains("(timeout)"));

  install_unit(patient, "slow.service", "[Service]\nType=notify\nExecStart=/bin/sleep infinity\n");
  auto abandoned = Systemd(bus, 200ms).start("slow.service");
  REQUIRE_FALSE(abandoned);
  CHECK_THAT(abandoned.error().message, Contains("not done after 0.2 s"));
  must(patient.stop("slow.service"));
}

TEST_CASE("a start limit that is hit is seen, although systemd accepts the job", "[systemd]") {
  auto bus = value_of(Bus::connect());
  Systemd systemd(bus);
  install_unit(systemd, "limit.service",
               "[Unit]\nStartLimitIntervalSec=60\nStartLimitBurst=2\n"
               "[Service]\nExecStart=/bin/sleep infinity\n");
  must(systemd.restart("limit.service"));
  must(systemd.restart("limit.service"));
  auto third = systemd.restart("limit.service");
  REQUIRE_FALSE(third);
  CHECK_THAT(third.error().message,
             Contains("start-limit-hit") && Contains("systemctl reset-failed limit.service"));
  must(systemd.reset_failed("limit.service"));
  must(systemd.restart("limit.service"));
}

TEST_CASE("enabling, disabling and masking change the unit's file state once", "[systemd]") {
  auto bus = value_of(Bus::connect());
  Systemd systemd(bus);
  install_unit(systemd, "boot.service",
               "[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n");
  auto file_state = [&] { return value_of(systemd.unit("boot.service")).unit_file_state; };

  CHECK(file_state() == "disabled");
  CHECK(value_of(systemd.enable({"boot.service"})));
  CHECK(file_state() == "enabled");
  CHECK_FALSE(value_of(systemd.enable({"boot.service"})));
  CHECK(value_of(systemd.disable({"boot.service"})));
  CHECK(file_state() == "disabled");

  write_file("/usr/lib/systemd/system/masked.service", "[Service]\nExecStart=/bin/true\n");
  CHECK(value_of(systemd.mask({"masked.service"})));
  CHECK(value_of(systemd.unit("masked.service")).is_masked());
  auto started = systemd.start("masked.service");
  REQUIRE_FALSE(started);
  CHECK(started.error().message == "cannot start masked.service: Unit masked.service is masked");
  CHECK(value_of(systemd.unmask({"masked.service"})));
  must(systemd.start("masked.service"));
}

TEST_CASE("a unit that does not exist is a state, and starting it an error", "[systemd]") {
  auto bus = value_of(Bus::connect());
  Systemd systemd(bus);
  CHECK_FALSE(value_of(systemd.unit("nothing.service")).exists());
  auto started = systemd.start("nothing.service");
  REQUIRE_FALSE(started);
  CHECK(started.error().message == "cannot start nothing.service: Unit nothing.service not found");
}

TEST_CASE("drop-ins and files that changed since are seen", "[systemd]") {
  auto bus = value_of(Bus::connect());
  Systemd systemd(bus);
  const auto drop_in = units / "changed.service.d/nice.conf";
  write_file(drop_in, "[Service]\nNice=5\n");
  install_unit(systemd, "changed.service", "[Service]\nExecStart=/bin/sleep infinity\n");
  must(systemd.start("changed.service"));
  auto state = value_of(systemd.unit("changed.service"));
  CHECK(state.drop_ins == std::vector{drop_in});
  CHECK_FALSE(state.needs_daemon_reload);

  write_file(drop_in, "[Service]\nNice=6\n");
  CHECK(value_of(systemd.unit("changed.service")).needs_daemon_reload);
  must(systemd.daemon_reload());
  CHECK_FALSE(value_of(systemd.unit("changed.service")).needs_daemon_reload);
}

TEST_CASE("sockets have a state as well", "[systemd]") {
  auto bus = value_of(Bus::connect());
  Systemd systemd(bus);
  install_unit(systemd, "ear.socket",
               "[Socket]\nListenDatagram=127.0.0.1:5399\nService=ear.service\n");
  install_unit(systemd, "ear.service", "[Service]\nExecStart=/bin/sleep infinity\n");
  must(systemd.start("ear.socket"));
  auto ear = value_of(systemd.unit("ear.socket"));
  CHECK(ear.is_active());
  CHECK(ear.sub_state == "listening");
  CHECK(ear.result == "success");
}

TEST_CASE("the version is systemd's own", "[systemd]") {
  auto bus = value_of(Bus::connect());
  auto version = value_of(Systemd(bus).version());
  CHECK_THAT(output_of("systemctl --version"), Contains("(" + version + ")"));
}
