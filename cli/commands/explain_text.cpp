#include <algorithm>
#include <ctime>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include "cli/commands/explain.hpp"
#include "cli/host/journal.hpp"
#include "resolver/base/text.hpp"
#include "resolver/config/values.hpp"

namespace dnscache::cli {

namespace {

using nlohmann::json;

constexpr const char* nsswitch_path = "/etc/nsswitch.conf";
constexpr std::size_t margin = 11;

}  // namespace

bool CandidateStep::has_data() const {
  const bool by_lookup = std::ranges::any_of(lookups, [](const CandidateLookup& made) {
    return made.lookup.outcome == Outcome::answered;
  });
  return by_lookup || std::ranges::any_of(engine, [](const json& reply) {
           return part_of(reply, "answer").value("has_data", false);
         });
}

namespace {

// How the story looks to people.

/// Text under labels, wrapped to the terminal.
class Page {
 public:
  explicit Page(const Terminal& terminal) : terminal_(terminal) {}

  void add(std::string_view label, const std::string& text, Style style = Style::plain) {
    out_ += styled(terminal_, Style::strong, fmt::format("{:<{}}", label, margin)) +
            styled(terminal_, style, wrapped(terminal_, text, margin)) + '\n';
  }
  void add(const std::string& text, Style style = Style::plain) { add("", text, style); }
  std::string text() const { return out_; }

 private:
  Terminal terminal_;
  std::string out_;
};

std::string names_of(const std::vector<IpAddress>& addresses) {
  std::vector<std::string> words;
  for (const auto& address : addresses) words.push_back(address.to_text());
  return join_words(words, "and");
}

std::string service_in_words(const ServiceStep& step, bool is_last) {
  if (!step.is_asked) return "not reached";
  const auto& lookup = step.lookup;
  auto words =
      fmt::format("{} in {}", to_text(lookup.status), format_milliseconds(lookup.milliseconds));
  if (step.where) words += fmt::format(" ({})", step.where->to_text());
  if (lookup.status == NssStatus::found) words += ": " + names_of(lookup.addresses);
  if (lookup.status == NssStatus::unavailable && !lookup.error.empty()) {
    words = fmt::format("unavailable: {}", lookup.error);
  }
  const bool is_end = step.service.ends(lookup.status);
  if (is_end) return lookup.status == NssStatus::found ? words : words + "; the lookup ends here";
  return is_last ? words : words + "; the next is asked";
}

void add_services(Page& page, const Story& story) {
  const auto where = Where{nsswitch_path, story.nss.line};
  page.add("nsswitch", story.nss.line == 0
                           ? fmt::format("{} (the default; {} has no hosts line)",
                                         story.nss.to_text(), nsswitch_path)
                           : fmt::format("{} ({})", story.nss.to_text(), where.to_text()));
  for (const auto& step : story.services) {
    const bool is_last = &step == &story.services.back();
    page.add(step.service.name, service_in_words(step, is_last),
             step.is_asked ? Style::plain : Style::dim);
  }
}

std::string rules_in_words(const SearchRules& rules) {
  if (rules.search.empty()) return fmt::format("no search list, ndots {}", rules.ndots);
  return fmt::format("search {}, ndots {}", fmt::join(rules.search, " "), rules.ndots);
}

std::string lookups_in_words(const CandidateStep& step) {
  std::vector<std::string> words;
  for (const auto& made : step.lookups) {
    words.push_back(fmt::format("{} {} in {}", made.type, to_text(made.lookup.outcome),
                                format_milliseconds(made.lookup.duration.count())));
  }
  auto text = fmt::format("{}", fmt::join(words, ", "));
  if (!step.lookups.empty()) {
    text += fmt::format(" from {}", step.lookups.back().server.address.to_text());
  }
  return text;
}

std::string candidate_in_words(const CandidateStep& step, std::size_t number) {
  const auto why =
      step.candidate.domain.empty() ? std::string("as given") : "+ " + step.candidate.domain;
  if (!step.is_asked)
    return fmt::format("{}. {} ({}): not asked", number, step.candidate.name, why);
  const auto lookups = lookups_in_words(step);
  return fmt::format("{}. {} ({}){}{}", number, step.candidate.name, why,
                     lookups.empty() ? "" : ": ", lookups);
}

void add_candidates(Page& page, const Story& story) {
  page.add("names", fmt::format("{} ({})", rules_in_words(story.rules), resolv_conf_path));
  for (std::size_t i = 0; i < story.candidates.size(); ++i) {
    const auto& step = story.candidates[i];
    page.add(candidate_in_words(step, i + 1), step.is_asked ? Style::plain : Style::dim);
  }
}

std::string cache_in_words(const json& cache) {
  const auto state = text_of(cache, "state");
  if (state == "absent") return "not there";
  const std::time_t stored = cache.value("stored_at", std::time_t{0});
  auto words = state == "fresh" ? fmt::format("fresh for {} s of {} s", cache.value("ttl", 0u),
                                              cache.value("lifetime", 0u))
                                : fmt::format("stale, lived {} s", cache.value("lifetime", 0u));
  words += fmt::format(", since {:%H:%M:%S} ({} ago), {}", fmt::localtime(stored),
                       format_uptime(cache.value("age", 0.0)),
                       format_counted(cache.value("hits", 0u), "hit"));
  const auto from = text_of(cache, "from");
  return words + (from.empty() ? ", from a file" : ", from " + from);
}

std::string reason_in_words(const std::string& reason) {
  if (reason == "hedge") return " as a hedge";
  if (reason == "all") return " along with the others";
  if (reason == "neglected") return " to learn how it does";
  if (reason == "again") return " again";
  return "";
}

std::string try_in_words(const json& tried) {
  auto words = fmt::format("{} over {}{}, at {}", text_of(tried, "upstream"),
                           text_of(tried, "protocol"), reason_in_words(text_of(tried, "reason")),
                           format_milliseconds(tried.value("sent_after_ms", 0.0)));
  words += ": " + text_of(tried, "outcome");
  if (tried.contains("took_ms")) {
    words += " after " + format_milliseconds(tried.value("took_ms", 0.0));
  }
  return words + (tried.value("won", false) ? ", used" : "");
}

std::string answer_in_words(const json& answer) {
  std::vector<std::string> flags = answer.value("flags", std::vector<std::string>());
  auto words = fmt::format("{} from the {}", text_of(answer, "rcode"), text_of(answer, "origin"));
  if (text_of(answer, "rcode") == "NOERROR" && !answer.value("has_data", true)) {
    words = fmt::format("NOERROR, but no such record, from the {}", text_of(answer, "origin"));
  }
  words += fmt::format(", flags {}", fmt::join(flags, " "));
  const auto extended = part_of(answer, "extended_error");
  if (!extended.empty()) {
    words += fmt::format(", EDE {} ({})", extended.value("code", 0u), text_of(extended, "text"));
  }
  return words;
}

void add_engine_reply(Page& page, const json& reply, const ConfigLines& lines) {
  const auto question = part_of(reply, "question");
  page.add("cache", fmt::format("{} of {}", text_of(question, "type"), text_of(question, "name")),
           Style::strong);
  page.add("  policy", decision_in_words(reply, lines));
  const bool is_ruled = text_of(part_of(reply, "policy"), "rule") != "none";
  if (!is_ruled) page.add("  stored", cache_in_words(part_of(reply, "cache")));
  const auto exchange = part_of(reply, "exchange");
  if (exchange.value("joined", false)) {
    page.add("  asked", "somebody else was asking already; waited for that answer");
  }
  for (const auto& tried : exchange.value("tries", json::array())) {
    page.add("  asked", try_in_words(tried));
  }
  for (const auto& note : exchange.value("notes", std::vector<std::string>())) {
    page.add("  note", note);
  }
  const auto answer = part_of(reply, "answer");
  page.add("  answer", answer_in_words(answer));
  for (const auto& record : answer.value("records", json::array())) {
    page.add(fmt::format("{} {} {} {}", text_of(record, "name"), record.value("ttl", 0u),
                         text_of(record, "type"), text_of(record, "data")));
  }
}

// In full: the name as it was given, and the one that has data.
std::vector<const CandidateStep*> told_in_full(const Story& story) {
  std::vector<const CandidateStep*> told;
  for (const auto& step : story.candidates) {
    const bool is_told = step.candidate.domain.empty() || step.has_data();
    if (is_told && !step.engine.empty()) told.push_back(&step);
  }
  return told;
}

void add_engine(Page& page, const Story& story) {
  if (!story.engine_problem.empty()) page.add("cache", story.engine_problem, Style::warning);
  for (const auto* told : told_in_full(story)) {
    const auto lines = lines_of(told->engine.front());
    for (const auto& reply : told->engine) add_engine_reply(page, reply, lines);
  }
}

// Names that were tried without result before the one that has data, and how to save them.
std::string waste_in_words(const Story& story) {
  const auto found = std::ranges::find_if(story.candidates, &CandidateStep::has_data);
  if (found == story.candidates.end() || found == story.candidates.begin()) return {};
  const auto count = static_cast<std::size_t>(found - story.candidates.begin());
  auto words = fmt::format("{} queried without result, each time", format_counted(count, "name"));
  if (found->candidate.domain.empty()) {
    return words + fmt::format("; '{}.' with a final dot, or ndots:{} in {}, saves them",
                               story.name, std::ranges::count(story.name, '.'), resolv_conf_path);
  }
  return words + fmt::format("; the full name {} saves them", found->candidate.name);
}

void add_result(Page& page, const Story& story) {
  if (!story.result) return;
  const auto& result = *story.result;
  const auto took = format_milliseconds(result.milliseconds);
  if (result.addresses.empty()) {
    return page.add("result", fmt::format("{} (getaddrinfo, {})", result.error, took),
                    Style::warning);
  }
  auto words = fmt::format("what programs get, in this order (getaddrinfo, {})", took);
  const auto name = result.canonical_name;
  if (!name.empty() && name != story.name) words += ", as " + name;
  page.add("result", words, Style::good);
  if (result.needs_own_address) {
    page.add("but not with AI_ADDRCONFIG: this machine has no address of that family itself",
             Style::warning);
  }
  for (const auto& address : result.addresses) page.add(address.to_text());
}

}  // namespace

std::string to_text(const Story& story, Stage stage, const Terminal& terminal) {
  Page page(terminal);
  switch (stage) {
    case Stage::files:
      page.add("name", fmt::format("{} ({})", story.name, join_words(story.types, "and")));
      page.add("lookups", story.path.in_words(),
               story.path.is_through_cache ? Style::plain : Style::warning);
      break;
    case Stage::engine:
      add_engine(page, story);
      break;
    case Stage::services:
      if (story.is_for_addresses) add_services(page, story);
      break;
    case Stage::names:
      if (std::ranges::any_of(story.candidates, &CandidateStep::is_asked)) {
        add_candidates(page, story);
      } else {
        page.add("names", fmt::format("not asked: {} has the answer", story.decides), Style::dim);
      }
      break;
    case Stage::result: {
      const auto waste = waste_in_words(story);
      if (!waste.empty()) page.add("waste", waste, Style::warning);
      add_result(page, story);
      page.add("conclusion", conclusion_of(story), Style::strong);
      break;
    }
  }
  return page.text();
}

namespace {

json addresses_as_json(const std::vector<IpAddress>& addresses) {
  auto out = json::array();
  for (const auto& address : addresses) out.push_back(address.to_text());
  return out;
}

json services_as_json(const Story& story) {
  auto services = json::array();
  for (const auto& step : story.services) {
    json service = {{"name", step.service.name},
                    {"actions", step.service.actions},
                    {"status", step.is_asked ? to_text(step.lookup.status) : "not reached"}};
    if (step.is_asked) {
      service["milliseconds"] = step.lookup.milliseconds;
      service["addresses"] = addresses_as_json(step.lookup.addresses);
      if (!step.lookup.error.empty()) service["error"] = step.lookup.error;
    }
    if (step.where) service["where"] = step.where->to_text();
    services.push_back(std::move(service));
  }
  return {{"line", story.nss.line},
          {"hosts", story.nss.to_text()},
          {"services", services},
          {"decides", story.decides}};
}

json engine_as_json(const json& reply) {
  json out = reply;
  out.erase("ok");
  out.erase("schema");
  out["decision"] = decision_in_words(reply, lines_of(reply));
  return out;
}

json candidate_as_json(const CandidateStep& step) {
  auto lookups = json::array();
  for (const auto& made : step.lookups) {
    lookups.push_back({{"type", made.type},
                       {"server", made.server.to_text()},
                       {"outcome", to_text(made.lookup.outcome)},
                       {"milliseconds", made.lookup.duration.count()}});
  }
  auto engine = json::array();
  for (const auto& reply : step.engine) engine.push_back(engine_as_json(reply));
  return {{"name", step.candidate.name}, {"search_domain", step.candidate.domain},
          {"asked", step.is_asked},      {"has_data", step.has_data()},
          {"lookups", lookups},          {"engine", engine}};
}

}  // namespace

json to_json(const Story& story) {
  auto servers = json::array();
  for (const auto& server : story.path.servers) servers.push_back(server.to_text());
  auto candidates = json::array();
  for (const auto& step : story.candidates) candidates.push_back(candidate_as_json(step));
  json out = {{"schema", 1},
              {"name", story.name},
              {"types", story.types},
              {"resolv_conf", {{"search", story.rules.search}, {"ndots", story.rules.ndots}}},
              {"lookups",
               {{"through_cache", story.path.is_through_cache && !story.path.rotates},
                {"through_resolved", story.path.is_through_resolved},
                {"servers", servers},
                {"words", story.path.in_words()}}},
              {"candidates", candidates},
              {"engine", {{"running", story.engine_problem.empty()}}},
              {"waste", waste_in_words(story)},
              {"conclusion", conclusion_of(story)}};
  if (story.is_for_addresses) out["nsswitch"] = services_as_json(story);
  if (!story.engine_problem.empty()) out["engine"]["problem"] = story.engine_problem;
  if (story.result) {
    out["result"] = {{"status", to_text(story.result->status)},
                     {"error", story.result->error},
                     {"canonical_name", story.result->canonical_name},
                     {"needs_own_address", story.result->needs_own_address},
                     {"addresses", addresses_as_json(story.result->addresses)},
                     {"milliseconds", story.result->milliseconds}};
  }
  return out;
}

}  // namespace dnscache::cli
