#include <algorithm>
#include <catch2/catch.hpp>

#include "cli/host/plan.hpp"
#include "resolver/config/read.hpp"

using namespace dnscache;
using namespace dnscache::cli;

namespace {

Endpoint endpoint(const char* text) { return *Endpoint::parse(text, dns_port); }

UpstreamFact upstream(const char* text, bool answers, bool is_in_resolv_conf = true) {
  UpstreamFact fact;
  fact.upstream.endpoint = endpoint(text);
  fact.answers = answers;
  fact.is_in_resolv_conf = is_in_resolv_conf;
  return fact;
}

/// A machine with two upstreams in a plain resolv.conf and nothing of ours.
Facts plain_machine() {
  Facts facts;
  facts.resolv_conf.content = "nameserver 10.0.0.1\nnameserver 10.0.0.2\n";
  facts.resolv_conf.state = FileState::regular(facts.resolv_conf.content);
  facts.upstreams = {upstream("10.0.0.1", true), upstream("10.0.0.2", true)};
  facts.has_ipv6_loopback = true;
  return facts;
}

EngineStatus engine_on(const char* listen) {
  EngineStatus engine;
  engine.pid = 42;
  engine.listen = {endpoint(listen)};
  return engine;
}

void hold_port(Facts& facts, const char* address) {
  facts.port_holders.push_back({endpoint(address), "udp", "dnsmasq", 17});
}

std::vector<std::string> changes(const Plan& plan) {
  std::vector<std::string> texts;
  for (const auto& step : plan.steps) {
    if (step.is_change) texts.push_back(step.text);
  }
  return texts;
}

const Step& resolv_conf_step(const Plan& plan) {
  return *std::ranges::find(plan.steps, "/etc/resolv.conf", &Step::path);
}

std::string planned_resolv_conf(const Facts& facts, const PlanRequest& request = {}) {
  const auto plan = plan_setup(facts, request);
  REQUIRE(plan);
  return resolv_conf_step(*plan).after.content;
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

}  // namespace

TEST_CASE("a plain machine gets everything, and is verified before and after the switch") {
  const auto plan = plan_setup(plain_machine(), {});
  REQUIRE(plan);
  std::vector<Step::Kind> kinds;
  for (const auto& step : plan->steps) kinds.push_back(step.kind);
  CHECK(kinds == std::vector<Step::Kind>{Step::Kind::directory, Step::Kind::file,
                                         Step::Kind::start_engine, Step::Kind::verify_engine,
                                         Step::Kind::file, Step::Kind::verify_system});
  CHECK(changes(*plan).size() == plan->steps.size());
  CHECK(plan->why == "/etc/resolv.conf is a plain file, so programs are sent to 127.0.0.1 there");
}

TEST_CASE("a machine that is set up stays as it is") {
  auto facts = plain_machine();
  facts.resolv_conf.content = "nameserver 127.0.0.1\nnameserver 10.0.0.2\n";
  facts.resolv_conf.state = FileState::regular(facts.resolv_conf.content);
  facts.config = Config{};
  facts.config_file = FileState::regular("upstreams: [\"10.0.0.1\"]\n");
  facts.has_config_directory = true;
  facts.engine = engine_on("127.0.0.1:53");
  hold_port(facts, "127.0.0.1:53");
  const auto plan = plan_setup(facts, {});
  REQUIRE(plan);
  CHECK_FALSE(plan->has_changes());

  SECTION("only the engine is started when only it is missing, as after a reboot") {
    facts.engine.reset();
    facts.port_holders.clear();
    const auto again = plan_setup(facts, {});
    REQUIRE(again);
    CHECK(changes(*again) == std::vector<std::string>{"start the cache in the background",
                                                      "look up example.com through the cache",
                                                      "look up example.com as every program does"});
  }
}

TEST_CASE("a configuration without a setting, as packages have it, is written over") {
  auto facts = plain_machine();
  facts.config_file = FileState::regular("# Everything has a default.\n");
  facts.has_config_directory = true;
  const auto plan = plan_setup(facts, {});
  REQUIRE(plan);
  const auto config = std::ranges::find(plan->steps, default_config_path, &Step::path);
  REQUIRE(config != plan->steps.end());
  CHECK(config->is_change);
  CHECK(contains(config->after.content, "written by 'dnscachectl setup'"));
  CHECK_FALSE(contains(config->after.content, "10.0.0.1"));
  CHECK(config->before.content == "# Everything has a default.\n");
}

TEST_CASE("every former server stays after the cache, in its order") {
  auto facts = plain_machine();
  facts.upstreams[0].answers = false;
  CHECK(contains(planned_resolv_conf(facts),
                 "nameserver 127.0.0.1\nnameserver 10.0.0.1\nnameserver 10.0.0.2\n"));
  const auto plan = plan_setup(facts, {});
  REQUIRE(plan->warnings.size() == 1);
  CHECK(contains(plan->warnings[0], "10.0.0.1:53 does not answer"));

  SECTION("one with another port cannot be named in resolv.conf") {
    facts.resolv_conf = {};
    facts.upstreams = {upstream("10.0.0.1:5353", true, false)};
    const auto text = planned_resolv_conf(facts);
    CHECK(contains(text, "nameserver 127.0.0.1\n"));
    CHECK_FALSE(contains(text, "10.0.0.1"));
  }
}

TEST_CASE("machine shapes and the address that programs are sent to") {
  struct Shape {
    const char* name;
    void (*change)(Facts&, PlanRequest&);
    const char* first_server;
    const char* why_has;
  };
  const Shape shapes[] = {
      {"plain", [](Facts&, PlanRequest&) {}, "127.0.0.1", "is a plain file"},
      {"no resolv.conf", [](Facts& f, PlanRequest&) { f.resolv_conf = {}; }, "127.0.0.1",
       "does not exist"},
      {"a link, as resolved makes it",
       [](Facts& f, PlanRequest&) {
         f.resolv_conf.state.kind = FileState::Kind::symlink;
         f.resolv_conf.state.content = "../run/systemd/resolve/resolv.conf";
       },
       "127.0.0.1", "is a link to ../run/systemd/resolve/resolv.conf"},
      {"a mount, as in containers", [](Facts& f, PlanRequest&) { f.resolv_conf.is_mount = true; },
       "127.0.0.1", "is a mounted file, which is written in place"},
      {"another loopback address",
       [](Facts&, PlanRequest& r) { r.listen = {endpoint("127.0.0.2")}; }, "127.0.0.2",
       "127.0.0.2"},
      {"all addresses", [](Facts&, PlanRequest& r) { r.listen = {endpoint("0.0.0.0")}; },
       "127.0.0.1", "127.0.0.1"},
      {"IPv6 only", [](Facts&, PlanRequest& r) { r.listen = {endpoint("::1")}; }, "::1", "::1"},
      {"a first address with another port",
       [](Facts&, PlanRequest& r) {
         r.listen = {endpoint("127.0.0.1:5353"), endpoint("127.0.0.3")};
       },
       "127.0.0.3", "127.0.0.3"},
      {"someone else on another address",
       [](Facts& f, PlanRequest&) { hold_port(f, "127.0.0.53:53"); }, "127.0.0.1", "plain"},
      {"resolv.conf named the cache once already",
       [](Facts& f, PlanRequest&) {
         f.resolv_conf.content = "nameserver 127.0.0.1\n";
         f.resolv_conf.state.content = f.resolv_conf.content;
       },
       "127.0.0.1", "names the cache"},
  };
  for (const auto& shape : shapes) {
    INFO(shape.name);
    auto facts = plain_machine();
    PlanRequest request;
    shape.change(facts, request);
    const auto plan = plan_setup(facts, request);
    REQUIRE(plan);
    CHECK(contains(plan->why, shape.why_has));
    const auto text = resolv_conf_step(*plan).after.content;
    CHECK(text.find("nameserver") ==
          text.find(std::string("nameserver ") + shape.first_server + "\n"));
  }
}

TEST_CASE("machines that cannot be set up get one line that says what to do") {
  struct Shape {
    const char* name;
    void (*change)(Facts&, PlanRequest&);
    const char* says;
    ExitCode code;
  };
  const Shape shapes[] = {
      {"port taken", [](Facts& f, PlanRequest&) { hold_port(f, "127.0.0.1:53"); },
       "127.0.0.1:53 is taken: dnsmasq (process 17) listens on 127.0.0.1:53/udp",
       ExitCode::failure},
      {"port taken by a wildcard", [](Facts& f, PlanRequest&) { hold_port(f, "0.0.0.0:53"); },
       "dnsmasq (process 17) listens on 0.0.0.0:53", ExitCode::failure},
      {"port taken by an IPv6 wildcard", [](Facts& f, PlanRequest&) { hold_port(f, "[::]:53"); },
       "listens on [::]:53", ExitCode::failure},
      {"no upstream", [](Facts& f, PlanRequest&) { f.upstreams.clear(); }, "--upstream ADDRESS",
       ExitCode::failure},
      {"dead upstreams",
       [](Facts& f, PlanRequest&) {
         for (auto& fact : f.upstreams) fact.answers = false;
       },
       "no upstream answers (10.0.0.1:53 and 10.0.0.2:53)", ExitCode::failure},
      {"immutable", [](Facts& f, PlanRequest&) { f.resolv_conf.is_immutable = true; },
       "chattr -i /etc/resolv.conf", ExitCode::no_rights},
      {"a configuration with an error",
       [](Facts& f, PlanRequest&) { f.config_problem = "/etc/x:1:2: cache: wrong"; },
       "/etc/x:1:2: cache: wrong; see 'dnscachectl check'", ExitCode::check_failed},
      {"a configuration that says otherwise",
       [](Facts& f, PlanRequest& r) {
         f.config = Config{};
         r.upstreams = {f.upstreams[0].upstream};
       },
       "is there already and says something else", ExitCode::failure},
      {"an engine elsewhere", [](Facts& f, PlanRequest&) { f.engine = engine_on("127.0.0.9:53"); },
       "runs already, but not on 127.0.0.1:53", ExitCode::failure},
      {"no port 53", [](Facts&, PlanRequest& r) { r.listen = {endpoint("127.0.0.1:5353")}; },
       "resolv.conf cannot name a port", ExitCode::failure},
  };
  for (const auto& shape : shapes) {
    INFO(shape.name);
    auto facts = plain_machine();
    PlanRequest request;
    shape.change(facts, request);
    const auto plan = plan_setup(facts, request);
    REQUIRE_FALSE(plan);
    INFO(plan.error().message);
    CHECK(contains(plan.error().message, shape.says));
    CHECK(plan.error().code == shape.code);
    CHECK_FALSE(contains(plan.error().message, "\n"));
  }
}

TEST_CASE("the configuration that setup writes reads back") {
  std::vector<UpstreamConfig> upstreams;
  for (const auto* text : {"10.0.0.1", "[2001:db8::1]:5353"}) {
    UpstreamConfig config;
    config.endpoint = endpoint(text);
    upstreams.push_back(config);
  }
  upstreams[1].protocol = Protocol::tls;
  upstreams[1].tls_name = "dns.example";
  const std::vector<Endpoint> listen = {endpoint("127.0.0.1"), endpoint("::1")};
  const auto reading = read_config(initial_config(upstreams, listen, "/tmp/x.sock"), "config.yaml");
  REQUIRE(reading);
  CHECK(reading.config.upstreams == upstreams);
  CHECK(reading.config.listen == listen);
  CHECK(reading.config.control == "/tmp/x.sock");
}

TEST_CASE("without an IPv6 loopback address only the IPv4 one is listened on") {
  auto facts = plain_machine();
  facts.has_ipv6_loopback = false;
  const auto plan = plan_setup(facts, {});
  REQUIRE(plan);
  const auto reading = read_config(plan->steps[1].after.content, "config.yaml");
  REQUIRE(reading);
  CHECK(reading.config.listen == std::vector<Endpoint>{endpoint("127.0.0.1")});
}

TEST_CASE("a resolv.conf that is a link is followed where it pointed") {
  auto facts = plain_machine();
  facts.resolv_conf.state.kind = FileState::Kind::symlink;
  facts.resolv_conf.state.content = "../run/other/resolv.conf";
  const auto plan = plan_setup(facts, {});
  REQUIRE(plan);
  const auto config = read_config(plan->steps[1].after.content, "config.yaml");
  REQUIRE(config);
  CHECK(config.config.upstreams_from == "/run/other/resolv.conf");
  CHECK(config.config.upstreams.empty());
}

TEST_CASE("a program that writes resolv.conf gets the cache as one more source") {
  struct Shape {
    const char* manager;
    const char* file;
  };
  for (const auto& shape : {Shape{"NetworkManager", ""},
                            {"resolvconf", "/etc/default/resolvconf"},
                            {"openresolv", "/etc/resolvconf.conf"}}) {
    INFO(shape.manager);
    auto facts = plain_machine();
    facts.system.has_systemd = true;
    facts.system.manager = shape.manager;
    facts.program = "/usr/local/bin/dnscachectl";
    const auto plan = plan_setup(facts, {});
    REQUIRE(plan);
    CHECK(contains(plan->why, shape.manager));
    const auto has = [&](const std::filesystem::path& path) {
      return std::ranges::find(plan->steps, path, &Step::path) != plan->steps.end();
    };
    CHECK_FALSE(has("/etc/resolv.conf"));
    CHECK(has("dnscachectl-source.service"));
    CHECK((*shape.file == '\0' || has(shape.file)));
    CHECK_FALSE(contains(plan->steps[1].after.content, "10.0.0.1"));
  }
  auto facts = plain_machine();
  facts.system.has_systemd = true;
  const auto refused = plan_setup(facts, {.mode = Mode::manager});
  REQUIRE_FALSE(refused);
  CHECK(contains(refused.error().message, "--mode manager needs"));
}

TEST_CASE("a plan for people has each step and each diff") {
  const auto plan = plan_setup(plain_machine(), {});
  const auto text = to_text(*plan);
  CHECK(contains(text, "  would change  start the cache in the background\n"));
  CHECK(contains(text, " nameserver 10.0.0.2\n"));
  CHECK(contains(text, "+nameserver 127.0.0.1\n"));
  CHECK(to_json(*plan)["steps"].size() == plan->steps.size());
}
