#include <catch2/catch.hpp>

#include "cli/commands/explain.hpp"
#include "tests/support/process.hpp"

using namespace dnscache;
using namespace dnscache::cli;
using dnscache::test::TempDir;
using nlohmann::json;

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

json reply_with(const std::string& rule, const std::string& matched) {
  return {{"policy", {{"rule", rule}, {"matched", matched}}}, {"config", json::object()}};
}

/// A configuration whose lists are files of a folder of its own.
struct Written {
  TempDir folder;
  ConfigLines lines;

  Written() {
    const auto hosts = folder.write("hosts", "127.0.0.1 localhost\n10.0.0.9 Nine.example alias\n");
    const auto block = folder.write("block", "# list\n*.other.example\n0.0.0.0 ads.example\n");
    lines = ConfigLines(folder.write("config.yaml",
                                     "upstreams: [192.0.2.1]\n"
                                     "routes:\n"
                                     "  - zone: corp.example\n"
                                     "    upstreams: [192.0.2.2]\n"
                                     "  - upstreams: []\n"
                                     "    zone: gone.example\n"
                                     "filter_aaaa: true\n"
                                     "local:\n"
                                     "  hosts_files: [" +
                                         hosts.string() +
                                         "]\n"
                                         "  records:\n"
                                         "    - \"db.example A 10.0.0.5\"\n"
                                         "  zones:\n"
                                         "    - zone: here.example\n"
                                         "      addresses: [10.0.0.1]\n"
                                         "  block:\n"
                                         "    files: [" +
                                         block.string() + "]\n"));
  }
  std::string decision(const json& reply) const { return decision_in_words(reply, lines); }
  std::string at(const char* file, int line) const {
    return (folder.path() / file).string() + ":" + std::to_string(line);
  }
};

Story story_of_search() {
  Story story;
  story.name = "api.example";
  story.types = {"A"};
  story.nss = parse_nss_hosts_line("hosts: files dns\n");
  for (const auto& service : story.nss.services) story.services.push_back({service, true, {}, {}});
  story.services[0].lookup.status = NssStatus::not_found;
  story.services[1].lookup.status = NssStatus::found;
  story.rules = {{"a.example"}, 2};
  story.path = lookup_path("nameserver 127.0.0.1\n", default_listen());
  const Endpoint server{IpAddress::v4(127, 0, 0, 1), 53};
  story.candidates.push_back(
      {{"api.example.a.example", "a.example"}, true, {{"A", server, {Outcome::no_name, {}}}}, {}});
  story.candidates.push_back(
      {{"api.example", ""}, true, {{"A", server, {Outcome::answered, {}}}}, {}});
  story.result = AddressLookup{NssStatus::found, "", "api.example", {IpAddress::v4(10, 0, 0, 7)}};
  return story;
}

std::string whole_text(const Story& story) {
  std::string text;
  for (const auto stage : stages) text += to_text(story, stage, Terminal{});
  return text;
}

/// The engine's reply to a question that one upstream answered.
json answered_reply(const char* rcode, double took_ms) {
  auto reply = reply_with("none", ".");
  reply["question"] = {{"name", "api.example"}, {"type", "A"}};
  reply["answer"] = {{"rcode", rcode}, {"origin", "upstream"}, {"has_data", true}};
  reply["exchange"] = {{"zone", "."},
                       {"took_ms", took_ms},
                       {"tries",
                        {{{"upstream", "10.0.0.2:53"}, {"outcome", "timed out"}, {"won", false}},
                         {{"upstream", "10.0.0.3:53"}, {"outcome", rcode}, {"won", true}}}}};
  return reply;
}

/// The same story where the engine was asked as well.
Story story_with(const json& reply) {
  auto story = story_of_search();
  story.candidates[0].lookups.clear();
  story.candidates[1].lookups.clear();
  story.candidates[1].engine = {reply};
  story.decides = "dns";
  return story;
}

}  // namespace

TEST_CASE("a decision is told with its line", "[explain]") {
  const Written written;
  const auto config = [&](int line) { return written.at("config.yaml", line); };
  CHECK(contains(written.decision(reply_with("local_name", "db.example")), config(11)));
  CHECK(contains(written.decision(reply_with("local_name", "5.0.0.10.in-addr.arpa")), config(11)));
  CHECK(contains(written.decision(reply_with("local_name", "alias")), written.at("hosts", 2)));
  CHECK(contains(written.decision(reply_with("local_name", "9.0.0.10.in-addr.arpa")),
                 written.at("hosts", 2)));
  CHECK(contains(written.decision(reply_with("blocked", "other.example")), written.at("block", 2)));
  CHECK(contains(written.decision(reply_with("blocked", "ads.example")), written.at("block", 3)));
  CHECK(contains(written.decision(reply_with("local_zone", "here.example")), config(13)));
  CHECK(contains(written.decision(reply_with("local_zone", "gone.example")), config(6)));
  CHECK(contains(written.decision(reply_with("filter_aaaa", "x.example")), config(7)));
  CHECK(contains(written.decision(reply_with("private_reverse", "10.in-addr.arpa")), "default"));
}

TEST_CASE("where upstreams are named is told", "[explain]") {
  const Written written;
  auto reply = reply_with("none", ".");
  CHECK(contains(written.decision(reply), written.at("config.yaml", 1)));
  reply["exchange"]["zone"] = "corp.example";
  CHECK(contains(written.decision(reply), written.at("config.yaml", 3)));
  reply["exchange"] = {{"zone", "."}, {"rule", "rebind_protection"}};
  CHECK(contains(written.decision(reply), "replaced by rebind_protection"));
  reply["config"]["upstreams"] = "--upstream";
  CHECK(contains(written.decision(reply), "serve --upstream"));
  CHECK(
      contains(decision_in_words(reply_with("none", "."), ConfigLines()), "upstreams_from system"));
  reply = reply_with("none", ".");
  reply["exchange"] = {{"zone", "."}, {"source", "systemd-resolved"}};
  CHECK(contains(decision_in_words(reply, ConfigLines()), "upstreams of systemd-resolved"));
  reply["exchange"] = {{"zone", "vpn.example"}, {"source", "systemd-resolved, link wg0"}};
  CHECK(contains(decision_in_words(reply, ConfigLines()),
                 "upstreams for vpn.example (systemd-resolved, link wg0)"));
  CHECK_NOTHROW(decision_in_words(json::object(), ConfigLines()));
}

TEST_CASE("reverse names are addresses", "[explain]") {
  CHECK(address_of_reverse(*Name::parse("5.0.0.10.in-addr.arpa")) == IpAddress::v4(10, 0, 0, 5));
  CHECK(address_of_reverse(*Name::parse("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0."
                                        "1.0.0.2.ip6.arpa")) == IpAddress::parse("2001:db8::1"));
  CHECK_FALSE(address_of_reverse(*Name::parse("0.10.in-addr.arpa")));
  CHECK_FALSE(address_of_reverse(*Name::parse("a.b.c.d.in-addr.arpa")));
}

TEST_CASE("names that were queried without result are shown, and what would save them",
          "[explain]") {
  const auto story = story_of_search();
  const auto text = whole_text(story);
  CHECK(contains(text, "1. api.example.a.example (+ a.example): A no such name"));
  CHECK(contains(text, "2. api.example (as given): A answered"));
  CHECK(contains(text, "1 name queried without result"));
  CHECK(contains(text, "ndots:1"));
  CHECK(contains(text, "10.0.0.7"));
  const auto document = to_json(story);
  CHECK(document["schema"] == 1);
  CHECK(document["candidates"][0]["has_data"] == false);
  CHECK(document["candidates"][1]["has_data"] == true);
  CHECK(document["result"]["addresses"] == json::array({"10.0.0.7"}));
}

TEST_CASE("without an engine the rest of the story is told", "[explain]") {
  auto story = story_of_search();
  story.engine_problem = "not running";
  CHECK(contains(whole_text(story), "cache      not running"));
  CHECK(to_json(story)["engine"]["running"] == false);
}

TEST_CASE("the name as it was given is told in full, whatever the search list makes of it",
          "[explain]") {
  auto blocked = reply_with("blocked", "api.example");
  blocked["question"] = {{"name", "api.example"}, {"type", "A"}};
  blocked["answer"] = {{"rcode", "NXDOMAIN"}, {"origin", "policy"}, {"has_data", false}};
  auto story = story_with(blocked);
  story.candidates[0].engine = {answered_reply("NXDOMAIN", 1)};
  story.candidates[0].engine[0]["answer"]["has_data"] = false;
  CHECK(contains(whole_text(story), "cache      A of api.example\n"));
  CHECK(conclusion_of(story).starts_with("blocked: api.example is in a block list"));
}

TEST_CASE("the story ends with one sentence", "[explain]") {
  CHECK(conclusion_of(story_with(answered_reply("NOERROR", 12))) ==
        "answered, by 10.0.0.3:53 in 12.0 ms");
  CHECK(conclusion_of(story_with(answered_reply("NOERROR", 900))) ==
        "answered, but slow (900.0 ms), because 10.0.0.2:53: timed out");
  auto story = story_with(answered_reply("NOERROR", 900));
  UpstreamStatus lossy;
  lossy.address = "10.0.0.2:53";
  lossy.rtt_recent_ms = {1.0, std::nullopt, std::nullopt, 2.0};
  story.status.upstreams = {lossy};
  CHECK(contains(conclusion_of(story), "because 10.0.0.2:53 lost 2 of its last 4 queries"));
  CHECK(contains(conclusion_of(story_with(answered_reply("SERVFAIL", 900))),
                 "the lookup fails (SERVFAIL): 10.0.0.2:53: timed out"));
  story.path = lookup_path("nameserver 10.0.0.9\n", default_listen());
  CHECK(contains(conclusion_of(story), "but programs do not ask the cache"));

  story = story_of_search();
  story.engine_problem = "not running";
  CHECK(contains(conclusion_of(story), "without the cache, which does not run"));
  story.decides = "files";
  story.services[0].where = Where{"/etc/hosts", 3};
  CHECK(conclusion_of(story) == "answered by files (/etc/hosts:3), without the DNS");
}
