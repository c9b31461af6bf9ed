#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <random>

#include "resolver/base/text_file.hpp"
#include "resolver/config/read.hpp"
#include "resolver/config/schema.hpp"
#include "resolver/config/values.hpp"

using namespace dnscache;

namespace {

std::vector<std::string> problems_of(std::string_view text) {
  std::vector<std::string> lines;
  for (const Problem& problem : read_config(text, "f").problems) lines.push_back(problem.to_text());
  return lines;
}

Config valid(std::string_view text) {
  const ConfigReading reading = read_config(text, "f");
  for (const Problem& problem : reading.problems) UNSCOPED_INFO(problem.to_text());
  REQUIRE(reading);
  return reading.config;
}

UpstreamConfig upstream(std::string_view text) { return *parse_upstream(text); }

/// A directory for one test, removed with everything in it.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "config-test-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

void write_file(const std::filesystem::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

}  // namespace

TEST_CASE("every setting can be written") {
  const Config config = valid(R"(
listen:
  - 127.0.0.1
  - "[::1]:5353"
workers: 3
upstreams:
  - 192.0.2.1
  - 192.0.2.1:5353
  - 2001:db8::1
  - "[2001:db8::1]:5353"
  - tcp://192.0.2.1
  - tls://192.0.2.1#dns.example
  - {address: 192.0.2.2, protocol: tls, tls_name: dns.example}
  - address: 192.0.2.3
upstreams_from: /tmp/resolv.conf
policy: parallel
timeout: 2s
hedge: {after: 15ms, budget: 2.5%}
health: {probe_interval: 100ms, probe_interval_max: 1m}
quota:
  packets_per_second: 500
routes:
  - zone: Corp.Example.
    upstreams: [10.0.0.2, "tls://10.0.0.3"]
  - {zone: nothing.example, upstreams: []}
cache:
  size: 1GiB
  min_ttl: 5s
  max_ttl: 1h
  negative:
    default_ttl: 10s
    max_ttl: 20s
  prefetch: false
  serve_stale:
    enabled: false
    after: 500ms
    max_age: 2d
    ttl: 10s
  persist: /var/lib/x
control: none
metrics: {listen: 127.0.0.2}
log_level: debug
)");
  Config expected;
  expected.listen = {*Endpoint::parse("127.0.0.1:53", 0), *Endpoint::parse("[::1]:5353", 0)};
  expected.workers = 3;
  const UpstreamConfig by_map{*Endpoint::parse("192.0.2.2:853", 0), Protocol::tls, "dns.example"};
  expected.upstreams = {
      {*Endpoint::parse("192.0.2.1:53", 0), Protocol::udp, ""},
      {*Endpoint::parse("192.0.2.1:5353", 0), Protocol::udp, ""},
      {*Endpoint::parse("[2001:db8::1]:53", 0), Protocol::udp, ""},
      {*Endpoint::parse("[2001:db8::1]:5353", 0), Protocol::udp, ""},
      {*Endpoint::parse("192.0.2.1:53", 0), Protocol::tcp, ""},
      {*Endpoint::parse("192.0.2.1:853", 0), Protocol::tls, "dns.example"},
      by_map,
      {*Endpoint::parse("192.0.2.3:53", 0), Protocol::udp, ""},
  };
  expected.upstreams_from = "/tmp/resolv.conf";
  expected.policy = SelectionPolicy::parallel;
  expected.timeout = 2s;
  expected.hedge = {15ms, 0.025};
  expected.health = {100ms, 1min};
  expected.quota.packets_per_second = 500;
  expected.routes = {
      {*Name::parse("corp.example"), {upstream("10.0.0.2"), upstream("tls://10.0.0.3")}},
      {*Name::parse("nothing.example"), {}}};
  expected.cache.size = 1ull << 30;
  expected.cache.min_ttl = 5s;
  expected.cache.max_ttl = 1h;
  expected.cache.negative = {10s, 20s};
  expected.cache.prefetch = false;
  expected.cache.serve_stale = {false, 500ms, 48h, 10s};
  expected.cache.persist = "/var/lib/x";
  expected.control = "";
  expected.metrics.listen = *Endpoint::parse("127.0.0.2:9153", 0);
  expected.log_level = LogLevel::debug;
  CHECK(config == expected);
}

TEST_CASE("what says nothing gives the defaults") {
  const std::string text =
      GENERATE(as<std::string>(), "", "\n\n", "# only a comment\n", "---\n", "---\n...\n", "{}",
               "~", "cache:\nhedge:\n", "cache: {}\n", "\xef\xbb\xbf", "\xef\xbb\xbf# comment");
  CHECK(valid(text) == Config{});
}

TEST_CASE("forms of YAML that mean the same") {
  Config expected;
  expected.workers = 2;
  expected.cache.size = 2ull << 20;
  const std::string text = GENERATE(as<std::string>(), "workers: 2\ncache:\n  size: 2MiB\n",
                                    "workers: 2\r\ncache:\r\n  size: 2MiB\r\n",
                                    "\xef\xbb\xbfworkers: 2\ncache: {size: 2MiB}",
                                    "---\n\"workers\": \"2\"\n'cache': {'size': '2MiB'}\n...\n",
                                    "{workers: 2, cache: {size: 2MiB}}",
                                    "%YAML 1.2\n---\nworkers: 2 # two\ncache:\n    size: 2MiB");
  CHECK(valid(text) == expected);
}

TEST_CASE("automatic values and none can be written out") {
  CHECK(valid("workers: auto\nhedge: {after: auto}\nquota: {packets_per_second: auto}\n"
              "cache: {persist: none}") == Config{});
  CHECK(valid("quota: {packets_per_second: none}").quota.packets_per_second == 0u);
  CHECK(valid("control: none").control.empty());
}

TEST_CASE("one problem each, at its place") {
  struct Row {
    std::string text;
    std::string problem;
  };
  static const std::string address =
      "an IP address with an optional port, such as \"192.0.2.1\", \"192.0.2.1:5353\" or "
      "\"[2001:db8::1]:53\"";
  static const std::string upstream_form =
      "\"address\", \"address:port\", \"tcp://address\", \"tls://address#certificate.name\", or a "
      "map of address, protocol and tls_name";
  const Row row = GENERATE(values<Row>({
      // unknown settings
      {"\nlisen: 1", "f:2:1: lisen: is not a setting (did you mean listen?)"},
      {"cache:\n  sise: 1", "f:2:3: cache.sise: is not a setting (did you mean cache.size?)"},
      {"cache: {negative: {max-ttl: 1s}}",
       "f:1:20: cache.negative.max-ttl: is not a setting (did you mean cache.negative.max_ttl?)"},
      {"Workers: 2", "f:1:1: Workers: is not a setting (did you mean workers?)"},
      {"max_age: 1s", "f:1:1: max_age: is not a setting (did you mean cache.serve_stale.max_age?)"},
      {"hedge: {frobnicate: 1}",
       "f:1:9: hedge.frobnicate: is not a setting; allowed: after or budget"},
      {"cache.size: 1GiB", "f:1:1: cache.size: is not nested; write cache: {size: ...}"},
      {"cache: {negative.max_ttl: 1s}",
       "f:1:9: cache.negative.max_ttl: is not a setting; allowed: size, min_ttl, max_ttl, "
       "negative, "
       "nxdomain_cut, prefetch, serve_stale or persist"},
      {"\"a\\nb\\e[31m\": 1",
       "f:1:1: a?b?[31m: is not a setting; allowed: listen, workers, memory, upstreams, "
       "upstreams_from, "
       "policy, randomize_case, timeout, hedge, health, quota, routes, domain_needed, bogus_priv, "
       "filter_a, filter_aaaa, round_robin, rebind_protection, bogus_nxdomain, ignore_addresses, "
       "dnssec, local, "
       "acl, "
       "rate_limit, cache, control, metrics, query_log or log_level"},
      // structure
      {"workers: 1\nworkers: 2", "f:2:1: workers: duplicate key, first in line 1"},
      {"hedge: {budget: 1%, budget: 1%}", "f:1:21: hedge.budget: duplicate key, first in line 1"},
      {"cache: 3",
       "f:1:8: cache: is a single value; allowed: a map of size, min_ttl, max_ttl, "
       "negative, nxdomain_cut, prefetch, serve_stale and persist"},
      {"hedge: [a]", "f:1:8: hedge: is a list; allowed: a map of after and budget"},
      {"workers: [1]", "f:1:10: workers: is a list; allowed: a whole number from 1 to 256 or auto"},
      {"workers: {a: 1}",
       "f:1:10: workers: is a map; allowed: a whole number from 1 to 256 or auto"},
      {"workers:\n\npolicy: fastest",
       "f:1:1: workers: has no value; allowed: a whole number from 1 to 256 or auto"},
      {"workers: ~", "f:1:1: workers: has no value; allowed: a whole number from 1 to 256 or auto"},
      {"hello", "f:1:1: is a single value; allowed: a map of settings, \"name: value\""},
      {"- a", "f:1:1: is a list; allowed: a map of settings, \"name: value\""},
      {"? [a]\n: b", "f:1:3: has a list as a key; allowed: a name"},
      {"workers: &a 2", "f:1:10: anchors (&name) are not supported; remove it"},
      {"workers: !!int 2", "f:1:10: tags (!name) are not supported; remove it"},
      {"<<: {workers: 2}", "f:1:1: <<: merge keys are not supported; write the values out"},
      {"workers: 1\n---\nworkers: 2",
       "f:2:1: is a second YAML document; keep one and remove the \"---\" between them"},
      // syntax
      {"a: b: c", "f:1:5: not valid YAML: illegal map value"},
      {"cache:\n\tsize: 1MiB",
       "f:2:6: not valid YAML: illegal map value; indent with spaces, not tabs"},
      {"listen:\n  - [::1]:53\n",
       "f:2:10: not valid YAML: end of sequence not found; write an IPv6 address with a port in "
       "quotes, \"[2001:db8::1]:53\""},
      {"timeout: *x", "f:1:10: not valid YAML: the referenced anchor is not defined"},
      {std::string("wor\0kers: 2", 11), "f:1:4: contains a NUL byte, so it is not a YAML file"},
      {"# \x1b", "f:1:3: contains a control character, which YAML does not allow"},
      {"# ok\n# \xff", "f:2:3: is not UTF-8 text; save the file as UTF-8"},
      {"# \xc0\xaf", "f:1:3: is not UTF-8 text; save the file as UTF-8"},
      {"# \xed\xa0\x80", "f:1:3: is not UTF-8 text; save the file as UTF-8"},
      {"# \xf4\x90\x80\x80", "f:1:3: is not UTF-8 text; save the file as UTF-8"},
      {"# \xe2\x82", "f:1:3: is not UTF-8 text; save the file as UTF-8"},
      {"\xff\xfew\0o\0", "f:1:1: is not UTF-8 text; save the file as UTF-8"},
      // words
      {"policy: fastets",
       "f:1:9: policy: \"fastets\" is unknown (did you mean fastest?); allowed: auto, fastest, "
       "ordered "
       "or "
       "parallel"},
      {"policy: random",
       "f:1:9: policy: \"random\" is unknown; allowed: auto, fastest, ordered or parallel"},
      {"cache: {prefetch: no}",
       "f:1:19: cache.prefetch: \"no\" is unknown (did you mean false?); allowed: true or false"},
      {"cache: {prefetch: True}",
       "f:1:19: cache.prefetch: \"True\" is unknown (did you mean true?); allowed: true or false"},
      // numbers
      {"workers: 0",
       "f:1:10: workers: \"0\" is too small (did you mean auto?); allowed: a whole number from 1 "
       "to "
       "256 or auto"},
      {"workers: 257",
       "f:1:10: workers: \"257\" is too large; allowed: a whole number from 1 to 256 "
       "or auto"},
      {"workers: 010",
       "f:1:10: workers: \"010\" has a leading zero; allowed: a whole number from 1 "
       "to 256 or auto"},
      {"workers: -1",
       "f:1:10: workers: \"-1\" is not a whole number; allowed: a whole number from 1 "
       "to 256 or auto"},
      {"workers: 1.5",
       "f:1:10: workers: \"1.5\" is not a whole number; allowed: a whole number from "
       "1 to 256 or auto"},
      {"workers: 99999999999999999999",
       "f:1:10: workers: \"99999999999999999999\" is too large; allowed: a whole number from 1 to "
       "256 or auto"},
      // durations
      {"timeout: 5",
       "f:1:10: timeout: \"5\" has no unit (ms, s, m, h or d); allowed: a duration "
       "from 100ms to 1m"},
      {"timeout: 5sec",
       "f:1:10: timeout: \"5sec\" has an unknown unit (did you mean 5s?); allowed: a "
       "duration from 100ms to 1m"},
      {"timeout: 5 s",
       "f:1:10: timeout: \"5 s\" has an unknown unit (did you mean 5s?); allowed: a "
       "duration from 100ms to 1m"},
      {"timeout: 1.5s",
       "f:1:10: timeout: \"1.5s\" is not a whole number with a unit; allowed: a "
       "duration from 100ms to 1m"},
      {"timeout: 1ms",
       "f:1:10: timeout: \"1ms\" is too small; allowed: a duration from 100ms to 1m"},
      {"timeout: 99999999999999999999d",
       "f:1:10: timeout: \"99999999999999999999d\" is too large; allowed: a duration from 100ms to "
       "1m"},
      {"cache: {max_ttl: 1500ms}",
       "f:1:18: cache.max_ttl: \"1500ms\" is not in whole seconds; allowed: a duration in whole "
       "seconds from 1s to 7d"},
      // sizes and shares
      {"cache: {size: 64}",
       "f:1:15: cache.size: \"64\" has no unit (B, KiB, MiB, GiB or TiB); "
       "allowed: a size from 1MiB to 1TiB or auto"},
      {"cache: {size: 64mb}",
       "f:1:15: cache.size: \"64mb\" has an unknown unit (did you mean "
       "64MiB?); allowed: a size from 1MiB to 1TiB or auto"},
      {"cache: {size: 1KiB}",
       "f:1:15: cache.size: \"1KiB\" is too small; allowed: a size from 1MiB to 1TiB or auto"},
      {"cache: {size: 18446744073709551615TiB}",
       "f:1:15: cache.size: \"18446744073709551615TiB\" is too large; allowed: a size from 1MiB to "
       "1TiB or auto"},
      {"hedge: {budget: 5}",
       "f:1:17: hedge.budget: \"5\" has no unit (%); allowed: a share from 0% to 100%"},
      {"hedge: {budget: 101%}",
       "f:1:17: hedge.budget: \"101%\" is more than 100%; allowed: a share from 0% to 100%"},
      // paths
      {"control: run/x",
       "f:1:10: control: \"run/x\" is not an absolute path (it must begin with "
       "\"/\"); allowed: an absolute path or none"},
      {"upstreams_from: none",
       "f:1:17: upstreams_from: \"none\" is not an absolute path (it must "
       "begin with \"/\"); allowed: an absolute path or system"},
      {"cache: {persist: /var/lib/}",
       "f:1:18: cache.persist: \"/var/lib/\" is a directory, not a "
       "file; allowed: an absolute path or none"},
      {"control: \"/a\\nb\"",
       "f:1:10: control: \"/a?b\" contains a control character; allowed: an "
       "absolute path or none"},
      // listen
      {"listen: 127.0.0.1",
       "f:1:9: listen: is a single value; write it in brackets: [\"127.0.0.1\"]; allowed: a list "
       "of "
       "1 to 64 IP addresses with optional ports"},
      {"listen: []",
       "f:1:9: listen: is empty; allowed: a list of 1 to 64 IP addresses with optional ports"},
      {"listen: [localhost]",
       "f:1:10: listen[0]: \"localhost\" is not an IP address with an "
       "optional port; allowed: " +
           address},
      {"listen: [127.0.0.1:0]",
       "f:1:10: listen[0]: \"127.0.0.1:0\" has port 0; allowed: " + address},
      {"listen: [127.0.0.1, 127.0.0.1:53]", "f:1:21: listen[1]: duplicate 127.0.0.1:53"},
      {"listen: [\"::\", x]",
       "f:1:16: listen[1]: \"x\" is not an IP address with an optional port; "
       "allowed: " +
           address},
      {"listen:\n- ::", "f:2:3: listen[0]: needs quotes: write \"::\""},
      {"listen:\n- 127.0.0.1\n-\n\nworkers: 2",
       "f:3:1: listen[1]: has no value; allowed: " + address},
      {"listen: [fe80::1]",
       "f:1:10: listen[0]: \"fe80::1\" is a link-local address without its "
       "network interface (\"fe80::1%eth0\"); allowed: " +
           address},
      {"listen: [\"fe80::1%no-such-0\"]",
       "f:1:10: listen[0]: \"fe80::1%no-such-0\" names a network interface that this machine does "
       "not have; allowed: " +
           address},
      // upstreams
      {"upstreams: 192.0.2.1",
       "f:1:12: upstreams: is a single value; write it in brackets: "
       "[\"192.0.2.1\"]; allowed: a list of upstreams"},
      {"upstreams: [udp:192.0.2.1]",
       "f:1:13: upstreams[0]: \"udp:192.0.2.1\" is not an IP address "
       "with an optional port; allowed: " +
           upstream_form},
      {"upstreams: [https://192.0.2.1]",
       "f:1:13: upstreams[0]: \"https://192.0.2.1\" has a prefix that is not supported; DNS over "
       "TLS "
       "is: write tls; allowed: " +
           upstream_form},
      {"upstreams: [192.0.2.1#dns.example]",
       "f:1:13: upstreams[0]: \"192.0.2.1#dns.example\" has a certificate name after \"#\" "
       "although "
       "only tls:// has certificates; allowed: " +
           upstream_form},
      {"upstreams: [\"tls://192.0.2.1#*.example\"]",
       "f:1:13: upstreams[0]: \"tls://192.0.2.1#*.example\" has a certificate name after \"#\" "
       "that "
       "is a wildcard; write the server's own name; allowed: " +
           upstream_form},
      {"upstreams: [0.0.0.0]",
       "f:1:13: upstreams[0]: \"0.0.0.0\" is the address of no particular "
       "server; allowed: " +
           upstream_form},
      {"upstreams: [224.0.0.251]",
       "f:1:13: upstreams[0]: \"224.0.0.251\" is a multicast or reserved "
       "address; allowed: " +
           upstream_form},
      {"upstreams: [2001:db8::]", "f:1:13: upstreams[0]: needs quotes: write \"2001:db8::\""},
      {"upstreams: [{protocol: tls}]",
       "f:1:13: upstreams[0]: has no address; allowed: " + upstream_form},
      {"upstreams: [{address: 192.0.2.1, protocol: dot}]",
       "f:1:44: upstreams[0].protocol: \"dot\" is not a protocol (did you mean tls?); allowed: "
       "udp, "
       "tcp or tls"},
      {"upstreams: [{address: 192.0.2.1, adress: x}]",
       "f:1:34: upstreams[0].adress: is not a part of an upstream (did you mean address?); "
       "allowed: "
       "address, protocol or tls_name"},
      {"upstreams: [{address: 192.0.2.1, tls_name: dns.example}]",
       "f:1:44: upstreams[0].tls_name: is given although only protocol: tls has certificates"},
      {"upstreams: [{address: 192.0.2.1, protocol: tls, tls_name: 192.0.2.1}]",
       "f:1:59: upstreams[0].tls_name: \"192.0.2.1\" is an address; leave it out and the "
       "certificate "
       "must contain the address; allowed: a host name such as dns.example"},
      {"upstreams: [{address: tls://192.0.2.1}]",
       "f:1:23: upstreams[0].address: \"tls://192.0.2.1\" is not an IP address with an optional "
       "port; allowed: " +
           address},
      {"upstreams: [192.0.2.1, {address: 192.0.2.1}]",
       "f:1:24: upstreams[1]: duplicate 192.0.2.1:53"},
      // routes
      {"routes: {zone: a}",
       "f:1:9: routes: is a map; allowed: a list of maps of zone and upstreams"},
      {"routes: [{upstreams: []}]",
       "f:1:10: routes[0]: has no zone; allowed: a map of zone and upstreams"},
      {"routes: [{zone: a}]",
       "f:1:10: routes[0]: has no upstreams; write upstreams: [] if its names do not exist"},
      {"routes: [{zone: a, upstreams: [], zome: b}]",
       "f:1:35: routes[0].zome: is not a part of a route (did you mean zone?); allowed: zone or "
       "upstreams"},
      {"routes: [{zone: ., upstreams: []}]",
       "f:1:17: routes[0].zone: \".\" is every name; use the setting upstreams for that; allowed: "
       "a "
       "domain name such as corp.example"},
      {"routes: [{zone: '*.a', upstreams: []}]",
       "f:1:17: routes[0].zone: \"*.a\" begins with \"*.\" although a zone always includes the "
       "names "
       "below it; leave that out; allowed: a domain name such as corp.example"},
      {"routes: [{zone: a..b, upstreams: []}]",
       "f:1:17: routes[0].zone: \"a..b\" is not a domain name; allowed: a domain name such as "
       "corp.example"},
      {"routes: [{zone: b\xc3\xbc"
       "cher, upstreams: []}]",
       "f:1:17: routes[0].zone: \"b\xc3\xbc"
       "cher\" is not ASCII; write the name in its xn-- form; "
       "allowed: a domain name such as corp.example"},
      {"routes: [{zone: null, upstreams: []}]",
       "f:1:17: routes[0].zone: has no value; allowed: a domain name"},
      {"routes:\n  - {zone: a.b, upstreams: []}\n  - {zone: A.B., upstreams: []}",
       "f:3:12: routes[1].zone: duplicate route for a.b, first in line 2"},
      {"routes: [{zone: a, upstreams: [127.0.0.1]}]",
       "f:1:32: routes[0].upstreams[0]: 127.0.0.1:53 is an address that the cache itself listens "
       "on: queries would loop; allowed: addresses of other servers"},
      // between settings
      {"cache:\n  max_ttl: 1m\n  min_ttl: 1h",
       "f:3:12: cache.min_ttl: cache.min_ttl (1h) is longer than cache.max_ttl (1m); allowed: at "
       "most the same"},
      {"cache: {negative: {max_ttl: 3s}}",
       "f:1:29: cache.negative.max_ttl: cache.negative.default_ttl (5s, the default) is longer "
       "than "
       "cache.negative.max_ttl (3s); allowed: at most the same"},
      {"health: {probe_interval: 6s}",
       "f:1:26: health.probe_interval: health.probe_interval (6s) is longer than "
       "health.probe_interval_max (5s, the default); allowed: at most the same"},
      {"hedge: {after: 5s}",
       "f:1:16: hedge.after: hedge.after (5s) is longer than timeout (4500ms, "
       "the default); allowed: at most the same"},
      {"timeout: 500ms",
       "f:1:10: timeout: cache.serve_stale.after (900ms, the default) is longer than timeout "
       "(500ms); "
       "allowed: at most the same"},
      {"upstreams: [\"[::1]:53\"]",
       "f:1:13: upstreams[0]: [::1]:53 is an address that the cache itself listens on: queries "
       "would loop; allowed: addresses of other servers"},
      {"listen: [0.0.0.0]\nupstreams: [127.0.0.9]",
       "f:2:13: upstreams[0]: 127.0.0.9:53 is an address that the cache itself listens on: queries "
       "would loop; allowed: addresses of other servers"},
  }));
  CAPTURE(row.text);
  const std::vector<std::string> problems = problems_of(row.text);
  CHECK(problems == std::vector<std::string>{row.problem});
}

TEST_CASE("all problems are reported at once, in the order of the file") {
  const std::vector<std::string> problems = problems_of(
      "upstreams: [127.0.0.1, x]\n"
      "lisen: 1\n"
      "cache:\n"
      "  size: 1\n"
      "  size: 2\n"
      "  negative: {max_ttl: -1s}\n"
      "timeout: &a 50ms\n");
  REQUIRE(problems.size() == 8);
  const std::vector<std::string> starts{
      "f:1:13: upstreams[0]: ", "f:1:24: upstreams[1]: ", "f:2:1: lisen: ",
      "f:4:9: cache.size: ",    "f:5:3: cache.size: ",    "f:6:23: cache.negative.max_ttl: ",
      "f:7:10: anchors",        "f:7:10: timeout: "};
  for (std::size_t i = 0; i < starts.size(); ++i) {
    CAPTURE(problems[i]);
    CHECK(problems[i].starts_with(starts[i]));
  }
}

TEST_CASE("a bad element does not move the places of those behind it") {
  const std::vector<std::string> problems = problems_of(
      "upstreams: [x, 127.0.0.1]\n"
      "routes:\n"
      "  - nonsense\n"
      "  - {zone: .., upstreams: [y, 127.0.0.1]}\n"
      "  - {zone: a, upstreams: [\"::1\"]}\n");
  REQUIRE(problems.size() == 7);
  CHECK(problems[1].starts_with("f:1:16: upstreams[1]: 127.0.0.1:53 is an address that the cache"));
  CHECK(problems[2].starts_with("f:3:5: routes[0]: is a single value"));
  CHECK(problems[3].starts_with("f:4:12: routes[1].zone: "));
  CHECK(problems[4].starts_with("f:4:28: routes[1].upstreams[0]: "));
  CHECK(problems[5].starts_with("f:4:31: routes[1].upstreams[1]: 127.0.0.1:53 is an address"));
  CHECK(problems[6].starts_with("f:5:27: routes[2].upstreams[0]: [::1]:53 is an address"));
}

TEST_CASE("thousands of problems are cut short") {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "wrong" + std::to_string(i) + ": 1\n";
  const std::vector<std::string> problems = problems_of(text);
  REQUIRE(problems.size() == 101);
  CHECK(problems.back() == "f: has 4900 more problems");
}

TEST_CASE("deep nesting is refused before it costs anything") {
  const std::string unit = GENERATE(as<std::string>(), "[", "{a: ", "- ", "? ", "[[", "{? ");
  std::string text;
  while (text.size() < 500'000) text += unit;
  const std::vector<std::string> problems = problems_of(text);
  REQUIRE(problems.size() == 1);
  CHECK_THAT(problems[0], Catch::Contains("is nested more than 16 levels deep"));
}

TEST_CASE("a shared value cannot be multiplied") {
  std::string text = "a: &a [x, x]\n";
  for (char c = 'b'; c < 'z'; ++c) {
    const std::string before = std::string("*") + static_cast<char>(c - 1);
    text += std::string(1, c) + ": &" + c + " [" + before + ", " + before + "]\n";
  }
  CHECK(problems_of(text).size() > 20);
}

TEST_CASE("a text that is too large is refused") {
  const std::string text(max_text_file_size + 1, '\n');
  CHECK(problems_of(text) ==
        std::vector<std::string>{"f: is larger than 1MiB; keep names in files of their own, under "
                                 "local.block.files or local.hosts_files"});
  CHECK(valid(std::string(max_text_file_size, '\n')) == Config{});
}

TEST_CASE("files that cannot be read are one clear line") {
  const TemporaryDirectory directory;
  const auto problem = [](const std::filesystem::path& path) {
    const ConfigReading reading = read_config_file(path);
    REQUIRE(reading.problems.size() == 1);
    CHECK(reading.problems[0].file == path.string());
    return reading.problems[0].to_text();
  };
  const std::string missing = (directory / "missing").string();
  CHECK(problem(missing) == missing + ": cannot be opened: No such file or directory");
  const std::string folder = (directory / "").string();
  CHECK(problem(folder) == folder + ": is a directory, not a file");
  CHECK(problem("/dev/zero") == "/dev/zero: is a device or socket, not a file");

  const auto huge = directory / "huge";
  write_file(huge, "");
  std::filesystem::resize_file(huge, 100'000'000);
  CHECK(problem(huge) ==
        huge.string() + ": is larger than 1MiB, so it is not the file that is meant here");

  const auto loop = directory / "loop";
  std::filesystem::create_symlink(loop, loop);
  CHECK(problem(loop) == loop.string() + ": cannot be opened: Too many levels of symbolic links");

  const auto secret = directory / "secret";
  write_file(secret, "workers: 2");
  REQUIRE(::chmod(secret.c_str(), 0) == 0);
  if (::geteuid() != 0) {
    CHECK(problem(secret) == secret.string() + ": cannot be opened: Permission denied");
  }
}

TEST_CASE("a named pipe without a writer does not hold the reader up") {
  const TemporaryDirectory directory;
  const auto pipe = directory / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(read_config_file(pipe).config == Config{});
}

TEST_CASE("only the default file may be absent") {
  const TemporaryDirectory directory;
  const auto path = directory / "config.yaml";
  CHECK_FALSE(read_config_file_or_default(path));
  write_file(path, "workers: 7");
  CHECK(read_config_file_or_default(path).config.workers == 7);
  std::error_code ignored;
  const auto status = std::filesystem::symlink_status(default_config_path, ignored);
  if (status.type() == std::filesystem::file_type::not_found) {
    CHECK(read_config_file_or_default({}));
    CHECK(read_config_file_or_default({}).config == Config{});
  }
}

namespace {

/// Makes configurations at random, always the same ones, that obey the rules between settings.
class RandomConfig {
 public:
  explicit RandomConfig(unsigned seed) : random_(seed) {}

  Config make() {
    Config config;
    config.listen.clear();
    for (std::uint64_t i = 0, n = between(1, 4); i < n; ++i) {
      config.listen.push_back(endpoint(static_cast<std::uint16_t>(1000 + i)));
    }
    config.workers = static_cast<unsigned>(between(0, 256));
    config.upstreams = upstreams();
    config.upstreams_from = path();
    config.policy = static_cast<SelectionPolicy>(between(0, 2));
    config.timeout = milliseconds(60'000, 60'000);
    if (coin()) config.hedge.after = milliseconds(1, 10'000);
    config.hedge.budget = static_cast<double>(between(0, 10'000)) / 10'000.0;
    config.health.probe_interval = milliseconds(10, 1000);
    config.health.probe_interval_max = milliseconds(1000, 3'600'000);
    if (coin())
      config.quota.packets_per_second = static_cast<std::uint32_t>(between(0, 10'000'000));
    for (std::uint64_t i = 0, n = between(0, 3); i < n; ++i) {
      config.routes.push_back({zone(i), upstreams()});
    }
    config.dnssec.mode = static_cast<DnssecMode>(between(0, can_validate ? 2 : 1));
    if (coin()) config.dnssec.trust_anchors = {path().string(), ". DS 20326 8 2 E06D"};
    if (coin()) config.dnssec.negative_trust_anchors = {zone(7), zone(8)};
    config.cache.size = between(1 << 20, 1ull << 38);
    config.memory = coin() ? 0 : config.cache.size * 2 + (16 << 20);
    config.cache.min_ttl = seconds(0, 86'400);
    config.cache.max_ttl = seconds(86'400, 7 * 86'400);
    config.cache.negative = {seconds(0, 100), seconds(100, 86'400)};
    config.cache.nxdomain_cut = static_cast<NxdomainCut>(between(0, 2));
    config.cache.prefetch = coin();
    config.round_robin = coin();
    config.cache.serve_stale = {coin(), milliseconds(0, 60'000), seconds(1, 30 * 86'400),
                                seconds(1, 3600)};
    if (coin()) config.cache.persist = path();
    config.control = coin() ? path() : std::filesystem::path();
    if (coin()) config.metrics.listen = *Endpoint::parse("192.0.2.9:99", 0);
    config.query_log = {static_cast<QueryLogLevel>(between(0, 2)),
                        coin() ? path() : std::filesystem::path(),
                        static_cast<QueryLogFormat>(between(0, 1))};
    config.log_level = static_cast<LogLevel>(between(0, 3));
    return config;
  }

 private:
  std::uint64_t between(std::uint64_t low, std::uint64_t high) {
    return std::uniform_int_distribution<std::uint64_t>(low, high)(random_);
  }
  bool coin() { return between(0, 1) == 1; }
  std::chrono::milliseconds milliseconds(std::uint64_t low, std::uint64_t high) {
    return std::chrono::milliseconds(between(low, high));
  }
  std::chrono::seconds seconds(std::uint64_t low, std::uint64_t high) {
    return std::chrono::seconds(between(low, high));
  }

  Endpoint endpoint(std::uint16_t port) {
    Endpoint result;
    result.port = port;
    result.address.is_v6 = coin();
    for (std::size_t i = 0; i < result.address.size(); ++i) {
      result.address.bytes[i] = static_cast<std::uint8_t>(between(0, 255));
    }
    result.address.bytes[0] = result.address.is_v6 ? 0x20 : 198;  // neither own nor multicast
    return result;
  }

  std::vector<UpstreamConfig> upstreams() {
    std::vector<UpstreamConfig> result;
    for (std::uint64_t i = 0, n = between(0, 3); i < n; ++i) {
      const auto port = static_cast<std::uint16_t>(i == 0 ? dns_port : 2000 + i);
      UpstreamConfig one{endpoint(port), static_cast<Protocol>(between(0, 2)), ""};
      if (one.protocol == Protocol::tls && coin()) one.tls_name = "dns-1.Example_x";
      result.push_back(std::move(one));
    }
    return result;
  }

  Name zone(std::uint64_t number) {
    static const std::vector<std::string> labels{"null",   "true", "-", "~",     "a\\.b",
                                                 "\\000x", "\\\"", "#", "\\255", "1e3",
                                                 "[a]",    "%",    "'", "a: b"};
    const std::string first = "z" + std::to_string(number);
    return *Name::parse(first + '.' + labels[between(0, labels.size() - 1)]);
  }

  std::filesystem::path path() {
    static const std::vector<std::string> parts{"run",      "a b", "#",  ": ", "\"", "\\",   "'",
                                                "\xc3\xbc", "{",   "- ", "*",  "%",  "null", " x "};
    std::string text;
    for (std::uint64_t i = 0, n = between(1, 4); i < n; ++i) {
      text += '/' + parts[between(0, parts.size() - 1)];
    }
    return text;
  }

  std::mt19937 random_;
};

}  // namespace

TEST_CASE("what is printed reads back as the same configuration") {
  RandomConfig random(20260000);
  CHECK(valid(print_config(Config{})) == Config{});
  for (int i = 0; i < 500; ++i) {
    const Config config = random.make();
    const std::string text = print_config(config);
    INFO(text);
    REQUIRE(valid(text) == config);
  }
}

TEST_CASE("printing shows each setting once, under its section") {
  const std::string text = print_config(Config{});
  CHECK_THAT(text, Catch::Contains("\ncache:\n  # "));
  CHECK_THAT(text, Catch::Contains("\n  negative:\n    # "));
  CHECK_THAT(text, Catch::Contains("\n    default_ttl: 5s\n"));
  CHECK_THAT(text, Catch::Contains("\ntimeout: 4500ms\n"));
  CHECK_THAT(text, Catch::Contains("\nlisten:\n  - \"127.0.0.1:53\"\n  - \"[::1]:53\"\n") ||
                       Catch::StartsWith("listen:"));
}
