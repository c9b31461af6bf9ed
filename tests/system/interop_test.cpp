// Real programs around the cache: dnsmasq and unbound behind it, dig, glibc and dnsmasq before it.
#include <algorithm>
#include <sstream>

#include "tests/system/fixture.hpp"

using namespace dnscache::test;

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::filesystem::path find_unbound() {
  const auto installed = find_program("unbound");
  if (!installed.empty()) return installed;
  return find_program(DNSCACHE_SOURCE_DIR "/build/tools/unbound/usr/sbin/unbound");
}

void wait_until_it_answers(Process& server, const Address& address) {
  const bool ready = eventually([&] {
    return ask(address, query("www.example.com"), milliseconds(100)) || !server.is_running();
  });
  INFO(server.errors());
  REQUIRE(ready);
  REQUIRE(server.is_running());
}

/// A dnsmasq that owns example.com, or forwards everything to `forward_to`.
class Dnsmasq {
 public:
  explicit Dnsmasq(const std::string& forward_to = "")
      : address_{"127.0.0.1", free_port()}, server_(command(forward_to)) {
    wait_until_it_answers(server_, address_);
  }
  const Address& address() const { return address_; }

 private:
  std::vector<std::string> command(const std::string& forward_to) const {
    std::vector<std::string> out = {"dnsmasq",
                                    "--keep-in-foreground",
                                    "--conf-file=/dev/null",
                                    "--no-resolv",
                                    "--no-hosts",
                                    "--pid-file=",
                                    "--user=root",
                                    "--listen-address=127.0.0.1",
                                    "--bind-interfaces",
                                    "--port=" + std::to_string(address_.port)};
    if (!forward_to.empty()) {
      out.push_back("--server=" + forward_to);
      return out;
    }
    for (const char* option :
         {"--local=/example.com/", "--host-record=www.example.com,192.0.2.7,2001:db8::7,77",
          "--cname=alias.example.com,www.example.com", "--mx-host=example.com,mail.example.com,10",
          "--txt-record=text.example.com,some text", "--local-ttl=77",
          "--srv-host=_dns._udp.example.com,www.example.com,53",
          "--ptr-record=7.2.0.192.in-addr.arpa,www.example.com",
          "--dns-rr=example.com,65280,0102030405"}) {
      out.emplace_back(option);
    }
    return out;
  }

  Address address_;
  Process server_;
};

/// An unbound that owns example.com, or forwards everything to `forward_to`.
class Unbound {
 public:
  explicit Unbound(const std::string& forward_to = "")
      : address_{"127.0.0.1", free_port()},
        config_(directory_.write("unbound.conf", config(forward_to))),
        server_({find_unbound().string(), "-d", "-p", "-c", config_.string()}) {
    wait_until_it_answers(server_, address_);
  }
  const Address& address() const { return address_; }

 private:
  std::string config(const std::string& forward_to) const {
    const std::string large(240, 'x');
    std::ostringstream out;
    out << "server:\n interface: 127.0.0.1\n port: " << address_.port
        << "\n username: \"\"\n chroot: \"\"\n directory: \"" << directory_.path().string()
        << "\"\n use-syslog: no\n do-daemonize: no\n do-not-query-localhost: no\n"
        << " module-config: \"iterator\"\n num-threads: 1\n";
    if (!forward_to.empty()) {
      auto at = forward_to;
      std::replace(at.begin(), at.end(), ':', '@');
      out << "forward-zone:\n name: \".\"\n forward-addr: " << at << "\n";
    } else {
      out << " local-zone: \"example.com.\" static\n"
          << " local-data: \"example.com. 300 IN SOA ns.example.com. host.example.com. 1 2 3 4 "
             "60\"\n"
          << " local-data: \"www.example.com. 300 IN A 192.0.2.7\"\n"
          << " local-data: \"www.example.com. 300 IN AAAA 2001:db8::7\"\n"
          << " local-data: 'text.example.com. 300 IN TXT \"some text\"'\n";
      for (int i = 0; i < 10; ++i) {
        out << " local-data: 'large.example.com. 300 IN TXT \"" << i << large << "\"'\n";
      }
    }
    out << "remote-control:\n control-enable: no\n";
    return out.str();
  }

  TempDir directory_;
  Address address_;
  std::filesystem::path config_;
  Process server_;
};

bool lacks_unbound() {
  if (!find_unbound().empty()) return false;
  WARN("SKIPPED: there is no unbound");
  return true;
}

std::string dig(const Engine& engine, const std::vector<std::string>& words) {
  std::vector<std::string> command = {
      "dig", "@127.0.0.1", "-p", std::to_string(engine.address().port), "+tries=1", "+time=8"};
  command.insert(command.end(), words.begin(), words.end());
  Process process(command);
  CHECK(process.wait() == 0);
  const auto output = process.output();
  INFO(output);
  CHECK_FALSE(contains(output, "Warning"));
  CHECK_FALSE(contains(output, "malformed"));
  return output;
}

}  // namespace

TEST_CASE("dnsmasq as an upstream: every kind of answer, twice") {
  Dnsmasq dnsmasq;
  Engine engine(with_config(upstreams_line({dnsmasq.address().to_text()})));
  for (int i = 0; i < 2; ++i) {
    const auto address = engine.ask("www.example.com");
    REQUIRE(address);
    CHECK(address->texts(type_a) == std::vector<std::string>{"192.0.2.7"});
    CHECK(address->answers.at(0).ttl <= 77);
    CHECK(engine.ask("www.example.com", type_aaaa)->texts(type_aaaa) ==
          std::vector<std::string>{"2001:db8::7"});
    const auto alias = engine.ask("alias.example.com");
    REQUIRE(alias->answers.size() == 2);
    CHECK(alias->answers[0].text == "www.example.com");
    CHECK(alias->answers[1].text == "192.0.2.7");
    CHECK(engine.ask("example.com", type_mx)->texts(type_mx) ==
          std::vector<std::string>{"mail.example.com"});
    CHECK(engine.ask("text.example.com", type_txt)->texts(type_txt) ==
          std::vector<std::string>{"some text"});
    CHECK(engine.ask("_dns._udp.example.com", type_srv)->texts(type_srv) ==
          std::vector<std::string>{"www.example.com"});
    CHECK(engine.ask("7.2.0.192.in-addr.arpa", type_ptr)->texts(type_ptr) ==
          std::vector<std::string>{"www.example.com"});
    CHECK(engine.ask("example.com", 65280)->answers.at(0).rdata == Bytes{1, 2, 3, 4, 5});
    const auto no_data = engine.ask("www.example.com", type_mx);
    CHECK(no_data->rcode == noerror);
    CHECK(no_data->answers.empty());
    CHECK(engine.ask("nothing.example.com")->rcode == nxdomain);
  }
  const auto status = nlohmann::json::parse(engine.control(R"({"command":"status"})"));
  CHECK(status.at("queries").at("hits").get<int>() >= 10);
}

TEST_CASE("unbound as an upstream: answers, negative answers with SOA, and TCP for large ones") {
  if (lacks_unbound()) return;
  Unbound unbound;
  Engine engine(with_config(upstreams_line({unbound.address().to_text()})));
  for (int i = 0; i < 2; ++i) {
    CHECK(engine.ask("www.example.com")->texts(type_a) == std::vector<std::string>{"192.0.2.7"});
    CHECK(engine.ask("www.example.com", type_aaaa)->texts(type_aaaa) ==
          std::vector<std::string>{"2001:db8::7"});
    const auto nothing = engine.ask("nothing.example.com");
    CHECK(nothing->rcode == nxdomain);
    CHECK(nothing->authority.at(0).type == type_soa);
    const auto no_data = engine.ask("www.example.com", type_mx);
    CHECK(no_data->rcode == noerror);
    CHECK(no_data->authority.at(0).type == type_soa);
    const auto large = ask_tcp(engine.address(), query("large.example.com", type_txt));
    REQUIRE(large);
    CHECK(large->answers.size() == 10);
    CHECK(engine.ask("large.example.com", type_txt)->has(flag_tc));
  }
}

TEST_CASE("dnsmasq and unbound as clients of the cache") {
  Cache cache;
  Dnsmasq dnsmasq("127.0.0.1#" + std::to_string(cache.engine.address().port));
  CHECK(is_true_answer(ask(dnsmasq.address(), "one.example.com"), "one.example.com"));
  CHECK(is_true_answer(ask_tcp(dnsmasq.address(), query("two.example.com")), "two.example.com"));
  if (lacks_unbound()) return;
  Unbound unbound(cache.engine.address().to_text());
  CHECK(is_true_answer(ask(unbound.address(), "three.example.com"), "three.example.com"));
  CHECK(is_true_answer(ask(unbound.address(), "one.example.com"), "one.example.com"));
}

TEST_CASE("dig is content with every way of asking") {
  Cache cache;
  const std::string address = address_of("www.example.com");
  CHECK(contains(dig(cache.engine, {"www.example.com"}), address));
  CHECK(contains(dig(cache.engine, {"www.example.com", "+tcp"}), address));
  CHECK(contains(dig(cache.engine, {"www.example.com", "+noedns"}), address));
  CHECK(contains(dig(cache.engine, {"www.example.com", "+dnssec", "+nocookie"}), address));
  CHECK(contains(dig(cache.engine, {"www.example.com", "+bufsize=512", "+cdflag"}), address));
  CHECK(contains(dig(cache.engine, {"www.example.com", "+nsid", "+subnet=192.0.2.0/24"}), address));
  CHECK(contains(dig(cache.engine, {"www.example.com", "+ednsopt=65001:0102"}), address));
  CHECK(contains(dig(cache.engine, {"www.example.com", "+edns=1", "+noednsneg"}), "BADVERS"));
  CHECK(contains(dig(cache.engine, {"www.example.com", "+edns=1"}), address));
  CHECK(contains(dig(cache.engine, {"www.example.com", "+opcode=NOTIFY"}), "NOTIMP"));
  CHECK(contains(dig(cache.engine, {"+header-only"}), "FORMERR"));
  CHECK(contains(dig(cache.engine, {"-x", "127.0.0.1"}), "localhost."));
  CHECK(contains(dig(cache.engine, {"+tcp", "+keepopen", "www.example.com", "mail.example.com"}),
                 address_of("mail.example.com")));
  cache.upstream.set("text=2000");
  CHECK(contains(dig(cache.engine, {"large.example.com", "TXT"}), "(TCP)"));
  cache.upstream.set("nxdomain");
  CHECK(contains(dig(cache.engine, {"nothing.example.com"}), "NXDOMAIN"));
}

TEST_CASE("glibc's getaddrinfo works through the cache with every option of resolv.conf") {
  if (!namespaces_permitted()) {
    WARN("SKIPPED: namespaces are not permitted here");
    return;
  }
  const std::string options = GENERATE("", "edns0", "use-vc", "single-request", "trust-ad edns0",
                                       "single-request-reopen", "rotate timeout:2");
  INFO(options);
  TempDir directory;
  const auto resolv_conf = directory.write(
      "resolv.conf", "nameserver 127.0.0.1\nsearch example.com\noptions " + options + "\n");
  const auto nsswitch = directory.write("nsswitch.conf", "hosts: files dns\n");
  in_namespace({}, [&] {
    bind_mount(resolv_conf, "/etc/resolv.conf");
    bind_mount(nsswitch, "/etc/nsswitch.conf");
    TestUpstream upstream;
    upstream.set("nothing.example.com", "nxdomain");
    upstream.set("nothing.example.com.example.com", "nxdomain");  // the search list's try
    auto engine_options = with_config(upstreams_line({&upstream}));
    engine_options.port = 53;
    engine_options.ipv6 = false;
    Engine engine(engine_options);
    for (int i = 0; i < 2; ++i) {
      Process lookup({"getent", "ahosts", "www.example.com"});
      CHECK(lookup.wait() == 0);
      CHECK(contains(lookup.output(), address_of("www.example.com")));
      CHECK(contains(lookup.output(), address_of("www.example.com", type_aaaa)));
      Process searched({"getent", "ahosts", "mail"});
      CHECK(searched.wait() == 0);
      CHECK(contains(searched.output(), address_of("mail.example.com")));
      Process nothing({"getent", "ahosts", "nothing.example.com"});
      CHECK(nothing.wait() == 2);
      Process reverse({"getent", "hosts", "192.0.2.7"});
      CHECK(reverse.wait() == 0);
      CHECK(contains(reverse.output(), "target0.2.0.192.in-addr.arpa"));
    }
    CHECK(upstream.count("www.example.com", type_a) >= 1);
  });
}
