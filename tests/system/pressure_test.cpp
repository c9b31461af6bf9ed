// Floods, neighbours and pulses: what costs memory, and who is served while others ask too much.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <thread>

#include "tests/system/fixture.hpp"

using namespace dnscache::test;

namespace {

/// A sanitizer pads what is in use and keeps what is freed: memory is no longer the engine's.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool is_sanitized = true;
#elif defined(__has_feature)
constexpr bool is_sanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool is_sanitized = false;
#endif

/// Bytes of memory in use.
long resident_bytes(pid_t pid) {
  std::ifstream sizes("/proc/" + std::to_string(pid) + "/statm");
  long size = 0, resident = 0;
  sizes >> size >> resident;
  return resident * ::getpagesize();
}

/// Queries for ever new names in `zone`, so many a second.
void flood(const Address& server, const std::string& zone, int count, int per_second) {
  static std::atomic<int> number = 0;
  constexpr int in_step = 20;
  UdpClient client(server);
  for (int i = 0; i < count; ++i) {
    client.send(query('n' + std::to_string(++number) + '.' + zone));
    if (i % in_step == 0) sleep_for(milliseconds(1000 * in_step / per_second));
  }
}

void send_from(const char* source, const Address& server, const Query& query) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  REQUIRE(::setsockopt(fd, IPPROTO_IP, IP_TRANSPARENT, &on, sizeof on) == 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  REQUIRE(::inet_pton(AF_INET, source, &address.sin_addr) == 1);
  REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::inet_pton(AF_INET, server.host.c_str(), &address.sin_addr) == 1);
  address.sin_port = htons(server.port);
  const Bytes packet = encode(query);
  REQUIRE(::sendto(fd, packet.data(), packet.size(), 0, reinterpret_cast<sockaddr*>(&address),
                   sizeof address) == static_cast<ssize_t>(packet.size()));
  ::close(fd);
}

std::string content_of(const std::filesystem::path& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

/// A cgroup with a limit of memory, for one process (cgroups(7)).
class MemoryGroup {
 public:
  /// Nothing where the test may not make one.
  static std::unique_ptr<MemoryGroup> make(long limit_bytes) {
    const std::string name = "dnscachectl-test-" + std::to_string(::getpid());
    for (const auto& [base, limit] : {std::pair("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
                                      std::pair("/sys/fs/cgroup", "memory.max")}) {
      std::unique_ptr<MemoryGroup> group(new MemoryGroup(std::filesystem::path(base) / name));
      std::ofstream file(group->path_ / limit);
      if (file << limit_bytes << std::flush) return group;
    }
    return nullptr;
  }
  ~MemoryGroup() {
    eventually([&] { return ::rmdir(path_.c_str()) == 0 || errno == ENOENT; });
  }

  /// A script that runs the program in here.
  std::string program(const TempDir& folder) const {
    const auto script =
        folder.write("run", "#!/bin/sh\necho $$ >" + (path_ / "cgroup.procs").string() +
                                "\nexec '" + DNSCACHECTL_PATH + "' \"$@\"\n");
    std::filesystem::permissions(script, std::filesystem::perms::owner_all);
    return script.string();
  }
  bool has_killed() const {
    const auto events =
        content_of(path_ / "memory.events") + content_of(path_ / "memory.oom_control");
    return events.find("oom_kill 0") == std::string::npos;
  }

 private:
  explicit MemoryGroup(std::filesystem::path path) : path_(std::move(path)) {
    ::mkdir(path_.c_str(), 0755);
  }
  std::filesystem::path path_;
};

}  // namespace

TEST_CASE("a question that waits costs two kilobytes, and no more wait than memory allows") {
  Cache cache("memory: 64MiB\n");
  cache.upstream.set("*.silent.example.net", "drop");
  REQUIRE(cache.ask("warm.example"));
  flood(cache.engine.address(), "warm.example", 2000, 4000);  // grows what grows once
  REQUIRE(eventually([&] { return cache.status().at("in_flight") == 0; }));
  const long before = resident_bytes(cache.engine.process().pid());
  flood(cache.engine.address(), "silent.example.net", 8000, 4000);
  const auto status = cache.status();
  const long outstanding = status.at("in_flight").get<long>();
  const long after = resident_bytes(cache.engine.process().pid());
  INFO(outstanding << " questions took " << (after - before) << " bytes");
  CHECK(outstanding > 2000);
  CHECK(outstanding <= status.at("memory").at("in_flight_limit").get<long>());
  if (!is_sanitized) CHECK((after - before) / outstanding <= 2048);
  CHECK(status.at("memory").at("dropped").get<long>() > 0);
  // Others are answered meanwhile.
  for (int i = 0; i < 50; ++i) {
    const auto name = "other" + std::to_string(i) + ".example";
    CHECK(is_true_answer(cache.ask(name), name));
  }
  // What waited is over at the time limit, and few packets were spent on it.
  REQUIRE(eventually([&] { return cache.status().at("in_flight") == 0; }));
  CHECK(cache.upstream.count() < 4 * 10'000);
}

TEST_CASE("in the memory that a template gives, nothing is killed and cached names are answered") {
  // docker-compose and ecs-fargate; kubernetes.
  const long mebibytes = GENERATE(128, 160);
  const auto group = is_sanitized ? nullptr : MemoryGroup::make(mebibytes << 20);
  if (!group) {
    std::cout << "SKIPPED: needs a memory cgroup, and a build without sanitizer\n";
    return;
  }
  const TempDir folder;
  TestUpstream upstream;
  upstream.set("*.silent.example.net", "drop");
  upstream.set("text.example", "text=60000");
  auto options = with_config(upstreams_line({&upstream}));
  options.program = group->program(folder);
  Engine engine(options);
  REQUIRE(ask_tcp(engine.address(), query("text.example", type_txt)));
  REQUIRE(engine.ask("warm.example"));
  std::vector<std::unique_ptr<TcpClient>> unread;
  for (int i = 0; i < 60; ++i) {
    unread.push_back(std::make_unique<TcpClient>(engine.address()));
    for (std::uint16_t id = 1; id <= 50; ++id) {  // 3 MB of responses each
      Query text = query("text.example", type_txt);
      text.id = id;
      try {
        unread.back()->send(text);
      } catch (const std::system_error&) {
        break;  // closed: that is a way to defend oneself
      }
    }
  }
  int answered = 0;
  constexpr int rounds = 6;
  for (int i = 0; i < rounds; ++i) {
    flood(engine.address(), "silent.example.net", 2500, 2500);
    if (is_true_answer(engine.ask("warm.example"), "warm.example")) ++answered;
  }
  CHECK(answered == rounds);
  CHECK(engine.process().is_running());
  CHECK_FALSE(group->has_killed());
}

TEST_CASE("beside a slow zone and a silent one, other lookups are answered in time") {
  Cache cache("memory: 64MiB\n");
  cache.upstream.set("*.silent.example.net", "drop");
  cache.upstream.set("*.slow.example", "delay 1500");
  REQUIRE(cache.ask("warm.example"));
  constexpr int rate = is_sanitized ? 300 : 3000;  // what the engine can read
  const auto& engine = cache.engine;
  std::jthread silent([&] { flood(engine.address(), "silent.example.net", 3 * rate, rate); });
  std::jthread slow([&] { flood(engine.address(), "slow.example", 3 * rate, rate); });
  sleep_for(milliseconds(1000));
  int answered = 0;
  for (int i = 0; i < 100; ++i) {
    const auto name = "other" + std::to_string(i) + ".example";
    // Asked again as every client does: on a busy machine the kernel may drop a packet.
    if (is_true_answer(cache.ask(name), name) || is_true_answer(cache.ask(name), name)) ++answered;
    sleep_for(milliseconds(10));
  }
  CHECK(answered == 100);
}

TEST_CASE("a neighbour that reaches a loopback address is not this machine") {
  if (!namespaces_permitted()) {
    std::cout << "SKIPPED: needs root\n";
    return;
  }
  in_namespace({}, [] {
    Cache cache;
    REQUIRE(cache.ask("warm.example"));
    send_from("203.0.113.9", cache.engine.address(), query("warm.example"));
    CHECK(eventually([&] { return cache.status().at("queries").at("refused").get<int>() == 1; }));
    CHECK(is_true_answer(cache.ask("warm.example"), "warm.example"));
  });
}

TEST_CASE("an answer that took long does not go to another machine over UDP") {
  if (!namespaces_permitted()) {
    std::cout << "SKIPPED: needs root\n";
    return;
  }
  in_namespace({"192.0.2.1"}, [] {
    TestUpstream upstream;
    upstream.set("slow.example", "delay 2300");
    TempDir directory;
    const auto control = directory.path() / "control.sock";
    Process engine({DNSCACHECTL_PATH, "--control", control.string(), "serve", "--config",
                    directory.write("config.yaml", "{}").string(), "--listen", "192.0.2.1:5300",
                    "--upstream", upstream.address().to_text()});
    const Address server{"192.0.2.1", 5300};
    REQUIRE(eventually([&] { return ask(server, query("fast.example"), silence).has_value(); }));
    UdpClient udp(server);
    udp.send(query("slow.example"));
    TcpClient tcp(server);
    tcp.send(query("slow.example"));
    CHECK(is_true_answer(tcp.receive_message(), "slow.example"));
    CHECK_FALSE(udp.receive(silence));
    CHECK(is_true_answer(ask(server, "slow.example"), "slow.example"));
  });
}

TEST_CASE("an engine that root started becomes the user it is told") {
  if (::geteuid() != 0) {
    std::cout << "SKIPPED: needs root\n";
    return;
  }
  TestUpstream upstream;
  TempDir directory;
  const auto control = directory.path() / "control.sock";
  const Address server{"127.0.0.1", free_port()};
  Process engine({DNSCACHECTL_PATH, "--control", control.string(), "serve", "--user", "65534",
                  "--config", directory.write("config.yaml", "{}").string(), "--listen",
                  server.to_text(), "--upstream", upstream.address().to_text()});
  REQUIRE(eventually([&] { return ask(server, query("www.example"), silence).has_value(); }));
  const auto status = read_text("/proc/" + std::to_string(engine.pid()) + "/status");
  CHECK(status.find("Uid:\t65534\t65534\t65534\t65534") != std::string::npos);
  CHECK(status.find("Gid:\t65534\t65534\t65534\t65534") != std::string::npos);
  CHECK(status.find("CapPrm:\t0000000000000000") != std::string::npos);
  CHECK(status.find("NoNewPrivs:\t1") != std::string::npos);
}
