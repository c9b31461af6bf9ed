#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>

#include "cli/import/dnsmasq/dnsmasq.hpp"

namespace dnscache::cli {
namespace {

using Texts = std::vector<std::string>;
using Tree = std::map<std::string, std::string>;

ImportFiles files(const Tree& tree) {
  return {[tree](const std::filesystem::path& path) -> Result<std::string> {
            const auto found = tree.find(path.string());
            if (found == tree.end()) return Error{path.string() + ": cannot be opened"};
            return found->second;
          },
          [tree](const std::filesystem::path& folder) -> Result<Texts> {
            Texts names;
            for (const auto& [path, text] : tree) {
              const std::filesystem::path file = path;
              if (file.parent_path() == folder) names.push_back(file.filename().string());
            }
            if (names.empty()) return Error{folder.string() + ": cannot be read"};
            return names;
          }};
}

Translation import_text(const std::string& text, Tree tree = {}) {
  tree["/etc/dnsmasq.conf"] = text;
  auto import = import_dnsmasq("/etc/dnsmasq.conf", std::nullopt, files(tree));
  REQUIRE(import);
  const std::string yaml = print_config(import->config, import->origins);
  const ConfigReading reading = read_config(yaml, "result");
  INFO(yaml);
  for (const Problem& problem : reading.problems) UNSCOPED_INFO(problem.to_text());
  REQUIRE(reading);
  CHECK(reading.config == import->config);
  return std::move(*import);
}

Config config_of(const std::string& text, const Tree& tree = {}) {
  return import_text(text, tree).config;
}

// The first line's result and explanation.
std::string told(const std::string& text, const Tree& tree = {}) {
  const auto import = import_text(text, tree);
  const TranslatedLine& line = import.lines.at(0);
  return std::string(result_words.print(line.result)) + ": " + line.explanation;
}

Texts texts_of(const std::vector<LocalRecord>& records) {
  Texts texts;
  for (const LocalRecord& record : records) texts.push_back(record.text);
  return texts;
}

std::string upstreams_text(const std::vector<UpstreamConfig>& upstreams) {
  std::string text;
  for (const UpstreamConfig& upstream : upstreams) text += upstream.endpoint.to_text() + ' ';
  return text;
}

std::string routes_text(const Config& config) {
  std::string text;
  for (const RouteConfig& route : config.routes) {
    text += route.zone.to_text() + " = " + upstreams_text(route.upstreams);
  }
  return text;
}

std::string zones_text(const Config& config) {
  std::string text;
  for (const LocalZoneConfig& zone : config.local.zones) {
    text += zone.zone.to_text() + " =";
    for (const IpAddress& address : zone.addresses) text += ' ' + address.to_text();
    text += "; ";
  }
  return text;
}

std::string read_article(const char* name) {
  std::ifstream file(std::string(DNSCACHE_SOURCE_DIR "/tests/system/article/") + name);
  REQUIRE(file);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("dnsmasq: the article's file means what its author meant") {
  const auto import = import_text(read_article("dnsmasq.conf"));
  const Config& config = import.config;
  CHECK(import.count(LineResult::refused) == 0);
  CHECK(config.listen.size() == 2);
  CHECK(config.upstreams_from == "/etc/resolv.dnsmasq");
  CHECK(config.bogus_priv == BogusPriv::always);
  CHECK(config.domain_needed);
  CHECK(config.rebind_protection.enabled);
  CHECK_FALSE(config.rebind_protection.private_upstreams);
  CHECK(config.rebind_protection.allow_localhost);
  CHECK(config.rebind_protection.allow.size() == 3);
  CHECK(config.cache.negative.default_ttl == 60s);
  CHECK(config.local.ttl == 0s);
  const std::string yaml = print_config(config, import.origins);
  CHECK(yaml.find("# dnsmasq.conf:33: domain-needed\ndomain_needed: true\n") != std::string::npos);
}

TEST_CASE(
    "dnsmasq: every line has a result; comments, blanks and quotes are read as dnsmasq does") {
  const auto import = import_text(
      "# a comment\n\n  bogus-priv  # and another\ncache-size = 100\n#domain-needed\n"
      "txt-record=a.example,\"one, two # three\",b\n");
  REQUIRE(import.lines.size() == 4);  // one more than the file has: where dnsmasq listens
  CHECK(import.lines[0].line == 3);
  CHECK(import.lines[1].text == "cache-size = 100");
  CHECK(texts_of(import.config.local.records) == Texts{"a.example TXT \"one, two # three\" \"b\""});
  CHECK(import.lines[3].line == 0);
  CHECK(import.lines[3].result == LineResult::refused);
}

TEST_CASE("dnsmasq: unknown lines are named with file and line") {
  const auto import = import_text("domain-neded\nwhatever=1\n");
  CHECK(import.lines[0].origin() == "dnsmasq.conf:1: domain-neded");
  CHECK(import.lines[0].result == LineResult::refused);
  CHECK(import.lines[0].explanation == "is not an option of dnsmasq 2.90; is domain-needed meant?");
  CHECK(import.lines[1].explanation == "is not an option of dnsmasq 2.90");
}

TEST_CASE("dnsmasq: a line that is there twice has its explanation, too") {
  const auto import = import_text("no-resolv\nno-resolv\nexpand-hosts\nexpand-hosts\n");
  for (const TranslatedLine& line : import.lines) CHECK_FALSE(line.explanation.empty());
}

TEST_CASE("dnsmasq: options with no meaning here say why") {
  const std::string option =
      GENERATE(as<std::string>(), "bind-interfaces", "user=nobody", "no-poll", "log-facility=-",
               "clear-on-reload", "no-ident", "dns-forward-max=150", "fast-dns-retry",
               "proxy-dnssec", "except-interface=eth0", "no-dhcp-interface=eth0");
  CHECK(told(option).starts_with("not needed: "));
}

TEST_CASE("dnsmasq: a log of the queries goes where the service may write") {
  const auto import = import_text("log-facility=/var/log/dnsmasq.log\nlog-queries=extra\n");
  CHECK(import.config.query_log.level == QueryLogLevel::all);
  CHECK(import.config.query_log.file == "/var/log/dnscachectl/queries.log");
  const auto to_journal = import_text("log-queries\nlog-facility=local0\n");
  CHECK(to_journal.config.query_log.level == QueryLogLevel::all);
  CHECK(to_journal.config.query_log.file.empty());
  const auto twice = import_text("log-facility=/a\nlog-facility=/b\nlog-queries\n");
  CHECK(twice.lines[0].result == LineResult::translated);
  CHECK(twice.lines[1].explanation == "is there already");

  const auto without = import_text("log-facility=/var/log/dnsmasq.log\n");
  CHECK(without.config.query_log == QueryLogConfig());
  CHECK(without.lines.at(0).result == LineResult::not_needed);
}

TEST_CASE("dnsmasq: DNSSEC") {
  const auto import = import_text(
      "dnssec\ntrust-anchor=.,20326,8,2,E06D44B8\ntrust-anchor=,corp.example,1,13,2,AB\n"
      "dnssec-check-unsigned\n");
  CHECK(import.config.dnssec.mode ==
        (can_validate ? DnssecMode::validate : DnssecMode::passthrough));
  CHECK(import.config.dnssec.trust_anchors ==
        std::vector<std::string>{". DS 20326 8 2 E06D44B8", "corp.example. DS 1 13 2 AB"});
  CHECK(import.lines[3].result == LineResult::not_needed);
  CHECK(config_of("").dnssec == DnssecConfig());
  CHECK(told("dnssec-check-unsigned=no").starts_with("refused: "));
  CHECK(told("trust-anchor=.,1,8").starts_with("refused: "));
}

TEST_CASE("dnsmasq: options without a counterpart are refused with a reason") {
  const std::string option =
      GENERATE(as<std::string>(), "dhcp-range=10.0.0.1,10.0.0.9", "enable-tftp", "tftp-root=/x",
               "ipset=/x/y", "nftset=/x/y", "localise-queries", "filterwin2k", "alias=1.2.3.4",
               "dnssec-no-timecheck", "trust-anchor=.,1,8,2,XY", "auth-zone=example.com",
               "log-dhcp", "connmark-allowlist=1", "query-port=53", "interface=eth0", "port=0",
               "conf-script=/bin/x", "server=dns.example", "server=/x/dns.example");
  CHECK(told(option).starts_with("refused: "));
}

TEST_CASE("dnsmasq: where it listens") {
  const auto listen = [](const std::string& text) {
    std::string result;
    for (const Endpoint& endpoint : config_of(text).listen) result += endpoint.to_text() + ' ';
    return result;
  };
  CHECK(listen("listen-address=127.0.0.1\nport=5353\n") == "127.0.0.1:5353 ");
  CHECK(listen("interface=lo\nlisten-address=10.0.0.1,127.0.0.1\n") ==
        "10.0.0.1:53 127.0.0.1:53 [::1]:53 ");
  CHECK(listen("port=5353") == "127.0.0.1:5353 [::1]:5353 ");
  CHECK(config_of("listen-address=127.0.0.1").acl.empty());
  CHECK(config_of("listen-address=10.0.0.1").acl.size() == 7);
  CHECK(told("listen-address=eth0").starts_with("refused: "));
}

TEST_CASE("dnsmasq: servers, those of the file with them, and routes") {
  const Tree resolv{{"/etc/resolv.conf", "nameserver 127.0.0.1\nnameserver 10.0.0.2\n"},
                    {"/etc/other", "nameserver 10.0.0.3\n"}};
  const auto upstreams = [&](const std::string& text) {
    return upstreams_text(config_of(text, resolv).upstreams);
  };
  CHECK(upstreams("") == "");
  CHECK(config_of("", resolv).upstreams_from.empty());
  CHECK(config_of("resolv-file=/etc/other", resolv).upstreams_from == "/etc/other");
  CHECK(upstreams("no-resolv\nserver=9.9.9.9#5353\nserver=9.9.9.9#5353\n") == "9.9.9.9:5353 ");
  CHECK(upstreams("server=9.9.9.9") == "9.9.9.9:53 10.0.0.2:53 ");
  CHECK(upstreams("resolv-file=/etc/other\nserver=9.9.9.9") == "9.9.9.9:53 10.0.0.3:53 ");
  CHECK(upstreams("no-resolv\nserver=fd00:ec2::253%eth0\n") == "[fd00:ec2::253]:53 ");
  CHECK(told("server=9.9.9.9@eth0\nno-resolv") ==
        "refused: upstreams; but the kernel chooses the source address, not \"eth0\"");
  CHECK(upstreams("server=9.9.9.9@eth0\nno-resolv") == "9.9.9.9:53 ");
  CHECK(told("no-resolv").starts_with("refused: "));

  const auto routes = [&](const std::string& text) { return routes_text(config_of(text, resolv)); };
  CHECK(routes("server=/a.example/b.example/10.1.0.1\nserver=/a.example/10.1.0.2#54") ==
        "a.example = 10.1.0.1:53 10.1.0.2:54 b.example = 10.1.0.1:53 ");
  CHECK(routes("no-resolv\nserver=9.9.9.9\nserver=/corp/10.1.0.1\nserver=/pub.corp/#") ==
        "pub.corp = 9.9.9.9:53 corp = 10.1.0.1:53 ");
  CHECK(routes("rev-server=10.1.0.0/16,10.0.0.2") == "1.10.in-addr.arpa = 10.0.0.2:53 ");
  CHECK(routes("rev-server=10.1.2.0/23,10.0.0.2") ==
        "2.1.10.in-addr.arpa = 10.0.0.2:53 3.1.10.in-addr.arpa = 10.0.0.2:53 ");
  CHECK(routes("rev-server=2001:db8::/32,10.0.0.2") == "8.b.d.0.1.0.0.2.ip6.arpa = 10.0.0.2:53 ");
  CHECK(routes("rev-server=fc00::/7,10.0.0.2") ==
        "c.f.ip6.arpa = 10.0.0.2:53 d.f.ip6.arpa = 10.0.0.2:53 ");
  CHECK(told("server=//10.0.0.1").starts_with("refused: "));
  CHECK(told("server=/*x.example/10.0.0.1").starts_with("refused: "));
  CHECK(config_of("all-servers\nstrict-order").policy == SelectionPolicy::parallel);
  CHECK(config_of("strict-order").policy == SelectionPolicy::ordered);
  CHECK_FALSE(config_of("no-0x20-encode").randomize_case);
}

TEST_CASE("dnsmasq: addresses of domains in all forms") {
  const auto zones = [](const std::string& text) { return zones_text(config_of(text)); };
  CHECK(zones("address=/int.example.com/10.10.10.10") == "int.example.com = 10.10.10.10; ");
  CHECK(zones("address=/.local/0.0.0.0") == "local = 0.0.0.0; ");
  CHECK(zones("address=/a/b/#") == "a = 0.0.0.0 ::; b = 0.0.0.0 ::; ");
  CHECK(zones("address=/a/") == "a =; ");
  CHECK(zones("address=/a/1.1.1.1\naddress=/a/::1") == "a = 1.1.1.1 ::1; ");
  CHECK(zones("address=/#/1.1.1.1") == ". = 1.1.1.1; ");
  CHECK(zones("local=/lan/\naddress=/lan/10.0.0.1") == "lan = 10.0.0.1; ");
  CHECK(zones("local=/lan/\nserver=/lan/10.0.0.1") == "");
  CHECK(zones("local=/lan/corp/") == "lan =; corp =; ");
  CHECK(told("address=/a/1.1.1").starts_with("refused: "));
}

TEST_CASE("dnsmasq: records") {
  const auto records = [](const std::string& text) {
    return texts_of(config_of(text).local.records);
  };
  CHECK(records("host-record=a.example,b.example,10.0.0.1,fd00::1,300") ==
        Texts{"a.example 300 A 10.0.0.1", "a.example 300 AAAA fd00::1", "b.example 300 A 10.0.0.1",
              "b.example 300 AAAA fd00::1"});
  CHECK(records("cname=x.example,y.example,a.example,60") ==
        Texts{"x.example 60 CNAME a.example", "y.example 60 CNAME a.example"});
  CHECK(records("ptr-record=1.0.0.10.in-addr.arpa,a.example") ==
        Texts{"1.0.0.10.in-addr.arpa PTR a.example"});
  CHECK(records("txt-record=a.example") == Texts{"a.example TXT \"\""});
  CHECK(records("domain=corp\nsrv-host=_ldap._tcp,ldap.corp,389,1,2") ==
        Texts{"_ldap._tcp.corp SRV 1 2 389 ldap.corp"});
  CHECK(records("srv-host=_ldap._tcp.corp") == Texts{"_ldap._tcp.corp SRV 0 0 1 ."});
  CHECK(records("mx-host=corp.example,m.example,50") == Texts{"corp.example MX 50 m.example"});
  CHECK(records("mx-host=corp.example\nmx-target=m.example") ==
        Texts{"corp.example MX 1 m.example"});
  CHECK(told("mx-host=corp.example").starts_with("refused: "));
  CHECK(told("host-record=a.example").starts_with("refused: "));
  CHECK(told("cname=*.a.example,b.example").starts_with("refused: "));
}

TEST_CASE("dnsmasq: hosts files and the domain") {
  using Paths = std::vector<std::filesystem::path>;
  const Config config =
      config_of("addn-hosts=/etc/more\nhostsdir=/etc/hosts.d/\nexpand-hosts\ndomain=corp.example");
  CHECK(config.local.hosts_files == Paths{"/etc/hosts", "/etc/more", "/etc/hosts.d"});
  CHECK(config.local.expand_hosts);
  CHECK(config.local.domain == Name::parse("corp.example"));
  CHECK(config_of("no-hosts").local.hosts_files.empty());
  CHECK(told("expand-hosts") == "not needed: has no effect without domain=");
  CHECK(told("domain=corp.example,10.0.0.0/8").starts_with("refused: "));
}

TEST_CASE("dnsmasq: times, sizes and filters") {
  CHECK(config_of("cache-size=1000").cache.size == Config{}.cache.size);
  CHECK(config_of("cache-size=1000000").cache.size > 100u << 20);
  CHECK(told("cache-size=0").starts_with("refused: "));
  CHECK(config_of("").cache.negative.default_ttl == 0s);
  CHECK(config_of("neg-ttl=7200").cache.negative.max_ttl == 2h);
  CHECK(config_of("no-negcache\nneg-ttl=60").cache.negative == NegativeConfig{0s, 0s});
  CHECK(config_of("max-ttl=300\nmax-cache-ttl=600").cache.max_ttl == 300s);
  CHECK(config_of("min-cache-ttl=9999").cache.min_ttl == 1h);
  CHECK(config_of("local-ttl=30").local.ttl == 30s);
  CHECK(config_of("use-stale-cache=600").cache.serve_stale.max_age == 600s);
  CHECK(config_of("filter-A\nfilter-AAAA").filter_a);
  CHECK(config_of("").round_robin);
  CHECK_FALSE(config_of("no-round-robin").round_robin);
  CHECK(config_of("filter-rr=AAAA").filter_aaaa);
  CHECK(config_of("bogus-nxdomain=64.94.110.11\nbogus-nxdomain=10.0.0.0/8").bogus_nxdomain.size() ==
        2);
  CHECK(config_of("ignore-address=5.5.5.5").ignore_addresses.size() == 1);
  CHECK(config_of("").bogus_priv == BogusPriv::never);
  CHECK(told("neg-ttl=often").starts_with("refused: "));
}

TEST_CASE("dnsmasq: files that are included") {
  const Tree tree{{"/etc/more.conf", "domain-needed\nconf-file=/etc/dnsmasq.conf\n"},
                  {"/etc/d/a.conf", "bogus-priv\n"},
                  {"/etc/d/b.bak", "filter-AAAA\n"},
                  {"/etc/d/.hidden", "nonsense\n"},
                  {"/etc/d/c~", "nonsense\n"},
                  {"/etc/d/#d#", "nonsense\n"}};
  const auto import = import_text("conf-file=/etc/more.conf\nconf-dir=/etc/d,.bak\n", tree);
  CHECK(import.config.domain_needed);
  CHECK(import.config.bogus_priv == BogusPriv::always);
  CHECK_FALSE(import.config.filter_aaaa);
  CHECK(import.lines.at(1).origin() == "more.conf:1: domain-needed");
  CHECK(import.lines.at(2).explanation == "was read already");
  CHECK(config_of("conf-dir=/etc/d/,*.bak", tree).filter_aaaa);
  CHECK_FALSE(config_of("conf-dir=/etc/d/,*.bak", tree).bogus_priv == BogusPriv::always);
  CHECK(told("conf-file=/nowhere") == "refused: /nowhere: cannot be opened");
  CHECK(told("conf-dir=/nowhere").starts_with("refused: /nowhere"));
}

TEST_CASE("dnsmasq: a file that cannot be read is an error") {
  CHECK_FALSE(import_dnsmasq("/nowhere", std::nullopt, files({})));
}

TEST_CASE("dnsmasq: --resolv-file stands for the file that it names") {
  const Tree tree{{"/etc/dnsmasq.conf", "resolv-file=/etc/a\n"}, {"/b", "nameserver 10.0.0.9\n"}};
  const auto import = import_dnsmasq("/etc/dnsmasq.conf", "/b", files(tree));
  REQUIRE(import);
  CHECK(import->config.upstreams_from == "/b");
}

}  // namespace dnscache::cli
