// The bus where it fails its callers: absent, silent, or refusing.
#include "dbus/bus.hpp"

#include <signal.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>

#include "dbus/resolved.hpp"
#include "dbus/systemd.hpp"
#include "support.hpp"

using namespace dnscache;
using namespace dnscache::dbus;
using namespace dnscache::test;
using Catch::Contains;

namespace {

/// Runs `function` as the user nobody in a child process and returns what it returned.
template <class Function>
std::string as_nobody(Function function) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    if (::setresgid(65534, 65534, 65534) != 0 || ::setresuid(65534, 65534, 65534) != 0) _exit(1);
    std::string text = function();
    auto written = ::write(ends[1], text.data(), text.size());
    _exit(written == static_cast<ssize_t>(text.size()) ? 0 : 1);
  }
  ::close(ends[1]);
  std::string text(4096, '\0');
  auto count = ::read(ends[0], text.data(), text.size());
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  CHECK(status == 0);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
  return text;
}

/// A process that is stopped for as long as this lives.
class Stopped {
 public:
  explicit Stopped(pid_t pid) : pid_(pid) { ::kill(pid_, SIGSTOP); }
  ~Stopped() { ::kill(pid_, SIGCONT); }

 private:
  pid_t pid_;
};

}  // namespace

TEST_CASE("a machine without a bus is one clear line", "[bus]") {
  ::setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/run/no-bus-here", 1);
  auto bus = Bus::connect();
  ::unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
  REQUIRE_FALSE(bus);
  CHECK(bus.error().message ==
        "cannot reach the system bus: No such file or directory; is dbus running?");
  CHECK(bus.error().code == ExitCode::failure);
}

TEST_CASE("who may not change a unit is told to be root", "[bus]") {
  auto message = as_nobody([] {
    auto bus = Bus::connect();
    if (!bus) return bus.error().message;
    auto restarted = Systemd(*bus).restart("systemd-resolved.service");
    if (restarted) return std::string("restarted");
    return std::to_string(static_cast<int>(restarted.error().code)) + " " +
           restarted.error().message;
  });
  CHECK(message ==
        "4 cannot restart systemd-resolved.service: Interactive authentication required; run this "
        "as root");
}

TEST_CASE("who may not change anything may read", "[bus]") {
  auto message = as_nobody([] {
    auto bus = Bus::connect();
    if (!bus) return bus.error().message;
    auto unit = Systemd(*bus).unit("systemd-resolved.service");
    auto state = Resolved(*bus).state();
    if (!unit) return unit.error().message;
    return state ? unit->active_state : state.error().message;
  });
  CHECK(message == "active");
}

TEST_CASE("a service that hangs costs the time limit and is named", "[bus]") {
  auto bus = value_of(Bus::connect(300ms));
  auto resolved_pid = value_of(Systemd(bus).unit("systemd-resolved.service")).main_pid;
  REQUIRE(resolved_pid > 1);
  {
    Stopped stopped(resolved_pid);
    auto state = Resolved(bus).state();
    REQUIRE_FALSE(state);
    CHECK(state.error().message ==
          "cannot read systemd-resolved's settings: systemd-resolved did not answer within 0.3 s; "
          "see `systemctl status systemd-resolved`");
    auto lookup = Resolved(bus).resolve("www.example.com", AF_INET, 200ms);
    REQUIRE_FALSE(lookup);
    CHECK_THAT(lookup.error().message, Contains("did not answer within 0.2 s"));
  }
  CHECK(Resolved(bus).state());
}

TEST_CASE("one connection serves many calls, also after errors", "[bus]") {
  auto bus = value_of(Bus::connect());
  Systemd systemd(bus);
  for (int i = 0; i < 20; ++i) {
    CHECK_FALSE(systemd.start("no-such-unit-here.service"));
    CHECK(systemd.unit("systemd-resolved.service"));
  }
}
