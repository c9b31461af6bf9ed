// Upstream DNS servers for the benchmarks: they answer at once or late, die, flap, lose packets or
// say SERVFAIL on a schedule, and count what they were asked.
//
//   bench_upstream --server 192.0.2.1,delay=2,dead=3-8 --server 192.0.2.2,delay=2,loss=30
//
// SIGUSR1 starts the schedule's clock (before, every window that starts at 0 is in force already),
// SIGUSR2 prints the counters as a line of JSON and sets them to zero, SIGTERM prints and ends.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <bitset>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "dns_packet.hpp"

namespace {

using namespace dnscache::bench;
using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr std::size_t batch_size = 64;
constexpr std::size_t buffer_size = 1024;

/// A span of the schedule, in seconds since its clock was started.
struct Window {
  double from = 0;
  double until = 0;
};

/// What one server does.
struct Behaviour {
  std::string address;
  std::chrono::microseconds delay{0};
  std::vector<Window> dead;
  double loss = 0;
  double late_share = 0;  // of the answers, which come `lateness` after the others
  std::chrono::microseconds lateness{0};
  std::uint8_t rcode = rcode_noerror;
  std::uint32_t ttl = 86400;
};

/// The largest number of events in any one second, to a hundredth of a second.
class PeakRate {
 public:
  void add(Clock::time_point now, std::uint64_t events) {
    const auto slot =
        std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() / 10;
    if (last_ == 0) last_ = slot;
    for (auto steps = std::min<std::int64_t>(slot - last_, slots); steps > 0; --steps) {
      position_ = (position_ + 1) % slots;
      sum_ -= counts_[position_];
      counts_[position_] = 0;
    }
    last_ = slot;
    counts_[position_] += events;
    sum_ += events;
    peak_ = std::max(peak_, sum_);
  }
  [[nodiscard]] std::uint64_t peak() const { return peak_; }
  [[nodiscard]] std::uint64_t current() const { return sum_; }
  void reset_peak() { peak_ = 0; }

 private:
  static constexpr std::size_t slots = 100;
  std::array<std::uint64_t, slots> counts_{};
  std::size_t position_ = 0;
  std::int64_t last_ = 0;
  std::uint64_t sum_ = 0;
  std::uint64_t peak_ = 0;
};

/// A reply that waits for its time.
struct Pending {
  sockaddr_in client{};
  std::vector<std::uint8_t> packet;
};

Behaviour parse_server(const std::string& text) {
  Behaviour behaviour;
  std::istringstream parts(text);
  std::getline(parts, behaviour.address, ',');
  for (std::string part; std::getline(parts, part, ',');) {
    const auto equals = part.find('=');
    const std::string key = part.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : part.substr(equals + 1);
    if (key == "delay") {
      behaviour.delay = std::chrono::microseconds(static_cast<long>(std::stod(value) * 1000));
    } else if (key == "dead") {
      const auto dash = value.find('-');
      behaviour.dead.push_back(
          {std::stod(value), dash == std::string::npos || dash + 1 == value.size()
                                 ? 1e9
                                 : std::stod(value.substr(dash + 1))});
    } else if (key == "flap") {
      const double period = std::stod(value);
      for (double from = period; from < 600; from += 2 * period) {
        behaviour.dead.push_back({from, from + period});
      }
    } else if (key == "loss") {
      behaviour.loss = std::stod(value) / 100;
    } else if (key == "late") {
      const auto by = value.find('x');
      if (by == std::string::npos) throw CLI::ValidationError("--server", "late=PERCENTxMS");
      behaviour.late_share = std::stod(value) / 100;
      behaviour.lateness =
          std::chrono::microseconds(static_cast<long>(std::stod(value.substr(by + 1)) * 1000));
    } else if (key == "rcode") {
      behaviour.rcode = static_cast<std::uint8_t>(std::stoi(value));
    } else if (key == "ttl") {
      behaviour.ttl = static_cast<std::uint32_t>(std::stoul(value));
    } else {
      throw CLI::ValidationError("--server", "unknown setting '" + key + "'");
    }
  }
  return behaviour;
}

/// Turns the query in `packet` into its answer in place; returns the new size, 0 for no answer.
std::size_t answer_in_place(std::uint8_t* packet, std::size_t size, const Behaviour& behaviour) {
  const auto question = read_question({packet, size});
  if (!question) return 0;
  const bool edns = read_u16(packet + 10) > 0;
  std::uint8_t* at = packet + question->end;
  packet[2] = static_cast<std::uint8_t>((packet[2] & 0x01) | 0x84);
  packet[3] = static_cast<std::uint8_t>(0x80 | behaviour.rcode);
  const bool has_address = question->type == type_a && behaviour.rcode == rcode_noerror;
  write_u16(packet + 6, has_address ? 1 : 0);
  write_u16(packet + 8, has_address || behaviour.rcode != rcode_noerror ? 0 : 1);
  write_u16(packet + 10, edns ? 1 : 0);
  const auto ttl = behaviour.ttl;
  const std::array<std::uint8_t, 4> ttl_bytes = {
      static_cast<std::uint8_t>(ttl >> 24), static_cast<std::uint8_t>(ttl >> 16),
      static_cast<std::uint8_t>(ttl >> 8), static_cast<std::uint8_t>(ttl)};
  const auto put = [&at](auto... bytes) { ((*at++ = static_cast<std::uint8_t>(bytes)), ...); };
  if (has_address) {
    const auto address = expected_address({packet + header_size, question->name_end - header_size});
    put(0xc0, 12, 0, 1, 0, 1, ttl_bytes[0], ttl_bytes[1], ttl_bytes[2], ttl_bytes[3], 0, 4,
        address >> 24, address >> 16, address >> 8, address);
  } else if (behaviour.rcode == rcode_noerror) {
    // NODATA: an SOA of the root with one-letter names, so that it may be kept (RFC 2308).
    put(0, 0, 6, 0, 1, ttl_bytes[0], ttl_bytes[1], ttl_bytes[2], ttl_bytes[3], 0, 26);
    put(1, 'a', 0, 1, 'b', 0);
    for (int field = 0; field < 5; ++field) put(0, 0, 0, 60);
  }
  if (edns) put(0, 0, type_opt, 1232 >> 8, 1232 & 0xff, 0, 0, 0, 0, 0, 0);
  return static_cast<std::size_t>(at - packet);
}

/// One upstream server: its socket, behaviour and counters.
class Server {
 public:
  Server(Behaviour behaviour, std::uint16_t port) : behaviour_(std::move(behaviour)) {
    fd_ = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    const int buffer = 8 << 20;
    setsockopt(fd_, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
    setsockopt(fd_, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer);
    sockaddr_in local{};
    local.sin_family = AF_INET;
    local.sin_port = htons(port);
    if (inet_pton(AF_INET, behaviour_.address.c_str(), &local.sin_addr) != 1 ||
        bind(fd_, reinterpret_cast<sockaddr*>(&local), sizeof local) != 0) {
      throw std::runtime_error("cannot bind " + behaviour_.address + ": " + std::strerror(errno));
    }
    for (std::size_t i = 0; i < batch_size; ++i) {
      parts_[i] = {buffers_[i].data(), buffer_size};
      messages_[i].msg_hdr = {&clients_[i], sizeof clients_[i], &parts_[i], 1, nullptr, 0, 0};
    }
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() { close(fd_); }

  [[nodiscard]] int fd() const { return fd_; }

  /// Time of the next late reply, if one waits.
  [[nodiscard]] std::optional<Clock::time_point> next_due() const {
    if (pending_.empty()) return std::nullopt;
    return pending_.begin()->first;
  }

  [[nodiscard]] std::uint64_t recent() const { return rate_.current(); }
  void die(Window window) { behaviour_.dead.push_back(window); }

  void receive(double schedule_time) {
    for (std::size_t i = 0; i < batch_size; ++i) {
      parts_[i].iov_len = buffer_size - 64;  // room for the answer
      messages_[i].msg_hdr.msg_namelen = sizeof clients_[i];
    }
    const int received = recvmmsg(fd_, messages_.data(), batch_size, 0, nullptr);
    if (received <= 0) return;
    const auto now = Clock::now();
    received_ += static_cast<std::uint64_t>(received);
    rate_.add(now, static_cast<std::uint64_t>(received));
    const bool dead = is_dead(schedule_time);
    unsigned ready = 0;
    for (int i = 0; i < received; ++i) {
      ports_.set(ntohs(clients_[i].sin_port));
      count_question(i);
      if (dead || chance(behaviour_.loss)) {
        ++unanswered_;
        continue;
      }
      note_return(schedule_time);
      const std::size_t size =
          answer_in_place(buffers_[i].data(), messages_[i].msg_len, behaviour_);
      if (size == 0) continue;
      const auto delay =
          chance(behaviour_.late_share) ? behaviour_.delay + behaviour_.lateness : behaviour_.delay;
      if (delay.count() > 0) {
        pending_.emplace(now + delay,
                         Pending{clients_[i], {buffers_[i].data(), buffers_[i].data() + size}});
      } else {
        replies_[ready] = {.iov_base = buffers_[i].data(), .iov_len = size};
        outgoing_[ready].msg_hdr = {
            &clients_[i], sizeof clients_[i], &replies_[ready], 1, nullptr, 0, 0};
        ++ready;
      }
    }
    for (unsigned sent = 0; sent < ready;) {
      const int count = sendmmsg(fd_, outgoing_.data() + sent, ready - sent, 0);
      sent += count > 0 ? static_cast<unsigned>(count) : 1;
    }
  }

  void send_due(Clock::time_point now) {
    while (!pending_.empty() && pending_.begin()->first <= now) {
      const auto& reply = pending_.begin()->second;
      sendto(fd_, reply.packet.data(), reply.packet.size(), 0,
             reinterpret_cast<const sockaddr*>(&reply.client), sizeof reply.client);
      pending_.erase(pending_.begin());
    }
  }

  /// The counters since the last call.
  nlohmann::json take_counters() {
    nlohmann::json counters = {{"address", behaviour_.address},   {"received", received_},
                               {"questions", questions_},         {"unanswered", unanswered_},
                               {"peak_per_second", rate_.peak()}, {"source_ports", ports_.count()}};
    if (back_after_) counters["back_after_s"] = *back_after_;
    received_ = questions_ = unanswered_ = 0;
    ports_.reset();
    rate_.reset_peak();
    back_after_.reset();
    return counters;
  }

 private:
  [[nodiscard]] bool is_dead(double time) const {
    return std::any_of(behaviour_.dead.begin(), behaviour_.dead.end(),
                       [time](const Window& w) { return time >= w.from && time < w.until; });
  }

  bool chance(double share) {
    return share > 0 && std::uniform_real_distribution<>(0, 1)(random_) < share;
  }

  /// Questions are the clients' own; priming and health checks are packets only.
  void count_question(int i) {
    static constexpr std::string_view zone("\5bench\7example\0", 15);
    const auto question = read_question({buffers_[i].data(), messages_[i].msg_len});
    if (!question || question->name_end < header_size + zone.size()) return;
    const std::uint8_t* suffix = &buffers_[i][question->name_end - zone.size()];
    const bool ours = std::equal(zone.begin(), zone.end(), suffix, [](char expected, auto byte) {
      return static_cast<std::uint8_t>(expected) == lower(byte);
    });
    if (ours) ++questions_;
  }

  /// Remembers how long after its return from the dead this server was first asked.
  void note_return(double time) {
    if (back_after_) return;
    for (const auto& window : behaviour_.dead) {
      if (time >= window.until) back_after_ = time - window.until;
    }
  }

  Behaviour behaviour_;
  int fd_ = -1;
  std::array<std::array<std::uint8_t, buffer_size>, batch_size> buffers_{};
  std::array<sockaddr_in, batch_size> clients_{};
  std::array<iovec, batch_size> parts_{};
  std::array<iovec, batch_size> replies_{};
  std::array<mmsghdr, batch_size> messages_{};
  std::array<mmsghdr, batch_size> outgoing_{};
  std::multimap<Clock::time_point, Pending> pending_;
  std::bitset<65536> ports_;
  std::mt19937 random_{12345};
  PeakRate rate_;
  std::uint64_t received_ = 0;
  std::uint64_t questions_ = 0;
  std::uint64_t unanswered_ = 0;
  std::optional<double> back_after_;
};

/// All servers, the schedule's clock and the loop that drives them.
class Upstreams {
 public:
  Upstreams(const std::vector<std::string>& servers, std::uint16_t port,
            std::optional<Window> kill_in_use)
      : kill_in_use_(kill_in_use) {
    for (const auto& text : servers) {
      servers_.push_back(std::make_unique<Server>(parse_server(text), port));
    }
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGUSR1, SIGUSR2, SIGTERM, SIGINT}) sigaddset(&signals, signal);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    signals_ = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
  }

  void run() {
    std::vector<pollfd> polled;
    for (const auto& server : servers_) polled.push_back({server->fd(), POLLIN, 0});
    polled.push_back({signals_, POLLIN, 0});
    std::cerr << "bench_upstream: ready" << std::endl;
    for (;;) {
      const auto wait = time_to_next();
      const timespec limit = {wait.count() / 1'000'000'000, wait.count() % 1'000'000'000};
      ppoll(polled.data(), polled.size(), &limit, nullptr);
      if (polled.back().revents != 0 && handle_signals()) return;
      kill_busiest();
      for (std::size_t i = 0; i < servers_.size(); ++i) {
        if (polled[i].revents != 0) servers_[i]->receive(schedule_time());
        if (servers_[i]->next_due()) servers_[i]->send_due(Clock::now());
      }
    }
  }

 private:
  [[nodiscard]] double schedule_time() const {
    return started_ ? Seconds(Clock::now() - *started_).count() : 0;
  }

  [[nodiscard]] std::chrono::nanoseconds time_to_next() const {
    std::chrono::nanoseconds wait = std::chrono::milliseconds(50);
    for (const auto& server : servers_) {
      if (const auto due = server->next_due()) {
        wait = std::min(wait, std::chrono::nanoseconds(*due - Clock::now()));
      }
    }
    return std::max(wait, std::chrono::nanoseconds(0));
  }

  /// The server that is asked most dies for the time of the window.
  void kill_busiest() {
    if (!kill_in_use_ || schedule_time() < kill_in_use_->from) return;
    const auto busiest =
        std::max_element(servers_.begin(), servers_.end(),
                         [](const auto& a, const auto& b) { return a->recent() < b->recent(); });
    (*busiest)->die(*kill_in_use_);
    kill_in_use_.reset();
  }

  /// True when it is time to end.
  bool handle_signals() {
    signalfd_siginfo info{};
    while (read(signals_, &info, sizeof info) == sizeof info) {
      if (info.ssi_signo == SIGUSR1) {
        started_ = Clock::now();
        continue;
      }
      nlohmann::json all = nlohmann::json::array();
      for (const auto& server : servers_) all.push_back(server->take_counters());
      std::cout << all.dump() << std::endl;
      if (info.ssi_signo != SIGUSR2) return true;
    }
    return false;
  }

  std::vector<std::unique_ptr<Server>> servers_;
  std::optional<Window> kill_in_use_;
  std::optional<Clock::time_point> started_;
  int signals_ = -1;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("DNS upstream servers for benchmarks");
  std::vector<std::string> servers;
  std::uint16_t port = 53;
  std::vector<double> kill_in_use;
  app.add_option(
         "--server", servers,
         "ADDRESS[,delay=MS][,late=%xMS][,dead=FROM-UNTIL][,flap=S][,loss=%][,rcode=N][,ttl=S]")
      ->required()
      ->allow_extra_args(false);
  app.add_option("--port", port);
  app.add_option("--kill-in-use", kill_in_use, "FROM UNTIL: the server asked most is dead")
      ->expected(2);
  CLI11_PARSE(app, argc, argv);
  prctl(PR_SET_TIMERSLACK, 1);
  try {
    std::optional<Window> kill;
    if (!kill_in_use.empty()) kill = Window{kill_in_use[0], kill_in_use[1]};
    Upstreams(servers, port, kill).run();
  } catch (const std::exception& error) {
    std::cerr << "bench_upstream: " << error.what() << '\n';
    return 1;
  }
}
