// How much BIND remembers, and for how long.
#include "cli/import/bind/section.hpp"

namespace dnscache::cli::bind {
namespace {

constexpr std::uint32_t day = 86400;  // seconds

/// "30", "1h30m", "PT30S": BIND's durations, in seconds.
std::optional<std::string> seconds_of(std::string_view text) {
  std::uint64_t total = 0;
  std::uint64_t number = 0;
  bool has_digits = false;
  for (const char c : text) {
    if (c >= '0' && c <= '9') {
      number = std::min<std::uint64_t>(number * 10 + static_cast<unsigned>(c - '0'), 1u << 31);
      has_digits = true;
      continue;
    }
    const char unit = static_cast<char>(c | 0x20);
    if (unit == 'p' || unit == 't') continue;
    const std::uint64_t factor = unit == 's'   ? 1
                                 : unit == 'm' ? 60
                                 : unit == 'h' ? 3600
                                 : unit == 'd' ? day
                                 : unit == 'w' ? 7 * day
                                               : 0;
    if (factor == 0 || !has_digits) return std::nullopt;
    total += number * factor;
    number = 0;
    has_digits = false;
  }
  total += number;
  if (text.empty()) return std::nullopt;
  return std::to_string(std::min<std::uint64_t>(total, 1u << 31));
}

class Cache : public Section {
 public:
  using Section::Section;

  Handlers options() override {
    return {{"max-cache-size", call(this, &Cache::max_cache_size)},
            {"max-cache-ttl", call(this, &Cache::seconds)},
            {"max-ncache-ttl", call(this, &Cache::seconds)},
            {"min-cache-ttl", call(this, &Cache::seconds)},
            {"min-ncache-ttl", call(this, &Cache::min_ncache_ttl)},
            {"max-stale-ttl", call(this, &Cache::seconds)},
            {"stale-answer-ttl", call(this, &Cache::seconds)},
            {"stale-answer-enable", call(this, &Cache::stale_answer_enable)},
            {"stale-cache-enable", call(this, &Cache::stale_cache_enable)},
            {"stale-answer-client-timeout", call(this, &Cache::stale_answer_client_timeout)},
            {"prefetch", call(this, &Cache::prefetch)}};
  }

  void finish() override {
    auto& cache = config_.cache;
    if (cache.min_ttl > cache.max_ttl) cache.min_ttl = cache.max_ttl;
    cache.negative.default_ttl = std::min(cache.negative.default_ttl, cache.negative.max_ttl);
  }

 private:
  void max_cache_size(const Statement& statement) {
    const auto bytes = bytes_of(statement.word(1));
    if (!bytes || *bytes == 0) {
      return draft_.refuse("write a size in bytes to cache.size; 64MiB hold some 500,000 answers");
    }
    config_.cache.size = std::clamp(*bytes, std::uint64_t{1} << 20, std::uint64_t{1} << 40);
    draft_.note("cache.size");
    draft_.translate("cache.size: " + print_size(config_.cache.size));
  }
  void seconds(const Statement& statement) {
    auto& cache = config_.cache;
    struct Target {
      const char* key;
      std::chrono::seconds* setting;
      std::uint32_t highest, lowest;
    };
    const std::map<std::string_view, Target> targets{
        {"max-cache-ttl", {"cache.max_ttl", &cache.max_ttl, 7 * day, 1}},
        {"max-ncache-ttl", {"cache.negative.max_ttl", &cache.negative.max_ttl, day, 0}},
        {"min-cache-ttl", {"cache.min_ttl", &cache.min_ttl, 90, 0}},
        {"max-stale-ttl", {"cache.serve_stale.max_age", &cache.serve_stale.max_age, 30 * day, 1}},
        {"stale-answer-ttl", {"cache.serve_stale.ttl", &cache.serve_stale.ttl, 3600, 1}}};
    const Target& target = targets.at(statement.word(0));
    const auto value = seconds_of(statement.word(1));
    if (!value) return refuse_value(statement);
    draft_.set_seconds(*value, target.key, *target.setting, target.highest, target.lowest);
  }
  void min_ncache_ttl(const Statement& statement) {
    if (statement.word(1) == "0") return draft_.not_needed("is so");
    draft_.refuse("negative answers have no lowest lifetime; leave it out");
  }
  void set_stale(bool is_on) {
    config_.cache.serve_stale.enabled = is_on;
    draft_.keep("cache.serve_stale.enabled", is_on ? "true" : "false");
  }
  void stale_answer_enable(const Statement& statement) {
    const auto value = bool_of(statement.word(1));
    if (!value) return refuse_value(statement);
    set_stale(*value);
  }
  void stale_cache_enable(const Statement& statement) {
    const auto value = bool_of(statement.word(1));
    if (!value) return refuse_value(statement);
    if (*value) return draft_.not_needed("expired data is kept for cache.serve_stale.max_age");
    set_stale(false);
  }
  void stale_answer_client_timeout(const Statement& statement) {
    const std::string& value = statement.word(1);
    if (value == "off" || value == "disabled") {
      return draft_.not_needed("stale data is used when all upstreams have failed");
    }
    const auto number = number_of(value);
    if (!number) return refuse_value(statement);
    const auto most = std::min(std::chrono::milliseconds(60s), config_.timeout);
    config_.cache.serve_stale.after = std::min(std::chrono::milliseconds(*number), most);
    draft_.keep("cache.serve_stale.after", print_duration(config_.cache.serve_stale.after));
  }
  void prefetch(const Statement& statement) {
    config_.cache.prefetch = statement.word(1) != "0";
    draft_.note("cache.prefetch");
    draft_.translate(config_.cache.prefetch ? "cache.prefetch: true" : "cache.prefetch: false");
  }
};

}  // namespace

std::unique_ptr<Section> make_cache(Draft& draft, const std::filesystem::path& file) {
  return std::make_unique<Cache>(draft, file);
}

}  // namespace dnscache::cli::bind
