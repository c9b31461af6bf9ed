#include <catch2/catch.hpp>

#include "cli/commands/status.hpp"

using namespace dnscache;
using namespace dnscache::cli;

namespace {

const std::vector<Endpoint> own_addresses = {*Endpoint::parse("127.0.0.1:53", 53),
                                             *Endpoint::parse("[::1]:53", 53)};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

const auto reply = nlohmann::json::parse(R"({
  "ok": true, "schema": 1, "version": "0.1.0", "pid": 7, "uptime_seconds": 61.5, "workers": 2,
  "listen": ["127.0.0.1:53", "[::1]:53"],
  "queries": {"total": 101, "hits": 90, "stale": 0, "misses": 10, "local": 1, "servfail": 0},
  "cache": {"entries": 10, "bytes": 2048, "size_bytes": 67108864, "evictions": 0},
  "groups": [
    {"zone": ".", "policy": "fastest", "upstreams": [
      {"address": "192.0.2.1:53", "protocol": "udp", "state": "down", "sent": 4, "timeouts": 4,
       "last_failure": "timed out", "last_failure_seconds_ago": 3.2},
      {"address": "192.0.2.2:53", "protocol": "tls", "state": "healthy", "rtt_ms": 2.1,
       "rtt_p99_ms": 3.0, "sent": 9, "answered": 9, "quota": 1024,
       "packets_per_second": 512, "packets_per_second_peak": 900,
       "rtt_recent_ms": [2.1, null, 10]}]}]})");

}  // namespace

TEST_CASE("an engine's status is read, and a strange one does no harm") {
  const auto status = parse_status(reply);
  CHECK(status.pid == 7);
  CHECK(status.listen == own_addresses);
  CHECK(status.queries.hits == 90);
  REQUIRE(status.upstreams.size() == 2);
  CHECK(status.upstreams[0].last_failure == "timed out");
  CHECK_FALSE(status.upstreams[0].rtt_ms);
  CHECK(status.upstreams[1].rtt_ms == 2.1);

  CHECK(parse_status(nlohmann::json::object()).queries.all() == 0);
  const auto strange = nlohmann::json::parse(
      R"({"pid":"x","listen":[1],"queries":[],"groups":[1,{"upstreams":{"a":1}}],"cache":null})");
  CHECK(parse_status(strange).pid == 0);
}

namespace {

/// A machine that is set up and where all is well.
StatusReport good_report() {
  StatusReport report;
  report.is_set_up = true;
  report.engine = parse_status(reply);
  report.name = "new.7.dnscachectl.test";
  report.server = own_addresses[0];
  report.cache = {Outcome::answered, std::chrono::duration<double, std::milli>(0.4)};
  report.program = AddressLookup{NssStatus::found, "", "", {IpAddress::v4(127, 0, 0, 1)}, 0.5};
  report.asks_cache = true;
  report.upstreams = UpstreamProbe{". NS", "answered", "NOERROR", "192.0.2.2:53", 2.1, {}};
  report.path = lookup_path("nameserver 127.0.0.1\nnameserver 10.0.0.2\n", own_addresses);
  return report;
}

void check_verdict(const StatusReport& report, Verdict verdict, const std::string& reason) {
  const auto judgement = judge(report);
  CHECK(std::string(to_text(judgement.verdict)) == to_text(verdict));
  CHECK(contains(judgement.reason, reason));
  CHECK(
      to_text(report, Terminal{}).starts_with(std::string("status   ") + to_text(verdict) + ": "));
  CHECK(to_json(report)["verdict"] == to_text(verdict));
}

}  // namespace

TEST_CASE("status shows what it found") {
  const auto text = to_text(good_report(), Terminal{});
  CHECK(
      text.starts_with("status   ok: lookups go through this cache\n"
                       "cache    answers at 127.0.0.1:53 in 0.400 ms\n"
                       "programs get the cache's answer in 0.500 ms\n"
                       "upstream 192.0.2.2:53 answered . NS in 2.10 ms\n"));
  CHECK(contains(text, "90.0 % from the cache: 90 hits, 10 misses"));
  CHECK(contains(text, "10 answers in 2 KiB of 64 MiB"));
  CHECK(contains(text, "192.0.2.2:53 (tls)  healthy  2.10 ms  .x#"));
  CHECK(contains(text, "problem  192.0.2.1:53: timed out, 3 s ago; it is down now"));
  CHECK(contains(text, "quota    192.0.2.2:53 #####..... 512 of 1,024 packets/s, peak 900"));
}

TEST_CASE("the verdict is ok where the engine answers") {
  auto report = good_report();
  check_verdict(report, Verdict::ok, "through this cache");
  report.is_set_up = false;
  report.asks_cache = false;
  report.path = lookup_path("nameserver 10.0.0.2\n", own_addresses);
  check_verdict(report, Verdict::ok, "not set up for this machine's own programs");
  CHECK(exit_code_of(Verdict::ok) == ExitCode::done);
}

TEST_CASE("the verdict is degraded where not everything is answered, or not as configured") {
  auto report = good_report();
  report.upstreams->outcome = "silent";
  check_verdict(report, Verdict::degraded, "no upstream answers");
  report.upstreams->outcome = "over_quota";
  check_verdict(report, Verdict::degraded, "quota");
  report.upstreams->outcome = "bogus";
  check_verdict(report, Verdict::degraded, "validation");
  report.upstreams->outcome = "failed";
  report.upstreams->rcode = "REFUSED";
  check_verdict(report, Verdict::degraded, "answer . NS with REFUSED");

  report = good_report();
  report.engine.groups = {{".", "configuration", {}}};
  check_verdict(report, Verdict::degraded, "no upstream is known");

  report = good_report();
  report.engine.configuration.problems = {"config.yaml:3:1: no_such_key: unknown key"};
  check_verdict(report, Verdict::degraded, "the last one that worked is in force");

  report = good_report();
  report.engine.groups.push_back({"corp.example", "configuration", {"10.1.0.2:53"}});
  report.engine.upstreams.push_back(
      {.zone = "corp.example", .address = "10.1.0.2:53", .state = "down"});
  check_verdict(report, Verdict::degraded, "no upstream for corp.example answers");

  report = good_report();
  report.faults = {{RouteFault::Kind::leak, "the cache asks others"}};
  check_verdict(report, Verdict::degraded, "the cache asks others");

  report = good_report();
  report.engine.upstreams[1].packets_per_second = 1024;
  check_verdict(report, Verdict::degraded, "the quota of 192.0.2.2:53 is used up");
  CHECK(exit_code_of(Verdict::degraded) == ExitCode::check_failed);
}

TEST_CASE("the verdict is bypassed where programs do not ask the cache") {
  auto report = good_report();
  report.asks_cache = false;
  report.path = lookup_path("nameserver 10.0.0.2\n", own_addresses);
  check_verdict(report, Verdict::bypassed, "/etc/resolv.conf names 10.0.0.2");
  CHECK(contains(to_text(report, Terminal{}), "programs get answers, but not from this cache"));
  CHECK(to_json(report)["programs"]["asks_cache"] == false);

  report = good_report();
  report.faults = {{RouteFault::Kind::bypass, "lookups do not reach the cache"}};
  check_verdict(report, Verdict::bypassed, "do not reach the cache");

  report = good_report();
  report.path.rotates = true;
  check_verdict(report, Verdict::bypassed, "rotate");
  CHECK(exit_code_of(Verdict::bypassed) == ExitCode::bypassed);
}

TEST_CASE("the verdict is failing where programs get no answer") {
  auto report = good_report();
  report.program = AddressLookup{NssStatus::try_again, "Temporary failure", "", {}, 10};
  check_verdict(report, Verdict::failing, "Temporary failure");
  CHECK(to_json(report)["programs"]["working"] == false);

  report = good_report();
  report.cache.outcome = Outcome::unreachable;
  check_verdict(report, Verdict::failing, "does not answer at 127.0.0.1:53");
  CHECK(to_json(report)["answering"] == false);

  report = good_report();
  report.engine_problem = "the engine behind /run/x does not answer";
  check_verdict(report, Verdict::failing, "does not answer");
  CHECK(exit_code_of(Verdict::failing) == ExitCode::failing);
}

TEST_CASE("where no engine runs, the verdict says where lookups go") {
  auto report = good_report();
  report.is_running = false;
  check_verdict(report, Verdict::stopped, "lookups go to 10.0.0.2");
  CHECK(to_json(report)["lookups"]["through_cache"] == false);
  report.path = lookup_path("nameserver 127.0.0.1\n", own_addresses);
  check_verdict(report, Verdict::stopped, "lookups fail: no other server is named");
  report.is_set_up = false;
  report.path = lookup_path("nameserver 10.0.0.2\n", own_addresses);
  check_verdict(report, Verdict::stopped, "not set up on this machine; lookups go to 10.0.0.2");
  CHECK(exit_code_of(Verdict::stopped) == ExitCode::not_running);
}
