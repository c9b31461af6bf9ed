// The article's configuration of dnsmasq, imported and served, beside the real dnsmasq with the
// original file: the same questions get the same answers, or the manual page says why not.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <sstream>
#include <thread>

#include "tests/system/replies.hpp"

using namespace dnscache::test;

namespace {

const std::vector<std::string> outside_addresses = {
    "192.168.1.1", "10.0.0.1",     "172.16.0.1",  "172.31.255.255", "172.32.0.1",
    "169.254.1.1", "127.0.0.1",    "0.0.0.0",     "100.64.0.1",     "192.0.2.1",
    "8.8.8.8",     "198.51.100.1", "203.0.113.1", "192.167.1.1",    "255.255.255.255"};
const std::vector<std::string> outside_addresses6 = {
    "fd00::1", "fe80::1", "::1", "2001:db8::1", "2600::1", "::ffff:10.0.0.1", "fc00::1"};

std::string rebinding_name(std::size_t index, const std::string& zone) {
  return "r" + std::to_string(index) + '.' + zone;
}

const std::vector<std::string> rebinding_zones = {"evil.example.org", "ec2.internal",
                                                  "compute.internal", "x.local"};

std::vector<Asked> questions() {
  std::vector<Asked> list;
  for (const char* plain : {"plain", "nas", "intranet", "com", "onlyhere"}) {
    for (const auto type : {type_a, type_aaaa, type_mx, type_txt}) list.emplace_back(plain, type);
  }
  for (const char* address :
       {"10.0.0.1", "10.255.1.2", "172.16.0.1", "172.31.9.9", "172.32.0.1", "192.168.0.1",
        "192.168.77.5", "169.254.169.253", "100.64.0.1", "192.0.2.7", "198.51.100.7", "203.0.113.7",
        "127.0.0.1", "0.0.0.1", "255.255.255.255", "8.8.8.8", "1.2.3.4", "10.20.30.40",
        "10.20.30.41"}) {
    list.emplace_back(reverse_of(address), type_ptr);
  }
  const std::string zeros = "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.";
  list.emplace_back("1." + zeros + "0.d.f.ip6.arpa", type_ptr);
  list.emplace_back("1." + zeros.substr(0, 54) + "0.8.e.f.ip6.arpa", type_ptr);
  list.emplace_back("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
                    type_ptr);
  list.emplace_back("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.2.ip6.arpa",
                    type_ptr);
  for (const auto& zone : rebinding_zones) {
    for (std::size_t i = 0; i < outside_addresses.size(); ++i) {
      list.emplace_back(rebinding_name(i, zone), type_a);
    }
    for (std::size_t i = 0; i < outside_addresses6.size(); ++i) {
      list.emplace_back(rebinding_name(i, zone), type_aaaa);
    }
  }
  for (const char* name :
       {"mixed.evil.example.org", "alias.evil.example.org", "mixed.ec2.internal"}) {
    list.emplace_back(name, type_a);
  }
  for (const char* name : {"nx.example.org", "a.b.nx.example.org", "nodata.example.org",
                           "nosoa.example.org", "refused.example.org", "servfail.example.org"}) {
    for (const auto type : {type_a, type_aaaa, type_txt}) list.emplace_back(name, type);
  }
  for (const char* name : {"host.lan", "alias.lan", "six.lan", "both.lan", "onlyhere.lan", "lan"}) {
    for (const auto type : {type_a, type_aaaa, type_mx}) list.emplace_back(name, type);
  }
  for (const char* name :
       {"www.example.net", "chain.example.net", "many.example.net", "s3.amazonaws.com"}) {
    for (const auto type : {type_a, type_aaaa, type_txt, type_mx, type_ns, type_https, type_srv}) {
      list.emplace_back(name, type);
    }
  }
  for (const char* name : {"int.example.com", "a.b.int.example.com", "www.example.com",
                           "example.com", "notexample.com", "printer.local", "local",
                           "ads.block.example.org", "x.ads.block.example.org"}) {
    for (const auto type : {type_a, type_aaaa, type_mx}) list.emplace_back(name, type);
  }
  for (const auto type : {type_a, type_aaaa, type_mx}) list.emplace_back("localhost", type);
  list.emplace_back("www.example.net", type_any);
  list.emplace_back("host.lan", type_any);
  list.emplace_back("_ldap._tcp.example.net", type_srv);
  list.emplace_back("example.net", type_soa);
  list.emplace_back(".", type_ns);
  return list;
}

void teach(TestUpstream& upstream) {
  for (const auto& zone : rebinding_zones) {
    for (std::size_t i = 0; i < outside_addresses.size(); ++i) {
      Behaviour behaviour;
      behaviour.addresses = {outside_addresses[i]};
      upstream.set(rebinding_name(i, zone), type_a, behaviour);
    }
    for (std::size_t i = 0; i < outside_addresses6.size(); ++i) {
      Behaviour behaviour;
      behaviour.addresses = {outside_addresses6[i]};
      upstream.set(rebinding_name(i, zone), type_aaaa, behaviour);
    }
  }
  Behaviour mixed;
  mixed.addresses = {"8.8.8.8", "192.168.1.1"};
  upstream.set("mixed.evil.example.org", type_a, mixed);
  upstream.set("mixed.ec2.internal", type_a, mixed);
  mixed.chain = 2;
  upstream.set("alias.evil.example.org", type_a, mixed);
  upstream.set("nx.example.org", "nxdomain");
  upstream.set("*.nx.example.org", "nxdomain");
  upstream.set("nodata.example.org", "nodata");
  upstream.set("nosoa.example.org", "nxdomain no-soa");
  upstream.set("refused.example.org", "refused");
  upstream.set("servfail.example.org", "servfail");
  upstream.set("chain.example.net", "chain 3");
  upstream.set("many.example.net", "records 5");
}

/// A place where the article's paths are our own: /etc, /run and /var/log.
class Machine {
 public:
  Machine() {
    etc_.write("passwd", "root:x:0:0::/:/bin/sh\ndnsmasq:x:999:999::/:/bin/false\n");
    etc_.write("group", "root:x:0:\ndnsmasq:x:999:\n");
    etc_.write("hosts",
               "127.0.0.1 localhost\n::1 localhost\n"
               "10.20.30.40 host.lan alias.lan\n10.20.30.41 onlyhere.lan onlyhere\n"
               "fd00:1::5 six.lan\n10.20.30.42 both.lan\nfd00:1::6 both.lan\n");
    etc_.write("dnsmasq-blocklist", "0.0.0.0 ads.block.example.org\n");
    etc_.write("resolv.dnsmasq",
               read_text(DNSCACHE_SOURCE_DIR "/tests/system/article/resolv.dnsmasq"));
    etc_.write("resolv.conf", "nameserver 127.0.0.1\n");
    for (const TempDir* folder : {&etc_, &run_, &log_, &work_}) {  // dnsmasq runs as its own user
      std::filesystem::permissions(folder->path(), std::filesystem::perms::all);
    }
    bind_mount(etc_.path(), "/etc");
    bind_mount(run_.path(), "/run");
    bind_mount(log_.path(), "/var/log");
    // Not on lo, where dnsmasq would listen at these addresses itself.
    run({"ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth1"});
    for (const char* address : {"192.168.1.100/32", "172.31.0.2/32", "169.254.169.253/32"}) {
      run({"ip", "address", "add", address, "dev", "eth0"});
    }
    run({"ip", "address", "add", "fd00:ec2::253/128", "dev", "eth0", "nodad"});
    for (const char* link : {"eth0", "eth1"}) run({"ip", "link", "set", link, "up"});
  }
  const TempDir& files() const { return work_; }

 private:
  static void run(const std::vector<std::string>& command) {
    Process process(command);
    const auto code = process.wait();
    INFO(process.errors());
    REQUIRE(code == 0);
  }

  TempDir etc_, run_, log_, work_;
};

std::map<Asked, Reply> ask_dnsmasq(const std::filesystem::path& config) {
  Process dnsmasq({"dnsmasq", "--keep-in-foreground", "--conf-file=" + config.string()});
  return ask_everything(dnsmasq, questions(), "www.example.net");
}

std::map<Asked, Reply> ask_ours(const Machine& machine, const std::filesystem::path& config) {
  const auto yaml = machine.files().path() / "config.yaml";
  std::filesystem::remove(yaml);
  Process import({DNSCACHECTL_PATH, "import", config.string(), "--output", yaml.string()});
  const auto code = import.wait();
  INFO(import.errors());
  REQUIRE((code == 0 || code == 5));
  Process check({DNSCACHECTL_PATH, "check", yaml.string()});
  REQUIRE(check.wait() == 0);
  Process ours({DNSCACHECTL_PATH, "--control", (machine.files().path() / "socket").string(),
                "serve", "--config", yaml.string()});
  return ask_everything(ours, questions(), "www.example.net");
}

/// A difference that is meant, and the words by which the manual page tells it.
struct Difference {
  const char* in_manual;
  bool (*applies)(const std::string& option, const Asked& asked, const Reply& theirs,
                  const Reply& ours);
};

const std::vector<Difference>& differences() {
  static const std::set<std::string> hosts = {"host.lan",
                                              "alias.lan",
                                              "onlyhere",
                                              "six.lan",
                                              "both.lan",
                                              "onlyhere.lan",
                                              "ads.block.example.org"};
  static const std::vector<Difference> list = {
      {"ANY is answered with RFC 8482's record",
       [](const std::string&, const Asked& asked, const Reply&, const Reply&) {
         return asked.second == type_any;
       }},
      {"A name in a hosts file has the addresses there and no others",
       [](const std::string&, const Asked& asked, const Reply&, const Reply& ours) {
         const bool is_address = asked.second == type_a || asked.second == type_aaaa;
         return hosts.contains(asked.first) && is_address && is_empty(ours);
       }},
      {"Nobody is asked about localhost",
       [](const std::string&, const Asked& asked, const Reply&, const Reply& ours) {
         return asked.first == "localhost" && is_empty(ours);
       }},
      {"A domain of local.zones has the addresses there and nothing else",
       [](const std::string& option, const Asked& asked, const Reply&, const Reply& ours) {
         for (const char* zone : {"int.example.com", "example.com", "local"}) {
           const bool is_set = option.starts_with("address=/" + std::string(zone) + '/') ||
                               option.starts_with("address=/." + std::string(zone) + '/');
           if (is_set && is_within(asked.first, zone) && is_empty(ours)) return true;
         }
         return false;
       }},
      {"A name above one that is known here exists",
       [](const std::string& option, const Asked& asked, const Reply& theirs, const Reply& ours) {
         return option.starts_with("address=") && asked.first == "com" &&
                theirs.rcode == nxdomain && is_empty(ours);
       }},
      {"filterwin2k is not there",
       // The aliases on the way to what it takes away may be left, depending on what is in its
       // cache.
       [](const std::string& option, const Asked& asked, const Reply& theirs, const Reply&) {
         return option == "filterwin2k" && theirs.rcode == noerror &&
                !has_type(theirs, asked.second);
       }},
      {"With strict-order dnsmasq keeps silent",
       [](const std::string& option, const Asked&, const Reply& theirs, const Reply& ours) {
         return option == "strict-order" && theirs.rcode == -1 && ours.records.empty();
       }},
  };
  return list;
}

/// Compares and notes which differences were seen.
void compare(const Machine& machine, const std::string& option, const std::string& text,
             std::set<std::string>& seen) {
  const auto config = machine.files().write("dnsmasq.conf", text);
  const auto theirs = ask_dnsmasq(config);
  const auto ours = ask_ours(machine, config);
  REQUIRE(theirs.size() == ours.size());
  for (const auto& [asked, their_reply] : theirs) {
    const Reply& our_reply = ours.at(asked);
    if (their_reply == our_reply) continue;
    const auto known = std::ranges::find_if(differences(), [&](const Difference& difference) {
      return difference.applies(option, asked, their_reply, our_reply);
    });
    if (known != differences().end()) {
      seen.insert(known->in_manual);
      continue;
    }
    FAIL_CHECK("with " << option << ", " << asked.first << " type " << asked.second
                       << "\n  dnsmasq: " << their_reply.to_text()
                       << "\n  ours:    " << our_reply.to_text());
  }
}

struct Variant {
  std::string option;
  std::string text;
};

// The file as it is, and with each switched-off option switched on in turn.
std::vector<Variant> variants() {
  const std::string original = read_text(DNSCACHE_SOURCE_DIR "/tests/system/article/dnsmasq.conf");
  std::vector<Variant> list{{"(the file as it is)", original}};
  // No variants: validation is another matter, and without any server there are no answers. What is
  // sent by way of eth0 alone does not come back to this same machine.
  const std::set<std::string> left_out = {"dnssec", "dnssec-check-unsigned", "conf-file",
                                          "trust-anchor", "no-resolv"};
  std::istringstream lines(original);
  std::string before;
  for (std::string line; std::getline(lines, line); before += line + '\n') {
    const bool is_option = line.size() > 1 && line[0] == '#' && line[1] != ' ';
    if (!is_option) continue;
    const std::string option = line.substr(1);
    if (left_out.contains(option.substr(0, option.find('=')))) continue;
    if (option.ends_with("%eth0")) continue;
    std::string text = before + option + '\n' + original.substr(before.size() + line.size() + 1);
    // One excludes the other.
    const auto without = [&](const std::string& other) {
      text.replace(text.find('\n' + other + '\n'), other.size() + 1, "");
    };
    if (option == "bind-dynamic") without("bind-interfaces");
    if (option == "log-facility=-") without("log-facility=/var/log/dnsmasq.log");
    list.push_back({option, std::move(text)});
  }
  return list;
}

}  // namespace

TEST_CASE("the article's dnsmasq.conf, imported, answers as dnsmasq does") {
  if (geteuid() != 0 || !namespaces_permitted() || find_program("dnsmasq").empty()) {
    WARN("SKIPPED: needs root, namespaces and dnsmasq");
    return;
  }
  CHECK(questions().size() >= 200);
  std::set<std::string> seen;
  in_namespace({}, [&] {
    const Machine machine;
    TestUpstream::Options options;
    options.listen = {
        {"192.168.1.100", 53}, {"172.31.0.2", 53}, {"169.254.169.253", 53}, {"fd00:ec2::253", 53}};
    TestUpstream upstream(options);
    teach(upstream);
    for (const Variant& variant : variants()) {
      compare(machine, variant.option, variant.text, seen);
    }
  });
  const std::string manual = words_of_manual();
  for (const Difference& difference : differences()) {
    INFO(difference.in_manual);
    CHECK(seen.contains(difference.in_manual));  // or it is no difference any more
    CHECK(manual.find(difference.in_manual) != std::string::npos);
  }
}

TEST_CASE("reloading under load with a changed and with a broken file loses no query") {
  TempDir directory;
  const auto hosts = directory.write("hosts", "10.0.0.1 first.lan\n");
  TestUpstream upstream;
  const std::string start = upstreams_line({&upstream});
  const auto config = [&](const std::string& record) {
    return start + "local: {ttl: 0s, hosts_files: [\"" + hosts.string() + "\"], records: [\"" +
           record + "\"]}\n";
  };
  Engine engine(with_config(config("db.lan A 10.0.0.5")));
  std::atomic<bool> is_over = false;
  std::atomic<unsigned> asked = 0, lost = 0;
  std::thread load([&] {
    UdpClient client(engine.address());
    for (unsigned i = 0; !is_over; ++i) {
      const bool is_local = i % 3 == 0;
      Query one = query(is_local ? "db.lan" : "load" + std::to_string(i % 50) + ".example");
      one.id = static_cast<std::uint16_t>(i);
      client.send(one);
      const auto reply = client.receive_message();
      ++asked;
      if (!reply || reply->id != one.id || reply->rcode != noerror || reply->answers.empty())
        ++lost;
    }
  });
  const auto address_is = [&](const std::string& name, const std::string& address) {
    return eventually([&] {
      const auto reply = engine.ask(name);
      return reply && reply->texts(type_a) == std::vector{address};
    });
  };
  for (int round = 0; round < 5; ++round) {
    const std::string number = std::to_string(10 + round);
    engine.write_config(config("db.lan A 10.0.0." + number));
    engine.process().signal(SIGHUP);
    CHECK(address_is("db.lan", "10.0.0." + number));
    engine.write_config(config("db.lan A not-an-address"));
    engine.process().signal(SIGHUP);
    CHECK(eventually([&] {
      const std::string errors = engine.process().errors();
      std::size_t refusals = 0;
      for (std::size_t at = 0; (at = errors.find("reload failed", at)) != std::string::npos; ++at) {
        ++refusals;
      }
      return refusals == static_cast<std::size_t>(round + 1);
    }));
    CHECK(address_is("db.lan", "10.0.0." + number));
    // A hosts file is followed without any signal.
    directory.write("hosts", "10.0.1." + number + " first.lan\n");
    CHECK(address_is("first.lan", "10.0.1." + number));
  }
  is_over = true;
  load.join();
  const std::string errors = engine.process().errors();
  INFO(errors);
  CHECK(errors.find("config.yaml:6:") != std::string::npos);  // the line of the bad record
  CHECK(errors.find("needs exactly one IPv4 address after A") != std::string::npos);
  CHECK(asked > 0);
  CHECK(lost == 0);
}

TEST_CASE("what a new policy answers is not answered from the cache any longer") {
  TempDir directory;
  const auto list = directory.write("list", "# nothing yet\n");
  Cache cache("local: {block: {files: [\"" + list.string() + "\"]}}\n");
  REQUIRE(is_true_answer(cache.ask("ads.example"), "ads.example"));
  REQUIRE(is_true_answer(cache.ask("www.example"), "www.example"));
  directory.write("list", "ads.example\n");
  CHECK(eventually([&] {
    const auto reply = cache.ask("ads.example");
    return reply && reply->rcode == nxdomain;
  }));
  const auto misses = cache.misses();
  CHECK(is_true_answer(cache.ask("www.example"), "www.example"));
  CHECK(cache.misses() == misses);  // nothing else was forgotten
  CHECK(cache.status().at("queries").at("blocked").get<int>() >= 1);
}

TEST_CASE("other machines are served when the access list has them") {
  if (geteuid() != 0 || !namespaces_permitted()) {
    WARN("SKIPPED: needs root and namespaces");
    return;
  }
  in_namespace({"10.9.0.1"}, [] {
    TestUpstream upstream;
    TempDir directory;
    const auto serve = [&](const std::string& more) {
      const auto file =
          directory.write("config.yaml", "listen: [\"10.9.0.1:5300\"]\ncontrol: none\n" +
                                             upstreams_line({&upstream}) + more);
      return std::make_unique<Process>(
          std::vector<std::string>{DNSCACHECTL_PATH, "serve", "--config", file.string()});
    };
    // The machine's own address is served without being listed; see policy_policy_test for others.
    const auto process = serve("");
    CHECK(eventually([&] {
      return is_true_answer(ask({"10.9.0.1", 5300}, query("www.example"), milliseconds(100)),
                            "www.example");
    }));
    CHECK(is_true_answer(ask_tcp({"10.9.0.1", 5300}, query("www.example")), "www.example"));
    CHECK(process->errors().find("acl lists none") != std::string::npos);
  });
}
