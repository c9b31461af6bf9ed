#include "resolver/server/snapshots.hpp"

#include "resolver/base/log.hpp"
#include "resolver/cache/persist.hpp"

namespace dnscache {

Snapshots::Snapshots(asio::io_context& io, Cache& cache, const Config& config,
                     std::chrono::steady_clock::duration interval)
    : cache_(cache),
      timer_(io),
      interval_(interval),
      path_(config.cache.persist),
      config_(config.cache),
      upstreams_(upstream_set(config)),
      has_upstreams_(!config.upstreams.empty()) {}

Snapshots::~Snapshots() {
  ++generation_;
  if (writer_.joinable()) writer_.join();
}

void Snapshots::load() {
  if (path_.empty()) return;
  const auto start = std::chrono::steady_clock::now();
  const auto loaded =
      load_snapshot(path_, has_upstreams_ ? std::optional(upstreams_) : std::nullopt, config_,
                    moment_now(), cache_);
  if (!loaded) return log_warning("{}", loaded.error().message);
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
  log_info("{} answers loaded from {} in {:.1f} ms", *loaded, path_.string(), took.count());
}

void Snapshots::start() {
  timer_.expires_after(interval_);
  timer_.async_wait([this](std::error_code error) {
    if (error) return;
    write_in_background();
    start();
  });
}

void Snapshots::configure(const Config& config) {
  // Without a network the answers are still those of the servers before.
  const std::uint64_t upstreams = config.upstreams.empty() ? upstreams_ : upstream_set(config);
  if (upstreams != upstreams_ || config.cache.persist != path_) ++generation_;
  upstreams_ = upstreams;
  has_upstreams_ = has_upstreams_ || !config.upstreams.empty();
  path_ = config.cache.persist;
  config_ = config.cache;
}

void Snapshots::finish() {
  timer_.cancel();
  if (writer_.joinable()) writer_.join();
  if (!path_.empty()) write(generation_, path_, upstreams_);
}

void Snapshots::write_in_background() {
  if (path_.empty() || is_writing_) return;
  if (writer_.joinable()) writer_.join();
  is_writing_ = true;
  writer_ =
      std::thread([this, generation = generation_.load(), path = path_, upstreams = upstreams_] {
        write(generation, path, upstreams);
        is_writing_ = false;
      });
}

void Snapshots::write(unsigned generation, const std::filesystem::path& path,
                      std::uint64_t upstreams) {
  const auto written = write_snapshot(cache_, path, upstreams, moment_now(),
                                      [&] { return generation_ == generation; });
  if (!written) return log_warning("{}", written.error().message);
  log_debug("{} answers written to {}", *written, path.string());
}

}  // namespace dnscache
