#include "resolver/server/probe.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "resolver/upstream/trace.hpp"

namespace dnscache {
namespace {

using nlohmann::json;

const char* word_of(Outcome::Kind kind) {
  static constexpr std::array words{"answered",   "failed", "silent", "unreachable",
                                    "over_quota", "silent", "bogus"};
  return words.at(static_cast<std::size_t>(kind));
}

Question root_servers() {
  Question question;
  question.type = rr_type::ns;
  return question;
}

/// A probe that is waited for.
struct Pending : std::enable_shared_from_this<Pending> {
  explicit Pending(Resolver& of) : resolver(of) {}

  void ask(const Question& about) {
    question = about;
    trace = std::make_shared<Trace>();
    resolver.probe(question, trace, [self = shared_from_this()](Outcome outcome) {
      self->take(std::move(outcome));
    });
  }

  // A server may refuse one name and answer others.
  void take(Outcome outcome) {
    const bool is_last = !has_second || outcome.kind != Outcome::Kind::failed;
    has_second = false;
    if (!is_last) return ask(root_servers());
    reply = {
        {"ok", true},
        {"schema", 1},
        {"question", {{"name", question.name.to_text()}, {"type", type_text(question.type)}}},
        {"outcome", word_of(outcome.kind)},
        {"took_ms", std::chrono::duration<double, std::milli>(Clock::now() - begun_at).count()},
        {"asked", json::array()}};
    if (outcome.kind == Outcome::Kind::answered || outcome.kind == Outcome::Kind::failed) {
      reply["rcode"] = rcode_text(outcome.answer.rcode);
    }
    for (const Trace::Try& tried : trace->tries) {
      reply["asked"].push_back({{"upstream", tried.upstream}, {"outcome", tried.outcome}});
      if (tried.has_won) reply["upstream"] = tried.upstream;
    }
    is_there = true;
  }

  Resolver& resolver;
  TimePoint begun_at = Clock::now();
  Question question;
  bool has_second = false;  // another question is left to try
  std::shared_ptr<Trace> trace;
  json reply;
  bool is_there = false;
};

Result<Question> question_of(const json& request) {
  Question question;
  const json& text = request["name"];
  const auto name = text.is_string() ? Name::parse(text.get<std::string>()) : std::nullopt;
  if (!name) return Error{"the command probe takes a \"name\" that is a domain name"};
  question.name = *name;
  question.type = rr_type::a;
  return question;
}

bool has_route(const Groups& groups, const Name& name) {
  return std::any_of(groups.begin(), groups.end() - 1,
                     [&](const auto& group) { return name.is_within(group->zone()); });
}

// By the servers for all names that no route has.
std::optional<Question> answered_question(const Groups& groups) {
  if (groups.empty()) return std::nullopt;
  for (const auto& [upstream, lane] : groups.back()->members()) {
    const auto& question = upstream->answered_question();
    if (question && !has_route(groups, question->name)) return question;
  }
  return std::nullopt;
}

}  // namespace

Result<ControlReply> probe(const json& request, Resolver& resolver) {
  const auto pending = std::make_shared<Pending>(resolver);
  if (request.contains("name")) {
    const auto question = question_of(request);
    if (!question) return question.error();
    pending->ask(*question);
  } else {
    const auto known = answered_question(resolver.groups());
    pending->has_second = known.has_value();
    pending->ask(known.value_or(root_servers()));
  }
  return ControlReply([pending](std::string& out) {
           if (!pending->is_there) return true;
           out += pending->reply.dump(-1, ' ', false, json::error_handler_t::replace) + '\n';
           return false;
         })
      .that_waits();
}

}  // namespace dnscache
