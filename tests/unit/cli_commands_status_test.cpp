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
  CHECK(status.hits == 90);
  REQUIRE(status.upstreams.size() == 2);
  CHECK(status.upstreams[0].last_failure == "timed out");
  CHECK_FALSE(status.upstreams[0].rtt_ms);
  CHECK(status.upstreams[1].rtt_ms == 2.1);
  CHECK(status.upstream_packets() == 13);

  CHECK(parse_status(nlohmann::json::object()).queries == 0);
  const auto strange = nlohmann::json::parse(
      R"({"pid":"x","listen":[1],"queries":[],"groups":[1,{"upstreams":{"a":1}}],"cache":null})");
  CHECK(parse_status(strange).pid == 0);
}

TEST_CASE("status says first whether it works") {
  StatusReport report;
  report.engine = parse_status(reply);
  report.probe_name = "example.com";
  report.probe_server = own_addresses[0];
  report.probe = {Outcome::answered, std::chrono::duration<double, std::milli>(0.4)};
  report.path = lookup_path("nameserver 10.0.0.2\n", own_addresses);
  const auto text = to_text(report, Terminal{});
  CHECK(text.starts_with("cache    running and answering (example.com through 127.0.0.1:53"));
  CHECK(contains(text, "BYPASS this cache"));
  CHECK(contains(text, "90.0 % from the cache: 90 hits, 10 misses"));
  CHECK(contains(text, "10 answers in 2 KiB of 64 MiB"));
  CHECK(contains(text, "192.0.2.2:53 (tls)  healthy  2.10 ms  .x#"));
  CHECK(contains(text, "problem  192.0.2.1:53: timed out, 3 s ago; it is down now"));
  CHECK(contains(text, "quota    192.0.2.2:53 #####..... 512 of 1,024 packets/s, peak 900"));
  CHECK(contains(text, "timed out, 3 s ago"));
  CHECK(to_json(report)["answering"] == true);
  CHECK(to_json(report)["lookups"]["through_cache"] == false);

  report.program = AddressLookup{NssStatus::found, "", "", {IpAddress::v4(192, 0, 2, 7)}, 0.5};
  CHECK(
      contains(to_text(report, Terminal{}), "programs get 1 address for example.com in 0.500 ms"));
  CHECK(report.is_working());
  report.program = AddressLookup{NssStatus::try_again, "Temporary failure", "", {}, 10};
  CHECK(
      contains(to_text(report, Terminal{}), "programs can't look up example.com: Temporary fail"));
  CHECK_FALSE(report.is_working());
  CHECK(to_json(report)["programs"]["working"] == false);

  report.probe.outcome = Outcome::failed;
  CHECK(to_text(report, Terminal{}).starts_with("cache    running, but lookups fail"));
  CHECK(to_json(report)["answering"] == false);
}
