// The importers of Unbound, BIND and systemd-resolved, and what all importers have in common.
#include <catch2/catch.hpp>
#include <map>
#include <sstream>

#include "cli/import/programs.hpp"

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

Translation import_text(const std::string& text, Program program, Tree tree = {}) {
  tree["/main.conf"] = text;
  auto translation = import_file("/main.conf", program, std::nullopt, files(tree));
  REQUIRE(translation);
  for (const TranslatedLine& line : translation->lines) CHECK_FALSE(line.explanation.empty());
  const std::string yaml = print_config(translation->config, translation->origins);
  const ConfigReading reading = read_config(yaml, "the result");
  INFO(yaml);
  for (const Problem& problem : reading.problems) UNSCOPED_INFO(problem.to_text());
  REQUIRE(reading);
  CHECK(reading.config == translation->config);
  return std::move(*translation);
}

// "refused: why" for each line that was written.
std::string results(const Translation& translation) {
  std::string text;
  for (const TranslatedLine& line : translation.lines) {
    if (line.line == 0) continue;
    text += std::string(result_words.print(line.result)) + '\n';
  }
  return text;
}

std::string told(const std::string& text, Program program, std::size_t index = 0) {
  const auto translation = import_text(text, program);
  const TranslatedLine& line = translation.lines.at(index);
  return std::string(result_words.print(line.result)) + ": " + line.explanation;
}

std::string text_of(const std::vector<UpstreamConfig>& upstreams) {
  std::string text;
  for (const UpstreamConfig& upstream : upstreams) {
    text += upstream.protocol == Protocol::tls ? "tls://" : "";
    text += upstream.endpoint.to_text();
    text += (upstream.tls_name.empty() ? "" : "#") + upstream.tls_name + ' ';
  }
  return text;
}
std::string routes_of(const Config& config) {
  std::string text;
  for (const RouteConfig& route : config.routes) {
    text += route.zone.to_text() + " = " + text_of(route.upstreams);
  }
  return text;
}
std::string zones_of(const Config& config) {
  std::string text;
  for (const LocalZoneConfig& zone : config.local.zones) {
    text += zone.zone.to_text() + " =";
    for (const IpAddress& address : zone.addresses) text += ' ' + address.to_text();
    text += "; ";
  }
  return text;
}
Texts records_of(const Config& config) {
  Texts texts;
  for (const LocalRecord& record : config.local.records) texts.push_back(record.text);
  return texts;
}
Texts acl_of(const Config& config) {
  Texts texts;
  for (const Network& network : config.acl) texts.push_back(network.to_text());
  return texts;
}

constexpr auto unbound = Program::unbound;
constexpr auto bind = Program::bind;
constexpr auto resolved = Program::resolved;

}  // namespace

TEST_CASE("import: a file is recognized by what only its program writes") {
  CHECK(recognize("") == Program::dnsmasq);
  CHECK(recognize("# server:\nserver=10.0.0.1\nlocal=/x/\n") == Program::dnsmasq);
  CHECK(recognize("conf-dir=/etc/options {\n") == Program::dnsmasq);
  CHECK(recognize("# x\nserver:\n  port: 53\n") == Program::unbound);
  CHECK(recognize("include-toplevel: \"/etc/unbound/unbound.conf.d/*.conf\"\n") ==
        Program::unbound);
  CHECK(recognize("// x\ninclude \"/etc/bind/named.conf.options\";\n") == Program::bind);
  CHECK(recognize("options {\n};\n") == Program::bind);
  CHECK(recognize("#x\n[Resolve]\nDNS=\n") == Program::resolved);
  for (const Program program : {Program::dnsmasq, unbound, bind, resolved}) {
    CHECK_FALSE(default_file(program).empty());
  }
}

TEST_CASE("unbound: where it listens and whom it serves") {
  const Config config = import_text(
                            "server:\n interface: 10.0.0.1\n interface: 127.0.0.1@5353\n"
                            " port: 54\n access-control: 10.0.0.0/8 allow\n"
                            " access-control: 127.0.0.0/8 allow\n access-control: 0.0.0.0/0 "
                            "refuse\n num-threads: 4\n ip-ratelimit: 100\n",
                            unbound)
                            .config;
  CHECK(config.listen.at(0).to_text() == "10.0.0.1:54");
  CHECK(config.listen.at(1).to_text() == "127.0.0.1:5353");
  CHECK(acl_of(config) == Texts{"10.0.0.0/8"});
  CHECK(config.workers == 4);
  CHECK(config.rate_limit.queries_per_second == 100);
  CHECK(import_text("server:\n do-ip6: no\n", unbound).config.listen.size() == 1);
  CHECK(import_text("server: port: 5353\n", unbound).config.listen.at(1).to_text() == "[::1]:5353");
  const auto denied = import_text(
      "server:\n access-control: 10.0.0.0/8 allow\n access-control: 10.1.0.0/16 deny\n", unbound);
  CHECK(denied.lines.at(1).result == LineResult::refused);
  CHECK(told("server:\n interface: eth0\n", unbound).starts_with("refused: "));
}

TEST_CASE("unbound: forward zones are upstreams and routes") {
  const auto translation = import_text(
      "forward-zone:\n name: \".\"\n forward-addr: 10.0.0.2@5353\n forward-addr: 10.0.0.3\n"
      "forward-zone:\n name: \"corp.example.\"\n forward-addr: 10.1.0.1\n forward-first: yes\n"
      "forward-zone:\n name: tls.example\n forward-tls-upstream: yes\n"
      " forward-addr: 10.1.0.2@853#dns.example # a comment\n",
      unbound);
  CHECK(text_of(translation.config.upstreams) == "10.0.0.2:5353 10.0.0.3:53 ");
  CHECK(routes_of(translation.config) ==
        "corp.example = 10.1.0.1:53 tls.example = tls://10.1.0.2:853#dns.example ");
  CHECK(translation.count(LineResult::refused) == 1);
  CHECK(text_of(import_text("server:\n tls-upstream: yes\nforward-zone:\n name: .\n"
                            " forward-addr: 10.0.0.2\n",
                            unbound)
                    .config.upstreams) == "tls://10.0.0.2:853 ");
  CHECK(told("stub-zone:\n name: x.example\n stub-addr: 10.0.0.1\n", unbound)
            .starts_with("refused: stub zones"));
  CHECK(told("forward-zone:\n name: .\n forward-host: dns.example\n", unbound, 1)
            .starts_with("refused: upstreams are not looked up"));
  CHECK(told("remote-control:\n control-enable: yes\n", unbound).starts_with("not needed: "));
}

TEST_CASE("unbound: local zones and data") {
  const Config config =
      import_text(
          "server:\n local-zone: \"ads.example.\" always_nxdomain\n"
          " local-zone: 'null.example' always_null\n local-zone: \"r.example\" redirect\n"
          " local-data: \"r.example A 10.0.0.1\"\n local-zone: \"lan.\" static\n"
          " local-data: \"a.lan. 300 IN A 10.0.0.5\"\n local-data: 'a.lan TXT \"x y\"'\n"
          " local-data-ptr: \"10.0.0.9 600 b.lan\"\n local-zone: \"t.example\" transparent\n",
          unbound)
          .config;
  CHECK(zones_of(config) ==
        "r.example = 10.0.0.1; ads.example =; lan =; null.example = 0.0.0.0 ::; ");
  CHECK(records_of(config) ==
        Texts{"a.lan. 300 A 10.0.0.5", "a.lan TXT \"x y\"", "9.0.0.10.in-addr.arpa 600 PTR b.lan"});
  CHECK(config.local.hosts_files.empty());
  CHECK(config.local.ttl == 1h);
  CHECK(config.bogus_priv == BogusPriv::always);
  CHECK(import_text("server:\n unblock-lan-zones: yes\n", unbound).config.bogus_priv ==
        BogusPriv::never);
  for (const char* type : {"deny", "refuse", "always_nodata", "inform_deny"}) {
    CHECK(told(std::string("server:\n local-zone: x.example ") + type, unbound)
              .starts_with("refused: "));
  }
}

TEST_CASE("unbound: the cache, stale data, DNSSEC and rebinding") {
  const Config config =
      import_text(
          "server:\n msg-cache-size: 64m\n rrset-cache-size: 128m\n cache-max-ttl: 7200\n"
          " cache-min-ttl: 60\n cache-max-negative-ttl: 300\n prefetch: no\n serve-expired: yes\n"
          " serve-expired-ttl: 3600\n serve-expired-reply-ttl: 20\n"
          " serve-expired-client-timeout: 1800\n private-address: 10.0.0.0/8\n"
          " private-domain: \"corp.example\"\n domain-insecure: \"corp.example\"\n"
          " auto-trust-anchor-file: \"/var/lib/unbound/root.key\"\n use-caps-for-id: no\n"
          " rrset-roundrobin: no\n log-queries: yes\n verbosity: 3\n",
          unbound)
          .config;
  CHECK(config.cache.size == 192u << 20);
  CHECK(config.cache.max_ttl == 2h);
  CHECK(config.cache.min_ttl == 60s);
  CHECK(config.cache.negative.max_ttl == 300s);
  CHECK_FALSE(config.cache.prefetch);
  CHECK(config.cache.serve_stale.max_age == 1h);
  CHECK(config.cache.serve_stale.ttl == 20s);
  CHECK(config.cache.serve_stale.after == 1800ms);
  CHECK(config.rebind_protection.enabled);
  CHECK(config.rebind_protection.allow.size() == 1);
  CHECK(config.dnssec.mode == (can_validate ? DnssecMode::validate : DnssecMode::passthrough));
  CHECK(config.dnssec.negative_trust_anchors.size() == 1);
  CHECK_FALSE(config.randomize_case);
  CHECK_FALSE(config.round_robin);
  CHECK(config.query_log.level == QueryLogLevel::all);
  CHECK(config.log_level == LogLevel::debug);
}

TEST_CASE("unbound: files that are included, and what is not understood") {
  const Tree tree{{"/etc/unbound/unbound.conf.d/a.conf", "server:\n cache-min-ttl: 60\n"},
                  {"/etc/unbound/unbound.conf.d/b.conf", "server:\n verbosty: 1\n"},
                  {"/etc/unbound/unbound.conf.d/c.txt", "nonsense"}};
  const auto translation =
      import_text("include-toplevel: \"/etc/unbound/unbound.conf.d/*.conf\"\n", unbound, tree);
  CHECK(translation.config.cache.min_ttl == 60s);
  REQUIRE(translation.lines.size() == 4);
  CHECK(translation.lines[2].explanation ==
        "is not an option of unbound 1.17; did you mean verbosity?");
  CHECK(results(import_text("server:\n nonsense\n port:\n prefetch: perhaps\n", unbound)) ==
        "refused\nrefused\nrefused\n");
  CHECK(told("include: /nowhere\n", unbound).starts_with("refused: /nowhere"));
  CHECK_FALSE(import_file("/nowhere", unbound, std::nullopt, files({})));
}

TEST_CASE("bind: forwarders, zones and where it listens") {
  const auto translation = import_text(
      "acl lan { 10.0.0.0/8; 192.168.0.0/16; };\n"
      "options {\n  directory \"/var/cache/bind\"; // a comment\n"
      "  forwarders port 5353 { 10.0.0.2; 10.0.0.3 port 54; };\n  forward only;\n"
      "  listen-on { 127.0.0.1; 10.0.0.1; };\n  listen-on-v6 { none; };\n"
      "  allow-query { any; }; # another\n  allow-recursion { lan; localhost; };\n};\n"
      "/* zones\n*/ zone \"corp.example\" IN { type forward; forwarders { 10.1.0.1; }; };\n"
      "zone \"own.example\" { type primary; file \"x\"; };\n"
      "zone \"localhost\" { type master; file \"/etc/bind/db.local\"; };\n",
      bind);
  const Config& config = translation.config;
  CHECK(text_of(config.upstreams) == "10.0.0.2:5353 10.0.0.3:54 ");
  CHECK(routes_of(config) == "corp.example = 10.1.0.1:53 ");
  CHECK(config.listen.size() == 2);
  CHECK(acl_of(config) == Texts{"10.0.0.0/8", "192.168.0.0/16"});
  CHECK(config.bogus_priv == BogusPriv::never);
  CHECK(config.dnssec.mode == (can_validate ? DnssecMode::validate : DnssecMode::passthrough));
  CHECK(translation.count(LineResult::refused) == 1);
  CHECK(translation.lines[9].line == 13);
  CHECK(told("zone \"x\" { type stub; };", bind).starts_with("refused: its servers are auth"));
  CHECK(told("options { response-policy { zone rpz; }; };", bind)
            .starts_with("refused: write the file"));
}

TEST_CASE("bind: the cache, stale data and access") {
  const auto translation = import_text(
      "options { max-cache-size 128m; max-cache-ttl 2h; max-ncache-ttl 300; min-cache-ttl PT30S;\n"
      "stale-answer-enable yes; max-stale-ttl 1d; stale-answer-ttl 20;\n"
      "stale-answer-client-timeout 1800; dnssec-validation no; validate-except { corp.example; };\n"
      "prefetch 0; querylog yes; empty-zones-enable no; allow-recursion { !10.0.0.1; 10/8; }; };",
      bind);
  const Config& config = translation.config;
  CHECK(config.cache.size == 128u << 20);
  CHECK(config.cache.max_ttl == 2h);
  CHECK(config.cache.negative.max_ttl == 300s);
  CHECK(config.cache.min_ttl == 30s);
  CHECK(config.cache.serve_stale.max_age == 24h);
  CHECK(config.cache.serve_stale.after == 1800ms);
  CHECK(config.dnssec.mode == DnssecMode::passthrough);
  CHECK(config.bogus_priv == BogusPriv::never);
  CHECK_FALSE(config.cache.prefetch);
  CHECK(config.query_log.level == QueryLogLevel::all);
  CHECK(
      told("options { allow-recursion { !10.0.0.1; }; };", bind).starts_with("refused: acl; but"));
}

TEST_CASE("bind: files that are included, and what is not understood") {
  const Tree tree{{"/etc/bind/named.conf.options", "options { forwarders { 10.0.0.2; }; };"},
                  {"/etc/bind/inner", "forward only;"}};
  CHECK(text_of(import_text("include \"/etc/bind/named.conf.options\";", bind, tree)
                    .config.upstreams) == "10.0.0.2:53 ");
  CHECK(import_text("options { include \"/etc/bind/inner\"; };", bind, tree).lines.size() >= 2);
  CHECK(told("options { forwardrs { 10.0.0.1; }; };", bind) ==
        "refused: is not an option of BIND 9.18; did you mean forwarders?");
  CHECK(told("zone \"x\" { type forward", bind).starts_with("refused: is not closed"));
  CHECK(told("options { forwarders { dns.example; }; };", bind).starts_with("refused: "));
}

TEST_CASE("resolved: servers, domains and drop-ins") {
  const Tree tree{{"/main.conf.d/10.conf", "[Resolve]\nDNS=\nDNS=10.0.0.9\nCache=no-negative\n"},
                  {"/main.conf.d/x.txt", "nonsense"}};
  const std::string text =
      "# comment\n; another\n[Resolve]\nDNS=10.0.0.2 10.0.0.3:5353#dns.example\n"
      "FallbackDNS=1.1.1.1\nDomains=corp.example ~wg.example ~.\nReadEtcHosts=no\n"
      "DNSStubListenerExtra=10.0.0.1\n";
  const Config config = import_text(text, resolved).config;
  CHECK(text_of(config.upstreams) == "10.0.0.2:53 10.0.0.3:5353 ");
  CHECK(routes_of(config) == "wg.example = 10.0.0.2:53 10.0.0.3:5353 ");
  CHECK(config.local.hosts_files.empty());
  CHECK(config.listen.size() == 3);
  CHECK(config.domain_needed);
  const Config dropped = import_text(text, resolved, tree).config;
  CHECK(text_of(dropped.upstreams) == "10.0.0.9:53 ");
  CHECK(dropped.cache.negative.max_ttl == 0s);
  CHECK(text_of(import_text("[Resolve]\nDNSOverTLS=yes\nDNS=10.0.0.3#dns.example\n", resolved)
                    .config.upstreams) == "tls://10.0.0.3:853#dns.example ");
}

TEST_CASE("resolved: each option has its answer") {
  const auto is = [](const char* option) {
    return told(std::string("[Resolve]\n") + option, resolved);
  };
  CHECK(is("DNSSEC=allow-downgrade").starts_with("refused: "));
  CHECK(is("DNSSEC=no").starts_with("translated: "));
  CHECK(is("DNSOverTLS=opportunistic").starts_with("refused: "));
  CHECK(is("Cache=no").starts_with("refused: "));
  CHECK(is("LLMNR=yes").starts_with("refused: "));
  CHECK(is("MulticastDNS=no").starts_with("not needed: "));
  CHECK(is("DNSStubListener=yes").starts_with("not needed: "));
  CHECK(is("FallbackDNS=1.1.1.1").starts_with("refused: "));
  CHECK(is("ResolveUnicastSingleLabel=yes").starts_with("translated: domain_needed: false"));
  CHECK(is("StaleRetentionSec=1h").starts_with("translated: cache.serve_stale.max_age: 1h"));
  CHECK(is("DSN=1.1.1.1") == "refused: is not an option of systemd-resolved; did you mean DNS?");
  CHECK(told("DNS=1.1.1.1\n", resolved).starts_with("refused: stands outside"));
}

TEST_CASE("dnsmasq: many names that only block are a list") {
  std::string text = "no-resolv\nserver=10.0.0.2\naddress=/other.example/10.0.0.9\n";
  for (int i = 0; i < 25'000; ++i) {
    text += "address=/x" + std::to_string(i) + ".example/0.0.0.0\n";
  }
  const auto translation = import_text(text, Program::dnsmasq);
  CHECK(std::ranges::count(translation.block_list, '\n') == 25'000);
  CHECK(zones_of(translation.config) == "other.example = 10.0.0.9; ");
  CHECK(translation.config.local.block.answer == BlockAnswer::null);
  CHECK(translation.lines.at(10).explanation == "local.block.files: 0.0.0.0 and ::");
  CHECK(import_text("local=/a.example/\n", Program::dnsmasq).block_list.empty());
}

TEST_CASE("dnsmasq: # is any domain") {
  const Config config =
      import_text("no-resolv\nserver=/#/10.0.0.2\nserver=/a.example/#\n", Program::dnsmasq).config;
  CHECK(text_of(config.upstreams) == "10.0.0.2:53 ");
  CHECK(routes_of(config) == "a.example = 10.0.0.2:53 ");
  CHECK(zones_of(import_text("no-resolv\nlocal=/#/\n", Program::dnsmasq).config) == ". =; ");
  CHECK(zones_of(import_text("local=/#/\nserver=10.0.0.2\n", Program::dnsmasq).config).empty());
  CHECK(told("server=/#/#\n", Program::dnsmasq).starts_with("refused: "));
  CHECK(told("local=/#/\nserver=10.0.0.2\n", Program::dnsmasq).starts_with("refused: contra"));
}

}  // namespace dnscache::cli
