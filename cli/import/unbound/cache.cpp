// How much Unbound remembers, and for how long.
#include "cli/import/unbound/section.hpp"

namespace dnscache::cli::unbound {
namespace {

constexpr std::uint64_t default_size = 4 << 20;  // bytes, of each of Unbound's two caches
constexpr std::uint32_t day = 86400;             // seconds

class Cache : public Section {
 public:
  using Section::Section;

  Handlers handlers() override {
    return {{"msg-cache-size", call(this, &Cache::size)},
            {"rrset-cache-size", call(this, &Cache::size)},
            {"cache-max-ttl", call(this, &Cache::max_ttl)},
            {"cache-min-ttl", call(this, &Cache::min_ttl)},
            {"cache-max-negative-ttl", call(this, &Cache::max_negative_ttl)},
            {"prefetch", call(this, &Cache::prefetch)},
            {"serve-expired", call(this, &Cache::serve_expired)},
            {"serve-expired-ttl", call(this, &Cache::serve_expired_ttl)},
            {"serve-expired-reply-ttl", call(this, &Cache::serve_expired_reply_ttl)},
            {"serve-expired-client-timeout", call(this, &Cache::serve_expired_client_timeout)}};
  }

  void finish() override {
    if (!sizes_.empty()) {
      std::uint64_t size = sizes_.size() == 1 ? default_size : 0;
      for (const auto& [name, bytes] : sizes_) size += bytes;
      config_.cache.size = std::max(size, std::uint64_t{1} << 20);
    }
    auto& cache = config_.cache;
    if (cache.min_ttl > cache.max_ttl) cache.min_ttl = cache.max_ttl;
    cache.negative.default_ttl = std::min(cache.negative.default_ttl, cache.negative.max_ttl);
  }

 private:
  void size(const Attribute& attribute) {
    const auto bytes = bytes_of(attribute.value());
    if (!bytes || *bytes > std::uint64_t{1} << 39) {
      return draft_.refuse(in_quotes(attribute.value()) + " is not a size");
    }
    sizes_[attribute.name] = *bytes;
    draft_.note("cache.size");
    draft_.translate("cache.size is the sum of msg-cache-size and rrset-cache-size");
  }
  void max_ttl(const Attribute& attribute) {
    draft_.set_seconds(attribute.value(), "cache.max_ttl", config_.cache.max_ttl, 7 * day, 1);
  }
  void min_ttl(const Attribute& attribute) {
    draft_.set_seconds(attribute.value(), "cache.min_ttl", config_.cache.min_ttl, day);
  }
  void max_negative_ttl(const Attribute& attribute) {
    draft_.set_seconds(attribute.value(), "cache.negative.max_ttl", config_.cache.negative.max_ttl,
                       day);
  }
  void prefetch(const Attribute& attribute) {
    const auto value = yes_or_no(attribute);
    if (!value) return;
    config_.cache.prefetch = *value;
    draft_.keep("cache.prefetch", *value ? "true" : "false");
  }
  void serve_expired(const Attribute& attribute) {
    const auto value = yes_or_no(attribute);
    if (!value) return;
    config_.cache.serve_stale.enabled = *value;
    draft_.keep("cache.serve_stale.enabled", *value ? "true" : "false");
  }
  void serve_expired_ttl(const Attribute& attribute) {
    auto& max_age = config_.cache.serve_stale.max_age;
    const std::string key = "cache.serve_stale.max_age";
    if (attribute.value() != "0") {
      draft_.set_seconds(attribute.value(), key, max_age, 30 * day, 1);
      return;
    }
    max_age = 30 * 24h;
    draft_.note(key);
    draft_.translate(key + ": 30d, the most that is possible");
  }
  void serve_expired_reply_ttl(const Attribute& attribute) {
    draft_.set_seconds(attribute.value(), "cache.serve_stale.ttl", config_.cache.serve_stale.ttl,
                       3600, 1);
  }
  void serve_expired_client_timeout(const Attribute& attribute) {
    const auto number = number_of(attribute.value());
    if (!number) return draft_.refuse(in_quotes(attribute.value()) + " is not a number");
    const auto most = std::min(std::chrono::milliseconds(60s), config_.timeout);
    config_.cache.serve_stale.after = std::min(std::chrono::milliseconds(*number), most);
    draft_.keep("cache.serve_stale.after", print_duration(config_.cache.serve_stale.after));
  }

  std::map<std::string, std::uint64_t> sizes_;
};

}  // namespace

std::unique_ptr<Section> make_cache(Draft& draft) { return std::make_unique<Cache>(draft); }

}  // namespace dnscache::cli::unbound
