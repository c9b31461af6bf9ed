#include "cli/commands/explain.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fmt/format.h>
#include <functional>
#include <future>

#include "cli/ask/control_client.hpp"
#include "cli/command.hpp"
#include "cli/host/apply.hpp"
#include "resolver/base/text.hpp"
#include "resolver/base/text_file.hpp"
#include "resolver/config/values.hpp"
#include "resolver/wire/protocol.hpp"

namespace dnscache::cli {

namespace {

using nlohmann::json;
using Clock = std::chrono::steady_clock;

constexpr const char* nsswitch_path = "/etc/nsswitch.conf";
constexpr const char* hosts_path = "/etc/hosts";
// All of it ends within ten seconds. The engine comes first, which says why nothing answers.
constexpr std::chrono::milliseconds engine_patience{6000};
constexpr std::chrono::milliseconds last_name{2000};  // that the engine is asked for begins by then
constexpr std::chrono::milliseconds services_end{8000};
constexpr std::chrono::milliseconds names_end{8500};
constexpr std::chrono::milliseconds all_ends{9500};
constexpr std::chrono::milliseconds shortest{300};

}  // namespace

namespace {

// How the story is found out.

int family_of(const std::vector<std::string>& types) {
  if (types.size() == 2) return AF_UNSPEC;
  return types.front() == "A" ? AF_INET : AF_INET6;
}

std::string text_of_file(const char* path) {
  const auto text = read_text_file(path);
  return text ? *text : std::string();
}

/// Asks everybody who has a part in a lookup. The engine comes first, while nothing is cached yet.
class Narrator {
 public:
  Narrator(Story& story, const std::filesystem::path& control) : story_(story), control_(control) {}

  /// `ended` is called after each stage.
  void tell(const std::function<void(Stage)>& ended) {
    read_files();
    read_status();
    story_.path = find_path(asks_resolved_directly());
    ended(Stage::files);
    if (!is_in_hosts()) ask_engine_for_candidates();
    ended(Stage::engine);
    if (story_.is_for_addresses) ask_services();
    ended(Stage::services);
    if (reads_resolv_conf()) ask_servers();
    ended(Stage::names);
    if (story_.is_for_addresses) {
      story_.result = look_up_addresses_within(story_.name, family(), left_until(all_ends));
    }
    ended(Stage::result);
  }

 private:
  int family() const { return family_of(story_.types); }

  bool is_past(std::chrono::milliseconds end) const { return Clock::now() - begun_at_ >= end; }
  std::chrono::milliseconds left_until(std::chrono::milliseconds end) const {
    return std::max(std::chrono::ceil<std::chrono::milliseconds>(begun_at_ + end - Clock::now()),
                    shortest);
  }

  void read_status() {
    const auto status = engine_status(control_);
    if (status) {
      story_.status = *status;
    } else {
      story_.engine_problem = status.error().message;
    }
  }

  void read_files() {
    story_.nss = parse_nss_hosts_line(text_of_file(nsswitch_path));
    for (const auto& service : story_.nss.services)
      story_.services.push_back({service, false, {}, {}});
    story_.resolv_conf = parse_resolv_conf(text_of_file(resolv_conf_path));
    story_.rules = search_rules_here(story_.resolv_conf);
    system_ = read_system_facts({});
  }

  // nss-resolve comes before dns, and systemd-resolved is there.
  bool asks_resolved_directly() const {
    if (!story_.is_for_addresses || !system_.resolved) return false;
    for (const auto& service : story_.nss.services) {
      if (service.name == "dns") return false;
      if (service.name == "resolve") return true;
    }
    return false;
  }

  LookupPath find_path(bool is_by_resolved) {
    const auto listen = story_.status.listen.empty() ? default_listen() : story_.status.listen;
    const auto text =
        is_by_resolved ? std::string("nameserver 127.0.0.53\n") : text_of_file(resolv_conf_path);
    auto path = lookup_path(text, listen);
    follow_stub(path, system_, listen);
    std::vector<SearchCandidate> names;
    if (is_by_resolved) {
      names = resolved_candidates(story_.name, search_of_resolved());
    } else {
      names = search_candidates(story_.name, story_.rules);
    }
    for (auto& name : names) story_.candidates.push_back({std::move(name), false, {}, {}});
    return path;
  }

  std::vector<std::string> search_of_resolved() const {
    std::vector<std::string> search;
    for (const auto& domain : system_.resolved->domains) {
      if (!domain.route_only) search.push_back(domain.name);
    }
    return search;
  }

  bool is_in_hosts() const {
    const bool files_come_first = !story_.nss.services.empty() && story_.is_for_addresses &&
                                  story_.nss.services.front().name == "files";
    const auto name = Name::parse(story_.name);
    return files_come_first && name && find_in_hosts(hosts_path, *name);
  }

  // Before anybody else asks, so that the cache is seen as it was.
  void ask_engine_for_candidates() {
    for (auto& step : story_.candidates) {
      if (!story_.engine_problem.empty() || is_past(last_name)) return;
      step.is_asked = true;
      ask_engine_about(step);
      if (step.has_data()) return;
    }
  }

  // All types at the same time, as programs ask.
  void ask_engine_about(CandidateStep& step) {
    std::vector<std::future<Result<json>>> replies;
    for (const auto& type : story_.types) {
      replies.push_back(std::async(std::launch::async, [this, type, name = step.candidate.name] {
        return ask_engine(control_, {{"command", "explain"}, {"name", name}, {"type", type}},
                          engine_patience);
      }));
    }
    for (auto& reply : replies) {
      auto told = reply.get();
      if (told) {
        step.engine.push_back(std::move(*told));
      } else {
        story_.engine_problem = told.error().message;
      }
    }
  }

  void ask_services() {
    for (auto& step : story_.services) {
      if (is_past(services_end)) return;
      step.is_asked = true;
      step.lookup =
          look_up_addresses_by(step.service.name, story_.name, family(), left_until(services_end));
      const auto name = Name::parse(story_.name);
      if (step.service.name == "files" && name) step.where = find_in_hosts(hosts_path, *name);
      if (!step.service.ends(step.lookup.status)) continue;
      story_.decides = step.service.name;
      return;
    }
  }

  bool reads_resolv_conf() const {
    if (!story_.is_for_addresses) return true;
    return std::ranges::any_of(story_.services, [](const ServiceStep& step) {
      return step.service.name == "dns" && step.is_asked;
    });
  }

  // glibc's way: the next name while there is no data, the next server while there is no answer.
  void ask_servers() {
    auto servers = story_.resolv_conf.nameservers;
    if (servers.empty()) servers.push_back({IpAddress::v4(127, 0, 0, 1), dns_port});
    if (servers.size() > MAXNS) servers.resize(MAXNS);
    for (auto& step : story_.candidates) {
      if (is_past(names_end)) return;
      step.is_asked = true;
      for (const auto& type : story_.types) ask_servers_about(step, type, servers);
      if (step.has_data()) break;
    }
  }

  // A silent server is waited for once, not for each question.
  void ask_servers_about(CandidateStep& step, const std::string& type,
                         std::vector<Endpoint>& servers) {
    const auto number = parse_type(type);
    for (auto server = servers.begin(); number && server != servers.end();) {
      if (is_past(names_end)) return;
      const auto left = std::chrono::floor<std::chrono::seconds>(left_until(names_end));
      const int patience = std::clamp(static_cast<int>(left.count()), 1, RES_TIMEOUT);
      auto resolver =
          StubResolver::with_servers({*server}, {.timeout_seconds = patience, .attempts = 1});
      if (!resolver) return;
      const auto lookup = resolver->ask(step.candidate.name, *number);
      step.lookups.push_back({type, *server, lookup});
      if (lookup.is_answer()) return;
      const bool is_silent = lookup.outcome == Outcome::unreachable && servers.size() > 1;
      server = is_silent ? servers.erase(server) : server + 1;
    }
  }

  Story& story_;
  std::filesystem::path control_;
  SystemFacts system_;
  Clock::time_point begun_at_ = Clock::now();
};

Result<std::vector<std::string>> types_of(const ExplainOptions& options) {
  if (options.type.empty()) return std::vector<std::string>{"A", "AAAA"};
  const auto type = parse_type(options.type);
  if (!type || *type == 0) {
    return Error{fmt::format("'{}' is not a record type", options.type), ExitCode::usage};
  }
  return std::vector<std::string>{type_text(*type)};
}

bool has_failed(const Story& story) {
  if (story.result) return story.result->status >= NssStatus::unavailable;
  return std::ranges::any_of(story.candidates, [](const CandidateStep& step) {
    return std::ranges::any_of(
               step.lookups,
               [](const CandidateLookup& made) { return !made.lookup.is_answer(); }) &&
           std::ranges::none_of(
               step.lookups, [](const CandidateLookup& made) { return made.lookup.is_answer(); });
  });
}

/// Prints each stage as soon as it has ended.
class Teller {
 public:
  Teller(const Story& story, bool is_json) : story_(story), is_json_(is_json) { wait(); }

  void end(Stage stage) {
    progress_.reset();
    if (!is_json_) print(to_text(story_, stage, Terminal::of(STDOUT_FILENO)));
    std::fflush(stdout);
    if (stage != Stage::result) wait();
  }

 private:
  void wait() { progress_.emplace(fmt::format("looking up {}", story_.name), is_json_); }

  const Story& story_;
  bool is_json_;
  std::optional<Progress> progress_;
};

Result<ExitCode> run_explain(const ExplainOptions& options) {
  if (IpAddress::parse(options.name)) {
    return Error{fmt::format("{} is an address, so nothing is looked up; for its name explain the "
                             "reverse name with type PTR",
                             options.name),
                 ExitCode::usage};
  }
  if (!Name::parse(options.name)) {
    return Error{fmt::format("'{}' is not a domain name", options.name), ExitCode::usage};
  }
  const auto types = types_of(options);
  if (!types) return types.error();
  Story story;
  story.name = options.name;
  story.types = *types;
  story.is_for_addresses = types->front() == "A" || types->front() == "AAAA";
  Teller teller(story, options.is_json);
  Narrator(story, control_path(options.control)).tell([&](Stage stage) { teller.end(stage); });
  if (options.is_json) print_json(to_json(story));
  return has_failed(story) ? ExitCode::check_failed : ExitCode::done;
}

Run declare(Arguments& arguments) {
  const auto options = std::make_shared<ExplainOptions>();
  arguments.add_name("name", options->name, "Name to look up")->required();
  arguments.add_record_type("type", options->type,
                            "Record type [A and AAAA, as programs query them]");
  arguments.add_json(options->is_json);
  return [options](const Invocation& invocation) {
    options->control = invocation.control;
    return run_explain(*options);
  };
}

}  // namespace

extern const Command explain_command = {"explain",
                                        "Trace one lookup: which servers are queried and why",
                                        "dnscachectl explain www.example.com", declare};

}  // namespace dnscache::cli
