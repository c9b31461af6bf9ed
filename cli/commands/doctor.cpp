#include "cli/commands/doctor.hpp"

#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>
#include <mutex>
#include <random>
#include <thread>

#include "cli/ask/direct_query.hpp"
#include "cli/command.hpp"
#include "cli/host/apply.hpp"
#include "cli/host/lookup_check.hpp"
#include "cli/host/lookup_path.hpp"
#include "cli/host/remains.hpp"
#include "cli/host/resolv_conf_author.hpp"
#include "cli/host/systemd/actions.hpp"
#include "cli/host/virtual_link.hpp"
#include "resolver/base/file_descriptor.hpp"
#include "resolver/base/text.hpp"
#include "resolver/base/text_file.hpp"
#include "resolver/config/resolv_conf.hpp"
#include "resolver/config/values.hpp"

namespace dnscache::cli {

namespace {

constexpr const char* setup_command = "dnscachectl setup";
constexpr std::size_t many_search_domains = 3;
constexpr std::uint16_t dnskey_type = 48;
constexpr const char* dns64_probe = "ipv4only.arpa";  // has IPv4 addresses only (RFC 7050)

using Findings = std::vector<Finding>;

void add_good(Findings& findings, const char* check, std::string detail) {
  findings.push_back({check, true, std::move(detail), "", ""});
}

void add_bad(Findings& findings, const char* check, std::string detail, std::string remedy) {
  findings.push_back({check, false, std::move(detail), std::move(remedy), ""});
}

std::vector<Endpoint> listen_of(const Facts& facts) {
  if (facts.engine) return facts.engine->listen;
  return facts.config ? facts.config->listen : default_listen();
}

void check_config(Findings& findings, const Facts& facts) {
  if (facts.config_problem.empty()) return;
  add_bad(findings, "configuration", facts.config_problem, "dnscachectl check");
}

// Units of a package that nobody has set up do not have to run.
void check_units(Findings& findings, const Facts& facts, const Examination& examination) {
  const auto& system = facts.system;
  if (!system.has_systemd || !examination.is_set_up) return;
  if (!system.bus_problem.empty()) {
    return add_bad(findings, "D-Bus", system.bus_problem, "systemctl start dbus");
  }
  for (const auto* name : {socket_unit, service_unit}) {
    const auto* unit = system.unit(name);
    if (unit == nullptr || !unit->exists()) continue;
    if (unit->is_masked()) {
      add_bad(findings, "unit", fmt::format("{} is masked", name),
              fmt::format("systemctl unmask {}", name));
    } else if (!unit->is_active()) {
      add_bad(findings, "unit", fmt::format("{} is {}", name, unit->active_state),
              fmt::format("systemctl start {}", name));
    } else if (unit->unit_file_state != "enabled") {
      add_bad(findings, "unit", fmt::format("{} does not start at boot", name),
              fmt::format("systemctl enable {}", name));
    } else if (unit->needs_daemon_reload) {
      add_bad(findings, "unit", fmt::format("{} was changed on disk since it was read", name),
              "systemctl daemon-reload");
    } else {
      add_good(findings, "unit", fmt::format("{} is active and enabled", name));
    }
  }
}

void check_resolved(Findings& findings, const Facts& facts) {
  if (facts.system.resolved_problem.empty()) return;
  add_bad(findings, "resolved", facts.system.resolved_problem,
          fmt::format("systemctl kill -s KILL {0} && systemctl restart {0}", resolved_unit));
}

// A drop-in of the administrator's, who may not remember it. While the unit runs, it is meant.
void check_drop_ins(Findings& findings, const Facts& facts) {
  for (const auto* name : {socket_unit, service_unit}) {
    const auto* unit = facts.system.unit(name);
    if (unit == nullptr || unit->drop_ins.empty()) continue;
    const auto detail = fmt::format("{} is altered by {}", name, unit->drop_ins.front().string());
    if (unit->is_active()) {
      add_good(findings, "drop-in", detail);
    } else {
      add_bad(findings, "drop-in", detail,
              fmt::format("systemctl revert {0} && systemctl restart {0}", name));
    }
  }
}

void check_journal(Findings& findings, const Examination& examination) {
  if (examination.is_removing) {
    add_bad(findings, "removal", "it was begun and is not finished", "dnscachectl remove");
  }
  if (examination.is_journal_lost) {
    add_bad(findings, "journal",
            fmt::format("{}/journal is lost: what was there before setup is not known any more",
                        state_directory),
            "dnscachectl remove && dnscachectl setup");
  }
}

bool is_ours(const Facts& facts, const PortHolder& holder) {
  const auto* service = facts.system.unit(service_unit);
  const bool is_unit =
      holder.unit == service_unit ||
      (service != nullptr && service->main_pid > 0 && service->main_pid == holder.pid);
  return is_unit || (facts.system.is_active(socket_unit) && holder.pid == 1);
}

bool is_in_the_way(const Endpoint& holder, const std::vector<Endpoint>& listen) {
  return std::ranges::any_of(listen, [&](const Endpoint& ours) {
    const bool has_all =
        holder.address.is_unspecified() && (holder.address.is_v6 || !ours.address.is_v6);
    return ours.port == holder.port && (has_all || ours.address == holder.address);
  });
}

const PortHolder* find_rival(const Facts& facts) {
  const auto listen = listen_of(facts);
  const auto found = std::ranges::find_if(facts.port_holders, [&](const PortHolder& holder) {
    return !is_ours(facts, holder) && is_in_the_way(holder.endpoint, listen);
  });
  return found == facts.port_holders.end() ? nullptr : &*found;
}

void check_engine(Findings& findings, const Facts& facts, const Examination& examination) {
  if (facts.engine) {
    return add_good(findings, "engine",
                    fmt::format("process {} answers, up {}", facts.engine->pid,
                                format_uptime(facts.engine->uptime_seconds)));
  }
  if (!facts.engine_problem.empty()) {
    return add_bad(findings, "engine", "it runs, but hangs: " + facts.engine_problem,
                   "dnscachectl restart");
  }
  if (const auto* rival = find_rival(facts)) {
    const auto stop =
        rival->unit.empty() ? fmt::format("kill {}", rival->pid) : "systemctl stop " + rival->unit;
    return add_bad(
        findings, "port 53",
        fmt::format("{} is taken by {} (process {})", rival->endpoint.to_text(),
                    rival->process.empty() ? "another process" : rival->process, rival->pid),
        fmt::format("{} && {}", stop, setup_command));
  }
  add_bad(findings, "engine",
          examination.is_set_up ? "does not answer on its control socket" : "is not set up",
          examination.is_set_up ? "dnscachectl restart" : setup_command);
}

void check_stage(Findings& findings, const char* check, const std::optional<Lookup>& lookup,
                 const char* remedy) {
  if (!lookup) return;
  const auto detail = fmt::format("{} in {}", to_text(lookup->outcome),
                                  format_milliseconds(lookup->duration.count()));
  if (lookup->is_answer()) return add_good(findings, check, detail);
  add_bad(findings, check, detail, remedy);
}

LookupPath path_of(const Facts& facts) {
  auto path = lookup_path(facts.resolv_conf.content, listen_of(facts));
  follow_stub(path, facts.system, listen_of(facts));
  return path;
}

void check_path(Findings& findings, const Facts& facts, const Examination& examination) {
  const auto path = path_of(facts);
  auto detail = "lookups " + path.in_words();
  if (path.is_through_cache && !path.rotates) return add_good(findings, "path", detail);
  const auto author = author_of(facts.resolv_conf);
  if (examination.is_set_up && !path.is_through_resolved && !author.name.empty()) {
    detail += fmt::format("; {} wrote the file", author.name);
    // Its servers must be asked, the cache asks the same, and the file comes back afterwards.
    if (author.is_vpn) return add_good(findings, "path", detail + " and is left to it");
  }
  add_bad(findings, "path", detail, setup_command);
}

// With its default route resolved would ask the interface's server beside the cache.
void check_links(Findings& findings, const Facts& facts) {
  const auto& system = facts.system;
  if (!system.resolved || !system.is_active(source_unit)) return;
  const auto listen = listen_of(facts);
  const auto& link = system.own_link;
  const bool names_cache =
      link && !link->servers.empty() && reaches_us(link->servers.front().endpoint, listen);
  const bool takes_all = link && std::ranges::count(link->domains, ".", &dbus::Domain::name) > 0;
  if (names_cache && takes_all) {
    return add_good(findings, "link",
                    fmt::format("{} sends all names to the cache", own_link_name));
  }
  add_bad(findings, "link",
          link ? fmt::format("{} does not send all names to the cache", own_link_name)
               : fmt::format("the interface {} is gone", own_link_name),
          setup_command);
}

void check_faults(Findings& findings, const Facts& facts, const Examination& examination) {
  for (const auto& fault : examination.faults) {
    const bool is_bypass = fault.kind == RouteFault::Kind::bypass;
    const auto restart = fmt::format("systemctl restart {}", service_unit);
    const bool is_service = facts.system.is_active(service_unit) && facts.system.has_user;
    add_bad(findings, to_text(fault.kind), fault.text,
            is_bypass || !is_service ? setup_command : restart);
  }
  if (facts.engine && examination.faults.empty()) {
    add_good(findings, "servers", "each name is asked at this machine's servers for it");
  }
}

void check_nsswitch(Findings& findings, const Facts& facts) {
  const auto& services = facts.system.nss_hosts;
  if (services.empty()) return;
  const auto has = [&](const char* name) { return std::ranges::count(services, name) > 0; };
  if (has("dns") || (has("resolve") && facts.system.resolved)) {
    return add_good(findings, "nsswitch", "programs use the DNS");
  }
  add_bad(findings, "nsswitch", "the hosts line of /etc/nsswitch.conf has neither dns nor resolve",
          "sed -i '/^hosts:/ s/$/ dns/' /etc/nsswitch.conf");
}

bool contains(const std::vector<Endpoint>& list, const Endpoint& endpoint) {
  return std::ranges::find(list, endpoint) != list.end();
}

bool is_followed(const Facts& facts) { return facts.config && facts.config->upstreams.empty(); }

// The configured servers without this one, if one of the others answers.
std::optional<std::string> other_upstreams(const Facts& facts, const std::string& name) {
  std::string others;
  bool has_good = false;
  for (const auto& fact : facts.upstreams) {
    if (fact.upstream.endpoint.to_text() == name) continue;
    others += (others.empty() ? "" : ", ") + fmt::format("\"{}\"", address_text(fact.upstream));
    has_good = has_good || fact.answers;
  }
  if (!has_good) return {};
  return others;
}

// Servers that the machine lists are its network's to change; the last one is never taken away.
std::string take_out(const Facts& facts, const std::string& name) {
  if (is_followed(facts)) {
    const auto& source = facts.machine.servers.source;
    return fmt::format("name a working server instead of {} where this machine gets it ({})", name,
                       source.empty() ? "DHCP, or the network's settings" : source);
  }
  if (const auto others = other_upstreams(facts, name)) {
    return fmt::format("dnscachectl config set upstreams '[{}]'", *others);
  }
  return fmt::format("dnscachectl config set upstreams '[ADDRESS]', with a server that works");
}

// Where there is no IPv6, nobody misses such addresses.
std::string without_aaaa(const Facts& facts, const Examination& examination,
                         const std::string& name) {
  return examination.has_ipv6 ? take_out(facts, name)
                              : std::string("dnscachectl config set filter_aaaa true");
}

bool validates(const Facts& facts) {
  return facts.config && facts.config->dnssec.mode == DnssecMode::validate;
}

void check_upstream(Findings& findings, const Facts& facts, const UpstreamFact& fact,
                    const Examination& examination) {
  const auto& endpoint = fact.upstream.endpoint;
  const auto name = endpoint.to_text();
  if (!fact.answers) {
    return add_bad(
        findings, "upstream",
        fmt::format("{} {}", name, fact.failure.empty() ? "does not answer" : fact.failure),
        take_out(facts, name));
  }
  if (contains(examination.lying_upstreams, endpoint)) {
    return add_bad(findings, "upstream", name + " makes up addresses of names that do not exist",
                   take_out(facts, name));
  }
  if (contains(examination.no_aaaa, endpoint)) {
    return add_bad(findings, "upstream",
                   name + " is silent when asked for IPv6 addresses, so programs wait for it",
                   without_aaaa(facts, examination, name));
  }
  const bool is_unsigned = contains(examination.unsigned_upstreams, endpoint);
  if (is_unsigned && validates(facts)) {
    return add_bad(findings, "upstream",
                   name + " leaves DNSSEC signatures out: every name of a signed zone fails",
                   "dnscachectl config set dnssec.mode passthrough");
  }
  if (contains(examination.dns64_upstreams, endpoint) && validates(facts)) {
    return add_bad(findings, "upstream",
                   name +
                       " makes IPv6 addresses for names that have none (DNS64), which no signature "
                       "covers: with dnssec.mode: validate they are left out or fail",
                   "dnscachectl config set dnssec.mode passthrough");
  }
  add_good(findings, "upstream",
           name + (is_unsigned ? " answers, without DNSSEC signatures" : " answers"));
}

void check_upstreams(Findings& findings, const Facts& facts, const Examination& examination) {
  std::vector<std::string> seen;
  for (const auto& fact : facts.upstreams) {
    check_upstream(findings, facts, fact, examination);
    if (!fact.answers) seen.push_back(fact.upstream.endpoint.to_text());
  }
  const auto of_engine = facts.engine ? facts.engine->upstreams : std::vector<UpstreamStatus>{};
  for (const auto& upstream : of_engine) {
    if (!upstream.limitations.empty()) {
      add_good(findings, "upstream",
               fmt::format("{} is asked {}", upstream.address,
                           fmt::join(upstream.limitations, "; and ")));
    }
    const bool is_known = std::ranges::find(seen, upstream.address) != seen.end();
    if (upstream.state != "down" || is_known) continue;
    add_bad(findings, "upstream",
            fmt::format("the cache takes {} for down: {}", upstream.address, upstream.last_failure),
            take_out(facts, upstream.address));
  }
  if (!facts.upstreams.empty() || !of_engine.empty()) return;
  add_bad(findings, "upstream", "no server to ask is known",
          "dnscachectl config set upstreams '[ADDRESS]', with a server that works");
}

void check_quota(Findings& findings, const Examination& examination) {
  if (examination.dropped_packets == 0) return;
  add_bad(findings, "quota",
          fmt::format("EC2 drops packets to link-local services now ({} while doctor looked): this "
                      "machine sends more than 1,024 a second",
                      examination.dropped_packets),
          "dnscachectl config set cache.min_ttl 60s");
}

void check_clock(Findings& findings, const Examination& examination) {
  if (examination.is_clock_behind) {
    add_bad(findings, "clock", "is behind: files of setup are from the future; TLS and DNSSEC fail",
            "timedatectl set-ntp true");
  }
  if (!examination.has_entropy) {
    add_bad(findings, "entropy", "the kernel has no random numbers yet, and lookups wait for them",
            "systemctl restart systemd-random-seed");
  }
}

// Each server answers, but what they say is not accepted.
void check_validation(Findings& findings, const Examination& examination) {
  const auto& probe = examination.stages.upstreams;
  if (!probe || probe->outcome != "bogus") return;
  add_bad(findings, "dnssec",
          fmt::format("what servers answer about {} fails validation", probe->question),
          "dnscachectl config set dnssec.mode passthrough");
}

void check_files(Findings& findings, const Facts& facts, const Examination& examination) {
  for (const auto& path : examination.changed_files) {
    const auto author = path == resolv_conf_path ? author_of(facts.resolv_conf) : Author{};
    if (author.is_vpn) continue;
    add_bad(findings, "files",
            fmt::format("{} was changed since setup wrote it{}", path,
                        author.name.empty() ? "" : ", by " + author.name),
            setup_command);
  }
}

// Docker leaves loopback name servers out and takes 8.8.8.8 where nothing is left.
void check_docker(Findings& findings, const Facts& facts) {
  const auto& docker = facts.containers.docker;
  if (!docker || docker->has_own_servers || !has_only_loopback(docker->list.servers)) return;
  const auto fallback = facts.upstreams.empty()
                            ? std::string("ADDRESS")
                            : facts.upstreams.front().upstream.endpoint.address.to_text();
  add_bad(findings, "docker", "containers will ask a public server: docker drops 127.0.0.1",
          fmt::format("put \"dns\": [\"{}\"] into /etc/docker/daemon.json", fallback));
}

// In a pod a loopback address is the pod itself: CoreDNS asks itself, the others ask nobody.
void check_kubelet(Findings& findings, const Facts& facts) {
  const auto& kubelet = facts.containers.kubelet;
  if (!kubelet) return;
  const auto file = kubelet->list.path.string();
  if (!has_loopback(kubelet->list.servers)) {
    return add_good(findings, "kubelet", fmt::format("gives pods the servers of {}", file));
  }
  add_bad(findings, "kubelet", fmt::format("gives pods a loopback address, which {} names", file),
          fmt::format("name a file with other servers as resolvConf: in {} and run 'systemctl "
                      "restart kubelet'",
                      kubelet->config.string()));
}

void check_coredns(Findings& findings, const Facts& facts) {
  const auto& coredns = facts.containers.coredns;
  if (!coredns) return;
  add_bad(
      findings, "coredns",
      fmt::format("process {} asks itself: its resolv.conf names a loopback address", coredns->pid),
      "let kubelet read a file without one (resolvConf:) and delete the pod, which is made anew");
}

void check_search(Findings& findings, const Facts& facts) {
  const auto parsed = parse_resolv_conf(facts.resolv_conf.content);
  if (parsed.search.size() < many_search_domains) return;
  const bool has_ndots = std::ranges::any_of(parsed.options, [](const std::string& option) {
    return option.starts_with("ndots:") && option != "ndots:1" && option != "ndots:0";
  });
  if (!has_ndots) return;
  add_bad(findings, "search",
          fmt::format("{} search domains and ndots: most lookups ask {} questions",
                      parsed.search.size(), parsed.search.size() + 1),
          "write full names with a final dot, or lower ndots in /etc/resolv.conf");
}

std::vector<Finding> problems_of(const Findings& findings) {
  Findings bad;
  std::ranges::copy_if(findings, std::back_inserter(bad),
                       [](const Finding& finding) { return !finding.is_good; });
  return bad;
}

constexpr Patience patience{.timeout_seconds = 5, .attempts = 1};
constexpr std::chrono::seconds upstream_patience{2};
constexpr Patience signature_patience{.timeout_seconds = 1, .attempts = 2};  // one packet may go

// One that only the engine has, or one that an upstream answers.
ProbeQuestion question_for(const Facts& facts, bool is_set_up, const std::string& name) {
  if (!name.empty()) return {name, ns_t_a};
  if (!facts.engine || facts.engine->probe_zone.empty() || !is_set_up) return facts.probe;
  return {new_name_in(facts.engine->probe_zone), ns_t_a};
}

Stages look_up_everywhere(const Facts& facts, bool is_set_up, const ProbeQuestion& question) {
  Stages stages;
  const auto listen = listen_of(facts);
  if ((facts.engine || is_set_up) && !listen.empty()) {
    auto resolver = StubResolver::with_servers({reachable(listen.front())}, patience);
    if (resolver) stages.cache = resolver->ask(question.name, question.type);
  }
  if (facts.system.resolved) {
    const auto begin = std::chrono::steady_clock::now();
    const auto found = look_up_through_resolved(question);
    Lookup lookup;
    lookup.outcome = found ? Outcome::answered : Outcome::failed;
    lookup.duration = std::chrono::steady_clock::now() - begin;
    stages.resolved = lookup;
  }
  if (auto resolver = StubResolver::of_this_machine()) {
    stages.program = resolver->ask(question.name, question.type);
  }
  return stages;
}

// Nothing is below "invalid" (RFC 6761 section 6.4), and nobody can have cached this name.
std::string impossible_name() {
  return fmt::format("no-such-name-{:08x}.invalid", std::random_device{}());
}

bool asks_for_signatures(const Facts& facts) {
  return !facts.config || facts.config->dnssec.mode != DnssecMode::off;
}

// Some refuse the root's keys, or are silent, and answer everything else.
bool has_signed_root(const Endpoint& upstream) {
  auto resolver = StubResolver::with_servers({upstream}, signature_patience);
  return !resolver || resolver->has_signatures(".", dnskey_type);
}

void examine_upstreams(Examination& examination, const Facts& facts) {
  std::mutex mutex;
  std::vector<std::thread> threads;
  const auto impossible = impossible_name();
  for (const auto& fact : facts.upstreams) {
    if (!fact.answers || fact.upstream.protocol == Protocol::tls) continue;
    threads.emplace_back([&, endpoint = fact.upstream.endpoint] {
      const auto ask = [&](const std::string& name, std::uint16_t type) {
        return query_directly(endpoint, name, type, upstream_patience);
      };
      const auto says_yes = [](const DirectReply& reply) {
        return reply.is_answer() && reply.has_data && reply.rcode == Rcode::no_error;
      };
      const bool is_lying = says_yes(ask(impossible, ns_t_a));
      const bool is_silent = ask(facts.probe.name, ns_t_aaaa).kind == DirectReply::Kind::silence;
      const bool is_dns64 = validates(facts) && says_yes(ask(dns64_probe, ns_t_aaaa));
      const bool is_signed = !asks_for_signatures(facts) || has_signed_root(endpoint);
      const std::lock_guard lock(mutex);
      if (is_lying) examination.lying_upstreams.push_back(endpoint);
      if (!is_signed) examination.unsigned_upstreams.push_back(endpoint);
      if (is_dns64) examination.dns64_upstreams.push_back(endpoint);
      if (is_silent) examination.no_aaaa.push_back(endpoint);
    });
  }
  for (auto& thread : threads) thread.join();
}

// A clock that lost its battery starts years before the files that setup wrote.
bool is_clock_behind() {
  constexpr auto tolerance = std::chrono::hours(1);
  const auto limit = std::filesystem::file_time_type::clock::now() + tolerance;
  const std::filesystem::path journal = std::filesystem::path(state_directory) / "journal";
  for (const auto& path : {std::filesystem::path("/proc/self/exe"), journal,
                           std::filesystem::path(default_config_path)}) {
    std::error_code error;
    const auto time = std::filesystem::last_write_time(path, error);
    if (!error && time > limit) return true;
  }
  return false;
}

// A route is enough: nothing is sent.
bool has_ipv6() {
  const auto far = Endpoint::parse("[2001:4860::1]:53", dns_port);
  sockaddr_storage address{};
  const auto length = far->to_sockaddr(address);
  const FileDescriptor socket(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  return socket && ::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), length) == 0;
}

bool has_entropy() {
  std::uint8_t byte = 0;
  return ::getrandom(&byte, sizeof byte, GRND_NONBLOCK) == sizeof byte || errno != EAGAIN;
}

std::uint64_t dropped_so_far(const std::optional<EngineStatus>& engine) {
  return engine ? engine->linklocal_allowance_exceeded.value_or(0) : 0;
}

Examination examine(const Facts& facts, const std::filesystem::path& control,
                    const std::string& name) {
  Examination examination;
  if (const auto journal = Journal::peek({})) {
    examination.is_set_up = !journal->is_empty();
    examination.is_removing = journal->is_removing();
    examination.is_journal_lost = journal->is_empty() && !find_remains({}).is_empty();
    if (const auto changed = changed_since(*journal, {})) {
      for (const auto& entry : *changed) {
        // The configuration is the administrator's own.
        if (entry.path != default_config_path) {
          examination.changed_files.push_back(entry.path.string());
        }
      }
    }
  }
  examination.stages = look_up_everywhere(facts, examination.is_set_up,
                                          question_for(facts, examination.is_set_up, name));
  if (facts.engine) {
    if (const auto probe = probe_upstreams(control)) examination.stages.upstreams = *probe;
    examination.faults = check_routes(control);
    const bool is_left_to_vpn = author_of(facts.resolv_conf).is_vpn;
    if (examination.is_set_up && !is_left_to_vpn && examination.stages.cache &&
        examination.stages.cache->is_answer()) {
      const auto past = check_bypass(control, facts.system.resolved.has_value());
      examination.faults.insert(examination.faults.end(), past.begin(), past.end());
    }
  }
  examine_upstreams(examination, facts);
  examination.has_ipv6 = has_ipv6();
  examination.is_clock_behind = is_clock_behind();
  examination.has_entropy = has_entropy();
  if (facts.engine) {
    const auto now = engine_status(control);
    const auto before = dropped_so_far(facts.engine);
    const auto after = now ? dropped_so_far(*now) : before;
    examination.dropped_packets = after > before ? after - before : 0;
  }
  return examination;
}

// A cause, the command that fixes it, and what else it brings about.
void print_findings(const Findings& findings, const Terminal& terminal) {
  for (const auto& finding : findings) {
    const bool is_consequence = !finding.cause.empty();
    const auto mark = finding.is_good  ? styled(terminal, Style::good, "ok     ")
                      : is_consequence ? styled(terminal, Style::warning, "  so   ")
                                       : styled(terminal, Style::bad, "PROBLEM");
    print(fmt::format("{}  {:<13} {}\n", mark, finding.check, finding.detail));
    if (!finding.remedy.empty()) {
      print(fmt::format("         {:<13} {}\n", "fix:", finding.remedy));
    }
  }
}

nlohmann::json findings_as_json(const Findings& findings) {
  auto rows = nlohmann::json::array();
  for (const auto& finding : findings) {
    nlohmann::json row = {
        {"check", finding.check}, {"ok", finding.is_good}, {"detail", finding.detail}};
    if (!finding.remedy.empty()) row["remedy"] = finding.remedy;
    if (!finding.cause.empty()) row["cause"] = finding.cause;
    rows.push_back(std::move(row));
  }
  return rows;
}

/// A problem, and the checks that fail because of it.
struct Causality {
  std::string_view cause;
  std::vector<std::string_view> effects;
};

// The deepest cause first.
const std::vector<Causality>& causalities() {
  static const std::vector<std::string_view> of_a_stopped_engine = {
      "engine", "unit", "cache", "as programs", "resolved", "link", "path", "bypass", "leak"};
  static const std::vector<Causality> all = {
      {"D-Bus", {"unit", "resolved", "link"}},
      {"configuration", {"unit", "engine", "cache", "as programs", "resolved"}},
      {"port 53", of_a_stopped_engine},
      {"drop-in", of_a_stopped_engine},
      {"removal", of_a_stopped_engine},
      {"unit", of_a_stopped_engine},
      {"engine", of_a_stopped_engine},
      {"nsswitch", {"as programs"}},
      {"clock", {"dnssec"}},
      {"link", {"path", "bypass", "resolved", "as programs"}},
      {"files", {"path", "bypass", "as programs"}},
      {"path", {"bypass", "as programs"}},
      {"upstream", {"as programs", "cache", "resolved", "dnssec"}},
  };
  return all;
}

// A broken configuration stops only an engine that is not running yet.
bool can_be_cause(const Finding& finding, const Findings& findings) {
  if (finding.is_good) return false;
  if (finding.check != "configuration") return true;
  return std::ranges::any_of(
      findings, [](const Finding& other) { return other.check == "engine" && !other.is_good; });
}

const Finding* cause_of(const Finding& problem, const Findings& findings) {
  for (const auto& [cause, effects] : causalities()) {
    if (cause == problem.check) return nullptr;  // nothing deeper is left
    if (std::ranges::count(effects, problem.check) == 0) continue;
    const auto found = std::ranges::find_if(findings, [&](const Finding& finding) {
      return finding.check == cause && can_be_cause(finding, findings);
    });
    if (found != findings.end()) return &*found;
  }
  return nullptr;
}

// The cause that has no cause itself.
const Finding* deepest_cause_of(const Finding& problem, const Findings& findings) {
  const Finding* cause = cause_of(problem, findings);
  while (cause != nullptr) {
    const Finding* deeper = cause_of(*cause, findings);
    if (deeper == nullptr) break;
    cause = deeper;
  }
  return cause;
}

// Each cause with its effects below it, then what is good.
Findings by_cause(const Findings& findings) {
  Findings ordered;
  const auto add_effects = [&](const Finding& cause) {
    for (const auto& finding : findings) {
      if (finding.is_good || deepest_cause_of(finding, findings) != &cause) continue;
      ordered.push_back(finding);
      ordered.back().cause = cause.check;
      ordered.back().remedy.clear();
    }
  };
  for (const auto& finding : findings) {
    if (finding.is_good || deepest_cause_of(finding, findings) != nullptr) continue;
    ordered.push_back(finding);
    add_effects(finding);
  }
  std::ranges::copy_if(findings, std::back_inserter(ordered), &Finding::is_good);
  return ordered;
}

}  // namespace

std::vector<Finding> diagnose(const Facts& facts, const Examination& examination) {
  Findings findings;
  check_nsswitch(findings, facts);
  check_path(findings, facts, examination);
  // Where the cache is set up, the name is one that only the cache knows.
  if (!examination.is_set_up || path_of(facts).is_through_cache) {
    check_stage(findings, "as programs", examination.stages.program, setup_command);
  }
  check_faults(findings, facts, examination);
  check_links(findings, facts);
  check_stage(findings, "resolved", examination.stages.resolved,
              "systemctl restart systemd-resolved");
  check_resolved(findings, facts);
  check_units(findings, facts, examination);
  check_drop_ins(findings, facts);
  check_journal(findings, examination);
  check_engine(findings, facts, examination);
  check_stage(findings, "cache", examination.stages.cache, "dnscachectl restart");
  check_validation(findings, examination);
  check_config(findings, facts);
  check_upstreams(findings, facts, examination);
  check_quota(findings, examination);
  check_files(findings, facts, examination);
  check_docker(findings, facts);
  check_kubelet(findings, facts);
  check_coredns(findings, facts);
  check_search(findings, facts);
  check_clock(findings, examination);
  return by_cause(findings);
}

namespace {

Result<ExitCode> run_doctor(const DoctorOptions& options) {
  Findings findings;
  {
    Progress progress("examining this machine's lookups", options.is_json);
    auto facts = read_facts({});
    if (!facts) return facts.error();
    const auto control = control_path(options.control);
    if (const auto engine = engine_status(control)) facts->engine = *engine;
    findings = diagnose(*facts, examine(*facts, control, options.name));
  }
  const auto problems = problems_of(findings);
  if (options.is_json) {
    print_json({{"schema", 1}, {"ok", problems.empty()}, {"findings", findings_as_json(findings)}});
  } else {
    print_findings(findings, Terminal::of(STDOUT_FILENO));
  }
  return problems.empty() ? ExitCode::done : ExitCode::check_failed;
}

Run declare(Arguments& arguments) {
  const auto options = std::make_shared<DoctorOptions>();
  arguments.add("--name", options->name, "NAME",
                "Name to look up at each stage [one that works here]");
  arguments.add_json(options->is_json);
  return [options](const Invocation& invocation) {
    options->control = invocation.control;
    return run_doctor(*options);
  };
}

}  // namespace

extern const Command doctor_command = {"doctor",
                                       "Diagnose problems and print the command that fixes each",
                                       "sudo dnscachectl doctor", declare};

}  // namespace dnscache::cli
