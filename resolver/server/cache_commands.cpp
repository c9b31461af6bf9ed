#include "resolver/server/cache_commands.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "resolver/cache/persist.hpp"
#include "resolver/cache/restore.hpp"
#include "resolver/local/special_names.hpp"
#include "resolver/wire/presentation.hpp"

namespace dnscache {
namespace {

using nlohmann::json;

constexpr std::size_t step = 512;  // slots: writing their entries as text takes about 1 ms
constexpr std::size_t flush_step = 4096;
constexpr std::uint64_t most_top = 1000;  // entries that are kept in memory to be sorted

std::string line_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace) + '\n';
}

Question question_of(const Entry& entry) {
  Question question;
  std::size_t at = 0;
  if (const auto name = Name::read(entry.name(), at)) question.name = *name;
  question.type = entry.type;
  question.dnssec_ok = (entry.key_bits & 1) != 0;
  question.checking_disabled = (entry.key_bits & 2) != 0;
  return question;
}

json summary_of(const Entry& entry, CacheSeconds now) {
  const std::uint32_t age = entry.age(now);
  return {{"name", question_of(entry).name.to_text()},
          {"type", type_text(entry.type)},
          {"rcode", rcode_text(static_cast<Rcode>(entry.rcode))},
          {"ttl", age < entry.ttl ? entry.ttl - age : 0},
          {"age", age},
          {"hits", entry.hits},
          {"bytes", entry.size + sizeof(std::uint64_t)},
          {"negative", !entry.has_data},
          {"stale", !entry.is_fresh(now)},
          {"dnssec_ok", (entry.key_bits & 1) != 0},
          {"checking_disabled", (entry.key_bits & 2) != 0}};
}

/// The names of the upstreams, by Entry::source.
using Sources = std::vector<std::string>;

Sources sources_of(const Config& config) {
  Sources sources;
  for (const UpstreamConfig& upstream : all_upstreams(config)) {
    sources.push_back(upstream.endpoint.to_text());
  }
  return sources;
}

json details_of(const Entry& entry, const Sources& sources, CacheSeconds now) {
  json details = summary_of(entry, now);
  if (entry.source < sources.size()) details["from"] = sources[entry.source];
  details["authentic"] = static_cast<bool>(entry.authentic);
  const std::uint32_t age = entry.age(now);
  json& records = details["records"] = json::array();
  for_each_record(question_of(entry), entry.view(), [&](const RecordText& record) {
    records.push_back({{"section", record.section},
                       {"name", record.name},
                       {"type", type_text(record.type)},
                       {"ttl", record.ttl > age ? record.ttl - age : 0},
                       {"data", record.data}});
  });
  return details;
}

json dump_of(const Entry& entry, Moment now) {
  return {{"name", question_of(entry).name.to_text()},
          {"type", type_text(entry.type)},
          {"dnssec_ok", (entry.key_bits & 1) != 0},
          {"checking_disabled", (entry.key_bits & 2) != 0},
          {"rcode", entry.rcode},
          {"authentic", static_cast<bool>(entry.authentic)},
          {"extended_error", entry.extended_error},
          {"stored_at", now.wall - entry.age(now.cache)},
          {"ttl", entry.ttl},
          {"counts", {entry.answer_count, entry.authority_count, entry.additional_count}},
          {"records", hex_text(entry.records())}};
}

using EntryTest = Cache::EntryTest;

// Which entries a request means: by "name", "zone", "type" and "negative", all of those given.
Result<EntryTest> test_of(const json& request) {
  std::vector<EntryTest> tests;
  for (const char* what : {"name", "zone"}) {
    if (!request.contains(what)) continue;
    const json& text = request[what];
    const auto name = text.is_string() ? Name::parse(text.get<std::string>()) : std::nullopt;
    if (!name) return Error{std::string("the ") + what + " in the command is no domain name"};
    if (*what == 'n') {
      tests.push_back([name = *name](const Entry& entry) {
        return std::ranges::equal(entry.name(), name.bytes());
      });
    } else {
      tests.push_back(
          [zone = *name](const Entry& entry) { return is_within(entry.name(), zone.bytes()); });
    }
  }
  if (request.contains("type")) {
    const json& text = request["type"];
    const std::uint16_t type = text.is_string() ? type_from_text(text.get<std::string>()) : 0;
    if (type == 0) return Error{"the type in the command is no record type"};
    tests.push_back([type](const Entry& entry) { return entry.type == type || entry.is_note(); });
  }
  if (request.contains("negative")) {
    if (request["negative"] != true) return Error{"\"negative\" in a command can only be true"};
    tests.push_back([](const Entry& entry) { return !entry.has_data; });
  }
  return EntryTest([tests](const Entry& entry) {
    return std::ranges::all_of(tests, [&](const EntryTest& test) { return test(entry); });
  });
}

/// A reply with a line for every entry that passes the test, in no order.
template <class Write>
ControlReply line_per_entry(Cache& cache, EntryTest test, Write write) {
  return [&cache, test = std::move(test), write, position = CachePosition{},
          count = std::uint64_t{0}](std::string& out) mutable {
    const bool more = cache.visit(position, step, [&](const Entry& entry) {
      if (!test(entry)) return;
      out += line_of(write(entry));
      ++count;
    });
    if (!more) out += line_of({{"ok", true}, {"entries", count}});
    return more;
  };
}

/// The entries with the most hits seen so far, the least of them on top of the heap.
class Top {
 public:
  explicit Top(std::size_t limit) : limit_(limit) {}

  void add(const Entry& entry, CacheSeconds now) {
    ++seen_;
    if (heap_.size() == limit_ && entry.hits <= heap_.front().hits) return;
    if (heap_.size() == limit_) {
      std::ranges::pop_heap(heap_, std::greater<>(), &Item::hits);
      heap_.pop_back();
    }
    heap_.push_back({entry.hits, summary_of(entry, now)});
    std::ranges::push_heap(heap_, std::greater<>(), &Item::hits);
  }
  void write(std::string& out) {
    std::ranges::sort(heap_, std::greater<>(), &Item::hits);
    for (const Item& item : heap_) out += line_of(item.summary);
    out += line_of({{"ok", true}, {"entries", seen_}});
  }

 private:
  struct Item {
    std::uint16_t hits;
    json summary;
  };
  std::size_t limit_;
  std::uint64_t seen_ = 0;
  std::vector<Item> heap_;
};

ControlReply top_entries(Cache& cache, EntryTest test, std::size_t limit) {
  return [&cache, test = std::move(test), top = Top(limit), position = CachePosition{},
          now = cache_clock()](std::string& out) mutable {
    const bool more = cache.visit(position, step, [&](const Entry& entry) {
      if (test(entry)) top.add(entry, now);
    });
    if (!more) top.write(out);
    return more;
  };
}

Result<ControlReply> list(const json& request, Cache& cache, EntryTest test) {
  std::uint64_t top = 0;
  if (request.contains("top")) {
    if (!request["top"].is_number_unsigned()) return Error{"\"top\" in a command is a number"};
    top = request["top"];
  }
  if (top != 0 && top <= most_top) return top_entries(cache, std::move(test), top);
  return line_per_entry(cache, std::move(test), [now = cache_clock()](const Entry& entry) {
    return summary_of(entry, now);
  });
}

ControlReply flush(Cache& cache, EntryTest test) {
  return [&cache, test = std::move(test), position = CachePosition{},
          count = std::uint64_t{0}](std::string& out) mutable {
    const bool more = cache.flush_some(position, flush_step, test, count);
    if (!more) out += line_of({{"ok", true}, {"flushed", count}});
    return more;
  };
}

std::optional<std::vector<std::uint8_t>> bytes_of_hex(const std::string& text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::vector<std::uint8_t> bytes(text.size() / 2);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const char* digits = text.data() + 2 * i;
    const auto [end, error] = std::from_chars(digits, digits + 2, bytes[i], 16);
    if (error != std::errc{} || end != digits + 2) return std::nullopt;
  }
  return bytes;
}

// Types that never come from an upstream, and names that the local data answers, are not to be
// loaded.
bool is_answered_locally(const Question& question, const LocalData& local_data) {
  Query query;
  query.question = question;
  query.question_class = class_in;
  return answer_special_type(query) || local_data.decide(question);
}

}  // namespace

bool is_cache_command(const std::string& command) {
  return command == "flush" || command == "cache-list" || command == "cache-get" ||
         command == "cache-dump";
}

Result<ControlReply> answer_cache_command(const std::string& command, const json& request,
                                          const Config& config, Cache& cache) {
  auto test = test_of(request);
  if (!test) return test.error();
  if (command == "flush") {
    const bool is_everything = !request.contains("name") && !request.contains("zone") &&
                               !request.contains("type") && !request.contains("negative");
    if (!is_everything) return flush(cache, std::move(*test));
    return one_line(json{{"ok", true}, {"flushed", cache.flush_all()}}.dump());
  }
  if (command == "cache-list") return list(request, cache, std::move(*test));
  if (command == "cache-dump" && request.value("text", json()) != json(true)) {
    return line_per_entry(cache, std::move(*test),
                          [now = moment_now()](const Entry& entry) { return dump_of(entry, now); });
  }
  const bool is_for_one = command == "cache-get";
  if (is_for_one && !request.contains("name"))
    return Error{"the command cache-get needs a \"name\""};
  return line_per_entry(cache, std::move(*test),
                        [now = cache_clock(), sources = sources_of(config)](const Entry& entry) {
                          return details_of(entry, sources, now);
                        });
}

Result<void> load_entry(const json& request, const CacheConfig& config, const LocalData& local_data,
                        Cache& cache) try {
  const json& entry = request.at("entry");
  Question question;
  const auto name = Name::parse(entry.at("name").get<std::string>());
  question.type = type_from_text(entry.at("type").get<std::string>());
  if (!name || question.type == 0) return Error{"the entry's name or type is none"};
  question.name = *name;
  question.dnssec_ok = entry.value("dnssec_ok", false);
  question.checking_disabled = entry.value("checking_disabled", false);
  if (is_answered_locally(question, local_data))
    return Error{"the entry's question is answered locally"};

  const auto small = [](const json& number) {
    const auto value = number.get<std::uint64_t>();
    if (value > 0xffff) throw std::out_of_range("no 16-bit number");
    return static_cast<std::uint16_t>(value);
  };
  const auto records = bytes_of_hex(entry.at("records").get<std::string>());
  if (!records) return Error{"the entry's records are not in hexadecimal"};
  AnswerView kept;
  kept.rcode = static_cast<Rcode>(small(entry.at("rcode")));
  kept.authentic = entry.value("authentic", false);
  kept.extended_error = static_cast<ExtendedError>(
      entry.contains("extended_error") ? small(entry["extended_error"]) : std::uint16_t{0xffff});
  const json& counts = entry.at("counts");
  kept.answer_count = small(counts.at(0));
  kept.authority_count = small(counts.at(1));
  kept.additional_count = small(counts.at(2));
  kept.records = *records;

  const Moment now = moment_now();
  const auto stored_at = entry.at("stored_at").get<std::uint64_t>();
  const auto ttl = entry.at("ttl").get<std::uint64_t>();
  if (stored_at > now.wall) return Error{"the entry was stored in the future"};
  Restorer restorer;
  auto answer = restorer.restore(
      question, kept, static_cast<std::uint32_t>(std::min<std::uint64_t>(ttl, 0x7fffffff)));
  if (!answer) return Error{"the entry is not what an upstream could have answered"};
  shorten_lifetime(*answer, config);
  cache.store(question, *answer, now.cache - (now.wall - static_cast<std::uint32_t>(stored_at)));
  return {};
} catch (const std::exception&)  // of the JSON library and of the numbers above
{
  return Error{"the entry lacks a member, or one is of the wrong type"};
}

}  // namespace dnscache
