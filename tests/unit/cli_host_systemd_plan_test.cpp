#include <algorithm>
#include <catch2/catch.hpp>

#include "cli/commands/doctor.hpp"
#include "cli/host/journal.hpp"
#include "cli/host/systemd/plan.hpp"
#include "resolver/config/read.hpp"

using namespace dnscache;
using namespace dnscache::cli;
using Catch::Contains;

namespace {

const auto cache = IpAddress::v4(127, 0, 0, 1);
const auto vpc = IpAddress::v4(10, 0, 0, 2);

dbus::UnitState unit(const std::string& name, const char* load, const char* active) {
  dbus::UnitState state;
  state.name = name;
  state.load_state = load;
  state.active_state = active;
  state.unit_file_state = state.is_active() ? "enabled" : "";
  if (state.exists()) state.file = "/etc/systemd/system/" + name;
  return state;
}

LinkFacts link(const char* name) { return {2, name, {vpc}, {}, true}; }

dbus::ResolvedLink own_link(const IpAddress& server = cache, const char* domain = ".") {
  return {3, {{3, {server, dns_port}, ""}}, {{3, domain, true}}, false};
}

constexpr const char* our_units[] = {service_unit, socket_unit, source_unit};

/// Amazon Linux 2023 as it is delivered, but for the stub listener.
Facts machine(dbus::ResolvConfMode mode = dbus::ResolvConfMode::uplink) {
  Facts facts;
  facts.resolv_conf.content = "nameserver 10.0.0.2\nsearch ec2.internal\n";
  facts.resolv_conf.state.kind = FileState::Kind::symlink;
  facts.resolv_conf.state.content = "../run/systemd/resolve/resolv.conf";
  UpstreamFact upstream;
  upstream.upstream.endpoint = {vpc, dns_port};
  upstream.answers = upstream.is_in_resolv_conf = true;
  facts.upstreams = {upstream};
  facts.has_ipv6_loopback = true;
  facts.program = "/usr/bin/dnscachectl";
  facts.system.has_systemd = true;
  for (const auto* name : our_units) {
    facts.system.units[name] = unit(name, "not-found", "inactive");
  }
  facts.system.units[resolved_unit] = unit(resolved_unit, "loaded", "active");
  facts.system.resolved = dbus::ResolvedState{};
  facts.system.resolved->resolv_conf_mode = mode;
  facts.system.links = {link("ens5")};
  return facts;
}

void stop_resolved(Facts& facts, const char* load_state) {
  facts.system.resolved.reset();
  facts.system.links.clear();
  facts.system.units[resolved_unit] = unit(resolved_unit, load_state, "inactive");
}

void make_file(Facts& facts) {
  facts.resolv_conf.state = FileState::regular(facts.resolv_conf.content);
}

bool writes(const Plan& plan, const std::string& path) {
  return std::ranges::any_of(plan.steps, [&](const Step& step) {
    return step.kind == Step::Kind::file && step.is_change && step.path == path;
  });
}

bool has(const Plan& plan, Step::Kind kind) {
  return std::ranges::find(plan.steps, kind, &Step::kind) != plan.steps.end();
}

bool starts(const Plan& plan, const char* unit) {
  return std::ranges::any_of(plan.steps, [&](const Step& step) {
    return step.kind == Step::Kind::start_unit && step.is_change && step.path == unit;
  });
}

/// The machine after a setup in link mode.
Facts machine_after_setup() {
  auto facts = machine();
  const auto plan = plan_setup(facts, {});
  REQUIRE(plan);
  for (const auto& step : plan->steps) {
    if (step.kind == Step::Kind::file) facts.files[step.path] = step.after;
    if (step.kind == Step::Kind::directory) facts.directories.insert(step.path);
    if (step.path == default_config_path) facts.config_file = step.after;
  }
  facts.has_config_directory = true;
  CHECK(read_config(facts.config_file.content, "config.yaml").config == Config{});
  for (const auto* name : our_units) {
    facts.system.units[name] = unit(name, "loaded", "active");
  }
  facts.system.has_user = true;
  facts.system.own_link = own_link();
  facts.system.resolved->servers = {{1, {cache, dns_port}, ""}};
  facts.engine = EngineStatus{};
  facts.engine->listen = default_listen();
  facts.port_holders = {{{cache, dns_port}, "udp", "systemd", 1}};
  return facts;
}

}  // namespace

TEST_CASE("machine shapes with systemd, and how lookups come to the cache") {
  using RM = dbus::ResolvConfMode;
  struct Shape {
    const char* name;
    void (*change)(Facts&, PlanRequest&);
    Mode mode;
    bool has_units, has_source, writes_resolved, writes_resolv_conf;
  };
  const Shape shapes[] = {
      {"uplink, networkd (Amazon Linux 2023)", [](Facts&, PlanRequest&) {}, Mode::link, true, true,
       true, false},
      {"stub, networkd (Ubuntu server)", [](Facts& f, PlanRequest&) { f = machine(RM::stub); },
       Mode::link, true, true, false, false},
      {"static file, networkd", [](Facts& f, PlanRequest&) { f = machine(RM::static_file); },
       Mode::link, true, true, false, false},
      {"two links", [](Facts& f, PlanRequest&) { f.system.links.push_back(link("ens6")); },
       Mode::link, true, true, true, false},
      {"only global servers",
       [](Facts& f, PlanRequest&) {
         f = machine(RM::stub);
         f.system.links.clear();
       },
       Mode::link, true, true, false, false},
      {"a kernel without virtual interfaces",
       [](Facts& f, PlanRequest&) { f.system.can_make_link = false; }, Mode::resolved, true, true,
       true, false},
      {"foreign file, resolved runs beside it",
       [](Facts& f, PlanRequest&) {
         f = machine(RM::foreign);
         make_file(f);
       },
       Mode::resolv_conf, true, true, false, true},
      {"foreign file, no managed link",
       [](Facts& f, PlanRequest&) {
         f = machine(RM::foreign);
         make_file(f);
         f.system.links.clear();
       },
       Mode::resolv_conf, true, true, false, true},
      {"no resolv.conf",
       [](Facts& f, PlanRequest&) {
         f = machine(RM::missing);
         f.resolv_conf = {};
       },
       Mode::resolv_conf, true, true, false, true},
      {"resolved is not installed (Debian, RHEL)",
       [](Facts& f, PlanRequest&) {
         make_file(f);
         stop_resolved(f, "not-found");
       },
       Mode::resolv_conf, true, false, false, true},
      {"resolved is masked, plain file",
       [](Facts& f, PlanRequest&) {
         make_file(f);
         stop_resolved(f, "masked");
       },
       Mode::resolv_conf, true, false, false, true},
      {"dangling link, but resolv-conf was asked for",
       [](Facts& f, PlanRequest& r) {
         stop_resolved(f, "masked");
         r.mode = Mode::resolv_conf;
       },
       Mode::resolv_conf, true, false, false, true},
      {"--mode resolved", [](Facts&, PlanRequest& r) { r.mode = Mode::resolved; }, Mode::resolved,
       true, true, true, false},
      {"--mode resolv-conf on a machine of resolved",
       [](Facts&, PlanRequest& r) { r.mode = Mode::resolv_conf; }, Mode::resolv_conf, true, true,
       false, true},
      {"WSL: a plain file of its own, no systemd-networkd",
       [](Facts& f, PlanRequest&) {
         f = machine(RM::foreign);
         make_file(f);
         f.resolv_conf.content = "# generated by WSL\nnameserver 172.20.0.1\n";
         f.system.links.clear();
       },
       Mode::resolv_conf, true, true, false, true},
      {"resolvconf: a link to its file",
       [](Facts& f, PlanRequest&) {
         f = machine(RM::foreign);
         f.resolv_conf.state.content = "/run/resolvconf/resolv.conf";
         stop_resolved(f, "not-found");
       },
       Mode::resolv_conf, true, false, false, true},
      {"no systemd (a container)",
       [](Facts& f, PlanRequest&) {
         f.system = {};
         make_file(f);
       },
       Mode::resolv_conf, false, false, false, true},
      {"no systemd, mounted file",
       [](Facts& f, PlanRequest&) {
         f.system = {};
         make_file(f);
         f.resolv_conf.is_mount = true;
       },
       Mode::resolv_conf, false, false, false, true},
  };
  for (const auto& shape : shapes) {
    INFO(shape.name);
    auto facts = machine();
    PlanRequest request;
    shape.change(facts, request);
    const auto plan = plan_setup(facts, request);
    if (!plan) INFO(plan.error().message);
    REQUIRE(plan);
    CHECK(plan->mode == shape.mode);
    CHECK(has(*plan, Step::Kind::enable_units) == shape.has_units);
    CHECK(has(*plan, Step::Kind::start_engine) == !shape.has_units);
    CHECK(starts(*plan, source_unit) == shape.has_source);
    CHECK(writes(*plan, "/etc/systemd/system/dnscachectl-source.service") == shape.has_source);
    CHECK(writes(*plan, resolved_drop_in) == shape.writes_resolved);
    CHECK(writes(*plan, "/etc/resolv.conf") == shape.writes_resolv_conf);
    CHECK_FALSE(plan->why.empty());
  }
}

TEST_CASE("machines with systemd that cannot be set up get one line") {
  struct Shape {
    const char* name;
    void (*change)(Facts&, PlanRequest&);
    const char* says;
  };
  const Shape shapes[] = {
      {"no D-Bus", [](Facts& f, PlanRequest&) { f.system.bus_problem = "cannot reach the bus"; },
       "systemd cannot be asked: cannot reach the bus"},
      {"resolved hangs",
       [](Facts& f, PlanRequest&) { f.system.resolved_problem = "it did not answer"; },
       "it did not answer"},
      {"resolved masked", [](Facts& f, PlanRequest&) { stop_resolved(f, "masked"); },
       "which is masked; run 'systemctl unmask systemd-resolved.service'"},
      {"resolved missing", [](Facts& f, PlanRequest&) { stop_resolved(f, "not-found"); },
       "which is not installed; choose --mode resolv-conf"},
      {"--mode resolved without it",
       [](Facts& f, PlanRequest& r) {
         make_file(f);
         stop_resolved(f, "loaded");
         r.mode = Mode::resolved;
       },
       "--mode resolved needs systemd-resolved, which is not running"},
      {"--mode link without virtual interfaces",
       [](Facts& f, PlanRequest& r) {
         f.system.can_make_link = false;
         r.mode = Mode::link;
       },
       "choose --mode resolved"},
      {"--mode link without systemd",
       [](Facts& f, PlanRequest& r) {
         f.system = {};
         r.mode = Mode::link;
       },
       "--mode link needs a machine that runs systemd"},
      {"DNSSEC=yes", [](Facts& f, PlanRequest&) { f.system.resolved->dnssec = "yes"; },
       "systemd-resolved validates (DNSSEC=yes)"},
      {"DNSOverTLS=yes in uplink mode",
       [](Facts& f, PlanRequest&) { f.system.resolved->dns_over_tls = "yes"; }, "DNSOverTLS=yes"},
      {"--mode resolved beside global servers",
       [](Facts& f, PlanRequest& r) {
         f.system.configured.servers = {"10.9.0.3"};
         f.system.configured.servers_file = "/etc/systemd/resolved.conf";
         r.mode = Mode::resolved;
       },
       "would hide the servers that /etc/systemd/resolved.conf names (10.9.0.3)"},
      {"our unit masked",
       [](Facts& f, PlanRequest&) {
         f.system.units[service_unit] = unit(service_unit, "masked", "inactive");
       },
       "dnscachectl.service is masked"},
      {"an engine outside systemd", [](Facts& f, PlanRequest&) { f.engine = EngineStatus{}; },
       "runs already, but not under systemd"},
      {"a program that services cannot see",
       [](Facts& f, PlanRequest&) { f.program = "/home/me/dnscachectl"; },
       "services cannot see /home/me/dnscachectl"},
  };
  for (const auto& shape : shapes) {
    INFO(shape.name);
    auto facts = machine();
    PlanRequest request;
    shape.change(facts, request);
    const auto plan = plan_setup(facts, request);
    REQUIRE_FALSE(plan);
    CHECK_THAT(plan.error().message, Contains(shape.says));
    CHECK_THAT(plan.error().message, !Contains("\n"));
  }
}

TEST_CASE("the engine is looked up before the machine is switched over") {
  const auto plan = plan_setup(machine(), {});
  REQUIRE(plan);
  const auto at = [&](Step::Kind kind) {
    return std::ranges::find(plan->steps, kind, &Step::kind) - plan->steps.begin();
  };
  CHECK(at(Step::Kind::start_unit) < at(Step::Kind::verify_engine));
  const auto source =
      std::ranges::find_if(plan->steps,
                           [](const Step& step) {
                             return step.kind == Step::Kind::start_unit && step.path == source_unit;
                           }) -
      plan->steps.begin();
  // A restart of resolved takes our link's settings away for a moment, so it goes before.
  CHECK(at(Step::Kind::verify_engine) < at(Step::Kind::restart_unit));
  CHECK(at(Step::Kind::restart_unit) < source);
  CHECK(source < at(Step::Kind::verify_system));
}

TEST_CASE("a machine with systemd that is set up stays as it is") {
  auto facts = machine_after_setup();
  auto plan = plan_setup(facts, {});
  REQUIRE(plan);
  INFO(to_text(*plan));
  CHECK_FALSE(plan->has_changes());

  SECTION("an interface that is gone, or was changed, is set again") {
    const auto sets_again = [&] {
      const auto again = plan_setup(facts, {});
      REQUIRE(again);
      return std::ranges::any_of(again->steps, [](const Step& step) {
        return step.is_change && step.kind == Step::Kind::restart_unit && step.path == source_unit;
      });
    };
    CHECK_FALSE(sets_again());
    facts.system.own_link = own_link(vpc);
    CHECK(sets_again());
    facts.system.own_link = own_link(cache, "dnscachectl.invalid");
    CHECK(sets_again());
    facts.system.own_link.reset();
    CHECK(sets_again());
  }
  SECTION("a package's units are left alone") {
    for (const auto* name : our_units) {
      facts.system.units[name].file = std::string("/usr/lib/systemd/system/") + name;
      facts.files.erase(std::string("/etc/systemd/system/") + name);
    }
    plan = plan_setup(facts, {});
    REQUIRE(plan);
    CHECK_FALSE(plan->has_changes());
    // But its socket listens on the default addresses only.
    facts.config.emplace().listen = {*Endpoint::parse("127.0.0.1", dns_port)};
    plan = plan_setup(facts, {});
    REQUIRE(plan);
    CHECK(writes(*plan, "/etc/systemd/system/dnscachectl.socket"));
    CHECK_FALSE(writes(*plan, "/etc/systemd/system/dnscachectl.service"));
  }
}

TEST_CASE("other addresses to listen on reach the socket unit, routes the configuration") {
  PlanRequest request;
  request.listen = {*Endpoint::parse("127.0.0.2", dns_port)};
  request.routes = {{*Name::parse("corp.example"),
                     {{{IpAddress::v4(10, 1, 0, 2), dns_port}, Protocol::udp, {}}}}};
  const auto plan = plan_setup(machine(), request);
  REQUIRE(plan);
  const auto file = [&](const char* path) {
    return std::ranges::find(plan->steps, path, &Step::path)->after.content;
  };
  CHECK_THAT(file("/etc/systemd/system/dnscachectl.socket"),
             Contains("ListenDatagram=127.0.0.2:53\nListenStream=127.0.0.2:53\n") &&
                 !Contains("[::1]:53"));
  const auto reading = read_config(file(default_config_path), "config.yaml");
  REQUIRE(reading);
  CHECK(reading.config.routes == request.routes);
  CHECK(reading.config.upstreams.empty());
}

TEST_CASE("the drop-in of resolved says the administrator's servers again, after the cache") {
  const auto written = [](Facts facts, Mode mode) {
    PlanRequest request;
    request.mode = mode;
    const auto plan = plan_setup(facts, request);
    REQUIRE(plan);
    const auto& text = std::ranges::find(plan->steps, resolved_drop_in, &Step::path)->after.content;
    return text.substr(text.find("[Resolve]"));
  };
  auto facts = machine();
  CHECK(written(facts, Mode::link) == "[Resolve]\nDNS=127.0.0.1\n");
  CHECK(written(facts, Mode::resolved) == "[Resolve]\nDNS=127.0.0.1\nDomains=~.\n");
  facts.system.configured.servers = {"10.9.0.3", "[fd00::1]:53#dns.example"};
  CHECK(written(facts, Mode::link) ==
        "[Resolve]\nDNS=\nDNS=127.0.0.1 10.9.0.3 [fd00::1]:53#dns.example\n");
}

TEST_CASE("the servers that resolved.conf names") {
  ResolvedConf conf;
  add_resolved_conf(conf, "[Resolve]\n#DNS=10.0.0.9\nDNS=10.9.0.3 10.9.0.4\nDomains=~.\n");
  CHECK(conf.servers == std::vector<std::string>{"10.9.0.3", "10.9.0.4"});
  add_resolved_conf(conf, "[Resolve]\nDNS=10.9.0.5\n[Other]\nDNS=10.9.0.6\n");
  CHECK(conf.servers == std::vector<std::string>{"10.9.0.3", "10.9.0.4", "10.9.0.5"});
  add_resolved_conf(conf, "[Resolve]\nDNS=\nDNS=10.9.0.7\n");
  CHECK(conf.servers == std::vector<std::string>{"10.9.0.7"});
}

TEST_CASE("the file that kubelet copies into pods") {
  const char* config = "kind: KubeletConfiguration\nresolvConf: \"/run/x\" # ours\n";
  CHECK(kubelet_resolv_conf({}, "") == "/etc/resolv.conf");
  CHECK(kubelet_resolv_conf({}, config) == "/run/x");
  CHECK(kubelet_resolv_conf({"kubelet", "--resolv-conf=/run/y"}, config) == "/run/y");
  CHECK(kubelet_resolv_conf({"kubelet", "--resolv-conf", "/run/y", "--resolv-conf", "/run/z"},
                            "") == "/run/z");
  CHECK(kubelet_resolv_conf({"kubelet", "--resolv-conf="}, config).empty());
}

TEST_CASE("kubelet never gets the cache's address, Docker always has another") {
  using RM = dbus::ResolvConfMode;
  const auto with_kubelet = [](Facts facts, const char* path, const char* target) {
    facts.containers.kubelet = Kubelet{{path, target, {{vpc, dns_port}}}, "/var/lib/kubelet/c"};
    facts.containers.docker = Docker{{path, target, {{cache, dns_port}, {vpc, dns_port}}}};
    return plan_setup(facts, {});
  };
  constexpr const char* etc = "/etc/resolv.conf";
  constexpr const char* list = "/run/systemd/resolve/resolv.conf";
  const auto stub = with_kubelet(machine(RM::stub), list, list);
  REQUIRE(stub);
  CHECK_THAT(to_text(*stub), Contains("kubelet gives pods the servers of /run/systemd/resolve") &&
                                 Contains("Docker gives containers 10.0.0.2"));
  CHECK_FALSE(std::ranges::any_of(stub->steps, [](const Step& step) {
    return step.is_change && step.text.find("pods") != std::string::npos;
  }));
  CHECK(with_kubelet(machine(RM::uplink), "/etc/pods.conf", "/etc/pods.conf"));

  auto by_hand = machine(RM::foreign);
  make_file(by_hand);
  auto managed = machine();
  stop_resolved(managed, "not-found");
  make_file(managed);
  managed.system.manager = "NetworkManager";
  for (const auto& [facts, path, target] : {std::tuple{machine(RM::uplink), etc, list},
                                            {machine(RM::uplink), list, list},
                                            {by_hand, etc, etc},
                                            {by_hand, list, list},
                                            {managed, etc, etc}}) {
    const auto plan = with_kubelet(facts, path, target);
    REQUIRE_FALSE(plan);
    CHECK_THAT(plan.error().message, Contains("nothing was changed, because kubelet") &&
                                         Contains("resolvConf: in /var/lib/kubelet/c"));
  }
}

TEST_CASE("doctor names the cause first, and its consequences under it") {
  auto facts = machine_after_setup();
  facts.engine.reset();
  facts.system.units[service_unit].active_state = "failed";
  facts.resolv_conf.content = "nameserver 127.0.0.1\nnameserver 10.0.0.2\n";
  Examination examination;
  examination.is_set_up = true;
  examination.stages.cache = Lookup{Outcome::unreachable, {}};
  examination.stages.program = Lookup{Outcome::unreachable, {}};
  const auto findings = diagnose(facts, examination);
  REQUIRE(findings.size() > 4);
  CHECK(findings[0].check == "unit");
  CHECK(findings[0].remedy == "systemctl start dnscachectl.service");
  for (std::size_t i = 1; i < findings.size() && !findings[i].is_good; ++i) {
    CHECK(findings[i].cause == "unit");
    CHECK(findings[i].remedy.empty());
  }
  const auto is_named = [&](const char* check) {
    return std::ranges::any_of(findings, [&](const Finding& finding) {
      return finding.check == check && finding.cause == "unit";
    });
  };
  CHECK((is_named("engine") && is_named("cache") && is_named("as programs")));
}

TEST_CASE("doctor advises setup where the machine is not set up, whatever is installed") {
  auto facts = machine_after_setup();
  facts.engine.reset();
  facts.system.units[service_unit].active_state = "inactive";
  facts.resolv_conf.content = "nameserver 10.0.0.2\n";
  for (const auto& finding : diagnose(facts, {})) {
    if (!finding.is_good && finding.cause.empty()) CHECK(finding.remedy == "dnscachectl setup");
  }
}

TEST_CASE("doctor names what is wrong and the command that fixes it") {
  const auto problem = [](const Facts& facts, Examination examination = {}) {
    examination.is_set_up = true;
    std::string text;
    for (const auto& finding : diagnose(facts, examination)) {
      if (!finding.is_good) text += finding.check + ": " + finding.detail + ": " + finding.remedy;
    }
    return text;
  };
  auto facts = machine_after_setup();
  facts.resolv_conf.content = "nameserver 127.0.0.1\nnameserver 10.0.0.2\n";
  CHECK(problem(facts).empty());

  SECTION("bypassed") {
    facts.resolv_conf.content = "nameserver 10.0.0.2\n";
    CHECK_THAT(problem(facts), Contains("BYPASS") && Contains("dnscachectl setup"));
  }
  SECTION("our interface is gone, or somebody changed it") {
    facts.system.own_link = own_link(vpc);
    CHECK_THAT(problem(facts), Contains("dnsc0 does not send all names to the cache"));
    facts.system.own_link.reset();
    CHECK_THAT(problem(facts), Contains("the interface dnsc0 is gone"));
  }
  SECTION("stopped") {
    facts.engine.reset();
    facts.system.units[service_unit].active_state = "failed";
    CHECK_THAT(problem(facts), Contains("systemctl start dnscachectl.service"));
  }
  SECTION("port taken") {
    facts.engine.reset();
    facts.system.units[socket_unit].active_state = "failed";
    facts.port_holders = {{{cache, dns_port}, "udp", "dnsmasq", 17}};
    CHECK_THAT(problem(facts), Contains("127.0.0.1:53 is taken by dnsmasq (process 17)"));
  }
  SECTION("a dead upstream") {
    facts.upstreams.front().answers = false;
    CHECK_THAT(problem(facts), Contains("10.0.0.2:53 does not answer"));
    // Taking the only one away would leave the cache without any.
    facts.config.emplace().upstreams = {{{vpc, dns_port}}};
    CHECK_THAT(problem(facts), Contains("config set upstreams '[ADDRESS]'"));
    facts.upstreams.push_back(
        {.upstream = {{IpAddress::v4(10, 0, 0, 3), dns_port}}, .answers = true});
    CHECK_THAT(problem(facts), Contains("dnscachectl config set upstreams '[\"10.0.0.3:53\"]'"));
  }
  SECTION("hung") {
    facts.engine.reset();
    facts.engine_problem = "the engine did not answer within 3 s";
    CHECK_THAT(problem(facts), Contains("hangs") && Contains("dnscachectl restart"));
  }
  SECTION("port taken by a service, on all addresses") {
    facts.engine.reset();
    facts.system.units[socket_unit].active_state = "failed";
    facts.port_holders = {{{IpAddress{}, dns_port}, "udp", "named", 18, "named.service"}};
    CHECK_THAT(problem(facts), Contains("0.0.0.0:53 is taken by named (process 18)") &&
                                   Contains("systemctl stop named.service && dnscachectl setup"));
  }
  SECTION("an altered unit") {
    facts.system.units[service_unit].drop_ins = {"/etc/systemd/system/x.d/mine.conf"};
    CHECK(problem(facts).empty());  // it runs
    facts.system.units[service_unit].active_state = "failed";
    CHECK_THAT(problem(facts), Contains("mine.conf") && Contains("systemctl revert"));
  }
  SECTION("resolved hangs") {
    facts.system.resolved_problem = "it did not answer";
    CHECK_THAT(problem(facts), Contains("systemctl kill -s KILL systemd-resolved.service"));
  }
  SECTION("upstreams that refuse, lie or drop questions for IPv6 addresses") {
    facts.upstreams.front().answers = false;
    facts.upstreams.front().failure = "answers with REFUSED";
    CHECK_THAT(problem(facts), Contains("10.0.0.2:53 answers with REFUSED"));
    facts.upstreams.front().answers = true;
    Examination examination;
    examination.lying_upstreams = {{vpc, dns_port}};
    CHECK_THAT(problem(facts, examination), Contains("makes up addresses"));
    examination.lying_upstreams.clear();
    examination.no_aaaa = {{vpc, dns_port}};
    CHECK_THAT(problem(facts, examination),
               Contains("silent when asked for IPv6 addresses") && !Contains("filter_aaaa"));
    examination.has_ipv6 = false;
    CHECK_THAT(problem(facts, examination), Contains("dnscachectl config set filter_aaaa true"));
  }
  SECTION("an upstream that makes IPv6 addresses, where signatures count") {
    Examination examination;
    examination.dns64_upstreams = {{vpc, dns_port}};
    CHECK(problem(facts, examination).empty());
    facts.config.emplace().dnssec.mode = DnssecMode::validate;
    CHECK_THAT(problem(facts, examination),
               Contains("DNS64") && Contains("dnssec.mode passthrough"));
  }
  SECTION("what an upstream seems not to support is shown, and is no problem") {
    UpstreamStatus upstream;
    upstream.address = "10.0.0.2:53";
    upstream.limitations = {"without EDNS, because it does not respond otherwise"};
    facts.engine->upstreams = {upstream};
    CHECK(problem(facts).empty());
    const auto findings = diagnose(facts, {});
    CHECK(std::ranges::any_of(findings, [](const Finding& finding) {
      return finding.detail ==
             "10.0.0.2:53 is asked without EDNS, because it does not respond otherwise";
    }));
  }
  SECTION("an upstream that leaves signatures out") {
    Examination examination;
    examination.unsigned_upstreams = {{vpc, dns_port}};
    CHECK(problem(facts, examination).empty());  // nothing is validated here
    facts.config.emplace().dnssec.mode = DnssecMode::validate;
    CHECK(problem(facts).empty());
    CHECK_THAT(problem(facts, examination), Contains("10.0.0.2:53 leaves DNSSEC signatures out") &&
                                                Contains("dnssec.mode passthrough"));
  }
  SECTION("an upstream that only the engine can judge") {
    UpstreamStatus upstream;
    upstream.address = "192.0.2.1:853";
    upstream.state = "down";
    upstream.last_failure = "the certificate is not for dns.example";
    facts.engine->upstreams = {upstream};
    CHECK_THAT(problem(facts), Contains("192.0.2.1:853 for down: the certificate"));
  }
  SECTION("quota, clock, entropy") {
    Examination examination;
    examination.dropped_packets = 12;
    examination.is_clock_behind = true;
    examination.has_entropy = false;
    const auto text = problem(facts, examination);
    CHECK_THAT(text, Contains("EC2 drops packets") && Contains("cache.min_ttl"));
    CHECK_THAT(text, Contains("clock: is behind") && Contains("timedatectl set-ntp true"));
    CHECK_THAT(text, Contains("entropy: ") && Contains("systemd-random-seed"));
  }
  SECTION("docker drops what is on loopback") {
    facts.system.resolved.reset();
    facts.resolv_conf.content = "nameserver 127.0.0.1\n";
    facts.containers.docker = Docker{{resolv_conf_path, resolv_conf_path, {{cache, dns_port}}}};
    CHECK_THAT(problem(facts), Contains("\"dns\": [\"10.0.0.2\"]"));
    facts.containers.docker->list.servers.push_back({vpc, dns_port});
    CHECK_THAT(problem(facts), !Contains("docker"));
    facts.containers.docker->list.servers.pop_back();
    facts.containers.docker->has_own_servers = true;
    CHECK_THAT(problem(facts), !Contains("docker"));
  }
  SECTION("pods get a loopback address, or CoreDNS has one already") {
    facts.containers.kubelet =
        Kubelet{{resolv_conf_path, resolv_conf_path, {{vpc, dns_port}, {cache, dns_port}}},
                "/var/lib/kubelet/config.yaml"};
    facts.containers.coredns = LoopingCoreDns{23, {}};
    CHECK_THAT(problem(facts), Contains("kubelet: gives pods a loopback address") &&
                                   Contains("resolvConf: in /var/lib/kubelet/config.yaml") &&
                                   Contains("coredns: process 23 asks itself"));
    CHECK_THAT(problem(facts), !Contains("dnscachectl remove"));
    facts.containers.coredns.reset();
    facts.containers.kubelet->list.servers.pop_back();
    CHECK(problem(facts).empty());
  }
  SECTION("a VPN client that has written resolv.conf is left alone, others are not") {
    Examination examination;
    examination.is_set_up = true;
    examination.changed_files = {resolv_conf_path};
    facts.resolv_conf.state = FileState::regular("");
    facts.resolv_conf.content = "# Generated by NetworkManager\nnameserver 10.0.0.3\n";
    CHECK_THAT(problem(facts, examination), Contains("changed since setup wrote it, by Network"));
    facts.resolv_conf.content =
        "# resolv.conf(5) file generated by tailscale\nnameserver 10.0.0.3\n";
    CHECK(problem(facts, examination).empty());
  }
  SECTION("search domains that multiply questions") {
    facts.resolv_conf.content += "search a.example b.example c.example\noptions ndots:5\n";
    CHECK_THAT(problem(facts), Contains("most lookups ask 4 questions"));
  }
  SECTION("nsswitch without the DNS") {
    facts.system.nss_hosts = {"files"};
    CHECK_THAT(problem(facts), Contains("sed -i '/^hosts:/ s/$/ dns/' /etc/nsswitch.conf"));
  }
  SECTION("who overwrote resolv.conf") {
    Examination examination;
    examination.is_set_up = true;
    for (const auto& [content, author] :
         {std::pair{"# Generated by NetworkManager\n", "NetworkManager"},
          {"# Dynamic resolv.conf(5) file for glibc resolver(3) generated by resolvconf(8)\n",
           "resolvconf"},
          {"; generated by /usr/sbin/dhclient-script\n", "dhclient"}}) {
      facts.resolv_conf.state = FileState::regular(content);
      facts.resolv_conf.content = std::string(content) + "nameserver 10.0.0.2\n";
      CHECK_THAT(
          problem(facts, examination),
          Contains(std::string("BYPASS")) && Contains(std::string(author) + " wrote the file"));
    }
  }
  SECTION("a changed file") {
    Examination examination;
    examination.changed_files = {"/etc/systemd/system/dnscachectl.service"};
    CHECK_THAT(problem(facts, examination), Contains("was changed since setup"));
  }
}

TEST_CASE("servers that the service may not read are named in the configuration") {
  auto facts = machine();
  stop_resolved(facts, "not-found");
  make_file(facts);
  PlanRequest request;
  const auto config_of = [&] {
    const auto plan = plan_setup(facts, request);
    REQUIRE(plan);
    const auto step = std::ranges::find(plan->steps, default_config_path, &Step::path);
    return step->after.content;
  };
  CHECK_THAT(config_of(), !Contains("10.0.0.2"));
  facts.resolv_conf.state.mode = 0640;
  CHECK_THAT(config_of(), Contains("10.0.0.2"));
}

TEST_CASE("Domains=~. of the administrator's puts the cache first in the global list") {
  auto facts = machine(dbus::ResolvConfMode::stub);
  CHECK_FALSE(plan_setup(facts, {})->steps.empty());
  CHECK_FALSE(writes(*plan_setup(facts, {}), resolved_drop_in));
  facts.system.configured.servers = {"10.9.0.3"};
  facts.system.configured.domains = {"~."};
  const auto plan = plan_setup(facts, {});
  REQUIRE(plan);
  CHECK(writes(*plan, resolved_drop_in));
  CHECK_THAT(to_text(*plan), Contains("DNS=127.0.0.1 10.9.0.3"));
}

TEST_CASE("the plan tells who is asked today and then") {
  auto facts = machine(dbus::ResolvConfMode::stub);
  facts.resolv_conf.content = "nameserver 127.0.0.53\n";
  facts.machine.servers.upstreams = {{{vpc, dns_port}, Protocol::udp, "", "ens5"}};
  facts.machine.servers.source = "systemd-resolved";
  RouteConfig corp;
  corp.zone = *Name::parse("corp.example");
  corp.upstreams = {{*Endpoint::parse("10.8.0.1", dns_port), Protocol::udp, "", "wg0"}};
  corp.source = "systemd-resolved, link wg0";
  facts.machine.domains.routes = {corp};
  auto rows = plan_setup(facts, {})->asked;
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].zone == "corp.example");
  CHECK(rows[0].today == std::vector<std::string>{"10.8.0.1:53 (wg0)"});
  CHECK((rows[0].is_by_resolved && !rows[0].is_by_cache));
  CHECK(rows[1].zone == ".");
  CHECK((rows[1].is_by_cache && !rows[1].is_by_resolved));
  CHECK(rows[1].then == rows[1].today);

  facts.machine.domains.has_tunnel = true;
  CHECK(plan_setup(facts, {})->asked[1].is_by_resolved);

  PlanRequest request;
  request.routes = {corp};
  request.routes.front().upstreams = {{{cache, 5353}, Protocol::udp, ""}};
  rows = plan_setup(facts, request)->asked;
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].then == std::vector<std::string>{"127.0.0.1:5353"});
  CHECK(rows[0].is_by_cache);
}
