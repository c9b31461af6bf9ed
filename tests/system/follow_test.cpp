// The servers that the machine uses: they come later, change, and go.
#include <fstream>

#include "tests/system/fixture.hpp"

using namespace dnscache::test;
using nlohmann::json;

namespace {

/// Servers at 127.0.0.2 and 127.0.0.3 on port 53, which resolv.conf can name.
struct Network {
  TestUpstream first{{.listen = {{"127.0.0.2", 53}}}};
  TestUpstream second{{.listen = {{"127.0.0.3", 53}}}};
  TempDir folder;

  std::string file() const { return (folder.path() / "resolv.conf").string(); }
  void name(const std::string& servers) const { folder.write("resolv.conf", servers); }
  // As DHCP clients do it.
  void rename(const std::string& servers) const {
    std::filesystem::rename(folder.write("new", servers), folder.path() / "resolv.conf");
  }
};

template <class Function>
void with_network(Function function) {
  if (!namespaces_permitted()) {
    WARN("SKIPPED: namespaces are not permitted here");
    return;
  }
  in_namespace({}, [&] {
    Network network;
    function(network);
  });
}

json status_of(const Engine& engine) {
  return json::parse(engine.control(R"({"command":"status"})"));
}

std::string servers_of(const Engine& engine) {
  std::string out;
  const json status = status_of(engine);
  for (const auto& upstream : status.at("groups").back().at("upstreams")) {
    out += upstream.at("address").get<std::string>() + ' ';
  }
  return out;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t times = 0;
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++times;
  return times;
}

}  // namespace

TEST_CASE("the engine starts without any server and goes on when there is one") {
  const std::string before = GENERATE(as<std::string>(), "absent", "", "# no servers yet\n",
                                      "search corp.example\n", "nameserver fe80::1%not-there\n");
  CAPTURE(before);
  with_network([&](Network& network) {
    if (before != "absent") network.name(before);
    const auto hosts = network.folder.write("hosts", "10.0.0.5 db.corp.example\n");
    Engine engine(with_config("upstreams_from: " + network.file() + "\nlocal: {hosts_files: [" +
                              hosts.string() + "]}\n"));
    const auto local = engine.ask("db.corp.example");
    REQUIRE(local);
    CHECK(local->texts(type_a) == std::vector<std::string>{"10.0.0.5"});
    const auto none = ask(engine.address(), query_with_edns("www.example"));
    REQUIRE(none);
    CHECK(none->rcode == servfail);
    CHECK(count(engine.process().errors(), "names no server") == 1);
    network.rename("nameserver 127.0.0.2\n");
    REQUIRE(eventually([&] { return servers_of(engine) == "127.0.0.2:53 "; }));
    CHECK(is_true_answer(engine.ask("www.example"), "www.example"));
    CHECK(status_of(engine).at("groups").back().at("source") == network.file());
    CHECK(status_of(engine).at("groups").back().at("policy") == "ordered");
  });
}

TEST_CASE("a change of the servers is logged once, a rewrite without one not at all") {
  with_network([](Network& network) {
    network.name("nameserver 127.0.0.2\n");
    Engine engine(with_config("upstreams_from: " + network.file() + "\n"));
    REQUIRE(is_true_answer(engine.ask("a.example"), "a.example"));
    const auto lines = [&] { return count(engine.process().errors(), "\n"); };
    const auto at_start = lines();
    for (int i = 0; i < 5; ++i)
      network.rename("# " + std::to_string(i) + "\nnameserver 127.0.0.2\n");
    network.rename("nameserver 127.0.0.2\nnameserver 127.0.0.3\n");
    REQUIRE(eventually([&] { return servers_of(engine) == "127.0.0.2:53 127.0.0.3:53 "; }));
    CHECK(count(engine.process().errors(), "(before: 127.0.0.2:53)\n") == 1);
    CHECK(lines() == at_start + 1);
    network.rename("nameserver 127.0.0.3\n");
    REQUIRE(eventually([&] { return servers_of(engine) == "127.0.0.3:53 "; }));
    CHECK(is_true_answer(engine.ask("b.example"), "b.example"));
    CHECK(network.second.count("b.example", type_a) >= 1);
    CHECK(network.first.count("b.example", type_a) == 0);
  });
}

TEST_CASE("a file that a reload names is followed, and one that it no longer names is not") {
  with_network([](Network& network) {
    network.name("nameserver 127.0.0.3\n");
    Engine engine(with_config("upstreams: [127.0.0.2]\n"));
    CHECK(servers_of(engine) == "127.0.0.2:53 ");
    CHECK(status_of(engine).at("groups").back().at("source") == "configuration");
    engine.write_config("upstreams_from: " + network.file() + "\n");
    engine.process().signal(SIGHUP);
    REQUIRE(eventually([&] { return servers_of(engine) == "127.0.0.3:53 "; }));
    network.rename("nameserver 127.0.0.2\n");
    REQUIRE(eventually([&] { return servers_of(engine) == "127.0.0.2:53 "; }));
    engine.write_config("upstreams: [127.0.0.3]\n");
    engine.process().signal(SIGHUP);
    REQUIRE(eventually([&] { return servers_of(engine) == "127.0.0.3:53 "; }));
    network.rename("nameserver 127.0.0.9\n");
    sleep_for(milliseconds(300));
    CHECK(servers_of(engine) == "127.0.0.3:53 ");
  });
}

TEST_CASE("a mounted resolv.conf that is written at its source is followed") {
  with_network([](Network& network) {
    network.folder.write("source", "nameserver 127.0.0.2\n");
    network.name("");
    bind_mount(network.folder.path() / "source", network.file());
    Engine engine(with_config("upstreams_from: " + network.file() + "\n"));
    CHECK(servers_of(engine) == "127.0.0.2:53 ");
    network.folder.write("source", "nameserver 127.0.0.3\n");
    CHECK(eventually([&] { return servers_of(engine) == "127.0.0.3:53 "; }));
  });
}

TEST_CASE("without upstreams and upstreams_from the machine's own servers are followed") {
  with_network([](Network& network) {
    network.name("nameserver 127.0.0.1\nnameserver 127.0.0.2\n");
    bind_mount(network.file(), "/etc/resolv.conf");
    Engine engine(with_config(""));
    // On a machine with systemd-resolved it is asked first.
    if (status_of(engine).at("groups").back().at("source") != "/etc/resolv.conf") return;
    CHECK(is_true_answer(engine.ask("www.example"), "www.example"));
    std::ofstream(network.file()) << "nameserver 127.0.0.1\nnameserver 127.0.0.3\n";
    CHECK(eventually([&] { return servers_of(engine).ends_with("127.0.0.3:53 "); }));
  });
}

TEST_CASE("an address to listen on may come after the engine") {
  with_network([](Network& network) {
    const auto config = network.folder.write("config.yaml",
                                             "upstreams: [127.0.0.2]\ncontrol: none\n"
                                             "listen: [127.0.0.1, 192.0.2.53, \"2001:db8::53\"]\n");
    Process engine({DNSCACHECTL_PATH, "serve", "--config", config.string()});
    const auto answers = [](const std::string& address) {
      return eventually([&] { return ask({address, 53}, query("localhost")).has_value(); });
    };
    REQUIRE(answers("127.0.0.1"));
    CHECK(count(engine.errors(), "has no address 192.0.2.53 yet") == 1);
    CHECK(Process({"ip", "address", "add", "192.0.2.53/32", "dev", "lo"}).wait() == 0);
    CHECK(Process({"ip", "address", "add", "2001:db8::53/128", "dev", "lo", "nodad"}).wait() == 0);
    CHECK(answers("192.0.2.53"));
    CHECK(answers("2001:db8::53"));
  });
}
