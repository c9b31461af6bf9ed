// The article's configuration of dnsmasq, imported and served, beside the real dnsmasq with the
// original file: the same questions get the same answers, or the manual page says why not.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <sstream>
#include <thread>

#include "tests/system/fixture.hpp"

using namespace dnscache::test;

namespace {

const Address server{"127.0.0.1", 53};

using Asked = std::pair<std::string, std::uint16_t>;

/// What counts of a reply: its code and the records that answer.
struct Reply {
  int rcode = -1;  // -1: there was none
  std::set<std::string> records;

  bool operator==(const Reply&) const = default;
  std::string to_text() const {
    std::string text = "rcode " + std::to_string(rcode);
    for (const auto& record : records) text += "; " + record;
    return text;
  }
};

Reply reply_of(const std::optional<Message>& message) {
  if (!message) return {};
  Reply reply{static_cast<int>(message->rcode), {}};
  for (const auto& record : message->answers) {
    reply.records.insert(lower_case(record.name) + " type " + std::to_string(record.type) + ' ' +
                         lower_case(record.text));
  }
  return reply;
}

std::string reverse_of(const std::string& address) {
  int a = 0, b = 0, c = 0, d = 0;
  std::sscanf(address.c_str(), "%d.%d.%d.%d", &a, &b, &c, &d);
  std::ostringstream out;
  out << d << '.' << c << '.' << b << '.' << a << ".in-addr.arpa";
  return out.str();
}

const std::vector<std::string> outside_addresses = {
    "192.168.1.1", "10.0.0.1",  "172.16.0.1",   "172.31.255.255", "172.32.0.1", "169.254.1.1",
    "127.0.0.1",   "0.0.0.0",   "100.64.0.1",   "192.0.2.1",      "8.8.8.8",    "198.51.100.1",
    "203.0.113.1", "192.167.1.1", "255.255.255.255"};
const std::vector<std::string> outside_addresses6 = {"fd00::1", "fe80::1", "::1", "2001:db8::1",
                                                     "2600::1", "::ffff:10.0.0.1", "fc00::1"};

std::string rebinding_name(std::size_t index, const std::string& zone) {
  return "r" + std::to_string(index) + '.' + zone;
}

const std::vector<std::string> rebinding_zones = {"evil.test", "ec2.internal", "compute.internal",
                                                  "x.local"};

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
  list.emplace_back("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa", type_ptr);
  list.emplace_back("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.2.ip6.arpa", type_ptr);
  for (const auto& zone : rebinding_zones) {
    for (std::size_t i = 0; i < outside_addresses.size(); ++i) {
      list.emplace_back(rebinding_name(i, zone), type_a);
    }
    for (std::size_t i = 0; i < outside_addresses6.size(); ++i) {
      list.emplace_back(rebinding_name(i, zone), type_aaaa);
    }
  }
  for (const char* name : {"mixed.evil.test", "alias.evil.test", "mixed.ec2.internal"}) {
    list.emplace_back(name, type_a);
  }
  for (const char* name : {"nx.test", "a.b.nx.test", "nodata.test", "nosoa.test", "refused.test",
                           "servfail.test"}) {
    for (const auto type : {type_a, type_aaaa, type_txt}) list.emplace_back(name, type);
  }
  for (const char* name : {"host.lan", "alias.lan", "six.lan", "both.lan", "onlyhere.lan", "lan"}) {
    for (const auto type : {type_a, type_aaaa, type_mx}) list.emplace_back(name, type);
  }
  for (const char* name : {"www.example.net", "chain.example.net", "many.example.net",
                           "s3.amazonaws.com"}) {
    for (const auto type : {type_a, type_aaaa, type_txt, type_mx, type_ns, type_https, type_srv}) {
      list.emplace_back(name, type);
    }
  }
  for (const char* name : {"int.example.com", "a.b.int.example.com", "www.example.com", "example.com",
                           "notexample.com", "printer.local", "local", "ads.block.test",
                           "x.ads.block.test"}) {
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
  upstream.set("mixed.evil.test", type_a, mixed);
  upstream.set("mixed.ec2.internal", type_a, mixed);
  mixed.chain = 2;
  upstream.set("alias.evil.test", type_a, mixed);
  upstream.set("nx.test", "nxdomain");
  upstream.set("*.nx.test", "nxdomain");
  upstream.set("nodata.test", "nodata");
  upstream.set("nosoa.test", "nxdomain no-soa");
  upstream.set("refused.test", "refused");
  upstream.set("servfail.test", "servfail");
  upstream.set("chain.example.net", "chain 3");
  upstream.set("many.example.net", "records 5");
}

/// A place where the article's paths are our own: /etc, /run and /var/log.
class Machine {
 public:
  Machine() {
    for (const char* name : {"passwd", "group", "nsswitch.conf"}) {
      std::error_code missing;
      std::filesystem::copy_file(std::filesystem::path("/etc") / name, etc_.path() / name, missing);
    }
    etc_.write("hosts",
               "127.0.0.1 localhost\n::1 localhost\n"
               "10.20.30.40 host.lan alias.lan\n10.20.30.41 onlyhere.lan onlyhere\n"
               "fd00:1::5 six.lan\n10.20.30.42 both.lan\nfd00:1::6 both.lan\n");
    etc_.write("dnsmasq-blocklist", "0.0.0.0 ads.block.test\n");
    etc_.write("resolv.dnsmasq", read_text(DNSCACHE_SOURCE_DIR "/tests/system/article/resolv.dnsmasq"));
    etc_.write("resolv.conf", "nameserver 127.0.0.1\n");
    bind_mount(etc_.path(), "/etc");
    bind_mount(run_.path(), "/run");
    bind_mount(log_.path(), "/var/log");
  }
  const TempDir& files() const { return work_; }

 private:
  TempDir etc_, run_, log_, work_;
};

std::map<Asked, Reply> ask_everything(Process& process) {
  const bool ready = eventually([&] {
    return ask(server, query("www.example.net"), milliseconds(100)) || !process.is_running();
  });
  INFO(process.errors());
  REQUIRE(ready);
  REQUIRE(process.is_running());
  std::map<Asked, Reply> replies;
  for (const auto& [name, type] : questions()) {
    replies[{name, type}] = reply_of(ask(server, query(name, type), milliseconds(5000)));
  }
  return replies;
}

std::map<Asked, Reply> ask_dnsmasq(const std::filesystem::path& config) {
  Process dnsmasq({"dnsmasq", "--keep-in-foreground", "--conf-file=" + config.string()});
  return ask_everything(dnsmasq);
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
  Process ours({DNSCACHECTL_PATH, "--control", (machine.files().path() / "socket").string(), "serve",
                "--config", yaml.string()});
  return ask_everything(ours);
}

bool is_address(std::uint16_t type) { return type == type_a || type == type_aaaa; }

/// A difference that is meant, and the words by which the manual page tells it.
struct Difference {
  const char* in_manual;
  bool (*applies)(const std::string& option, const Asked& asked, const Reply& theirs,
                  const Reply& ours);
};

const std::vector<Difference>& differences() {
  static const std::vector<Difference> list = {
#include "tests/system/dnsmasq_differences.inc"
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
  // No variants: validation has tests of its own; a server without another one answers nothing;
  // nobody has an interface eth0 here.
  const std::set<std::string> left_out = {"dnssec", "dnssec-check-unsigned", "conf-file",
                                          "trust-anchor", "no-resolv"};
  std::istringstream lines(original);
  std::string before;
  for (std::string line; std::getline(lines, line); before += line + '\n') {
    const bool is_option = line.size() > 1 && line[0] == '#' && line[1] != ' ';
    if (!is_option) continue;
    const std::string option = line.substr(1);
    if (left_out.contains(option.substr(0, option.find('=')))) continue;
    if (option.find("%eth0") != std::string::npos) continue;
    std::string text = before + option + '\n' + original.substr(before.size() + line.size() + 1);
    if (option == "bind-dynamic") {  // one excludes the other
      text.replace(text.find("bind-interfaces\n"), 16, "\n");
    }
    list.push_back({option, std::move(text)});
  }
  return list;
}

std::string words_of_manual() {
  std::string text = read_text(DNSCACHE_SOURCE_DIR "/man/dnscachectl.yaml.5");
  std::ranges::replace(text, '\n', ' ');
  return text;
}

}  // namespace

TEST_CASE("the article's dnsmasq.conf, imported, answers as dnsmasq does") {
  if (geteuid() != 0 || !namespaces_permitted() || find_program("dnsmasq").empty()) {
    WARN("SKIPPED: needs root, namespaces and dnsmasq");
    return;
  }
  CHECK(questions().size() >= 200);
  std::set<std::string> seen;
  in_namespace({"192.168.1.100", "172.31.0.2", "169.254.169.253", "fd00:ec2::253"}, [&] {
    const Machine machine;
    TestUpstream::Options options;
    options.listen = {{"192.168.1.100", 53}, {"172.31.0.2", 53}, {"169.254.169.253", 53},
                      {"fd00:ec2::253", 53}};
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
