// `dnscachectl serve`: the engine in the foreground.

#include <chrono>
#include <filesystem>
#include <fmt/format.h>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "cli/command.hpp"
#include "cli/follow/follower.hpp"
#include "cli/settings/endpoints.hpp"
#include "cli/settings/environment.hpp"
#include "cli/settings/last_good.hpp"
#include "cli/show/output.hpp"
#include "resolver/base/descriptor_limit.hpp"
#include "resolver/base/error.hpp"
#include "resolver/base/log.hpp"
#include "resolver/config/read.hpp"
#include "resolver/config/values.hpp"
#include "resolver/server/server.hpp"

namespace dnscache::cli {

namespace {

/// What `serve` was asked to do.
struct ServeOptions {
  std::filesystem::path config;        ///< empty: the default file, if there is one
  std::filesystem::path control;       ///< empty: what the configuration says
  std::vector<std::string> listen;     ///< instead of the configuration's addresses
  std::vector<std::string> upstreams;  ///< instead of the configuration's upstreams
  std::string user;                    ///< to become once the sockets are open; empty: none
};

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

// All of them at once, a line each.
Error error_of(const std::vector<Problem>& problems) {
  std::vector<std::string> lines;
  for (const Problem& problem : problems) lines.push_back(problem.to_text());
  return {fmt::format("{}", fmt::join(lines, "\n")), ExitCode::bad_configuration};
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// The configuration file's path, as `wanted`, DNSCACHE_CONFIG or the default say.
std::filesystem::path config_file(const std::filesystem::path& wanted) {
  if (!wanted.empty()) return wanted;
  const auto named = config_in(our_environment());
  return named.empty() ? std::filesystem::path(default_config_path) : named;
}

Result<Config> read_file(const std::filesystem::path& wanted) {
  const auto environment = our_environment();
  const auto path = wanted.empty() ? config_in(environment) : wanted;
  auto reading = read_config_file_or_default(path.empty() ? std::nullopt : std::optional(path));
  if (!reading) return error_of(reading.problems);
  if (const auto applied = apply_environment(environment, reading.config); !applied) {
    return Error{applied.error().message, ExitCode::bad_configuration};
  }
  return reading.config;
}

// The file's own upstreams were checked when it was read; these checks see the command line's too.
Result<void> check_no_circle(const Config& config) {
  for (const UpstreamConfig& upstream : config.upstreams) {
    if (!reaches_us(upstream.endpoint, config.listen)) continue;
    return Error{upstream.endpoint.to_text() +
                     " is an upstream and an address that the cache itself listens on: queries "
                     "would loop; name another server",
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

/// The configuration as it is written, and the machine's servers while it names none. What is
/// written and cannot be used is not in force; what was before is.
class Feed final : public ConfigFeed {
 public:
  Feed(const ServeOptions& options, const Overrides& overrides)
      : options_(options), overrides_(overrides), file_(config_file(options.config)) {}

  Result<void> start() {
    if (auto written = read(); written) {
      take(std::move(*written));
    } else if (!fall_back(written.error(), std::nullopt)) {
      return written.error();
    }
    if (is_following()) follower_.servers_within(patience_at_start);
    return {};
  }

  /// Takes the last configuration that worked instead of `tried`; false: there is no other.
  bool fall_back(const Error& why, const std::optional<Config>& tried) {
    auto last = last_good_.read();
    if (!last || last == tried) return false;
    problems_ = lines_of(why.message);
    take(std::move(*last));
    return true;
  }

  const Config& in_force() const { return in_force_; }

  Result<Config> reload() override {
    auto written = read();
    if (!written) {
      problems_ = lines_of(written.error().message);
      return written.error();
    }
    problems_.clear();
    former_ = in_force_;
    take(std::move(*written));
    return current();
  }

  Config current() override {
    if (!is_following()) {
      servers_ = {in_force_.upstreams, {}, "", ""};  // until others are known, if that changes
      return in_force_;
    }
    if (auto servers = follower_.servers()) servers_ = std::move(*servers);
    return with_servers(in_force_, servers_);
  }

  void confirm() override {
    if (problems_.empty()) last_good_.keep(in_force_);
    in_force_since_ = Clock::now();
  }

  void reject(const Error& why) override {
    problems_ = lines_of(why.message);
    take(std::move(former_));
  }

  ConfigState state() const override {
    return {time_of_file() ? file_ : std::filesystem::path(), problems_,
            time_of_file() != time_when_read_, in_force_since_};
  }

  void follow(std::function<void()> changed) override { follower_.on_change(std::move(changed)); }

 private:
  bool is_following() const { return in_force_.upstreams.empty(); }

  Result<Config> read() {
    time_when_read_ = time_of_file();
    return written_config(options_, overrides_);
  }

  void take(Config config) {
    in_force_ = std::move(config);
    follower_.look_at(is_following() ? std::optional(source_of(in_force_)) : std::nullopt);
  }

  std::optional<std::filesystem::file_time_type> time_of_file() const {
    std::error_code error;
    const auto time = std::filesystem::last_write_time(file_, error);
    return error ? std::nullopt : std::optional(time);
  }

  // Long enough where every service answers; where one hangs, the engine starts without servers.
  static constexpr std::chrono::milliseconds patience_at_start{500};

  const ServeOptions& options_;
  const Overrides& overrides_;
  std::filesystem::path file_;
  std::optional<std::filesystem::file_time_type> time_when_read_;
  LastGood last_good_ = LastGood::of_service();
  Config in_force_;
  Config former_;  // before the last reload
  TimePoint in_force_since_{};
  std::vector<std::string> problems_;  // why what is written is not in force
  MachineServers servers_;
  Follower follower_;
};

void log_fall_back(const std::vector<std::string>& problems) {
  for (const std::string& problem : problems) log_error("{}", problem);
  log_error(
      "the configuration cannot be used: serving with the last one that worked; after fixing the "
      "file, run 'systemctl reload dnscachectl'");
}

ConfigOrigin origin_of(const ServeOptions& options, const Overrides& overrides) {
  std::error_code ignored;
  const std::filesystem::path file =
      options.config.empty() ? std::filesystem::path(default_config_path) : options.config;
  const bool is_there = std::filesystem::exists(file, ignored);
  return {is_there ? std::filesystem::absolute(file, ignored) : std::filesystem::path(),
          !overrides.upstreams.empty()};
}

Result<ExitCode> run_serve(const ServeOptions& options) {
  const auto overrides = parse_overrides(options);
  if (!overrides) return overrides.error();
  Feed feed(options, *overrides);
  if (const auto started = feed.start(); !started) return started.error();
  start_logging(feed.current().log_level);
  if (const auto problems = feed.state().problems; !problems.empty()) log_fall_back(problems);
  allow_more_descriptors();
  const auto origin = origin_of(options, *overrides);
  auto served = serve(feed, origin, options.user);
  // It could be read, but an address, a file or a trust anchor that it names cannot be used.
  if (!served && feed.fall_back(served.error(), feed.in_force())) {
    log_fall_back(feed.state().problems);
    served = serve(feed, origin, options.user);
  }
  if (!served) return served.error();
  return ExitCode::done;
}

Run declare(Arguments& arguments) {
  const auto options = std::make_shared<ServeOptions>();
  arguments.add("-c,--config", options->config, "FILE", "Configuration file");
  arguments.add_list("--listen", options->listen, "ADDRESS[:PORT]",
                     "Listen here, not where the configuration says");
  arguments.add_list("--upstream", options->upstreams, "ADDRESS[:PORT]",
                     "Query these servers, not the configured ones");
  arguments.add("--user", options->user, "USER", "Become this user once the sockets are open");
  return [options](const Invocation& invocation) {
    options->control = invocation.control;
    return run_serve(*options);
  };
}

}  // namespace

extern const Command serve_command = {
    "serve", "Run the cache in the foreground",
    "dnscachectl serve --listen 127.0.0.1:5353 --upstream 192.0.2.1", declare};

}  // namespace dnscache::cli
