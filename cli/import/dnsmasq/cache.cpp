// How much dnsmasq remembers, and for how long.
#include "cli/import/dnsmasq/section.hpp"

namespace dnscache::cli::dnsmasq {
namespace {

constexpr std::uint64_t names_in_default_cache = 500'000;
constexpr std::uint64_t bytes_per_name = 128;

class Cache : public Section {
 public:
  using Section::Section;

  Handlers handlers() override {
    return {{"cache-size", call(this, &Cache::cache_size)},
            {"no-negcache", call(this, &Cache::no_negcache)},
            {"neg-ttl", call(this, &Cache::neg_ttl)},
            {"max-ttl", call(this, &Cache::max_ttl)},
            {"max-cache-ttl", call(this, &Cache::max_ttl)},
            {"min-cache-ttl", call(this, &Cache::min_cache_ttl)},
            {"use-stale-cache", call(this, &Cache::use_stale_cache)}};
  }

 private:
  void cache_size(const std::string& value) {
    const auto number = number_of(value);
    if (!number) return draft_.refuse(in_quotes(value) + " is not a number of names");
    if (*number == 0) {
      return draft_.refuse(
          "the cache cannot be switched off; cache.max_ttl: 1s keeps nothing for longer");
    }
    if (*number <= names_in_default_cache) {
      return draft_.not_needed("cache.size is in bytes; its 64MiB hold some 500,000 answers");
    }
    const std::uint64_t mebibytes = (*number * bytes_per_name >> 20) + 1;
    config_.cache.size = mebibytes << 20;
    draft_.note("cache.size");
    draft_.translate("cache.size: " + print_size(config_.cache.size));
  }
  void no_negcache(const std::string&) {
    no_negative_line_ = draft_.current();
    draft_.translate("cache.negative: 0s");
  }
  void neg_ttl(const std::string& value) {
    auto& negative = config_.cache.negative;
    if (!draft_.set_seconds(value, "cache.negative.default_ttl", negative.default_ttl, 86400))
      return;
    has_negative_ttl_ = true;
    if (negative.default_ttl <= negative.max_ttl) return;
    negative.max_ttl = negative.default_ttl;
    draft_.note("cache.negative.max_ttl");
  }
  void max_ttl(const std::string& value) {
    std::chrono::seconds highest = config_.cache.max_ttl;
    if (!draft_.set_seconds(value, "cache.max_ttl", highest, 7 * 86400, 1)) return;
    // Both what clients see and what is kept has the one limit.
    if (has_max_ttl_) highest = std::min(highest, config_.cache.max_ttl);
    config_.cache.max_ttl = highest;
    has_max_ttl_ = true;
  }
  void min_cache_ttl(const std::string& value) {
    draft_.set_seconds(value, "cache.min_ttl", config_.cache.min_ttl, 3600);  // dnsmasq's own limit
  }
  void use_stale_cache(const std::string& value) {
    auto& stale = config_.cache.serve_stale;
    stale.enabled = true;
    if (value.empty() || value == "0") {
      stale.max_age = value.empty() ? std::chrono::seconds(24h) : std::chrono::seconds(30 * 24h);
      draft_.note("cache.serve_stale.max_age");
    } else if (!draft_.set_seconds(value, "cache.serve_stale.max_age", stale.max_age, 30 * 86400,
                                   1)) {
      return;
    }
    draft_.translate("cache.serve_stale: while no upstream answers, for " +
                     print_duration(stale.max_age));
  }

  void finish() override {
    auto& cache = config_.cache;
    if (no_negative_line_) {
      cache.negative = {0s, 0s};
      draft_.note("cache.negative.default_ttl", *no_negative_line_);
      draft_.note("cache.negative.max_ttl", *no_negative_line_);
    } else if (!has_negative_ttl_) {
      cache.negative.default_ttl = 0s;
      draft_.origins()["cache.negative.default_ttl"] = {"dnsmasq without neg-ttl"};
    }
    if (cache.min_ttl > cache.max_ttl) cache.min_ttl = cache.max_ttl;
  }

  bool has_negative_ttl_ = false;
  bool has_max_ttl_ = false;
  std::optional<Index> no_negative_line_;
};

}  // namespace

std::unique_ptr<Section> make_cache(Context& context) { return std::make_unique<Cache>(context); }

}  // namespace dnscache::cli::dnsmasq
