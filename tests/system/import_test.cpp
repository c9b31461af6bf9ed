// Configurations of Unbound and BIND, imported and served, beside the real program with the
// original file; and random lines of dnsmasq's grammar beside dnsmasq. The same questions get the
// same answers, or the manual page says why not.
#include <unistd.h>

#include <functional>
#include <random>

#include "tests/system/replies.hpp"

using namespace dnscache::test;

namespace {

/// Where our own upstreams are; the one for routes has other addresses.
const Address standard_upstream{"127.0.0.2", 53};
const Address routed_upstream{"127.0.0.3", 53};
constexpr const char* known = "www.example.net";

std::filesystem::path find_daemon(const std::string& package, const std::string& program) {
  const auto installed = find_program(program);
  if (!installed.empty()) return installed;
  return find_program(DNSCACHE_SOURCE_DIR "/build/tools/" + package + "/usr/sbin/" + program);
}

bool lacks(const std::filesystem::path& program, const char* name) {
  if (geteuid() == 0 && namespaces_permitted() && !program.empty()) return false;
  WARN("SKIPPED: needs root, namespaces and " << name);
  return true;
}

TestUpstream::Options listening(const Address& address) {
  TestUpstream::Options options;
  options.listen = {address};
  return options;
}

Behaviour with_address(const std::string& address) {
  Behaviour behaviour;
  behaviour.addresses = {address};
  return behaviour;
}

const std::vector<std::string> private_ones = {"10.0.0.1", "192.168.1.1", "172.16.5.5",
                                               "169.254.1.1"};

void teach(TestUpstream& standard, TestUpstream& routed) {
  standard.set("nx.example.org", "nxdomain");
  standard.set("*.nx.example.org", "nxdomain");
  standard.set("nodata.example.org", "nodata");
  for (const auto type : {type_a, type_aaaa, type_txt}) {
    standard.set("chain.example.net", type, Behaviour::parse("alias=www.example.net"));
  }
  standard.set("many.example.net", "records 5");
  for (std::size_t i = 0; i < private_ones.size(); ++i) {
    for (const char* zone : {".evil.example.org", ".corp.example"}) {
      standard.set('r' + std::to_string(i) + zone, type_a, with_address(private_ones[i]));
    }
  }
  routed.set("*.corp.example", type_a, with_address("198.18.0.7"));
  routed.set("*.168.192.in-addr.arpa", type_ptr, Behaviour());
}

std::vector<Asked> common_questions() {
  std::vector<Asked> list;
  const auto add = [&](const std::string& name, std::initializer_list<std::uint16_t> types) {
    for (const auto type : types) list.emplace_back(name, type);
  };
  for (const char* name :
       {"www.example.net", "many.example.net", "a.corp.example", "b.a.corp.example", "corp.example",
        "notcorp.example", "nx.example.org", "b.nx.example.org", "nodata.example.org", "plain",
        "example.com", "www.example.org", "deep.sub.corp.example", "example.edu", "example.info",
        "www.example.edu"}) {
    add(name, {type_a, type_aaaa, type_txt, type_mx, type_srv});
  }
  // Of the types that are an alias: for others the order of the answers would decide.
  add("chain.example.net", {type_a, type_aaaa, type_txt});
  for (std::size_t i = 0; i < private_ones.size(); ++i) {
    add('r' + std::to_string(i) + ".evil.example.org", {type_a, type_aaaa});
  }
  for (const char* name :
       {"ads.example", "x.ads.example", "null.example", "x.null.example", "r.example",
        "x.r.example", "lan", "a.lan", "b.lan", "c.lan", "nosuch.lan", "t.example", "in.t.example",
        "other.t.example", "alias.lan", "mail.lan"}) {
    add(name, {type_a, type_aaaa, type_txt, type_mx, type_srv});
  }
  for (const char* address : {"10.0.0.1", "10.20.30.40", "172.16.0.1", "172.32.0.1", "192.168.0.1",
                              "192.168.7.7", "169.254.1.1", "192.0.2.7", "198.51.100.7",
                              "127.0.0.1", "255.255.255.255", "8.8.8.8", "0.0.0.1", "100.64.0.1"}) {
    add(reverse_of(address), {type_ptr, type_a});
  }
  add("localhost", {type_a, type_aaaa});
  add("x.localhost", {type_a});
  add("_sip._tcp.lan", {type_srv, type_a});
  add("x.invalid", {type_a});
  return list;
}

/// A difference that is meant, and the words by which the manual page tells it.
struct Difference {
  const char* in_manual;
  std::function<bool(const Asked&, const Reply& theirs, const Reply& ours)> applies;
};

struct Compared {
  std::size_t questions = 0, same = 0, explained = 0;
};

/// Compares the replies; what no difference explains is a failure.
Compared compare(const std::string& about, const std::map<Asked, Reply>& theirs,
                 const std::map<Asked, Reply>& ours, const std::vector<Difference>& differences,
                 std::set<std::string>& seen) {
  Compared result;
  for (const auto& [asked, their_reply] : theirs) {
    ++result.questions;
    const Reply& our_reply = ours.at(asked);
    if (their_reply == our_reply) {
      ++result.same;
      continue;
    }
    bool is_explained = false;
    for (const Difference& difference : differences) {
      is_explained = difference.applies(asked, their_reply, our_reply);
      if (!is_explained) continue;
      seen.insert(difference.in_manual);
      break;
    }
    result.explained += is_explained ? 1 : 0;
    if (is_explained) continue;
    FAIL_CHECK("with " << about << ", " << asked.first << " type " << asked.second << "\n  theirs: "
                       << their_reply.to_text() << "\n  ours:   " << our_reply.to_text());
  }
  return result;
}

std::string import_config(const std::filesystem::path& config, const std::filesystem::path& yaml) {
  std::filesystem::remove(yaml);
  Process import({DNSCACHECTL_PATH, "import", config.string(), "--output", yaml.string()});
  const auto code = import.wait();
  INFO(import.errors());
  REQUIRE((code == 0 || code == 5));
  return import.errors();
}

std::map<Asked, Reply> ask_ours(const TempDir& folder, const std::filesystem::path& config,
                                const std::vector<Asked>& questions, std::size_t at_a_time = 40) {
  const auto yaml = folder.path() / "config.yaml";
  import_config(config, yaml);
  Process ours({DNSCACHECTL_PATH, "--control", (folder.path() / "socket").string(), "serve",
                "--config", yaml.string()});
  return ask_everything(ours, questions, known, at_a_time);
}

void check_manual(const std::vector<Difference>& differences, const std::set<std::string>& seen) {
  const std::string manual = words_of_manual();
  for (const Difference& difference : differences) {
    INFO(difference.in_manual);
    CHECK(seen.contains(difference.in_manual));  // or it is no difference any more
    CHECK(manual.find(difference.in_manual) != std::string::npos);
  }
}

std::string unbound_config(const TempDir& folder) {
  return "server:\n  interface: 127.0.0.1\n  port: 53\n  do-ip6: no\n  chroot: \"\"\n"
         "  username: \"\"\n  directory: \"" +
         folder.path().string() +
         "\"\n  pidfile: \"\"\n  use-syslog: no\n  do-not-query-localhost: no\n"
         "  module-config: \"iterator\"\n  access-control: 127.0.0.0/8 allow\n"
         "  msg-cache-size: 8m\n  cache-max-ttl: 3600\n  num-threads: 1\n"
         "  private-address: 10.0.0.0/8\n  private-address: 172.16.0.0/12\n"
         "  private-address: 192.168.0.0/16\n  private-address: 169.254.0.0/16\n"
         "  private-domain: \"corp.example\"\n"
         "  local-zone: \"ads.example.\" always_nxdomain\n"
         "  local-zone: \"null.example.\" always_null\n"
         "  local-zone: \"r.example.\" redirect\n  local-data: \"r.example. A 10.9.9.9\"\n"
         "  local-data: \"r.example. AAAA fd00::9\"\n"
         "  local-zone: \"lan.\" static\n  local-data: \"a.lan. A 10.20.30.40\"\n"
         "  local-data: \"b.lan. 300 IN AAAA fd00::5\"\n"
         "  local-data: 'c.lan. TXT \"some words\"'\n"
         "  local-data: \"mail.lan. MX 10 a.lan.\"\n"
         "  local-data: \"_sip._tcp.lan. SRV 1 2 5060 a.lan.\"\n"
         "  local-data-ptr: \"10.20.30.40 a.lan\"\n"
         "  local-zone: \"t.example.\" transparent\n  local-data: \"in.t.example. A 10.1.1.1\"\n"
         "  local-zone: \"168.192.in-addr.arpa.\" nodefault\n"
         "forward-zone:\n  name: \".\"\n  forward-addr: 127.0.0.2\n"
         "forward-zone:\n  name: \"corp.example.\"\n  forward-addr: 127.0.0.3@53\n"
         "forward-zone:\n  name: \"168.192.in-addr.arpa.\"\n  forward-addr: 127.0.0.3\n"
         "remote-control:\n  control-enable: no\n";
}

bool is_reverse_of_shared_space(const Asked& asked) {
  return is_within(asked.first, "64.100.in-addr.arpa");
}
bool is_reverse_of_broadcast(const Asked& asked, const Reply& ours) {
  return asked.first == "255.255.255.255.in-addr.arpa" && ours.rcode == nxdomain;
}
constexpr const char* shared_space =
    "Reverse names of 100.64.0.0/10 are asked upstream unless a route or a local zone is there";
constexpr const char* broadcast = "The reverse name of 255.255.255.255 does not exist";

const std::vector<Difference>& unbound_differences() {
  static const std::vector<Difference> list = {
      {shared_space,
       [](const Asked& asked, const Reply& theirs, const Reply&) {
         return is_reverse_of_shared_space(asked) && theirs.rcode == nxdomain;
       }},
      {broadcast, [](const Asked& asked, const Reply&,
                     const Reply& ours) { return is_reverse_of_broadcast(asked, ours); }},
      {"All private addresses are taken out of answers, those of documentation among them",
       [](const Asked& asked, const Reply& theirs, const Reply& ours) {
         return asked.second == type_aaaa && is_empty(ours) &&
                theirs.to_text().find("2001:db8::") != std::string::npos;
       }},
  };
  return list;
}

std::string bind_config(const TempDir& folder, const std::string& forward) {
  return "acl own { 127.0.0.0/8; };\noptions {\n  directory \"" + folder.path().string() +
         "\";\n  listen-on { 127.0.0.1; };\n  listen-on-v6 { none; };\n  pid-file none;\n"
         "  session-keyfile none;\n  forwarders { 127.0.0.2; };\n  forward " +
         forward +
         ";\n  allow-query { own; };\n  recursion yes;\n  dnssec-validation no;\n"
         "  max-cache-ttl 3600;\n  minimal-responses yes;\n};\ncontrols { };\n"
         "logging { channel x { stderr; }; category default { x; }; };\n"
         "zone \"corp.example\" { type forward; forward only; forwarders { 127.0.0.3; }; };\n"
         "zone \"168.192.in-addr.arpa\" { type forward; forward only; forwarders { 127.0.0.3; }; "
         "};\n";
}

const std::vector<Difference>& bind_differences() {
  static const std::vector<Difference> list = {
      {shared_space,
       [](const Asked& asked, const Reply& theirs, const Reply&) {
         return is_reverse_of_shared_space(asked) && theirs.rcode == nxdomain;
       }},
      {broadcast, [](const Asked& asked, const Reply&,
                     const Reply& ours) { return is_reverse_of_broadcast(asked, ours); }},
      {"The special names of RFC 6761 and the reverse names of 0.0.0.0/8 and 127.0.0.0/8 are",
       [](const Asked& asked, const Reply&, const Reply&) {
         return is_within(asked.first, "localhost") || is_within(asked.first, "invalid") ||
                asked.first == "1.0.0.127.in-addr.arpa" || asked.first == "1.0.0.0.in-addr.arpa";
       }},
  };
  return list;
}

}  // namespace

TEST_CASE("unbound.conf, imported, answers as unbound does") {
  const auto program = find_daemon("unbound", "unbound");
  if (lacks(program, "unbound")) return;
  const auto questions = common_questions();
  CHECK(questions.size() >= 200);
  std::set<std::string> seen;
  in_namespace({}, [&] {
    TestUpstream standard(listening(standard_upstream));
    TestUpstream routed(listening(routed_upstream));
    teach(standard, routed);
    const TempDir folder;
    const auto config = folder.write("unbound.conf", unbound_config(folder));
    std::map<Asked, Reply> theirs;
    {
      Process unbound({program.string(), "-d", "-c", config.string()});
      theirs = ask_everything(unbound, questions, known);
    }
    const auto ours = ask_ours(folder, config, questions);
    const auto result = compare("unbound.conf", theirs, ours, unbound_differences(), seen);
    WARN("unbound: " << result.questions << " questions, " << result.same << " same, "
                     << result.explained << " explained");
  });
  check_manual(unbound_differences(), seen);
}

TEST_CASE("named.conf, imported, answers as BIND does") {
  const auto program = find_daemon("bind9", "named");
  if (lacks(program, "named")) return;
  const auto questions = common_questions();
  std::set<std::string> seen;
  in_namespace({}, [&] {
    TestUpstream standard(listening(standard_upstream));
    TestUpstream routed(listening(routed_upstream));
    teach(standard, routed);
    for (const char* forward : {"only", "first"}) {
      const TempDir folder;
      const auto config = folder.write("named.conf", bind_config(folder, forward));
      std::map<Asked, Reply> theirs;
      {
        Process named({program.string(), "-f", "-n", "1", "-c", config.string()});
        theirs = ask_everything(named, questions, known);
      }
      const auto ours = ask_ours(folder, config, questions);
      const auto result =
          compare(std::string("forward ") + forward, theirs, ours, bind_differences(), seen);
      WARN("named, forward " << forward << ": " << result.questions << " questions, " << result.same
                             << " same, " << result.explained << " explained");
    }
  });
  check_manual(bind_differences(), seen);
}

namespace {

/// Random lines of dnsmasq's manual, the same ones in each run.
class Grammar {
 public:
  std::string line() {
    switch (number(24)) {
      case 0:
      case 1:
      case 2:
        return server();
      case 3:
        return "local=/" + domains() + '/';
      case 4:
      case 5:
      case 6:
      case 7:
        return "address=/" + domains() + '/' +
               pick({"10.9.9.1", "10.9.9.2", "fd00::9", "#", "", "0.0.0.0"});
      case 8:
      case 9:
        return "host-record=" + name() + ',' + pick({"10.9.9.3", "fd00::7", "10.9.9.4,fd00::8"}) +
               pick({"", ",300"});
      case 10:
        return "cname=alias." + name() + ',' + name();
      case 11:
        return "txt-record=" + name() + ",\"some, words\",more";
      case 12:
        return "mx-host=" + name() + ',' + name() + ",50";
      case 13:
        return "srv-host=_sip._tcp." + name() + ',' + name() + ",5060,1,2";
      case 14:
        return "ptr-record=7.9.9.10.in-addr.arpa," + name();
      case 15:
        return "rev-server=" + pick({"10.9.9.0/24", "10.9.0.0/16", "192.168.0.0/16"}) +
               ",127.0.0.3";
      case 16:
        return pick({"bogus-priv", "domain-needed", "filter-AAAA", "filter-A", "expand-hosts"});
      case 17:
        return "bogus-nxdomain=" + pick({"198.18.0.8", "198.18.0.0/16"});
      case 18:
        return pick({"local-ttl=60", "neg-ttl=30", "max-ttl=600", "min-cache-ttl=20",
                     "max-cache-ttl=900", "no-negcache", "cache-size=500"});
      case 19:
        return pick({"stop-dns-rebind", "rebind-localhost-ok", "rebind-domain-ok=/corp.example/"});
      case 20:
        return "domain=" + name();
      case 21:
        return "server=/#/127.0.0.2";
      case 22:
        return "all-servers";
      default:
        return pick({"no-round-robin", "no-0x20-encode", "dns-forward-max=100", "log-facility=-"});
    }
  }

  static const std::vector<std::string>& names() {
    static const std::vector<std::string> list = {
        "example.com", "a.example.com",    "b.a.example.com", "corp.example", "x.corp.example",
        "lan.example", "host.lan.example", "plain",           "net.example"};
    return list;
  }

 private:
  std::size_t number(std::size_t below) { return random_() % below; }
  std::string pick(std::initializer_list<const char*> list) {
    return *(list.begin() + static_cast<std::ptrdiff_t>(number(list.size())));
  }
  const std::string& name() { return names()[number(names().size())]; }
  std::string domain() {
    switch (number(12)) {
      case 0:
        return "*" + name();
      case 1:
        return "*." + name();
      case 2:
        return "." + name();
      case 3:
        return "#";
      case 4:
        return "";
      default:
        return name();
    }
  }
  // Two servers for every name would have to know the same names.
  std::string server() {
    const std::string text = domains();
    const bool is_any = text.find('#') != std::string::npos;
    return "server=/" + text + '/' +
           (is_any ? pick({"127.0.0.2", ""}) : pick({"127.0.0.3", "127.0.0.3#53", "#", ""}));
  }
  std::string domains() { return number(4) == 0 ? domain() + '/' + domain() : domain(); }

  std::mt19937 random_{20090};
};

std::vector<Asked> grammar_questions() {
  std::vector<Asked> list;
  for (const std::string& name : Grammar::names()) {
    for (const std::string& asked : {name, "www." + name}) {
      list.emplace_back(asked, type_a);
      list.emplace_back(asked, type_aaaa);
    }
    list.emplace_back(name, type_txt);
    list.emplace_back(name, type_mx);
    list.emplace_back("alias." + name, type_a);
    list.emplace_back("_sip._tcp." + name, type_srv);
  }
  for (const char* address : {"10.9.9.1", "10.9.9.3", "10.9.9.7", "192.168.1.1", "192.0.2.1"}) {
    list.emplace_back(reverse_of(address), type_ptr);
  }
  list.emplace_back("private.example.com", type_a);
  list.emplace_back("bogus.example.net", type_a);
  list.emplace_back(known, type_a);
  return list;
}

bool dnsmasq_takes(const std::filesystem::path& config) {
  Process test({"dnsmasq", "--test", "--conf-file=" + config.string()});
  return test.wait() == 0;
}

// The lines that the importer takes over as a whole.
std::vector<std::string> accepted(const TempDir& folder, const std::string& start,
                                  const std::vector<std::string>& lines) {
  std::string text = start;
  for (const std::string& line : lines) text += line + '\n';
  const auto config = folder.write("all.conf", text);
  Process import({DNSCACHECTL_PATH, "import", config.string(), "--json"});
  import.wait();
  const auto json = nlohmann::json::parse(import.output());
  const auto first = static_cast<std::size_t>(std::ranges::count(start, '\n')) + 1;
  std::vector<std::string> result;
  for (const auto& line : json.at("lines")) {
    const std::size_t number = line.value("line", std::size_t{0});
    const bool is_ours = number >= first && line.at("result") != "refused";
    if (is_ours) result.push_back(lines.at(number - first));
  }
  return result;
}

// The domains that a line is about, "#" as the empty one, with an address or without.
std::vector<std::string> domains_of(const std::string& line) {
  std::vector<std::string> domains;
  std::istringstream parts(line.substr(line.find('/') + 1));
  for (std::string part; std::getline(parts, part, '/');) domains.push_back(part);
  if (!line.ends_with('/')) domains.pop_back();
  for (std::string& domain : domains) {
    if (domain == "#") domain.clear();
    if (domain.starts_with('.')) domain.erase(0, 1);
  }
  return domains;
}

bool is_within_domain(const std::string& name, const std::string& domain) {
  return domain.empty() || is_within(name, domain);
}

bool has_local_addresses(const std::string& text, const std::string& name) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("address=/") || line.ends_with('/')) continue;
    for (const std::string& domain : domains_of(line)) {
      if (is_within_domain(name, domain)) return true;
    }
  }
  return false;
}

bool has_local_record(const std::string& text, const std::string& name) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    for (const char* option :
         {"host-record=", "cname=", "txt-record=", "mx-host=", "srv-host=", "ptr-record="}) {
      if (line.starts_with(option + name + ',')) return true;
    }
  }
  // The address of a host-record has a reverse name.
  return name.ends_with(".9.9.10.in-addr.arpa") && text.find("host-record=") != std::string::npos;
}

std::vector<Difference> grammar_differences(const std::string& text) {
  return {
      {"A domain of local.zones has the addresses there and nothing else",
       [text](const Asked& asked, const Reply&, const Reply& ours) {
         return is_empty(ours) && has_local_addresses(text, asked.first);
       }},
      {"A name in a hosts file has the addresses there and no others",
       [text](const Asked& asked, const Reply&, const Reply& ours) {
         return is_empty(ours) && has_local_record(text, asked.first);
       }},
      {"A name above one that is known here exists",
       [](const Asked&, const Reply& theirs, const Reply& ours) {
         return theirs.rcode == nxdomain && is_empty(ours);
       }},
      {"bogus_nxdomain is about one response; dnsmasq then denies the name's other types",
       [text](const Asked&, const Reply& theirs, const Reply&) {
         return text.find("bogus-nxdomain=") != std::string::npos && theirs.rcode == nxdomain;
       }},
      {"Names that are known here keep the addresses that filter_a and filter_aaaa leave out",
       [text](const Asked& asked, const Reply&, const Reply&) {
         return text.find("filter-A") != std::string::npos &&
                has_local_addresses(text, asked.first);
       }},
      {"An alias of a name that is not known here is asked upstream",
       [text](const Asked& asked, const Reply&, const Reply&) {
         return text.find("cname=" + asked.first + ',') != std::string::npos;
       }},
  };
}

}  // namespace

TEST_CASE("a thousand random lines for dnsmasq are refused, or answered as dnsmasq does") {
  if (lacks(find_program("dnsmasq"), "dnsmasq")) return;
  constexpr std::size_t rounds = 100, lines_of_round = 10;
  std::size_t refused = 0, wrong = 0, contradictions = 0;
  Compared total;
  std::set<std::string> seen;
  in_namespace({}, [&] {
    TestUpstream standard(listening(standard_upstream));
    TestUpstream routed(listening(routed_upstream));
    standard.set("private.example.com", type_a, with_address("10.0.0.1"));
    standard.set("bogus.example.net", type_a, with_address("198.18.0.8"));
    for (const char* name : {"*.com", "*.example", "plain", "*.plain"}) {
      routed.set(name, type_a, with_address("198.18.0.7"));
    }
    Grammar grammar;
    const TempDir folder;
    const std::string start =
        "no-resolv\nno-hosts\nuser=root\npid-file=\nlisten-address=127.0.0.1\nbind-interfaces\n"
        "server=127.0.0.2\n";
    for (std::size_t round = 0; round < rounds; ++round) {
      std::vector<std::string> lines;
      for (std::size_t i = 0; i < lines_of_round; ++i) {
        std::string line = grammar.line();
        if (dnsmasq_takes(folder.write("one.conf", line + '\n'))) {
          lines.push_back(std::move(line));
        } else {
          ++wrong;  // a line that is none of dnsmasq's
        }
      }
      const auto taken = accepted(folder, start, lines);
      refused += lines.size() - taken.size();
      std::string text = start;
      for (const std::string& line : taken) text += line + '\n';
      const auto config = folder.write("dnsmasq.conf", text);
      if (!dnsmasq_takes(config)) {
        ++contradictions;  // each is fine, but not all of them
        continue;
      }
      std::map<Asked, Reply> theirs;
      {
        Process dnsmasq({"dnsmasq", "--keep-in-foreground", "--conf-file=" + config.string()});
        theirs = ask_everything(dnsmasq, grammar_questions(), known, 1);
      }
      const auto ours = ask_ours(folder, config, grammar_questions(), 1);
      const auto result =
          compare(text.substr(start.size()), theirs, ours, grammar_differences(text), seen);
      total.questions += result.questions;
      total.same += result.same;
      total.explained += result.explained;
    }
  });
  WARN("dnsmasq: " << rounds * lines_of_round << " lines, " << refused << " refused, " << wrong
                   << " not dnsmasq's, " << contradictions << " files left out, " << total.questions
                   << " questions, " << total.same << " same, " << total.explained << " explained");
  CHECK(refused < rounds * lines_of_round / 2);
  // Which of them are seen depends on the lines; all are told.
  const std::string manual = words_of_manual();
  for (const Difference& difference : grammar_differences("")) {
    INFO(difference.in_manual);
    CHECK(manual.find(difference.in_manual) != std::string::npos);
  }
}
