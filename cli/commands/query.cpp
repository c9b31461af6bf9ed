#include "cli/commands/query.hpp"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>

#include "cli/ask/control_client.hpp"
#include "cli/command.hpp"
#include "cli/settings/decision.hpp"
#include "cli/show/output.hpp"
#include "resolver/base/text.hpp"
#include "resolver/config/record.hpp"
#include "resolver/wire/protocol.hpp"

namespace dnscache::cli {

namespace {

using nlohmann::json;

constexpr auto engine_patience = std::chrono::seconds(30);  // longer than any `timeout`

std::string ruling_in_words(const json& reply) {
  const auto decision = decision_in_words(reply, lines_of(reply));
  return text_of(part_of(reply, "policy"), "rule") == "blocked" ? "blocked: " + decision
                                                                : "by " + decision;
}

std::string cached_in_words(const json& cache) {
  auto words = fmt::format("from the cache, {} old", format_uptime(cache.value("age", 0.0)));
  const auto from = text_of(cache, "from");
  return from.empty() ? words : words + ", first from " + from;
}

// Which servers gave no answer.
std::string tries_in_words(const json& exchange) {
  std::vector<std::pair<std::string, unsigned>> tries;
  for (const auto& tried : exchange.value("tries", json::array())) {
    auto words = fmt::format("{} {}", text_of(tried, "upstream"), text_of(tried, "outcome"));
    const auto same = std::ranges::find(tries, words, &std::pair<std::string, unsigned>::first);
    if (same != tries.end()) {
      ++same->second;
    } else {
      tries.emplace_back(std::move(words), 1);
    }
  }
  std::string text;
  for (const auto& [words, count] : tries) {
    text += (text.empty() ? "" : ", ") + words;
    if (count > 1) text += fmt::format(" {} times", count);
  }
  return text.empty() ? "no upstream could be asked" : text;
}

std::string exchange_in_words(const json& exchange) {
  for (const auto& tried : exchange.value("tries", json::array())) {
    if (tried.value("won", false)) return "from " + text_of(tried, "upstream");
  }
  return tries_in_words(exchange);
}

std::string status_in_words(const json& answer) {
  const auto rcode = text_of(answer, "rcode");
  if (rcode == "NXDOMAIN") return "no such name";
  if (rcode != "NOERROR") return rcode;
  return answer.value("has_data", true) ? "" : "no such record";
}

// In class IN, as in a zone file.
std::string record_line(const json& record) {
  auto name = text_of(record, "name");
  if (!name.ends_with('.')) name += '.';
  return fmt::format("{} {} {} {}\n", name, record.value("ttl", 0u), text_of(record, "type"),
                     text_of(record, "data"));
}

template <class Use>
void for_each_answer(const json& reply, Use use) {
  for (const auto& record : part_of(reply, "answer").value("records", json::array())) {
    if (text_of(record, "section") == "answer") use(record);
  }
}

std::string origin_word(const json& reply) {
  const auto origin = text_of(part_of(reply, "answer"), "origin");
  if (origin != "policy") return origin;
  return text_of(part_of(reply, "policy"), "rule") == "blocked" ? "blocked" : "local";
}

Result<std::string> name_of(const QueryOptions& options) {
  if (options.reverse_address.empty()) {
    const auto name = Name::parse(options.name);
    if (name) return name->to_text();
    return Error{fmt::format("'{}' is not a domain name", printable(options.name)),
                 ExitCode::usage};
  }
  const auto address = IpAddress::parse(options.reverse_address);
  if (address) return reverse_name(*address).to_text();
  return Error{fmt::format("'{}' is not an address", printable(options.reverse_address)),
               ExitCode::usage};
}

Result<std::vector<std::string>> types_of(const QueryOptions& options) {
  if (options.type.empty()) {
    if (!options.reverse_address.empty()) return std::vector<std::string>{"PTR"};
    return std::vector<std::string>{"A", "AAAA"};
  }
  const auto type = type_from_text(options.type);
  if (type != 0) return std::vector<std::string>{type_text(type)};
  return Error{
      fmt::format("'{}' is not a record type, such as A, MX or TYPE65", printable(options.type)),
      ExitCode::usage};
}

Result<QueryResult> ask(EngineConnection& engine, const std::string& name,
                        const std::string& type) {
  const auto begun_at = std::chrono::steady_clock::now();
  auto reply =
      engine.ask({{"command", "explain"}, {"name", name}, {"type", type}}, {}, engine_patience);
  if (!reply) return reply.error();
  const std::chrono::duration<double, std::milli> took =
      std::chrono::steady_clock::now() - begun_at;
  return QueryResult{std::move(*reply), took.count()};
}

// A name that does not exist has no records of any type.
Result<std::vector<QueryResult>> ask_all(const QueryOptions& options, const std::string& name,
                                         const std::vector<std::string>& types) {
  auto engine = EngineConnection::open(control_path(options.control));
  if (!engine) return engine.error();
  std::vector<QueryResult> results;
  for (const auto& type : types) {
    auto result = ask(*engine, name, type);
    if (!result) return result.error();
    results.push_back(std::move(*result));
    if (results.back().has_no_name()) break;
  }
  return results;
}

void show(const QueryOptions& options, const std::string& name,
          const std::vector<QueryResult>& results) {
  if (options.is_json) {
    auto rows = json::array();
    for (const auto& result : results) rows.push_back(to_json(result));
    return print_json({{"schema", 1}, {"name", name}, {"results", rows}});
  }
  for (const auto& result : results) {
    print(options.is_short ? to_short_text(result) : to_text(result));
  }
}

}  // namespace

bool QueryResult::has_data() const { return part_of(reply, "answer").value("has_data", false); }

bool QueryResult::has_no_name() const {
  return text_of(part_of(reply, "answer"), "rcode") == "NXDOMAIN";
}

bool QueryResult::has_failed() const {
  return text_of(part_of(reply, "answer"), "rcode") != "NOERROR" && !has_no_name();
}

std::string origin_in_words(const json& reply) {
  const auto origin = text_of(part_of(reply, "answer"), "origin");
  const auto exchange = part_of(reply, "exchange");
  if (origin == "policy") return ruling_in_words(reply);
  if (origin == "cache") return cached_in_words(part_of(reply, "cache"));
  if (origin == "stale") return "expired, from the cache: " + tries_in_words(exchange);
  auto words = exchange_in_words(exchange);
  if (!text_of(exchange, "rule").empty()) words += ", " + ruling_in_words(reply);
  return words;
}

std::string to_text(const QueryResult& result) {
  const auto answer = part_of(result.reply, "answer");
  std::string text;
  for_each_answer(result.reply, [&](const json& record) { text += record_line(record); });
  const auto status = status_in_words(answer);
  text += fmt::format("; {}: {}{}{}, in {}", text_of(part_of(result.reply, "question"), "type"),
                      status, status.empty() ? "" : ", ", origin_in_words(result.reply),
                      format_milliseconds(result.took_ms));
  const auto extended = part_of(answer, "extended_error");
  if (!extended.empty()) {
    text += fmt::format(", EDE {} ({})", extended.value("code", 0u), text_of(extended, "text"));
  }
  return text + '\n';
}

std::string to_short_text(const QueryResult& result) {
  std::string text;
  for_each_answer(result.reply,
                  [&](const json& record) { text += text_of(record, "data") + '\n'; });
  return text;
}

json to_json(const QueryResult& result) {
  const auto answer = part_of(result.reply, "answer");
  auto records = json::array();
  for_each_answer(result.reply, [&](json record) {
    record.erase("section");
    records.push_back(std::move(record));
  });
  json row = {{"type", text_of(part_of(result.reply, "question"), "type")},
              {"rcode", text_of(answer, "rcode")},
              {"origin", origin_word(result.reply)},
              {"origin_words", origin_in_words(result.reply)},
              {"took_ms", result.took_ms},
              {"records", records}};
  const auto extended = part_of(answer, "extended_error");
  if (!extended.empty()) row["extended_error"] = extended;
  return row;
}

namespace {

// ExitCode::failure when there is no such name or record, check_failed when the lookup fails.
Result<ExitCode> run_query(const QueryOptions& options) {
  if (options.name.empty() && options.reverse_address.empty()) {
    return Error{"a name is needed; see 'dnscachectl query --help'", ExitCode::usage};
  }
  const auto name = name_of(options);
  if (!name) return name.error();
  const auto types = types_of(options);
  if (!types) return types.error();
  const auto results = ask_all(options, *name, *types);
  if (!results) return results.error();
  show(options, *name, *results);
  if (std::ranges::any_of(*results, &QueryResult::has_data)) return ExitCode::done;
  return std::ranges::any_of(*results, &QueryResult::has_failed) ? ExitCode::check_failed
                                                                 : ExitCode::failure;
}

Run declare(Arguments& arguments) {
  const auto options = std::make_shared<QueryOptions>();
  auto* name = arguments.add_name("name", options->name, "Name to look up");
  arguments.add_record_type("type", options->type, "Record type [A and AAAA]");
  arguments
      .add("-x,--reverse", options->reverse_address, "ADDRESS",
           "Look up the names of this address instead")
      ->excludes(name);
  auto* is_short = arguments.add_flag("--short", options->is_short,
                                      "Print the data of the records and nothing else");
  arguments.add_json(options->is_json)->excludes(is_short);
  return [options](const Invocation& invocation) {
    options->control = invocation.control;
    return run_query(*options);
  };
}

}  // namespace

extern const Command query_command = {"query", "Look a name up through the cache",
                                      "dnscachectl query example.com MX", declare};

}  // namespace dnscache::cli
