#include "resolver/server/server.hpp"

#include <link.h>
#include <linux/rtnetlink.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <asio/post.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <atomic>
#include <csignal>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <systemd/sd-daemon.h>
#include <thread>

#include "resolver/base/log.hpp"
#include "resolver/config/schema.hpp"
#include "resolver/config/upstreams_from.hpp"
#include "resolver/config/values.hpp"
#include "resolver/dnssec/negative_anchors.hpp"
#include "resolver/server/cache_commands.hpp"
#include "resolver/server/control.hpp"
#include "resolver/server/explain.hpp"
#include "resolver/server/local_data_keeper.hpp"
#include "resolver/server/metrics.hpp"
#include "resolver/server/network_watch.hpp"
#include "resolver/server/privileges.hpp"
#include "resolver/server/probe.hpp"
#include "resolver/server/query_log.hpp"
#include "resolver/server/snapshots.hpp"
#include "resolver/server/status.hpp"
#include "resolver/server/unanswered.hpp"
#include "resolver/upstream/real_world.hpp"

namespace dnscache {
namespace {

using nlohmann::json;

constexpr unsigned max_default_workers = 4;
constexpr Duration drain_time = 2s;       // for queries in flight when the engine stops
constexpr Duration last_words_time = 1s;  // for telling the rest that there is no answer
constexpr Duration drain_check_interval = 5ms;
constexpr Duration network_settle_time = 250ms;

unsigned worker_count(const Config& config) {
  if (config.workers != 0) return config.workers;
  return std::clamp(std::thread::hardware_concurrency(), 1u, max_default_workers);
}

// ::1 is among the default addresses, but not every machine has IPv6.
bool machine_has(const IpAddress& address) {
  return static_cast<bool>(open_listener(Endpoint{address, 0}, Sharing::none));
}

// Starting runs once through relocation tables, options and the schema. Unmapping what was read of
// the files of program and libraries leaves it in the page cache; what serving needs comes back
// without I/O. Parts that can be written to keep their relocations.
int unmap_read_only_parts(dl_phdr_info* object, std::size_t, void*) {
  for (const ElfW(Phdr) & part : std::span(object->dlpi_phdr, object->dlpi_phnum)) {
    if (part.p_type != PT_LOAD || (part.p_flags & PF_W) != 0) continue;
    const std::uintptr_t page = static_cast<std::uintptr_t>(::getpagesize());
    const std::uintptr_t begin = (object->dlpi_addr + part.p_vaddr) / page * page;
    const std::uintptr_t end = object->dlpi_addr + part.p_vaddr + part.p_memsz;
    ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
  return 0;
}

// What only the start needed goes back to the system.
void release_memory_of_start() {
  ::malloc_trim(0);
  ::dl_iterate_phdr(unmap_read_only_parts, nullptr);
}

/// Everything that lives while the engine runs; all but the other workers on one thread.
class Server {
 public:
  Server(ConfigFeed& feed, const ConfigOrigin& origin, const std::string& user)
      : feed_(feed),
        user_(user),
        config_(feed.current()),
        origin_(origin),
        shares_(share_memory(config_, memory_limit())),
        cache_(shares_.cache),
        query_log_(shares_.log),
        service_{cache_,
                 [this](const Question& question, std::uint64_t hash, ReplyFunction reply,
                        ClientId client) { ask(question, hash, std::move(reply), client); },
                 [this](const Question& question, std::uint64_t hash) { refresh(question, hash); },
                 late_stats_},
        workers_(make_workers(worker_count(config_))),
        io_(workers_.front()->io()),
        world_(io_),
        resolver_(world_, cache_, config_),
        snapshots_(io_, cache_, config_),
        local_data_keeper_(io_, [this](const LocalDataPtr& local_data) { publish(local_data); }),
        signals_(io_, SIGTERM, SIGINT, SIGHUP),
        watchdog_(io_),
        network_watch_(
            io_, RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE,
            [this] { look_at_network_soon(); }),
        network_timer_(io_),
        drain_timer_(io_) {}

  ~Server() {
    feed_.follow({});
    for (auto& worker : workers_) worker->stop();
  }

  Result<void> run() {
    // As many again as may wait may be on their way from the workers to the resolver.
    service_.max_owed = static_cast<std::int64_t>(2 * InFlightLimits::from(shares_, false).waiting);
    service_.tcp_limits.unsent = shares_.tcp / workers_.size() / config_.listen.size();
    // Sockets that systemd passed are taken last: until then, another configuration can be tried.
    const bool has_passed_descriptors = ::sd_listen_fds(0) > 0;
    if (!has_passed_descriptors) {
      if (auto listening = listen_on(config_.listen); !listening) return listening.error();
    }
    if (auto control = open_control(); !control) return control.error();
    if (auto metrics = open_metrics(config_.metrics); !metrics) return metrics.error();
    if (!user_.empty()) {
      if (auto dropped = drop_privileges(user_); !dropped) return dropped;
    }
    // No longer as root: a folder that others can write to may lead anywhere.
    if (auto log = query_log_.configure(config_.query_log); !log) return log.error();
    auto validator = open_validator(config_);
    if (!validator) return validator.error();
    if (has_passed_descriptors) {
      if (auto listening = listen_on_passed_sockets(); !listening) return listening.error();
    }
    resolver_.set_validator(std::move(*validator));
    share_memory_out();
    service_.query_log = &query_log_;
    service_.traffic = &traffic_;
    service_.monitor = &monitor_;
    publish_upstreams();
    std::signal(SIGPIPE, SIG_IGN);
    load_first_snapshot();
    local_data_keeper_.start(config_);
    publish_admission(config_);
    warn_of_closed_doors();
    answer_left_queries();
    wait_for_signal();
    start_watchdog();
    for (std::size_t i = 1; i < workers_.size(); ++i) workers_[i]->start();
    is_running_ = true;
    log_info("serving on {}", listen_text());
    log_servers();
    feed_.follow([this] { asio::post(io_, [this] { take_over_servers(); }); });
    feed_.confirm();
    world_.on_log([this] { tell_status_soon(); });
    tell_systemd("READY=1");
    release_memory_of_start();
    workers_.front()->run();
    for (auto& worker : workers_) worker->stop();
    if (has_snapshot_) snapshots_.finish();
    log_info("stopped");
    return {};
  }

 private:
  std::vector<std::unique_ptr<Worker>> make_workers(unsigned count) {
    std::vector<std::unique_ptr<Worker>> workers;
    for (unsigned i = 0; i < count; ++i) workers.push_back(std::make_unique<Worker>(service_));
    return workers;
  }

  // Called on any worker's thread.
  void ask(const Question& question, std::uint64_t hash, ReplyFunction reply, ClientId client) {
    if (std::this_thread::get_id() == thread_) {
      return resolver_.ask(question, hash, std::move(reply), client);
    }
    asio::post(io_, [this, question, hash, reply = std::move(reply), client]() mutable {
      resolver_.ask(question, hash, std::move(reply), client);
    });
  }
  void refresh(const Question& question, std::uint64_t hash) {
    asio::post(io_, [this, question, hash] {
      if (!config_.cache.prefetch) return;
      // Local data that came meanwhile may not want the answer any longer.
      if (workers_.front()->local_data().decide(question)) return;
      resolver_.refresh(question, hash);
    });
  }

  Result<void> listen_on_passed_sockets() {
    auto passed = descriptors_from_systemd();
    if (!passed) return passed.error();
    has_passed_sockets_ = !passed->sockets.empty();
    if (!has_passed_sockets_) return listen_on(config_.listen);
    unanswered_ = Unanswered::open(std::move(passed->stored));
    service_.unanswered = unanswered_.get();
    for (std::size_t i = 1; i < workers_.size(); ++i) {
      std::vector<ListenSockets> copies;
      for (const ListenSockets& sockets : passed->sockets) {
        auto copy = duplicate(sockets);
        if (!copy) return copy.error();
        copies.push_back(std::move(*copy));
      }
      workers_[i]->listen(std::move(copies));
    }
    workers_.front()->listen(std::move(passed->sockets));
    return {};
  }

  void share_memory_out() {
    const bool is_validating = config_.dnssec.mode == DnssecMode::validate;
    resolver_.limit(InFlightLimits::from(shares_, is_validating));
    if (const std::uint64_t limit = memory_limit(); shares_.total > limit) {
      log_warning(
          "memory: {} is more than the {} that this process may use: lower it or raise "
          "the limit of its service or container",
          print_size(shares_.total), print_size(limit));
    }
  }

  void answer_left_queries() {
    if (!unanswered_) return;
    const auto left = unanswered_->take();
    if (left.empty()) return;
    log_info("{} queries that an earlier process left unanswered are resolved now", left.size());
    for (const auto& query : left) workers_.front()->answer(query);
  }

  // Opens all sockets first, so that an error changes nothing.
  Result<void> listen_on(const std::vector<Endpoint>& endpoints) {
    std::vector<std::vector<ListenSockets>> opened(workers_.size());
    const Sharing first = workers_.size() > 1 ? Sharing::first : Sharing::none;
    for (Endpoint endpoint : endpoints) {
      for (auto& of_worker : opened) {
        const bool is_first = &of_worker == &opened.front();
        auto sockets =
            open_listener(endpoint, is_first ? first : Sharing::further, Presence::optional);
        const bool is_missing = is_first && !machine_has(endpoint.address);
        if (!sockets && endpoints.size() > 1 && endpoint.address.is_v6 && is_missing) {
          log_warning("this machine has no address {}: not listening there",
                      endpoint.address.to_text());
          break;
        }
        if (!sockets) return sockets.error();
        if (is_missing) {
          log_warning("this machine has no address {} yet: queries are answered there once it has",
                      endpoint.address.to_text());
        }
        endpoint = sockets->endpoint;  // port 0 became a real one, the same for all workers
        of_worker.push_back(std::move(*sockets));
      }
    }
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      on_worker(i, [worker = workers_[i].get(),
                    sockets = std::make_shared<std::vector<ListenSockets>>(std::move(opened[i]))] {
        worker->listen(std::move(*sockets));
      });
    }
    return {};
  }

  // Before the workers run, and on the first one's thread, the work is done at once.
  void on_worker(std::size_t index, std::function<void()> work) {
    if (index == 0 || !is_running_) return work();
    asio::post(workers_[index]->io(), std::move(work));
  }

  Result<void> open_control() {
    if (config_.control.empty()) return {};
    auto control = ControlSocket::open(io_, config_.control,
                                       [this](const std::string& line, const ControlPeer& peer) {
                                         return handle_command(line, peer);
                                       });
    if (!control) return control.error();
    control_ = std::move(*control);
    return {};
  }

  // Another listener takes the place of the one there is, which may have its port.
  Result<void> open_metrics(const MetricsConfig& wanted) {
    if (wanted == open_metrics_) return {};
    metrics_.reset();
    open_metrics_ = {};
    if (!wanted.listen) return {};
    auto metrics = MetricsListener::open(io_, *wanted.listen, [this](MetricsFormat format) {
      return metrics_as_text(status_sources(), format);
    });
    if (!metrics) return metrics.error();
    metrics_ = std::move(*metrics);
    open_metrics_ = wanted;
    log_info("metrics on http://{}/metrics", metrics_->endpoint().to_text());
    return {};
  }

  Result<std::shared_ptr<Validator>> open_validator(const Config& config) {
    return make_validator(io_, config, [this](const Question& question, OutcomeFunction done) {
      resolver_.fetch(question, std::move(done));
    });
  }

  ControlReply handle_command(const std::string& line, const ControlPeer& peer) {
    const auto failed = [](const Error& error) {
      const json reply{
          {"ok", false}, {"error", error.message}, {"exit_code", static_cast<int>(error.code)}};
      return one_line(reply.dump(-1, ' ', false, json::error_handler_t::replace));
    };
    const auto done = [&](const Result<void>& result) {
      return result ? one_line(json{{"ok", true}}.dump()) : failed(result.error());
    };
    const json request = json::parse(line, nullptr, false);
    if (!request.is_object() || !request.contains("command") || !request["command"].is_string()) {
      return failed({"a command is a JSON object on one line, such as {\"command\":\"status\"}"});
    }
    const std::string command = request["command"];
    if (command == "status") return one_line(status_as_json(status_sources()));
    if (command == "explain") {
      const LocalData& local_data = workers_.front()->local_data();
      auto reply = explain(request, {config_, origin_, local_data, cache_, resolver_});
      return reply ? std::move(*reply) : failed(reply.error());
    }
    if (command == "probe") {
      auto reply = probe(request, resolver_);
      return reply ? std::move(*reply) : failed(reply.error());
    }
    const bool is_for_cache = is_cache_command(command);
    if (!is_for_cache && command != "cache-load" && command != "reload" && command != "top" &&
        command != "monitor" && command != "close") {
      return failed({"unknown command " + command});
    }
    if (!peer.may_change) {
      return failed({"only root and the engine's own user may " + command + "; run it with sudo",
                     ExitCode::no_rights});
    }
    if (command == "reload") return done(reload_as_told());
    if (command == "monitor") {
      auto reply = monitor_.watch(request);
      return reply ? std::move(*reply) : failed(reply.error());
    }
    if (command == "top") {
      const bool is_limited = request.contains("limit") && request["limit"].is_number_unsigned();
      const std::size_t limit = is_limited ? request["limit"].get<std::size_t>() : 100;
      return one_line(traffic_.look(limit).dump(-1, ' ', false, json::error_handler_t::replace));
    }
    if (is_for_cache) {
      auto reply = answer_cache_command(command, request, config_, cache_);
      if (command == "flush") resolver_.forget_keys();
      return reply ? std::move(*reply) : failed(reply.error());
    }
    if (!peer.is_root) return failed({"only root may " + command, ExitCode::no_rights});
    if (command == "close") {
      // The other workers' descriptors are of the same sockets.
      if (has_passed_sockets_) workers_.front()->refuse_queries();
      return done({});
    }
    return done(load_entry(request, config_.cache, workers_.front()->local_data(), cache_));
  }

  StatusSources status_sources() const {
    return {config_,
            feed_.state(),
            cache_,
            resolver_,
            workers_,
            late_stats_,
            started_at_,
            query_log_.dropped(),
            service_.probe_zone.name(),
            reloads_,
            failed_reloads_,
            shares_,
            service_.tcp_unsent};
  }

  void wait_for_signal() {
    signals_.async_wait([this](std::error_code error, int number) {
      if (error) return;
      if (number != SIGHUP) return drain();
      (void)reload_as_told();  // its error is in the log
      wait_for_signal();
    });
  }

  // Whoever asks for it may have changed the servers themselves.
  Result<void> reload_as_told() {
    resolver_.forget_limitations();
    return reload();
  }

  Result<void> reload() {
    ::sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
                 static_cast<long long>(Clock::now().time_since_epoch() / 1us));
    const Result<void> result = take_over_configuration();
    ++(result ? reloads_ : failed_reloads_);
    if (!result) {
      log_error("reload failed, the old configuration stays in force:");
      for (const std::string& problem : feed_.state().problems) log_error("{}", problem);
    } else {
      log_info("configuration reloaded");
    }
    tell_systemd("READY=1");
    return result;
  }

  // With a line for `systemctl status`.
  void tell_systemd(std::string_view state) const {
    const std::string text = status_text();
    ::sd_notifyf(0, "%.*s\nSTATUS=%s", static_cast<int>(state.size()), state.data(), text.c_str());
  }

  std::string status_text() const {
    const auto problems = feed_.state().problems;
    if (!problems.empty()) {
      return "The configuration is NOT in force, the last one that worked is: " + problems.front();
    }
    if (resolver_.outage().is_on()) {
      return "Lookups FAIL: no server answers; cached and local names are served on " +
             listen_text();
    }
    std::string silent;
    for (const auto& group : resolver_.groups()) {
      for (const auto& [upstream, lane] : group->members()) {
        if (upstream->health().is_usable()) continue;
        silent += (silent.empty() ? "" : ", ") + address_text(upstream->config());
      }
    }
    return "Serving on " + listen_text() + (silent.empty() ? "" : "; silent: " + silent);
  }

  // At the end of the turn: a change may come with others.
  void tell_status_soon() {
    if (std::exchange(is_status_due_, true)) return;
    asio::post(io_, [this] {
      is_status_due_ = false;
      ::sd_notifyf(0, "STATUS=%s", status_text().c_str());
    });
  }

  // An error may leave the metrics listener and the query log changed, nothing else.
  Result<void> change_listeners(const Config& fresh) {
    if (auto log = query_log_.configure(fresh.query_log); !log) return log.error();
    if (auto metrics = open_metrics(fresh.metrics); !metrics) return metrics.error();
    if (has_passed_sockets_ || fresh.listen == config_.listen) return {};
    std::vector<Endpoint> added;
    std::ranges::copy_if(fresh.listen, std::back_inserter(added), [&](const Endpoint& endpoint) {
      return std::ranges::find(config_.listen, endpoint) == config_.listen.end();
    });
    if (auto listening = listen_on(added); !listening) return listening.error();
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      on_worker(i, [worker = workers_[i].get(), listen = fresh.listen] {
        worker->listen_only_on(listen);
      });
    }
    return {};
  }

  Result<void> take_over_configuration() {
    const auto fresh = feed_.reload();
    if (!fresh) return fresh.error();
    const auto taken = take_over(*fresh, Change::configuration);
    if (taken) {
      feed_.confirm();
    } else {
      feed_.reject(taken.error());
    }
    return taken;
  }

  void take_over_servers() {
    const Config fresh = feed_.current();
    if (fresh == config_) return;
    const std::string former = servers_in_words(config_);
    if (const auto taken = take_over(fresh, Change::servers); !taken) {
      return log_error("the servers have changed, but cannot be used: {}", taken.error().message);
    }
    const std::string now = servers_in_words(config_);
    if (now == former) return;
    resolver_.forget_limitations();
    if (config_.upstreams.empty()) return log_servers();
    log_info("servers of {}: {} (before: {})", config_.upstreams_source, now, former);
  }

  // An address and its routes come one after the other.
  void look_at_network_soon() {
    if (std::exchange(is_look_due_, true)) return;
    network_timer_.expires_after(network_settle_time);
    network_timer_.async_wait([this](std::error_code) {
      is_look_due_ = false;
      resolver_.on_network_change();
    });
  }

  void log_servers() const {
    if (config_.upstreams.empty()) {
      log_warning(
          "{} names no server: until it does, only local names and cached data are answered",
          config_.upstreams_source);
    } else {
      log_info("servers: {}", servers_in_words(config_));
    }
  }

  enum class Change { configuration, servers };

  // With the configuration, trust anchors are read again: their files may have changed.
  bool needs_validator(const Config& fresh, Change change) const {
    if (fresh.dnssec != config_.dnssec) return true;
    if (fresh.dnssec.mode != DnssecMode::validate) return false;
    return change == Change::configuration || negative_anchors(fresh) != negative_anchors(config_);
  }

  Result<void> take_over(const Config& fresh, Change change) {
    const bool same_validation = !needs_validator(fresh, change);
    std::shared_ptr<Validator> validator;
    if (!same_validation) {
      auto opened = open_validator(fresh);
      if (!opened) return opened.error();
      validator = std::move(*opened);
    }
    if (auto opened = change_listeners(fresh); !opened) {
      (void)query_log_.configure(config_.query_log);
      (void)open_metrics(config_.metrics);
      return opened.error();
    }
    warn_of_later_changes(fresh);
    start_logging(fresh.log_level);
    snapshots_.configure(fresh);
    resolver_.configure(fresh);
    if (!same_validation) resolver_.set_validator(std::move(validator));
    if (fresh.acl != config_.acl || fresh.rate_limit != config_.rate_limit) {
      publish_admission(fresh);
    }
    config_ = fresh;
    publish_upstreams();
    if (!same_validation) share_memory_out();
    load_snapshot();
    local_data_keeper_.configure(fresh);
    if (change == Change::configuration) warn_of_closed_doors();
    return {};
  }

  void publish_upstreams() {
    auto endpoints = std::make_shared<std::vector<Endpoint>>();
    for (const auto& upstream : all_upstreams(config_)) endpoints->push_back(upstream.endpoint);
    service_.upstreams = std::move(endpoints);
  }

  void warn_of_later_changes(const Config& fresh) const {
    std::vector<std::string> keys;
    for (const Setting* setting : changed_settings(config_, fresh)) {
      if (setting->cost == ChangeCost::restart) keys.push_back(setting->key);
    }
    if (keys.empty()) return;
    log_warning("the change of {} takes effect after a restart", join_words(keys, "and"));
  }

  // Once, as soon as it is known which servers' answers may be believed.
  void load_snapshot() {
    if (has_snapshot_ || config_.upstreams.empty()) return;
    has_snapshot_ = true;
    snapshots_.load();
    snapshots_.start();
  }

  // A machine that starts without a network has its names all the same. When its servers are known,
  // these answers are flushed, and loaded again if they came from the same.
  void load_first_snapshot() {
    if (config_.upstreams.empty()) return snapshots_.load();
    load_snapshot();
  }

  // Every worker gets the new local data; when the last one has it, the cache is looked through.
  void publish(const LocalDataPtr& local_data) {
    const auto left = std::make_shared<std::atomic<std::size_t>>(workers_.size());
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      on_worker(i, [this, worker = workers_[i].get(), local_data, left] {
        worker->set_local_data(local_data);
        if (--*left != 0) return;
        asio::post(io_, [this, local_data] {
          resolver_.keep_nothing_in_flight();
          sweep(local_data, {});
        });
      });
    }
  }

  void publish_admission(const Config& config) {
    if (const auto own = own_addresses(); !own) {
      log_warning("{}; only the acl is served", own.error().message);
    }
    const auto admission = std::make_shared<const AdmissionControl>(config);
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      on_worker(i, [worker = workers_[i].get(), admission] { worker->set_admission(admission); });
    }
  }

  // Takes out of the cache what the local data answers otherwise, a part in each turn of the loop.
  void sweep(const LocalDataPtr& local_data, CachePosition position) {
    constexpr std::size_t slots_in_step = 256;  // a shard of the cache is locked that long
    constexpr unsigned steps_in_turn = 32;
    const auto is_overruled = [&](const Entry& entry) {
      return local_data->overrules(entry.name(), entry.type);
    };
    std::uint64_t count = 0;
    for (unsigned i = 0; i < steps_in_turn; ++i) {
      if (!cache_.flush_some(position, slots_in_step, is_overruled, count)) return;
    }
    asio::post(io_, [this, local_data, position] { sweep(local_data, position); });
  }

  void warn_of_closed_doors() const {
    if (!config_.acl.empty()) return;
    for (const Endpoint& endpoint : workers_.front()->endpoints()) {
      if (endpoint.address.is_loopback()) continue;
      log_warning("{} is open to other machines, but acl lists none: only this machine is served",
                  endpoint.to_text());
    }
  }

  // Stops taking queries and ends when those in flight are answered.
  void drain() {
    ::sd_notify(0, "STOPPING=1");
    control_.reset();
    metrics_.reset();
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      on_worker(i, [worker = workers_[i].get()] { worker->stop_listening(); });
    }
    drain_until_ = Clock::now() + drain_time;
    continue_draining();
  }

  void continue_draining() {
    const bool is_late = Clock::now() >= drain_until_;
    if (service_.owed == 0 || (is_late && has_given_up_)) return workers_.front()->stop();
    if (is_late) {
      has_given_up_ = true;
      resolver_.give_up();
      drain_until_ += last_words_time;
    }
    drain_timer_.expires_after(drain_check_interval);
    drain_timer_.async_wait([this](std::error_code) { continue_draining(); });
  }

  void start_watchdog() {
    std::uint64_t microseconds = 0;
    if (::sd_watchdog_enabled(0, &microseconds) <= 0) return;
    watchdog_interval_ = std::chrono::microseconds(microseconds) / 3;
    feed_watchdog();
  }
  void feed_watchdog() {
    ::sd_notify(0, "WATCHDOG=1");
    watchdog_.expires_after(watchdog_interval_);
    watchdog_.async_wait([this](std::error_code error) {
      if (!error) feed_watchdog();
    });
  }

  std::string listen_text() const {
    std::string text;
    for (const Endpoint& endpoint : workers_.front()->endpoints()) {
      text += (text.empty() ? "" : ", ") + endpoint.to_text();
    }
    return text;
  }

  ConfigFeed& feed_;
  std::string user_;  // to become; empty: whoever started this
  Config config_;
  ConfigOrigin origin_;
  MemoryShares shares_;
  Cache cache_;
  QueryStats late_stats_;
  std::unique_ptr<Unanswered> unanswered_;
  QueryLog query_log_;
  Traffic traffic_;
  Monitor monitor_;
  Service service_;
  std::vector<std::unique_ptr<Worker>> workers_;
  asio::io_context& io_;  // the first worker's, on which the resolver runs
  RealWorld world_;
  Resolver resolver_;
  Snapshots snapshots_;
  std::unique_ptr<ControlSocket> control_;
  std::unique_ptr<MetricsListener> metrics_;
  MetricsConfig open_metrics_;
  LocalDataKeeper local_data_keeper_;
  asio::signal_set signals_;
  asio::steady_timer watchdog_;
  Duration watchdog_interval_{};
  NetworkWatch network_watch_;
  asio::steady_timer network_timer_;
  bool is_look_due_ = false;
  bool is_status_due_ = false;
  std::uint64_t reloads_ = 0;
  std::uint64_t failed_reloads_ = 0;
  asio::steady_timer drain_timer_;
  TimePoint drain_until_{};
  TimePoint started_at_ = Clock::now();
  std::thread::id thread_ = std::this_thread::get_id();
  bool has_passed_sockets_ = false;
  bool is_running_ = false;
  bool has_snapshot_ = false;  // it is loaded, and written from time to time
  bool has_given_up_ = false;
};

}  // namespace

Result<void> serve(ConfigFeed& feed, const ConfigOrigin& origin, const std::string& user) {
  return Server(feed, origin, user).run();
}

}  // namespace dnscache
