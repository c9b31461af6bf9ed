#include "cli/serve.hpp"

#include <sys/resource.h>

#include <chrono>
#include <filesystem>
#include <fmt/format.h>
#include <optional>

#include "cli/endpoints.hpp"
#include "cli/environment.hpp"
#include "cli/follow/follower.hpp"
#include "cli/output.hpp"
#include "resolver/config/read.hpp"
#include "resolver/config/values.hpp"
#include "resolver/log.hpp"
#include "resolver/server/server.hpp"

namespace dnscache::cli {

namespace {

/// What the command line says instead of the configuration file, already parsed.
struct Overrides {
  std::filesystem::path control;
  std::vector<Endpoint> listen;
  std::vector<UpstreamConfig> upstreams;
};

Result<Overrides> parse_overrides(const ServeOptions& options) {
  const auto listen = parse_endpoints(options.listen, "--listen");
  if (!listen) return listen.error();
  const auto upstreams = parse_upstreams(options.upstreams, "--upstream");
  if (!upstreams) return upstreams.error();
  return Overrides{options.control, *listen, *upstreams};
}

// All of them at once; at most the last one becomes the error's own line.
void print_all_but_last(const std::vector<Problem>& problems) {
  for (std::size_t i = 0; i + 1 < problems.size(); ++i) print_message(problems[i].to_text());
}

Result<Config> read_file(const std::filesystem::path& wanted) {
  const auto environment = our_environment();
  const auto path = wanted.empty() ? config_in(environment) : wanted;
  auto reading = read_config_file_or_default(path.empty() ? std::nullopt : std::optional(path));
  if (!reading) {
    print_all_but_last(reading.problems);
    return Error{reading.problems.back().to_text(), ExitCode::check_failed};
  }
  if (const auto applied = apply_environment(environment, reading.config); !applied) {
    return applied.error();
  }
  return reading.config;
}

// The file's own upstreams were checked when it was read; these checks see the command line's too.
Result<void> check_no_circle(const Config& config) {
  for (const UpstreamConfig& upstream : config.upstreams) {
    if (!reaches_us(upstream.endpoint, config.listen)) continue;
    return Error{upstream.endpoint.to_text() +
                     " is an upstream and an address that the cache itself listens on: questions "
                     "would go round in a circle; name another server",
                 ExitCode::usage};
  }
  return {};
}

// What the file, the environment and the command line say; without the machine's servers.
Result<Config> written_config(const ServeOptions& options, const Overrides& overrides) {
  auto config = read_file(options.config);
  if (!config) return config;
  if (overrides.control == "none") {
    config->control.clear();
  } else if (!overrides.control.empty()) {
    config->control = overrides.control;
  }
  if (!overrides.listen.empty()) config->listen = overrides.listen;
  if (!overrides.upstreams.empty()) config->upstreams = overrides.upstreams;
  if (const auto checked = check_no_circle(*config); !checked) return checked.error();
  return config;
}

/// The configuration as it is written, and the machine's servers while it names none.
class Feed final : public ConfigFeed {
 public:
  Feed(const ServeOptions& options, const Overrides& overrides)
      : options_(options), overrides_(overrides) {}

  Result<void> start() {
    if (auto written = read(); !written) return written.error();
    if (is_following()) follower_.servers_within(patience_at_start);
    return {};
  }

  Result<Config> reload() override {
    if (auto written = read(); !written) return written.error();
    return current();
  }

  Config current() override {
    if (!is_following()) {
      servers_ = {written_.upstreams, {}, "", ""};  // until others are known, if that changes
      return written_;
    }
    if (auto servers = follower_.servers()) servers_ = std::move(*servers);
    return with_servers(written_, servers_);
  }

  void follow(std::function<void()> changed) override { follower_.on_change(std::move(changed)); }

 private:
  bool is_following() const { return written_.upstreams.empty(); }

  Result<void> read() {
    auto written = written_config(options_, overrides_);
    if (!written) return written.error();
    written_ = std::move(*written);
    follower_.look_at(is_following() ? std::optional(source_of(written_)) : std::nullopt);
    return {};
  }

  // Long enough where every service answers; where one hangs, the engine starts without servers.
  static constexpr std::chrono::milliseconds patience_at_start{500};

  const ServeOptions& options_;
  const Overrides& overrides_;
  Config written_;
  MachineServers servers_;
  Follower follower_;
};

// Connections and source ports want more descriptors than the soft limit, which is kept low for
// programs that use select(2) (see systemd.exec(5), LimitNOFILE=).
void allow_more_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

ConfigOrigin origin_of(const ServeOptions& options, const Overrides& overrides) {
  std::error_code ignored;
  const std::filesystem::path file =
      options.config.empty() ? std::filesystem::path(default_config_path) : options.config;
  const bool is_there = std::filesystem::exists(file, ignored);
  return {is_there ? std::filesystem::absolute(file, ignored) : std::filesystem::path(),
          !overrides.upstreams.empty()};
}

}  // namespace

Result<ExitCode> run_serve(const ServeOptions& options) {
  const auto overrides = parse_overrides(options);
  if (!overrides) return overrides.error();
  Feed feed(options, *overrides);
  if (const auto started = feed.start(); !started) return started.error();
  start_logging(feed.current().log_level);
  allow_more_descriptors();
  const auto served = serve(feed, origin_of(options, *overrides));
  if (!served) return served.error();
  return ExitCode::done;
}

}  // namespace dnscache::cli
