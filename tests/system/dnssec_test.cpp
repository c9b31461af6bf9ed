// Signed zones with every fate, made anew for each run, behind real servers: nsd has the zones, an
// unbound that does not validate is the upstream, and one that does is what the engine must agree
// with.
#include <algorithm>
#include <csignal>
#include <iterator>
#include <set>
#include <sstream>

#include "tests/system/fixture.hpp"

namespace dnscache::test {
namespace {

constexpr std::uint16_t type_ds = 43, type_rrsig = 46, type_nsec = 47, type_dnskey = 48,
                        type_nsec3 = 50;

std::filesystem::path find_server(const std::string& package, const std::string& program) {
  const auto installed = find_program(program);
  if (!installed.empty()) return installed;
  return find_program(DNSCACHE_SOURCE_DIR "/build/tools/" + package + "/usr/sbin/" + program);
}

bool lacks_servers() {
  if (!DNSCACHE_DNSSEC) {
    WARN("SKIPPED: built without libunbound");
    return true;
  }
  for (const std::string program : {"unbound", "nsd"}) {
    if (!find_server(program, program).empty()) continue;
    WARN("SKIPPED: there is no " << program);
    return true;
  }
  if (find_program("ldns-signzone").empty()) {
    WARN("SKIPPED: there is no ldns-signzone");
    return true;
  }
  return false;
}

/// The folder of signed zones, made once for all tests.
const std::filesystem::path& signed_zones() {
  static const TempDir folder;
  static const bool is_made = [] {
    Process signer({"sh", TEST_DATA_DIR "/dnssec/sign-zones", folder.path().string()});
    const auto status = signer.wait(6 * patience);
    INFO(signer.errors());
    REQUIRE(status == 0);
    return true;
  }();
  (void)is_made;
  return folder.path();
}

std::string trust_anchor() { return (signed_zones() / "root.anchor").string(); }

/// A server that runs in the foreground with a configuration file of its own.
class Server {
 public:
  Server(const std::string& program, const std::vector<std::string>& arguments,
         const std::function<std::string(std::uint16_t port, const std::string& folder)>& config)
      : address_{"127.0.0.1", free_port()},
        process_(command(
            program, arguments,
            directory_.write("config", config(address_.port, directory_.path().string())))) {
    const bool ready = eventually([&] {
      return test::ask(address_, query("www.insecure"), milliseconds(100)) ||
             !process_.is_running();
    });
    INFO(process_.errors());
    REQUIRE(ready);
    REQUIRE(process_.is_running());
  }
  const Address& address() const { return address_; }
  Process& process() { return process_; }

 private:
  static std::vector<std::string> command(const std::string& program,
                                          const std::vector<std::string>& arguments,
                                          const std::filesystem::path& config) {
    std::vector<std::string> words{find_server(program, program).string()};
    words.insert(words.end(), arguments.begin(), arguments.end());
    words.insert(words.end(), {"-c", config.string()});
    return words;
  }

  TempDir directory_;
  Address address_;
  Process process_;
};

std::string at_port(const Address& address) {
  return address.host + '@' + std::to_string(address.port);
}

std::string unbound_start(std::uint16_t port, const std::string& folder) {
  return "server:\n interface: 127.0.0.1\n port: " + std::to_string(port) +
         "\n username: \"\"\n chroot: \"\"\n directory: \"" + folder +
         "\"\n pidfile: \"\"\n use-syslog: no\n do-daemonize: no\n do-not-query-localhost: no\n"
         " do-ip6: no\n num-threads: 1\n qname-minimisation: no\n trust-anchor-signaling: no\n";
}

/// Has the zones.
struct Authority : Server {
  Authority()
      : Server("nsd", {"-d"}, [](std::uint16_t port, const std::string& folder) {
          const std::string at = '"' + folder + '/';
          return "server:\n ip-address: 127.0.0.1\n port: " + std::to_string(port) +
                 "\n username: \"\"\n server-count: 1\n database: \"\"\n zonesdir: \"" +
                 signed_zones().string() + "\"\n pidfile: " + at + "pid\"\n xfrdfile: " + at +
                 "xfrd\"\n zonelistfile: " + at + "zones\"\n xfrdir: \"" + folder +
                 "\"\n rrl-ratelimit: 0\n rrl-whitelist-ratelimit: 0\n"
                 "remote-control:\n control-enable: no\n" +
                 read_text(signed_zones() / "zones.conf");
        }) {}
};

/// Resolves and does not validate: the engine's upstream.
struct Recursor : Server {
  explicit Recursor(const Address& authority, const std::string& more = "")
      : Server("unbound", {"-d", "-p"}, [&](std::uint16_t port, const std::string& folder) {
          auto config = unbound_start(port, folder) + " module-config: iterator\n" + more;
          std::istringstream zones(read_text(signed_zones() / "zones.conf"));
          for (std::string line; std::getline(zones, line);) {
            if (line.find(" name:") != 0) continue;
            config += "stub-zone:\n" + line + "\n stub-addr: " + at_port(authority) + '\n';
          }
          return config;
        }) {}
};

/// Validates what the recursor says: what the engine must agree with.
struct Judge : Server {
  explicit Judge(const Address& recursor)
      : Server("unbound", {"-d", "-p"}, [&](std::uint16_t port, const std::string& folder) {
          return unbound_start(port, folder) +
                 " module-config: \"validator iterator\"\n trust-anchor-file: \"" + trust_anchor() +
                 "\"\n domain-insecure: exempt\nforward-zone:\n name: .\n" +
                 " forward-addr: " + at_port(recursor) + '\n';
        }) {}
};

std::string validating(const std::string& more = "") {
  return "dnssec: {mode: validate, trust_anchors: [\"" + trust_anchor() +
         "\"], negative_trust_anchors: [exempt]}\n" + more;
}

/// How a client asks.
struct Way {
  const char* name;
  std::uint16_t flags;
  bool dnssec_ok;
};

constexpr Way with_do{"DO", flag_rd, true};
constexpr Way with_ad{"AD", flag_rd | flag_ad, false};
constexpr Way with_cd{"DO and CD", flag_rd | flag_cd, true};
constexpr Way plainly{"neither", flag_rd, false};

Query query_in(const Way& way, const std::string& name, std::uint16_t type) {
  Query query = query_with_edns(name, type, 4096);
  query.flags = way.flags;
  query.edns->dnssec_ok = way.dnssec_ok;
  return query;
}

/// The code of the extended error (RFC 8914) in a reply; -1: there is none.
int extended_error(const Message& reply) {
  const Bytes& options = reply.edns.value().options;
  for (std::size_t at = 0; at + 4 <= options.size();) {
    const unsigned code = options[at] << 8u | options[at + 1];
    const unsigned size = options[at + 2] << 8u | options[at + 3];
    if (code == 15 && size >= 2) return options[at + 4] << 8 | options[at + 5];
    at += 4 + size;
  }
  return -1;
}

/// The records of a reply's answer section, in no particular order.
std::vector<std::string> answer_of(const Message& reply) {
  std::vector<std::string> records;
  for (const Record& record : reply.answers) {
    records.push_back(lower_case(record.name) + ' ' + std::to_string(record.type) + ' ' +
                      lower_case(record.text));
  }
  std::ranges::sort(records);
  return records;
}

bool has_proofs(const Message& reply) {
  const auto is_proof = [](const Record& record) {
    return record.type == type_rrsig || record.type == type_nsec || record.type == type_nsec3;
  };
  return std::ranges::any_of(reply.answers, is_proof) ||
         std::ranges::any_of(reply.authority, is_proof);
}

/// The engine between the recursor and a client that compares it with the judge.
struct Lab {
  Authority authority;
  Recursor recursor{authority.address()};
  Engine engine;

  explicit Lab(const std::string& config = validating())
      : engine(with_config(upstreams_line({recursor.address().to_text()}) + config)) {}

  Message ask(const std::string& name, std::uint16_t type = type_a,
              const Way& way = with_do) const {
    const auto reply = test::ask(engine.address(), query_in(way, name, type));
    INFO(name);
    REQUIRE(reply);
    return *reply;
  }
  nlohmann::json status() const {
    return nlohmann::json::parse(engine.control(R"({"command":"status"})"));
  }
};

/// The ports at 127.0.0.1 of a process's UDP sockets.
std::vector<std::uint16_t> udp_ports_of(pid_t pid) {
  const std::string process = "/proc/" + std::to_string(pid);
  std::set<std::string> sockets;
  for (const auto& entry : std::filesystem::directory_iterator(process + "/fd")) {
    std::error_code gone;
    sockets.insert(std::filesystem::read_symlink(entry.path(), gone).string());
  }
  std::vector<std::uint16_t> ports;
  std::istringstream lines(read_text(process + "/net/udp"));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    const std::vector<std::string> words{std::istream_iterator<std::string>(fields), {}};
    const bool is_local = words.size() > 9 && words[1].starts_with("0100007F:");
    if (!is_local || !sockets.contains("socket:[" + words[9] + ']')) continue;
    ports.push_back(static_cast<std::uint16_t>(std::stoul(words[1].substr(9), nullptr, 16)));
  }
  return ports;
}

enum class Fate { secure, insecure, bogus };

/// A question and what must become of it.
struct Case {
  std::string name;
  std::uint16_t type;
  Fate fate;
  unsigned rcode;
  int error = -1;  // of RFC 8914
};

const std::vector<Case>& cases() {
  using enum Fate;
  static const std::vector<Case> all{
      {"www.secure", type_a, secure, noerror},
      {"www.secure", type_aaaa, secure, noerror},
      {"mail.deep.secure", type_mx, secure, noerror},
      {"secure", type_soa, secure, noerror},
      {"secure", type_dnskey, secure, noerror},
      {"secure", type_ds, secure, noerror},
      {"nothing.secure", type_a, secure, nxdomain},
      {"www.secure", type_mx, secure, noerror},  // NODATA
      {"deep.secure", type_a, secure, noerror},  // an empty non-terminal
      {"any.wild.secure", type_txt, secure, noerror},
      {"any.wild.secure", type_a, secure, noerror},
      {"alias.secure", type_a, secure, noerror},
      {"alias.secure", type_mx, secure, noerror},
      {"to-nsec3.secure", type_a, secure, noerror},
      {"to-nothing.secure", type_a, secure, nxdomain},
      {"to-insecure.secure", type_a, insecure, noerror},
      {"to-wrong.secure", type_a, bogus, servfail, 6},
      {"www.nsec3", type_a, secure, noerror},
      {"nothing.nsec3", type_a, secure, nxdomain},
      {"www.nsec3", type_mx, secure, noerror},
      {"any.wild.nsec3", type_txt, secure, noerror},
      {"deep.nsec3", type_a, secure, noerror},
      {"www.optout", type_a, secure, noerror},
      {"www.insecure", type_a, insecure, noerror},
      {"nothing.insecure", type_a, insecure, nxdomain},
      {"insecure", type_ds, secure, noerror},  // proven to have none
      {"from.insecure", type_a, insecure, noerror},
      {"nosuchzone", type_a, secure, nxdomain},
      {"www.rollover", type_a, secure, noerror},
      {"nothing.rollover", type_a, secure, nxdomain},
      {"www.wrong", type_a, bogus, servfail, 6},
      {"www.wrong", type_aaaa, secure, noerror},
      {"www.expired", type_a, bogus, servfail, 7},
      {"nothing.expired", type_a, bogus, servfail, 7},
      {"www.future", type_a, bogus, servfail, 8},
      {"www.nonsec", type_a, secure, noerror},
      {"nothing.nonsec", type_a, bogus, servfail, 12},
      {"www.nonsec", type_mx, bogus, servfail, 12},
      {"any.wild.nonsec", type_txt, bogus, servfail, 12},
      {"www.nonsec3", type_a, secure, noerror},
      {"nothing.nonsec3", type_a, bogus, servfail, 12},
      {"www.unsigned", type_a, bogus, servfail, 9},
      {"www.nokey", type_a, bogus, servfail, 9},
      {"www.halfway", type_a, bogus, servfail, 9},
      {"www.exempt", type_a, insecure, noerror},
  };
  return all;
}

}  // namespace

TEST_CASE("validation agrees with unbound about every kind of zone") {
  if (lacks_servers()) return;
  Lab lab;
  Judge judge(lab.recursor.address());
  for (int round = 0; round < 2; ++round) {  // the second one comes from the cache
    for (const Case& the : cases()) {
      for (const Way& way : {with_do, with_ad, plainly, with_cd}) {
        INFO(the.name << " type " << the.type << " with " << way.name << ", round " << round);
        const Message ours = lab.ask(the.name, the.type, way);
        const auto theirs = ask(judge.address(), query_in(way, the.name, the.type));
        REQUIRE(theirs);
        CHECK(ours.rcode == theirs->rcode);
        CHECK(answer_of(ours) == answer_of(*theirs));
        if (way.flags & flag_cd) {
          CHECK(ours.rcode != servfail);
          CHECK_FALSE(ours.has(flag_ad));  // unbound adds it when it knows the answer validated
          continue;
        }
        CHECK(ours.has(flag_ad) == theirs->has(flag_ad));
        CHECK(ours.rcode == the.rcode);
        CHECK(ours.has(flag_ad) == (the.fate == Fate::secure && way.name != plainly.name));
        CHECK(extended_error(ours) == the.error);
        if (!way.dnssec_ok) CHECK_FALSE(has_proofs(ours));
        if (way.dnssec_ok && the.fate == Fate::secure) CHECK(has_proofs(ours));
      }
    }
  }
  const auto dnssec = lab.status().at("dnssec");
  CHECK(dnssec.at("mode") == "validate");
  CHECK(dnssec.at("secure").get<int>() > 20);
  CHECK(dnssec.at("insecure").get<int>() >= 4);
  CHECK(dnssec.at("bogus").get<int>() >= 10);
  CHECK(dnssec.at("failed").get<int>() == 0);
}

TEST_CASE("delv is content with what the validating engine passes on") {
  if (lacks_servers()) return;
  Lab lab;
  std::istringstream anchor(read_text(trust_anchor()));
  std::string owner, klass, type, tag, algorithm, digest_type, digest;
  anchor >> owner >> klass >> type >> tag >> algorithm >> digest_type >> digest;
  TempDir directory;
  const auto keys =
      directory.write("keys", "trust-anchors { \".\" static-ds " + tag + ' ' + algorithm + ' ' +
                                  digest_type + " \"" + digest + "\"; };\n");
  const auto delv = [&](const std::string& name, const std::string& rr_type) {
    Process process({"delv", "@127.0.0.1", "-p", std::to_string(lab.engine.address().port), "-a",
                     keys.string(), "+root=.", name, rr_type});
    CHECK(process.wait(3 * patience) == 0);
    return process.output() + process.errors();
  };
  const auto contains = [](const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  };
  CHECK(contains(delv("www.secure", "A"), "; fully validated"));
  CHECK(contains(delv("any.wild.secure", "TXT"), "; fully validated"));
  CHECK(contains(delv("to-nsec3.secure", "A"), "; fully validated"));
  CHECK(contains(delv("www.rollover", "A"), "; fully validated"));
  CHECK(contains(delv("nothing.nsec3", "A"), "; negative response, fully validated"));
  CHECK(contains(delv("www.secure", "MX"), "; negative response, fully validated"));
  CHECK(contains(delv("www.insecure", "A"), "; unsigned answer"));
  CHECK(contains(delv("www.wrong", "A"), "resolution failed"));
  CHECK(contains(delv("www.expired", "A"), "resolution failed"));
}

TEST_CASE("upstreams that die during validation are told as such, and stale data is used") {
  if (lacks_servers()) return;
  Lab lab(validating("timeout: 2s\ncache: {max_ttl: 1s, serve_stale: {after: 100ms}}\n"));
  CHECK(lab.ask("www.secure").has(flag_ad));
  CHECK(lab.ask("www.wrong").rcode == servfail);
  sleep_for(milliseconds(2100));
  // Our own cache decides how long an answer is good, and has it fetched anew.
  const auto sent = [&] { return lab.status()["groups"][0]["upstreams"][0]["sent"].get<int>(); };
  const int before = sent();
  CHECK(lab.ask("www.secure").has(flag_ad));
  CHECK(sent() > before);
  sleep_for(milliseconds(2100));
  lab.recursor.process().signal(SIGSTOP);
  const Message stale = lab.ask("www.secure");
  CHECK(stale.rcode == noerror);
  CHECK(extended_error(stale) == 3);
  CHECK_FALSE(stale.has(flag_ad));
  const Message silent = lab.ask("nothing.secure");
  CHECK(silent.rcode == servfail);
  CHECK(extended_error(silent) == 22);
  lab.recursor.process().signal(SIGCONT);
  const milliseconds long_patience = 3 * patience;  // until a probe, and the end of stale data
  CHECK(eventually([&] { return lab.ask("other.secure").rcode == nxdomain; }, long_patience));
  CHECK(eventually([&] { return lab.ask("www.secure").has(flag_ad); }, long_patience));
  CHECK(eventually([&] { return lab.ask("www.nsec3").has(flag_ad); }, long_patience));
}

TEST_CASE("nobody but libunbound is served where libunbound asks") {
  if (!DNSCACHE_DNSSEC) {
    WARN("SKIPPED: built without libunbound");
    return;
  }
  TestUpstream upstream;
  Engine engine(with_config(upstreams_line({&upstream}) +
                            "dnssec: {mode: validate, trust_anchors: [\". IN DS 1 8 2 " +
                            std::string(64, '0') + "\"]}\nacl: []\n"));
  upstream.set("drop");
  UdpClient client(engine.address());
  client.send(query_in(with_do, "www.example", type_a));
  REQUIRE(eventually([&] { return upstream.count("www.example") > 0; }));
  const auto ports = udp_ports_of(engine.process().pid());
  CHECK(ports.size() >= 3);  // for clients, for libunbound, and to the upstream at least
  for (const std::uint16_t port : ports) {
    if (port == engine.address().port) continue;
    UdpClient({"127.0.0.1", port}).send(query_in(with_do, "foreign.example", type_a));
  }
  client.send(query_in(with_do, "later.example", type_a));
  REQUIRE(eventually([&] { return upstream.count("later.example") > 0; }));
  CHECK(upstream.count("foreign.example") == 0);
}

TEST_CASE("answers of a port where nobody is are failures of the network, not forgeries") {
  if (lacks_servers()) return;
  Engine engine(with_config(upstreams_line({"127.0.0.1:" + std::to_string(free_port())}) +
                            validating("timeout: 2s\n")));
  const auto reply = ask(engine.address(), query_in(with_do, "www.secure", type_a));
  REQUIRE(reply);
  CHECK(reply->rcode == servfail);
  CHECK(extended_error(*reply) == 23);
}

TEST_CASE("a key that nobody answers for is no forgery, wherever a validated alias led") {
  if (lacks_servers()) return;
  Authority authority;
  // DS and DNSKEY of this zone are dropped, as a broken path does.
  Recursor recursor(authority.address(),
                    " local-zone: nsec3. deny\n local-zone: www.nsec3. transparent\n"
                    " local-zone: any.wild.nsec3. transparent\n");
  Engine engine(
      with_config(upstreams_line({recursor.address().to_text()}) + validating("timeout: 2s\n")));
  CHECK(ask(engine.address(), query_in(with_do, "www.secure", type_a)).value().has(flag_ad));
  const auto fate_of = [&](const std::string& name, std::uint16_t type) {
    const auto reply = ask(engine.address(), query_in(with_do, name, type), 2 * patience);
    REQUIRE(reply);
    CHECK(reply->rcode == servfail);
    return extended_error(*reply);
  };
  const auto is_of_network = [](int error) { return error == 22 || error == 23; };
  CHECK(is_of_network(fate_of("to-nsec3.secure", type_a)));
  // What libunbound remembers of the key is not taken for proof, either.
  CHECK(is_of_network(fate_of("www.nsec3", type_a)));
  CHECK(is_of_network(fate_of("any.wild.nsec3", type_txt)));
  // And of other zones it says nothing: a forgery there is called one.
  CHECK(fate_of("www.wrong", type_a) == 6);
}

TEST_CASE("the zones of routes and private names are not validated") {
  if (lacks_servers()) return;
  Authority authority;
  Recursor recursor(authority.address());
  TestUpstream inside;
  const auto config =
      validating("routes: [{zone: secure, upstreams: [\"" + inside.address().to_text() + "\"]}]\n");
  Engine engine(with_config(upstreams_line({recursor.address().to_text()}) + config));
  const auto routed = ask(engine.address(), query_in(with_do, "www.secure", type_a));
  REQUIRE(routed);
  CHECK(routed->texts(type_a) == std::vector{address_of("www.secure")});
  CHECK_FALSE(routed->has(flag_ad));
  Engine private_names(with_config(upstreams_line({&inside}) + validating()));
  for (const std::string name : {"ip-10-0-0-1.ec2.internal", "printer.local", "nas.home.arpa"}) {
    const auto reply = ask(private_names.address(), query_in(with_do, name, type_a));
    REQUIRE(reply);
    CHECK(reply->texts(type_a) == std::vector{address_of(name)});
    CHECK_FALSE(reply->has(flag_ad));
  }
  // The test upstream knows nothing of signatures: everything else is forged.
  const auto forged = ask(private_names.address(), query_in(with_do, "www.example", type_a));
  REQUIRE(forged);
  CHECK(forged->rcode == servfail);
}

TEST_CASE("DNSSEC passed through, or kept out") {
  if (lacks_servers()) return;
  Lab passing("");
  CHECK(has_proofs(passing.ask("www.secure")));
  CHECK_FALSE(has_proofs(passing.ask("www.secure", type_a, plainly)));
  CHECK(passing.ask("www.wrong").rcode == noerror);
  CHECK(passing.status().at("dnssec").at("mode") == "passthrough");
  // A validating upstream's AD goes to those who ask for it, and its CD is obeyed.
  Judge judge(passing.recursor.address());
  Engine trusting(with_config(upstreams_line({judge.address().to_text()})));
  const auto through = [&](const std::string& name, const Way& way) {
    return ask(trusting.address(), query_in(way, name, type_a)).value();
  };
  CHECK(through("www.secure", with_do).has(flag_ad));
  CHECK(through("www.secure", with_ad).has(flag_ad));
  CHECK_FALSE(through("www.secure", plainly).has(flag_ad));
  CHECK(through("www.wrong", with_do).rcode == servfail);
  CHECK(through("www.wrong", with_cd).rcode == noerror);
  CHECK(through("www.wrong", with_do).rcode == servfail);
  Engine without(
      with_config(upstreams_line({judge.address().to_text()}) + "dnssec: {mode: off}\n"));
  for (const Way& way : {with_do, with_ad, plainly}) {
    const auto reply = ask(without.address(), query_in(way, "www.secure", type_a)).value();
    CHECK(reply.texts(type_a) == std::vector<std::string>{"192.0.2.1"});
    CHECK_FALSE(reply.has(flag_ad));
    CHECK_FALSE(has_proofs(reply));
    const auto nothing = ask(without.address(), query_in(way, "nothing.nsec3", type_a)).value();
    CHECK(nothing.rcode == nxdomain);
    CHECK_FALSE(has_proofs(nothing));
  }
  // What is asked for by name is not kept back.
  CHECK_FALSE(ask(without.address(), query_in(with_do, "secure", type_dnskey))->answers.empty());
}

TEST_CASE("a reload begins and ends validation, and a bad trust anchor is refused") {
  if (lacks_servers()) return;
  Lab lab("");
  const auto upstreams = upstreams_line({lab.recursor.address().to_text()});
  const auto reload = [&](const std::string& config) {
    lab.engine.write_config(upstreams + config);
    return nlohmann::json::parse(lab.engine.control(R"({"command":"reload"})"));
  };
  CHECK(lab.ask("www.wrong").rcode == noerror);
  CHECK(reload(validating()).at("ok") == true);
  CHECK(lab.ask("www.wrong").rcode == servfail);
  const auto refused = reload("dnssec: {mode: validate, trust_anchors: [/nonexistent/root.key]}\n");
  CHECK(refused.at("ok") == false);
  CHECK(refused.at("error").get<std::string>().find("/nonexistent/root.key") != std::string::npos);
  CHECK(lab.ask("www.wrong").rcode == servfail);
  std::istringstream anchor(read_text(trust_anchor()));
  const std::vector<std::string> words{std::istream_iterator<std::string>(anchor), {}};
  std::string record;
  for (const std::string& word : words) record += (record.empty() ? "" : " ") + word;
  CHECK(reload("dnssec: {mode: validate, trust_anchors: [\"" + record + "\"]}\n").at("ok") == true);
  CHECK(lab.ask("www.exempt").rcode == servfail);
  CHECK(lab.ask("www.secure").has(flag_ad));
  // A file is read again, whether or not its name has changed.
  TempDir directory;
  const auto file = directory.write("root.anchor", read_text(trust_anchor()));
  const auto by_file = "dnssec: {mode: validate, trust_anchors: [\"" + file.string() + "\"]}\n";
  CHECK(reload(by_file).at("ok") == true);
  CHECK(lab.ask("www.nsec3").has(flag_ad));
  directory.write("root.anchor", ". IN DS 1 8 2 " + std::string(64, '0') + '\n');
  CHECK(reload(by_file).at("ok") == true);
  CHECK(lab.ask("www.optout").rcode == servfail);
  CHECK(reload("").at("ok") == true);
  CHECK(lab.ask("www.wrong").rcode == noerror);
}

TEST_CASE("many questions are validated at the same time") {
  if (lacks_servers()) return;
  Lab lab;
  constexpr std::uint16_t count = 300;
  constexpr std::uint16_t at_once = 50;  // so that no socket's buffer overflows
  UdpClient client(lab.engine.address());
  int secure = 0;
  for (std::uint16_t begin = 0; begin < count; begin += at_once) {
    for (std::uint16_t i = begin; i < begin + at_once; ++i) {
      Query query = query_in(with_ad, "n" + std::to_string(i) + ".wild.secure", type_txt);
      query.id = static_cast<std::uint16_t>(i + 1);
      client.send(query);
    }
    for (int i = 0; i < at_once; ++i) {
      const auto reply = client.receive_message();
      REQUIRE(reply);
      if (reply->rcode == noerror && reply->has(flag_ad)) ++secure;
    }
  }
  CHECK(secure == count);
}

}  // namespace dnscache::test
