// `dnscachectl run` as the first process of a container: user 65534 without a capability, a process
// namespace of its own and a resolv.conf that is mounted.
#include "cli/commands/run.hpp"

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "cli/settings/environment.hpp"
#include "tests/system/fixture.hpp"

namespace dnscache::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* original =
    "# from the container's maker\nsearch example.org\nnameserver 10.9.0.2\noptions ndots:1\n";
constexpr uid_t nobody = 65534;

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

/// Who owns the mounted file, and from which port on anybody may listen.
struct Circumstances {
  uid_t owner = nobody;
  int first_free_port = 0;
};

/// A container's file system and network, seen from inside.
class Container {
 public:
  explicit Container(const Circumstances& circumstances)
      : upstream_({.listen = {{"10.9.0.2", 53}}}) {
    for (const auto* path : {"/etc", "/run"}) {
      if (::mount("none", path, "tmpfs", 0, "mode=755") != 0) throw std::runtime_error(path);
    }
    std::ofstream("/etc/nsswitch.conf") << "hosts: dns\n";
    std::ofstream("/etc/resolv.conf") << "";
    const auto mounted = outside_.write("resolv.conf", original);
    bind_mount(mounted, "/etc/resolv.conf");
    if (::chown("/etc/resolv.conf", circumstances.owner, 0) != 0) throw std::runtime_error("chown");
    std::ofstream("/proc/sys/net/ipv4/ip_unprivileged_port_start")
        << circumstances.first_free_port << std::flush;
  }

  TestUpstream& upstream() { return upstream_; }

  /// A process that runs `script` in a shell below the wrapper.
  static std::vector<std::string> wrapped(const std::string& script,
                                          const std::vector<std::string>& options = {}) {
    std::vector<std::string> words = {
        "unshare", "--pid",           "--fork",         "--kill-child",   "--mount-proc",
        "setpriv", "--reuid=65534",   "--regid=65534",  "--clear-groups", "--bounding-set",
        "-all",    "--inh-caps=-all", "--no-new-privs", DNSCACHECTL_PATH, "run"};
    words.insert(words.end(), options.begin(), options.end());
    words.insert(words.end(), {"--", "/bin/sh", "-c", script});
    return words;
  }

  static void check_restored() { CHECK(read_text("/etc/resolv.conf") == original); }

 private:
  TempDir outside_;
  TestUpstream upstream_;
};

template <class Function>
void in_container(const Circumstances& circumstances, Function function) {
  if (!namespaces_permitted()) {
    WARN("SKIPPED: namespaces are not permitted here");
    return;
  }
  in_namespace({"10.9.0.2"}, [&] {
    Container container(circumstances);
    function(container);
  });
}

constexpr milliseconds long_enough{30000};

TEST_CASE("run puts the cache before a command's lookups and passes its exit status on") {
  in_container({}, [](Container& container) {
    Process process(Container::wrapped(
        "cat /etc/resolv.conf; for i in 1 2 3; do getent ahostsv4 www.example >/dev/null || exit 1;"
        " done; exit 3"));
    CHECK(process.wait(long_enough) == 3);
    INFO(process.errors());
    CHECK(contains(process.output(), "nameserver 127.0.0.1\n# from the container's maker\n"));
    CHECK(container.upstream().count("www.example", type_a) == 1);
    Container::check_restored();
  });
}

TEST_CASE("run takes upstreams and settings from the environment") {
  in_container({}, [](Container& container) {
    TestUpstream other({.listen = {{"127.0.0.9", 5353}}});
    Process process(Container::wrapped("getent ahostsv4 www.example >/dev/null"),
                    {{"DNSCACHE_UPSTREAMS", "127.0.0.9:5353"}, {"DNSCACHE_LOG_LEVEL", "error"}});
    CHECK(process.wait(long_enough) == 0);
    INFO(process.errors());
    CHECK(other.count("www.example", type_a) == 1);
    CHECK(container.upstream().count("www.example") == 0);
    Container::check_restored();
  });
}

// The wrapper is the only child of unshare(1).
pid_t wrapper_of(const Process& process) {
  pid_t pid = 0;
  const auto path = "/proc/" + std::to_string(process.pid()) + "/task/" +
                    std::to_string(process.pid()) + "/children";
  eventually([&] { return static_cast<bool>(std::ifstream(path) >> pid); });
  return pid;
}

TEST_CASE("run passes signals on, and waits for a command that ignores them") {
  in_container({}, [](Container&) {
    Process process(Container::wrapped(
        "trap '' TERM; trap 'echo hup' HUP; touch /run/began; i=0; while [ ! -e /run/end ] && [ $i "
        "-lt 600 ]; do i=$((i+1)); sleep 0.05; done; exit 5"));
    ::chmod("/run", 0777);
    REQUIRE(eventually([] { return fs::exists("/run/began"); }, long_enough));
    const auto wrapper = wrapper_of(process);
    REQUIRE(wrapper > 0);
    ::kill(wrapper, SIGTERM);
    ::kill(wrapper, SIGHUP);
    CHECK(eventually([&] { return contains(process.output(), "hup"); }, long_enough));
    CHECK(process.is_running());
    std::ofstream("/run/end") << "";
    CHECK(process.wait(long_enough) == 5);
    Container::check_restored();
  });
}

TEST_CASE("run ends as a shell would when its command is killed") {
  in_container({}, [](Container&) {
    Process killed(Container::wrapped("kill -KILL $$"));
    CHECK(killed.wait(long_enough) == 137);
    Process terminated(Container::wrapped("kill -TERM $$"));
    CHECK(terminated.wait(long_enough) == 143);
    Container::check_restored();
  });
}

TEST_CASE("run reaps the children that nobody waits for") {
  in_container({}, [](Container&) {
    Process process(Container::wrapped(
        "(sleep 0.1 & sleep 0.1 &) ; sleep 0.5; grep -l '^State:.Z' /proc/[0-9]*/status; "
        "(sleep 60 &) ; exit 3"));
    CHECK(process.wait(long_enough) == 3);
    CHECK(process.output().empty());
    Container::check_restored();
  });
}

TEST_CASE("run puts resolv.conf back at once when the engine dies") {
  in_container({}, [](Container& container) {
    Process process(Container::wrapped(
        "for dir in /proc/[0-9]*; do [ \"$(readlink $dir/exe)\" != '" DNSCACHECTL_PATH
        "' ] || [ $dir = /proc/1 ] || kill -KILL ${dir#/proc/}; done; "
        "i=0; while grep -q 127.0.0.1 /etc/resolv.conf && [ $i -lt "
        "200 ]; do i=$((i+1)); sleep 0.02; done; cat /etc/resolv.conf; getent ahostsv4 a.example "
        ">/dev/null || exit 1; exit 7"));
    CHECK(process.wait(long_enough) == 7);
    CHECK(process.output() == original);
    CHECK(contains(process.errors(), "the cache was ended by signal 9; /etc/resolv.conf is as it"));
    CHECK(container.upstream().count("a.example", type_a) == 1);
    Container::check_restored();
  });
}

TEST_CASE("run runs the command with DNS as it was when there can be no cache") {
  const auto check = [](const Circumstances& circumstances,
                        const std::map<std::string, std::string>& environment,
                        const std::string& reason) {
    in_container(circumstances, [&](Container& container) {
      Process process(Container::wrapped("getent ahostsv4 www.example >/dev/null && exit 3"),
                      environment);
      CHECK(process.wait(long_enough) == 3);
      CAPTURE(process.errors());
      CHECK(contains(process.errors(), reason));
      CHECK(contains(process.errors(), "the command runs with DNS as it was"));
      CHECK(container.upstream().count("www.example", type_a) == 1);
      Container::check_restored();
    });
  };
  check({.owner = 0}, {}, "cannot write /etc/resolv.conf: Permission denied");
  check({.first_free_port = 1024}, {}, "ip_unprivileged_port_start=0");
  check({}, {{"DNSCACHE_CACHE_SIZE", "64"}}, "DNSCACHE_CACHE_SIZE: \"64\"");
  check({}, {{"DNSCACHE_CONFIG", "/no/such/file"}}, "/no/such/file");
}

TEST_CASE("run finds the original in the resolv.conf that a killed run left") {
  in_container({}, [](Container&) {
    std::ofstream("/etc/resolv.conf", std::ios::in)
        << cli::with_cache_first(original, IpAddress::v4(127, 0, 0, 1));
    Process process(Container::wrapped("getent ahostsv4 www.example >/dev/null && exit 3"));
    CHECK(process.wait(long_enough) == 3);
    Container::check_restored();
  });
}

TEST_CASE("run tells that a command cannot be run") {
  in_container({}, [](Container&) {
    const std::string program = DNSCACHECTL_PATH;
    Process missing({program, "run", "--", "/no/such/program"});
    CHECK(missing.wait(long_enough) == 127);
    CHECK(contains(missing.errors(), "cannot run /no/such/program: No such file or directory"));
    Process directory({program, "run", "/etc"});
    CHECK(directory.wait(long_enough) == 126);
    Process nothing({program, "run"});
    CHECK(nothing.wait(long_enough) == 2);
    // What stands behind the command's name is the command's own, --help and our commands too.
    Process echo({program, "run", "echo", "--help", "status", "--", "-x"});
    CHECK(echo.wait(long_enough) == 0);
    CHECK(echo.output() == "--help status -- -x\n");
    Container::check_restored();
  });
}

}  // namespace
}  // namespace dnscache::test
