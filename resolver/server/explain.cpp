#include "resolver/server/explain.hpp"

#include <ctime>
#include <nlohmann/json.hpp>

#include "resolver/cache/persist.hpp"
#include "resolver/config/values.hpp"
#include "resolver/local/special_names.hpp"
#include "resolver/server/worker.hpp"
#include "resolver/upstream/trace.hpp"
#include "resolver/wire/presentation.hpp"

namespace dnscache {
namespace {

using nlohmann::json;

double milliseconds(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

Result<Question> question_of(const json& request) {
  const auto text = [&](const char* key) {
    return request.contains(key) && request[key].is_string() ? request[key].get<std::string>()
                                                             : std::string();
  };
  const auto name = Name::parse(text("name"));
  if (!name) return Error{"the command explain needs a \"name\" that is a domain name"};
  Question question;
  question.name = *name;
  question.type = type_from_text(text("type"));
  if (question.type == 0) return Error{"the command explain needs a \"type\" of record"};
  return question;
}

json policy_as_json(const Reason& reason) {
  json local_data{{"rule", rule_words.print(reason.rule)}};
  if (reason.rule != Rule::none) local_data["matched"] = reason.matched.to_text();
  return local_data;
}

json cache_as_json(const CachedAnswer* cached, const Config& config) {
  if (cached == nullptr) return {{"state", "absent"}};
  const Answer& answer = cached->answer;
  json state{{"state", cached->expired_for == 0 ? "fresh" : "stale"},
             {"ttl", cached->expired_for == 0 ? answer.ttl - cached->age : 0},
             {"lifetime", answer.ttl},
             {"age", cached->age},
             {"stored_at", static_cast<std::int64_t>(std::time(nullptr)) - cached->age},
             {"hits", cached->hits}};
  const auto upstreams = all_upstreams(config);
  if (answer.source < upstreams.size()) {
    state["from"] = upstreams[answer.source].endpoint.to_text();
  }
  return state;
}

json try_as_json(const Trace::Try& tried, TimePoint begin) {
  json out{{"upstream", tried.upstream},
           {"protocol", protocol_words.print(tried.protocol)},
           {"reason", send_reason_text(tried.reason)},
           {"sent_after_ms", milliseconds(tried.sent_at - begin)},
           {"outcome", tried.outcome},
           {"won", tried.has_won}};
  if (tried.ended_at) out["took_ms"] = milliseconds(*tried.ended_at - tried.sent_at);
  return out;
}

json trace_as_json(const Trace& trace) {
  json tries = json::array();
  for (const Trace::Try& tried : trace.tries) tries.push_back(try_as_json(tried, trace.begun_at));
  json out{{"joined", trace.has_joined}, {"tries", tries}, {"notes", trace.notes}};
  if (!trace.zone.empty()) out["zone"] = trace.zone;
  if (!trace.outcome.empty()) out["outcome"] = trace.outcome;
  if (trace.ended_at) out["took_ms"] = milliseconds(*trace.ended_at - trace.begun_at);
  if (*trace.rule != '\0') out["rule"] = trace.rule;
  return out;
}

// `age` is what its TTLs have run down by.
json answer_as_json(const Question& question, const Answer& answer, std::uint32_t age,
                    const char* origin) {
  json flags = {"qr", "rd", "ra"};
  if (answer.authoritative) flags.push_back("aa");
  if (answer.authentic) flags.push_back("ad");
  json records = json::array();
  for_each_record(question, answer.view(), [&](const RecordText& record) {
    records.push_back({{"section", record.section},
                       {"name", record.name},
                       {"type", type_text(record.type)},
                       {"ttl", record.ttl > age ? record.ttl - age : 0},
                       {"data", record.data}});
  });
  json out{{"origin", origin},
           {"rcode", rcode_text(answer.rcode)},
           {"has_data", answer.has_data},
           {"flags", flags},
           {"records", records}};
  if (answer.extended_error != ExtendedError::none) {
    out["extended_error"] = {{"code", static_cast<unsigned>(answer.extended_error)},
                             {"text", extended_error_text(answer.extended_error)}};
  }
  return out;
}

std::string line_of(const json& document) {
  return document.dump(-1, ' ', false, json::error_handler_t::replace) + '\n';
}

std::optional<Answer> local_answer(const LocalData& local_data, const Question& question,
                                   Reason& reason) {
  Query query;
  query.question = question;
  query.question_class = class_in;
  if (auto special = answer_special_type(query)) {
    reason = {Rule::special_name, question.name};
    return special;
  }
  return local_data.decide(question, &reason);
}

json upstream_origin(const ConfigOrigin& origin) {
  if (origin.has_upstreams_of_option) return {{"upstreams", "--upstream"}};
  return json::object();
}

/// An answer that is waited for.
struct Pending {
  Question question;
  const Config& config;
  json document;
  std::shared_ptr<Trace> trace = std::make_shared<Trace>();
  bool is_there = false;

  void take(const Answer& answer) {
    document["exchange"] = trace_as_json(*trace);
    if (const auto zone = Name::parse(trace->zone)) {
      document["exchange"]["source"] = servers_source(config, *zone);
    }
    document["answer"] =
        answer_as_json(question, answer, 0, answer.is_stale() ? "stale" : "upstream");
    is_there = true;
  }
};

}  // namespace

Result<ControlReply> explain(const json& request, const ExplainSources& sources) {
  const auto question = question_of(request);
  if (!question) return question.error();
  Reason reason;
  const auto local = local_answer(sources.local_data, *question, reason);
  auto cached = sources.cache.find(*question, cache_clock());
  bool is_fresh = cached && cached->expired_for == 0;
  if (!local && !is_fresh) {
    if (auto denial = find_denial(sources.cache, sources.local_data, *question, cache_clock())) {
      cached = std::move(denial);
      is_fresh = true;
    }
  }

  json document{
      {"ok", true},
      {"schema", 1},
      {"question", {{"name", question->name.to_text()}, {"type", type_text(question->type)}}},
      {"config", upstream_origin(sources.origin)},
      {"policy", policy_as_json(reason)},
      {"cache", cache_as_json(cached ? &*cached : nullptr, sources.config)}};
  if (!sources.origin.file.empty()) document["config"]["file"] = sources.origin.file.string();

  if (local) {
    document["answer"] = answer_as_json(*question, *local, 0, "policy");
    return one_line(document.dump(-1, ' ', false, json::error_handler_t::replace));
  }
  if (is_fresh) {
    document["answer"] = answer_as_json(*question, cached->answer, cached->age, "cache");
    return one_line(document.dump(-1, ' ', false, json::error_handler_t::replace));
  }
  const auto pending =
      std::make_shared<Pending>(Pending{*question, sources.config, std::move(document)});
  sources.resolver.ask(
      *question, sources.cache.prepare(*question),
      [pending](const Answer& answer) { pending->take(answer); }, this_machine, pending->trace);
  return ControlReply([pending](std::string& out) {
           if (!pending->is_there) return true;
           out += line_of(pending->document);
           return false;
         })
      .that_waits();
}

}  // namespace dnscache
