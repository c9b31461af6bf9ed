// Start, reload, stop, the control socket, systemd's protocols, and what goes wrong at start.
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <fstream>
#include <thread>

#include "resolver/base/version.hpp"
#include "tests/system/fixture.hpp"

using namespace dnscache::test;

namespace {

/// One line that ends with a newline.
bool is_one_line(const std::string& text) {
  return !text.empty() && text.find('\n') == text.size() - 1;
}

/// Receives what a service tells systemd (sd_notify(3)).
class NotifySocket {
 public:
  NotifySocket() : fd_(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = this->path();
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  ~NotifySocket() { close(fd_); }
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;

  std::string path() const { return (directory_.path() / "notify").string(); }
  /// Everything told so far contains `text`, at the latest in a while.
  bool was_told(const std::string& text) {
    return eventually([&] {
      std::array<char, 4096> buffer;
      for (ssize_t got = 0; (got = recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT)) > 0;) {
        told_.append(buffer.data(), static_cast<std::size_t>(got));
        told_ += '\n';
      }
      return told_.find(text) != std::string::npos;
    });
  }

 private:
  TempDir directory_;
  int fd_;
  std::string told_;
};

int bound_socket(const Address& address, int type) {
  sockaddr_storage storage{};
  const auto length = address.to_sockaddr(storage);
  const int fd = socket(storage.ss_family, type | SOCK_CLOEXEC, 0);
  REQUIRE(bind(fd, reinterpret_cast<const sockaddr*>(&storage), length) == 0);
  if (type == SOCK_STREAM) REQUIRE(listen(fd, 16) == 0);
  return fd;
}

}  // namespace

TEST_CASE("SIGTERM and SIGINT end the engine in order") {
  Cache cache;
  const int signal = GENERATE(SIGTERM, SIGINT);
  CHECK(cache.ask("www.example.com"));
  cache.engine.process().signal(signal);
  CHECK(cache.engine.process().wait() == 0);
  CHECK_FALSE(std::filesystem::exists(cache.engine.control_path()));
}

TEST_CASE("SIGTERM ends the engine while questions wait and connections are open") {
  Cache cache;
  cache.upstream.set("drop");
  TcpClient idle(cache.engine.address());
  TcpClient waiting(cache.engine.address());
  waiting.send(query("a.example"));
  UdpClient udp(cache.engine.address());
  udp.send(query("b.example"));
  REQUIRE(eventually([&] { return cache.upstream.count() >= 2; }));
  cache.engine.process().signal(SIGTERM);
  CHECK(cache.engine.process().wait() == 0);
}

TEST_CASE("what was asked before SIGTERM is answered, on every worker, over UDP and TCP") {
  Cache cache("workers: 2\n");
  cache.upstream.set("delay=500");
  constexpr int clients = 16;  // enough for the kernel to give some to each worker
  std::vector<std::unique_ptr<TcpClient>> tcp;
  std::vector<std::unique_ptr<UdpClient>> udp;
  for (int i = 0; i < clients; ++i) {
    tcp.push_back(std::make_unique<TcpClient>(cache.engine.address()));
    tcp.back()->send(query("t" + std::to_string(i) + ".example"));
    udp.push_back(std::make_unique<UdpClient>(cache.engine.address()));
    udp.back()->send(query("u" + std::to_string(i) + ".example"));
  }
  REQUIRE(eventually([&] { return cache.upstream.names().size() == 2 * clients; }));
  cache.engine.process().signal(SIGTERM);
  for (int i = 0; i < clients; ++i) {
    CHECK(is_true_answer(tcp[static_cast<std::size_t>(i)]->receive_message(),
                         "t" + std::to_string(i) + ".example"));
    CHECK(is_true_answer(udp[static_cast<std::size_t>(i)]->receive_message(),
                         "u" + std::to_string(i) + ".example"));
  }
  CHECK(cache.engine.process().wait() == 0);
}

TEST_CASE("SIGHUP takes the new configuration and keeps the cache") {
  Cache cache;
  TestUpstream other;
  REQUIRE(cache.ask("kept.example"));
  cache.engine.write_config(upstreams_line({&other}));
  cache.engine.process().signal(SIGHUP);
  int number = 0;
  CHECK(eventually([&] {
    cache.ask("new" + std::to_string(number++) + ".example");
    return other.count() > 0;
  }));
  CHECK(is_true_answer(cache.ask("kept.example"), "kept.example"));
}

TEST_CASE("a bad configuration on SIGHUP changes nothing and is told") {
  Cache cache;
  cache.engine.write_config("no_such_key: 1\n");
  cache.engine.process().signal(SIGHUP);
  CHECK(eventually(
      [&] { return cache.engine.process().errors().find("no_such_key") != std::string::npos; }));
  CHECK(is_true_answer(cache.ask("www.example.com"), "www.example.com"));
}

TEST_CASE("many reloads under load lose nothing") {
  Cache cache;
  for (int i = 0; i < 30; ++i) {
    cache.engine.process().signal(SIGHUP);
    const std::string name = "name" + std::to_string(i) + ".example";
    CHECK(is_true_answer(cache.ask(name), name));
  }
}

TEST_CASE("the control socket tells the state as documented") {
  Cache cache;
  REQUIRE(cache.ask("www.example.com"));
  REQUIRE(cache.ask("www.example.com"));
  REQUIRE(cache.ask_tcp(query("www.example.com")));
  const auto status = cache.status();
  CHECK(status.at("ok") == true);
  CHECK(status.at("schema") == 1);
  CHECK(status.at("version") == dnscache::version());
  CHECK(status.at("pid") == cache.engine.process().pid());
  CHECK(status.at("uptime_seconds").get<double>() > 0);
  CHECK(status.at("workers").get<int>() >= 1);
  CHECK(status.at("listen").at(0) == cache.engine.address().to_text());
  CHECK(status.at("queries").at("tcp") == 1);
  CHECK(status.at("queries").at("hits") == 2);
  CHECK(status.at("queries").at("misses") == 1);
  CHECK(status.at("queries").at("total").get<int>() ==
        status.at("queries").at("udp").get<int>() + status.at("queries").at("tcp").get<int>());
  CHECK(status.at("cache").at("entries") == 1);
  CHECK(status.at("cache").at("bytes").get<int>() > 0);
  const auto& group = status.at("groups").at(0);
  CHECK(group.at("zone") == ".");
  const auto& upstream = group.at("upstreams").at(0);
  CHECK(upstream.at("address") == cache.upstream.address().to_text());
  CHECK(upstream.at("state") == "healthy");
  CHECK(upstream.at("sent").get<int>() >= 1);
  CHECK(upstream.at("answered") == 1);
  CHECK(upstream.at("rtt_ms").get<double>() > 0);
  CHECK_FALSE(upstream.contains("last_failure"));
}

TEST_CASE("bad lines on the control socket get an error, not a crash") {
  Cache cache;
  for (const std::string line :
       {"", "hello", "{}", "[]", "{\"command\":7}", "{\"command\":\"dance\"}",
        "{\"command\":\"flush\",\"name\":\"a..b\"}", "{\"command\":\"flush\",\"name\":3}",
        "{\"command\":\"status\""}) {
    INFO(line);
    const auto reply = cache.control(line);
    CHECK(reply.at("ok") == false);
    CHECK_FALSE(reply.at("error").get<std::string>().empty());
  }
  cache.engine.control(std::string(1 << 20, 'x'));
  cache.engine.control(std::string(50000, '['));
  CHECK(cache.status().at("ok") == true);
}

TEST_CASE("anyone may read the status, only root and the engine's user may change anything") {
  if (geteuid() != 0) {
    WARN("SKIPPED: needs root");
    return;
  }
  Cache cache;
  chmod(cache.engine.control_path().parent_path().c_str(), 0755);
  const std::string as_nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups ";
  const std::string control = " --control " + cache.engine.control_path().string();
  TempDir directory;  // the program's own folder may be closed to others
  const auto program = directory.path() / "dnscachectl";
  std::filesystem::copy_file(DNSCACHECTL_PATH, program);
  chmod(directory.path().c_str(), 0755);
  const auto command = [&](const std::string& words) {
    return std::vector<std::string>{"sh", "-c",
                                    as_nobody + program.string() + control + " " + words};
  };
  CHECK(Process(command("status --json")).wait() == 0);
  Process flush(command("flush --all"));
  CHECK(flush.wait() == 4);
  INFO(flush.errors());
  CHECK(is_one_line(flush.errors()));
}

TEST_CASE("systemd is told about readiness, reloading and stopping") {
  NotifySocket systemd;
  TestUpstream upstream;
  auto options = with_config(upstreams_line({&upstream}));
  options.environment = {{"NOTIFY_SOCKET", systemd.path()}};
  Engine engine(options);
  CHECK(systemd.was_told("READY=1"));
  engine.process().signal(SIGHUP);
  CHECK(systemd.was_told("RELOADING=1"));
  engine.process().signal(SIGTERM);
  CHECK(systemd.was_told("STOPPING=1"));
  CHECK(engine.process().wait() == 0);
}

TEST_CASE("the watchdog is fed") {
  NotifySocket systemd;
  TestUpstream upstream;
  auto options = with_config(upstreams_line({&upstream}));
  options.environment = {{"NOTIFY_SOCKET", systemd.path()}, {"WATCHDOG_USEC", "400000"}};
  Engine engine(options);
  CHECK(systemd.was_told("WATCHDOG=1"));
}

TEST_CASE("sockets that systemd passes are used") {
  TestUpstream upstream;
  TempDir directory;
  const Address address{"127.0.0.1", free_port()};
  const int udp = bound_socket(address, SOCK_DGRAM);
  const int tcp = bound_socket(address, SOCK_STREAM);
  const auto config = directory.write(
      "config.yaml", upstreams_line({&upstream}) + "listen: [\"" + address.to_text() +
                         "\"]\ncontrol: " + (directory.path() / "control.sock").string() + "\n");
  Process engine(
      {"sh", "-c",
       "LISTEN_FDS=2 LISTEN_PID=$$ exec " DNSCACHECTL_PATH " serve --config " + config.string()},
      {}, {udp, tcp});
  close(udp);
  close(tcp);
  CHECK(is_true_answer(ask(address, "www.example.com"), "www.example.com"));
  CHECK(is_true_answer(ask_tcp(address, query("www.example.com")), "www.example.com"));
  engine.signal(SIGTERM);
  CHECK(engine.wait() == 0);
}

TEST_CASE("a bad configuration ends the start with every problem and its place") {
  TestUpstream upstream;
  auto options = with_config("no_such_key: 1\ncache: {size: huge}\n");
  options.wait = false;
  Engine engine(options);
  const auto status = engine.process().wait();
  CHECK(status == 78);
  const auto errors = engine.process().errors();
  CHECK(errors.find("config.yaml:5:") != std::string::npos);
  CHECK(errors.find("no_such_key") != std::string::npos);
  CHECK(errors.find("cache.size") != std::string::npos);
}

TEST_CASE("a configuration that cannot be used leaves the last one that worked in force") {
  TestUpstream upstream;
  TempDir directory;
  const Address address{"127.0.0.1", free_port()};
  const auto control = (directory.path() / "control.sock").string();
  const auto good = upstreams_line({&upstream}) + "listen: [\"" + address.to_text() +
                    "\"]\ncontrol: " + control + "\n";
  const std::vector<std::string> serve = {"sh", "-c",
                                          "CACHE_DIRECTORY=" + directory.path().string() +
                                              " exec " DNSCACHECTL_PATH " serve --config " +
                                              directory.write("config.yaml", good).string()};
  // A query that comes before the engine falls back is lost with the socket of the first attempt;
  // only sockets that systemd passes outlive it.
  const auto answers = [&] {
    return eventually([&] {
      const auto reply = ask(address, query("www.example.com"), milliseconds(500));
      return is_true_answer(reply, "www.example.com");
    });
  };
  const auto status = [&](const std::string& words) {
    return Process({DNSCACHECTL_PATH, "--control", control, words}).wait();
  };
  {
    Process engine(serve);
    CHECK(answers());
    engine.signal(SIGTERM);
    CHECK(engine.wait() == 0);
  }
  Cache other;  // has the address that the second mistake names
  const auto mistakes = {std::string("no_such_key: 1\n"),
                         "metrics: {listen: \"" + other.engine.address().to_text() + "\"}\n"};
  for (const std::string& mistake : mistakes) {
    CAPTURE(mistake);
    directory.write("config.yaml", good + mistake);
    Process engine(serve);
    const bool has_answered = answers();
    if (!has_answered) engine.signal(SIGTERM), engine.wait();
    INFO(engine.errors());
    REQUIRE(has_answered);
    CHECK(status("reload") != 0);
    directory.write("config.yaml", good);
    CHECK(status("reload") == 0);
    engine.signal(SIGTERM);
    CHECK(engine.wait() == 0);
    CHECK(engine.errors().find("serving with the last one that worked") != std::string::npos);
  }
}

TEST_CASE("a file that was changed and not reloaded is said to be") {
  Cache cache;
  CHECK(cache.status().at("configuration").at("changed_on_disk") == false);
  CHECK(eventually([&] {
    cache.engine.write_config(upstreams_line({&cache.upstream}) + "log_level: error\n");
    return cache.status().at("configuration").at("changed_on_disk") == true;
  }));
  CHECK(cache.control(R"({"command":"reload"})").at("ok") == true);
  CHECK(cache.status().at("configuration").at("changed_on_disk") == false);
}

TEST_CASE("an upstream on the command line that is the cache itself is refused") {
  Process engine(
      {DNSCACHECTL_PATH, "serve", "--listen", "127.0.0.1:15399", "--upstream", "127.0.0.1:15399"});
  CHECK(engine.wait() == 2);
  CHECK(is_one_line(engine.errors()));
  CHECK(engine.errors().find("queries would loop") != std::string::npos);
}

TEST_CASE("a missing configuration file that was asked for is one line") {
  Process engine({DNSCACHECTL_PATH, "serve", "--config", "/nonexistent/config.yaml"});
  const auto status = engine.wait();
  REQUIRE(status);
  CHECK(*status != 0);
  CHECK(is_one_line(engine.errors()));
  CHECK(engine.errors().find("/nonexistent/config.yaml") != std::string::npos);
}

TEST_CASE("a port in use is one line that names it, and the other engine goes on") {
  Cache cache;
  auto options = with_config(upstreams_line({&cache.upstream}));
  options.port = cache.engine.address().port;
  options.wait = false;
  Engine second(options);
  const auto status = second.process().wait(milliseconds(5000));
  REQUIRE(status);  // two that share a port would each get half of the questions
  CHECK(*status == 1);
  const auto errors = second.process().errors();
  INFO(errors);
  CHECK(is_one_line(errors));
  CHECK(errors.find(std::to_string(options.port)) != std::string::npos);
  CHECK(is_true_answer(cache.ask("www.example.com"), "www.example.com"));
}

TEST_CASE("a second engine does not take the control socket of a running one") {
  Cache cache;
  TempDir directory;
  const auto config = directory.write(
      "config.yaml", upstreams_line({&cache.upstream}) +
                         "listen: [\"127.0.0.1:" + std::to_string(free_port()) +
                         "\"]\ncontrol: " + cache.engine.control_path().string() + "\n");
  Process second({DNSCACHECTL_PATH, "serve", "--config", config.string()});
  second.wait(milliseconds(2000));
  CHECK(cache.status().at("pid") == cache.engine.process().pid());
}

TEST_CASE("a control socket that a killed engine left behind is no obstacle") {
  TestUpstream upstream;
  TempDir directory;
  const auto path = directory.path() / "control.sock";
  const int stale = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.string().copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(bind(stale, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  close(stale);
  const Address listen{"127.0.0.1", free_port()};
  const auto config = directory.write("config.yaml", upstreams_line({&upstream}) + "listen: [\"" +
                                                         listen.to_text() +
                                                         "\"]\ncontrol: " + path.string() + "\n");
  Process engine({DNSCACHECTL_PATH, "serve", "--config", config.string()});
  CHECK(eventually([&] { return ask(listen, query("localhost"), milliseconds(200)).has_value(); }));
}

TEST_CASE("missing rights for a port are one line and exit status 4") {
  if (geteuid() != 0 || !namespaces_permitted()) {
    WARN("SKIPPED: needs root and namespaces");
    return;
  }
  TempDir directory;
  chmod(directory.path().c_str(), 0755);
  std::filesystem::copy_file(DNSCACHECTL_PATH, directory.path() / "dnscachectl");
  const auto config = directory.write(
      "config.yaml",
      "upstreams: [192.0.2.1]\nlisten: [\"127.0.0.1:53\"]\ncontrol: /tmp/none.sock\n");
  in_namespace({}, [&] {
    std::ofstream("/proc/sys/net/ipv4/ip_unprivileged_port_start") << 1024;
    Process engine({"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                    (directory.path() / "dnscachectl").string(), "serve", "--config",
                    config.string()});
    CHECK(engine.wait() == 4);
    INFO(engine.errors());
    CHECK(is_one_line(engine.errors()));
    CHECK(engine.errors().find("127.0.0.1:53") != std::string::npos);
  });
}

TEST_CASE("the engine starts and answers although every upstream is down") {
  TestUpstream upstream;
  upstream.set("drop");
  Engine engine(with_config(upstreams_line({&upstream}) + "timeout: 1s\n"));
  CHECK(engine.ask("www.example.com").value().rcode == servfail);
  upstream.set("answer");
  CHECK(eventually([&] { return is_true_answer(engine.ask("later.example"), "later.example"); },
                   milliseconds(30000)));
}

TEST_CASE("load from several threads over UDP and TCP is answered without a fault") {
  Cache cache("workers: 4\n");
  std::vector<std::thread> threads;
  std::atomic<int> right{0};
  for (int thread = 0; thread < 6; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 100; ++i) {
        const std::string name = "name" + std::to_string((i * 7 + thread) % 60) + ".example";
        const auto reply = thread % 3 == 0 ? cache.ask_tcp(query(name)) : cache.ask(name);
        if (is_true_answer(reply, name)) ++right;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(right == 600);
  CHECK(cache.upstream.count() < 200);
}

TEST_CASE("flapping upstreams, reloads, flushes and the end at once disturb nobody") {
  TestUpstream flapping;
  TestUpstream steady;
  const std::string workers = "workers: 2\ncache: {size: 1MiB}\n";
  Engine engine(with_config(upstreams_line({&flapping, &steady}) + workers));
  std::atomic<bool> is_over = false;
  std::atomic<int> wrong = 0;
  std::atomic<int> right = 0;
  std::vector<std::thread> threads;
  // Nothing when the engine is gone already.
  const auto ask_by = [&](int thread, const std::string& name) -> std::optional<Message> {
    try {
      return thread == 0 ? ask_tcp(engine.address(), query(name)) : engine.ask(name);
    } catch (const std::system_error&) {
      return std::nullopt;
    }
  };
  for (int thread = 0; thread < 3; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 10000 && !is_over; ++i) {
        const std::string name =
            std::to_string(thread) + "-" + std::to_string(i % 500) + ".example";
        const auto reply = ask_by(thread, name);
        if (!is_over) ++(is_true_answer(reply, name) ? right : wrong);
      }
    });
  }
  threads.emplace_back([&] {
    for (bool is_dead = true; !is_over; is_dead = !is_dead) {
      flapping.set(is_dead ? "drop" : "answer");
      sleep_for(milliseconds(50));
    }
  });
  for (int i = 0; i < 40; ++i) {
    const auto order =
        i % 2 == 0 ? upstreams_line({&steady, &flapping}) : upstreams_line({&flapping, &steady});
    engine.write_config(order + workers);
    engine.process().signal(SIGHUP);
    if (i % 4 == 0) engine.control(R"({"command":"flush"})");
    engine.control(R"({"command":"status"})");
    sleep_for(milliseconds(50));
  }
  is_over = true;
  engine.process().signal(SIGTERM);
  CHECK(engine.process().wait() == 0);
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(right > 100);
}
