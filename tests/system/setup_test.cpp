// `setup`, `status`, `bench` and `remove` with the real glibc and a real /etc/resolv.conf, in a
// network and mount namespace of their own.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <thread>

#include "tests/system/fixture.hpp"

namespace dnscache::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* original =
    "# by hand\nsearch example.org\nnameserver 10.9.0.1\nnameserver 10.9.0.2\noptions ndots:1\n";

/// What a program printed and how it ended.
struct Run {
  std::optional<int> status;
  std::string output;
  std::string errors;
};

Run run(std::vector<std::string> words) {
  words.insert(words.begin(), DNSCACHECTL_PATH);
  Process process(std::move(words));
  const auto status = process.wait(milliseconds(60000));
  return {status, process.output(), process.errors()};
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

void mount_empty(const char* path) {
  if (::mount("none", path, "tmpfs", 0, "mode=755") != 0) {
    throw std::system_error(errno, std::generic_category(), path);
  }
}

/// A resolv.conf with two servers, the first a black hole, in fresh /etc, /var and /run.
class Machine {
 public:
  Machine() : dead_({.listen = {{"10.9.0.1", 53}}}), alive_({.listen = {{"10.9.0.2", 53}}}) {
    dead_.set("drop");
    for (const auto* path : {"/etc", "/var", "/run"}) mount_empty(path);
    fs::create_directories("/var/log");
    fs::create_directories("/var/lib");
    std::ofstream("/etc/nsswitch.conf") << "hosts: dns\n";
    std::ofstream("/etc/resolv.conf") << original;
    ::chmod("/etc/resolv.conf", 0640);
    const timespec times[2] = {{1000000000, 5}, {1234567890, 987654321}};
    ::utimensat(AT_FDCWD, "/etc/resolv.conf", times, 0);
    before_ = identity();
  }
  ~Machine() {
    // Whatever a failed check left running must not outlive its namespace.
    if (fs::exists("/var/lib/dnscachectl/journal")) (void)run({"remove", "--yes", "--force"});
  }

  TestUpstream& alive() { return alive_; }

  /// Everything of resolv.conf that must come back.
  static std::string identity() {
    struct stat status {};
    ::lstat("/etc/resolv.conf", &status);
    return read_text("/etc/resolv.conf") + std::to_string(status.st_mode) + ' ' +
           std::to_string(status.st_uid) + ' ' + std::to_string(status.st_mtim.tv_sec) + '.' +
           std::to_string(status.st_mtim.tv_nsec);
  }
  void check_untouched() const {
    CHECK(identity() == before_);
    CHECK_FALSE(fs::exists("/etc/dnscachectl"));
    CHECK_FALSE(fs::exists("/var/lib/dnscachectl"));
    CHECK(run({"status"}).status == 3);
  }

 private:
  TestUpstream dead_;
  TestUpstream alive_;
  std::string before_;
};

template <class Function>
void on_machine(Function function) {
  if (!namespaces_permitted()) {
    WARN("SKIPPED: namespaces are not permitted here");
    return;
  }
  in_namespace({"10.9.0.1", "10.9.0.2"}, [&] {
    Machine machine;
    function(machine);
  });
}

bool resolves(const std::string& name) {
  Process lookup({"getent", "ahostsv4", name});
  return lookup.wait(milliseconds(30000)) == 0;
}

int engine_pid() {
  const auto status = nlohmann::json::parse(run({"status", "--json"}).output, nullptr, false);
  return status.is_object() && status.contains("engine") ? status["engine"]["pid"].get<int>() : 0;
}

TEST_CASE("setup can start with dnsmasq's configuration") {
  on_machine([](Machine& machine) {
    std::ofstream("/etc/dnsmasq.conf")
        << "interface=lo\nbind-interfaces\nno-resolv\nserver=10.9.0.2\n"
           "address=/int.example/10.10.10.10\nno-such-option\n";
    const auto refused = run({"setup", "--import", "/etc/dnsmasq.conf", "--upstream", "10.9.0.1"});
    CHECK(refused.status == 2);
    const auto setup = run({"setup", "--import", "/etc/dnsmasq.conf", "--yes"});
    INFO(setup.errors);
    REQUIRE(setup.status == 0);
    CHECK(contains(setup.errors, "dnsmasq.conf:6"));
    CHECK(contains(read_text("/etc/dnscachectl/config.yaml"), "# dnsmasq.conf:5: address="));
    const auto reply = ask({"127.0.0.1", 53}, query("a.int.example"));
    REQUIRE(reply);
    CHECK(reply->texts(type_a) == std::vector<std::string>{"10.10.10.10"});
    CHECK(is_true_answer(ask({"127.0.0.1", 53}, query("www.example")), "www.example"));
    CHECK(contains(run({"setup", "--import", "/etc/dnsmasq.conf", "--yes"}).output, "unchanged"));
    CHECK(run({"remove", "--yes"}).status == 0);
    machine.check_untouched();
  });
}

TEST_CASE("setup sends lookups through the cache, and remove takes it back exactly") {
  on_machine([](Machine& machine) {
    const auto dry = run({"setup", "--dry-run"});
    CHECK(dry.status == 0);
    CHECK(contains(dry.output, "+nameserver 127.0.0.1\n"));
    machine.check_untouched();

    const auto setup = run({"setup", "--yes"});
    INFO(setup.output << setup.errors);
    REQUIRE(setup.status == 0);
    const auto resolv_conf = read_text("/etc/resolv.conf");
    CHECK(contains(resolv_conf,
                   "# by hand\nsearch example.org\nnameserver 127.0.0.1\nnameserver 10.9.0.1\n"
                   "nameserver 10.9.0.2\noptions ndots:1\n"));

    for (int i = 0; i < 5; ++i) CHECK(resolves("five.example.net"));
    CHECK(machine.alive().count("five.example.net", type_a) <= 1);

    const auto status = run({"status"});
    INFO(status.output << status.errors);
    CHECK(status.status == 0);
    CHECK(status.output.starts_with("status   ok: "));
    CHECK(contains(status.output, "go to 127.0.0.1 (this cache)"));
    CHECK(contains(status.output, "10.9.0.2:53"));

    const auto again = run({"setup", "--yes"});
    CHECK(again.status == 0);
    CHECK(contains(again.output, "unchanged"));
    CHECK(read_text("/etc/resolv.conf") == resolv_conf);

    const auto remove = run({"remove", "--yes"});
    INFO(remove.output << remove.errors);
    CHECK(remove.status == 0);
    machine.check_untouched();
    CHECK(contains(run({"remove", "--yes"}).output, "unchanged"));
  });
}

TEST_CASE("bench compares through glibc and counts what reached an upstream") {
  on_machine([](Machine&) {
    REQUIRE(run({"setup", "--yes"}).status == 0);
    const auto bench = run({"bench", "www.example.net", "--json", "--count", "10", "--type", "A",
                            "--servers", "10.9.0.2"});
    INFO(bench.output << bench.errors);
    REQUIRE(bench.status == 0);
    const auto report = nlohmann::json::parse(bench.output);
    REQUIRE(report["phases"].size() == 3);
    CHECK(report["phases"][0]["phase"] == "before");
    CHECK(report["phases"][0]["lookups"] == 10);
    CHECK(report["flushed"] == true);
    CHECK(report["phases"][1]["passed_on"] == report["phases"][1]["lookups"]);
    CHECK(report["phases"][2]["passed_on"] == 0);
    CHECK(report["phases"][2]["failed"] == 0);
  });
}

TEST_CASE("a failed step rolls everything back") {
  on_machine([](Machine& machine) {
    fs::create_directories("/var/log/dnscachectl.log");
    const auto setup = run({"setup", "--yes"});
    INFO(setup.output << setup.errors);
    CHECK(setup.status == 6);
    CHECK(contains(setup.errors, "everything was undone"));
    machine.check_untouched();
  });
}

TEST_CASE("nothing is changed while no upstream answers") {
  on_machine([](Machine& machine) {
    machine.alive().set("drop");
    const auto setup = run({"setup", "--yes"});
    CHECK(setup.status == 1);
    CHECK(contains(setup.errors, "no upstream answers (10.9.0.1:53 and 10.9.0.2:53)"));
    machine.check_untouched();
  });
}

TEST_CASE("a taken port is named with its holder") {
  on_machine([](Machine& machine) {
    TestUpstream holder({.listen = {{"127.0.0.1", 53}}});
    const auto setup = run({"setup", "--yes"});
    CHECK(setup.status == 1);
    CHECK(contains(setup.errors, "127.0.0.1:53 is taken"));
    CHECK(contains(setup.errors, "process "));
    machine.check_untouched();
  });
}

TEST_CASE("a resolv.conf that is a mount is rewritten and restored in place") {
  on_machine([](Machine&) {
    std::ofstream("/run/mounted") << original;
    bind_mount("/run/mounted", "/etc/resolv.conf");
    const auto before = Machine::identity();
    const auto setup = run({"setup", "--yes"});
    INFO(setup.output << setup.errors);
    REQUIRE(setup.status == 0);
    CHECK(contains(read_text("/run/mounted"), "nameserver 127.0.0.1\n"));
    CHECK(resolves("www.example.net"));
    CHECK(run({"remove", "--yes"}).status == 0);
    CHECK(Machine::identity() == before);
    CHECK(read_text("/run/mounted") == original);
  });
}

TEST_CASE("a resolv.conf that is a link becomes a link again") {
  on_machine([](Machine&) {
    std::ofstream("/run/real.conf") << original;
    fs::remove("/etc/resolv.conf");
    fs::create_symlink("../run/real.conf", "/etc/resolv.conf");
    REQUIRE(run({"setup", "--yes"}).status == 0);
    CHECK_FALSE(fs::is_symlink("/etc/resolv.conf"));
    CHECK(read_text("/run/real.conf") == original);
    CHECK(run({"remove", "--yes"}).status == 0);
    REQUIRE(fs::is_symlink("/etc/resolv.conf"));
    CHECK(fs::read_symlink("/etc/resolv.conf") == "../run/real.conf");
  });
}

TEST_CASE("names still resolve when the engine is killed, and setup starts it again") {
  on_machine([](Machine&) {
    REQUIRE(run({"setup", "--yes"}).status == 0);
    const int pid = engine_pid();
    REQUIRE(pid > 0);
    ::kill(pid, SIGKILL);
    REQUIRE(eventually([] { return run({"status"}).status == 3; }));
    CHECK(resolves("after.example.net"));
    const auto again = run({"setup", "--yes"});
    INFO(again.output << again.errors);
    CHECK(again.status == 0);
    CHECK(engine_pid() != pid);
    CHECK(run({"remove", "--yes"}).status == 0);
    CHECK(read_text("/etc/resolv.conf") == original);
  });
}

TEST_CASE("setup killed at any moment is undone by remove") {
  on_machine([](Machine& machine) {
    for (int delay = 0; delay < 3000; delay += 250) {
      INFO("killed after " << delay << " ms");
      Process setup({DNSCACHECTL_PATH, "setup", "--yes"});
      std::this_thread::sleep_for(milliseconds(delay));
      ::kill(setup.pid(), SIGKILL);  // not its group: an engine that it started lives on
      (void)setup.wait();
      const auto remove = run({"remove", "--yes"});
      INFO(remove.output << remove.errors);
      CHECK(remove.status == 0);
      machine.check_untouched();
    }
  });
}

TEST_CASE("Ctrl-C during setup undoes it") {
  on_machine([](Machine& machine) {
    machine.alive().set("example.com", "drop");  // the probe takes its time
    Process setup({DNSCACHECTL_PATH, "setup", "--yes"});
    const bool has_begun =
        eventually([] { return fs::exists("/etc/dnscachectl/config.yaml"); }, milliseconds(20000));
    CHECK(has_begun);
    ::kill(setup.pid(), SIGINT);
    const auto status = setup.wait(milliseconds(30000));
    INFO(setup.output() << setup.errors());
    // The signal may come after the last step; then setup is complete.
    if (status == 0) {
      CHECK(run({"remove", "--yes"}).status == 0);
    } else {
      CHECK(status == 6);
      CHECK(contains(setup.errors(), "interrupted; everything was undone"));
    }
    machine.check_untouched();
  });
}

TEST_CASE("a resolv.conf that someone changed since is kept and named") {
  on_machine([](Machine&) {
    REQUIRE(run({"setup", "--yes"}).status == 0);
    std::ofstream("/etc/resolv.conf", std::ios::app) << "options edns0\n";
    const auto taken_out = run({"remove", "--yes"});
    CHECK(taken_out.status == 0);
    CHECK(contains(taken_out.errors, "the cache's line was taken out"));
    CHECK(read_text("/etc/resolv.conf") == std::string(original) + "options edns0\n");

    std::ofstream("/etc/resolv.conf") << original;
    REQUIRE(run({"setup", "--yes"}).status == 0);
    std::ofstream("/etc/resolv.conf") << "nameserver 127.0.0.1\n";
    const auto refused = run({"remove", "--yes"});
    CHECK(refused.status == 1);
    CHECK(contains(refused.errors, "--force"));
    CHECK(run({"status"}).status == 0);

    std::ofstream("/etc/resolv.conf") << "nameserver 10.9.0.2\n";
    const auto remove = run({"remove", "--yes"});
    CHECK(remove.status == 1);
    CHECK(contains(remove.errors, "/etc/resolv.conf was changed since setup and is kept"));
    CHECK(read_text("/etc/resolv.conf") == "nameserver 10.9.0.2\n");
    CHECK(read_text("/var/lib/dnscachectl/resolv.conf.original") == original);
    CHECK(run({"status"}).status == 3);
  });
}

TEST_CASE("status tells a bypassed cache, and that nothing runs") {
  on_machine([](Machine&) {
    CHECK(run({"status"}).status == 3);
    CHECK(run({"flush", "--all"}).status == 3);
    REQUIRE(run({"setup", "--yes"}).status == 0);
    std::ofstream("/etc/resolv.conf") << "nameserver 10.9.0.2\n";
    const auto status = run({"status"});
    CHECK(contains(status.output, "another program has written /etc/resolv.conf since setup"));
    CHECK(run({"remove", "--yes", "--force"}).status == 0);
  });
}

TEST_CASE("the cache is stopped, paused and restarted, and names resolve all the while") {
  on_machine([](Machine&) {
    CHECK(run({"restart"}).status == 3);
    REQUIRE(run({"setup", "--yes"}).status == 0);
    const auto before = engine_pid();
    CHECK(run({"restart"}).status == 0);
    CHECK(engine_pid() != before);
    CHECK(run({"status"}).status == 0);

    const auto stopped = run({"stop"});
    CHECK(stopped.status == 0);
    INFO(stopped.errors);
    CHECK(contains(stopped.errors, "lookups go to "));
    CHECK(contains(stopped.errors, "10.9.0.2"));
    CHECK(run({"status"}).status == 3);
    CHECK(resolves("stopped.example.net"));
    CHECK(run({"restart"}).status == 0);

    CHECK(run({"pause", "1h"}).status == 0);
    CHECK(contains(run({"status"}).output, "status   stopped: paused until "));
    CHECK(resolves("paused.example.net"));
    CHECK(run({"resume"}).status == 0);
    CHECK(run({"status"}).status == 0);
    CHECK(run({"pause", "2s"}).status == 0);
    CHECK(run({"status"}).status == 3);
    CHECK(eventually([] { return run({"status"}).status == 0; }));
    CHECK(run({"pause", "soon"}).status == 2);
    CHECK(contains(run({"logs"}).output, "serving on"));
    CHECK(run({"remove", "--yes"}).status == 0);
  });
}

TEST_CASE("wrong command lines end with 2 and one line") {
  for (const auto& words : std::vector<std::vector<std::string>>{{"stauts"},
                                                                 {"setup", "--nope"},
                                                                 {"flush"},
                                                                 {"flush", "a", "--all"},
                                                                 {"bench"},
                                                                 {"bench", "a..b"},
                                                                 {"bench", "-n", "0", "x"},
                                                                 {"completion", "tcsh"},
                                                                 {"serve", "--listen", "x"},
                                                                 {"setup", "--upstream", "x"}}) {
    const auto result = run(words);
    INFO(result.errors);
    CHECK(result.status == 2);
    CHECK(result.output.empty());
    CHECK(result.errors.starts_with("dnscachectl: "));
    CHECK(std::count(result.errors.begin(), result.errors.end(), '\n') == 1);
  }
  CHECK(run({"--version"}).output.starts_with("dnscachectl "));
  CHECK(run({"bench", "--help"}).output.starts_with("Measure"));
  CHECK(run({"help", "bench"}).output == run({"bench", "--help"}).output);
  CHECK(contains(run({"help", "cache", "list"}).output, "Usage: dnscachectl cache list "));
  CHECK(run({"version"}).output == run({"-V"}).output);
  CHECK(contains(run({"setup", "--mode", "lnik"}).errors, "did you mean 'link'?"));
  const auto overview = run({});
  CHECK(overview.status == 0);
  CHECK(contains(overview.output, "See how lookups fare"));
  CHECK(contains(overview.output, "\nstatus: "));
}

TEST_CASE("output that cannot be written is an error") {
  Process process({"sh", "-c", std::string(DNSCACHECTL_PATH) + " schema >/dev/full"});
  CHECK(process.wait() == 1);
  CHECK(contains(process.errors(), "cannot write the output: No space left on device"));
}

}  // namespace
}  // namespace dnscache::test
