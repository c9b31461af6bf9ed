// A DNS load generator that never repeats a question: what is lost stays lost and is counted.
//
//   dns_load --server 127.0.0.1 --mode closed --outstanding 192 --count 1000000 --distinct 1000
//   dns_load --server 127.0.0.1 --mode open --rate 100 --count 1500 --distinct 1500
//   dns_load --server 127.0.0.1 --mode burst --count 500 --distinct 1
//   dns_load --server 127.0.0.1 --mode start -- dnscachectl serve --config FILE
//
// Prints one line of JSON. With --pid the CPU time and memory of the server are in it.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "dns_packet.hpp"
#include "process_usage.hpp"

namespace {

using namespace dnscache::bench;
using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr std::size_t batch_size = 64;
constexpr std::size_t buffer_size = 1536;
constexpr std::size_t max_query_size = 280;

struct Options {
  std::string server = "127.0.0.1";
  std::uint16_t port = 53;
  std::string mode = "closed";
  std::uint64_t count = 1000;
  unsigned outstanding = 192;
  double rate = 100;
  unsigned ports = 1;
  std::uint32_t distinct = 1000;
  std::uint32_t first = 0;
  std::string order = "sequential";
  double zipf = 1.0;
  std::string prefix = "name";
  std::string zone = "bench.example";
  std::string file;
  double timeout = 6;
  double max_seconds = 300;
  bool edns = false;
  bool verify = false;
  std::uint32_t seed = 1;
  pid_t pid = 0;
  int server_core = -1;
  std::vector<std::string> command;
};

/// The queries that can be sent, in wire form, and the order in which they are.
class Questions {
 public:
  explicit Questions(const Options& options) {
    for (const auto& name : names(options)) {
      const auto query = make_query(name, type_a, options.edns);
      if (query.size() > max_query_size) throw std::runtime_error("name too long: " + name);
      offsets_.push_back(static_cast<std::uint32_t>(bytes_.size()));
      bytes_.insert(bytes_.end(), query.begin(), query.end());
    }
    offsets_.push_back(static_cast<std::uint32_t>(bytes_.size()));
    arrange(options);
  }

  /// The query of the `n`-th packet.
  [[nodiscard]] Bytes query(std::uint64_t n) const {
    const std::uint32_t index =
        order_.empty() ? static_cast<std::uint32_t>(n % size()) : order_[n % order_.size()];
    return Bytes(bytes_).subspan(offsets_[index], offsets_[index + 1] - offsets_[index]);
  }

 private:
  [[nodiscard]] std::size_t size() const { return offsets_.size() - 1; }

  static std::vector<std::string> names(const Options& options) {
    std::vector<std::string> names;
    if (!options.file.empty()) {
      std::ifstream file(options.file);
      for (std::string line; std::getline(file, line);) names.push_back(line);
      if (names.empty()) throw std::runtime_error("no names in " + options.file);
      return names;
    }
    names.reserve(options.distinct);
    for (std::uint32_t i = 0; i < options.distinct; ++i) {
      std::array<char, 16> number{};
      std::snprintf(number.data(), number.size(), "%06u", options.first + i);
      names.push_back(options.prefix + "-" + number.data() + "." + options.zone);
    }
    return names;
  }

  void arrange(const Options& options) {
    if (options.order == "sequential") return;
    std::mt19937_64 random(options.seed);
    order_.resize(options.count);
    if (options.order == "random") {
      std::uniform_int_distribution<std::uint32_t> any(0, static_cast<std::uint32_t>(size() - 1));
      for (auto& index : order_) index = any(random);
    } else if (options.order == "zipf") {
      std::vector<double> cumulative(size());
      double sum = 0;
      for (std::size_t rank = 0; rank < size(); ++rank) {
        sum += 1 / std::pow(static_cast<double>(rank + 1), options.zipf);
        cumulative[rank] = sum;
      }
      std::uniform_real_distribution<> any(0, sum);
      for (auto& index : order_) {
        const auto at = std::lower_bound(cumulative.begin(), cumulative.end(), any(random));
        index = static_cast<std::uint32_t>(at - cumulative.begin());
      }
    } else {
      throw std::runtime_error("--order is sequential, random or zipf");
    }
  }

  std::vector<std::uint8_t> bytes_;
  std::vector<std::uint32_t> offsets_;
  std::vector<std::uint32_t> order_;
};

sockaddr_in server_address(const Options& options) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(options.port);
  if (inet_pton(AF_INET, options.server.c_str(), &address.sin_addr) != 1) {
    throw std::runtime_error("--server needs an IPv4 address, not '" + options.server + "'");
  }
  return address;
}

int open_socket(const Options& options) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const int buffer = 8 << 20;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
  setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer);
  const sockaddr_in address = server_address(options);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error("cannot connect a socket to " + options.server);
  }
  return fd;
}

/// What became of the questions asked.
struct Outcome {
  std::uint64_t sent = 0;
  std::uint64_t answered = 0;
  std::uint64_t unanswered = 0;
  std::uint64_t wrong = 0;       ///< an answer with another address than the upstream gave
  std::uint64_t unexpected = 0;  ///< nobody waits for it, or its question is another one
  std::uint64_t truncated = 0;
  std::array<std::uint64_t, 16> rcodes{};
  std::map<int, std::uint64_t> extended_errors;  ///< RFC 8914
  std::vector<float> latencies_ms;
  std::optional<double> first_ms;
  double after_first_max_ms = 0;
  double worst_lateness_ms = 0;  ///< of this program itself against its schedule

  /// One second of the run, by the time at which a question was sent.
  struct Second {
    std::uint64_t sent = 0;
    std::uint64_t failed = 0;
    double max_ms = 0;
  };
  std::vector<Second> timeline;

  Second& second(double at) {
    const auto index = static_cast<std::size_t>(at);
    if (timeline.size() <= index) timeline.resize(index + 1);
    return timeline[index];
  }
};

/// A question on its way.
struct Asked {
  std::uint64_t number = 0;  ///< of the packet; tells which question it was
  Clock::time_point at;
  bool waiting = false;
};

/// One client socket with the questions that it waits for, by their ids.
class Client {
 public:
  Client(const Options& options, const Questions& questions, Outcome& outcome)
      : options_(options),
        questions_(questions),
        outcome_(outcome),
        fd_(open_socket(options)),
        asked_(65536) {
    for (std::size_t i = 0; i < batch_size; ++i) {
      in_parts_[i] = {in_[i].data(), buffer_size};
      in_messages_[i].msg_hdr = {nullptr, 0, &in_parts_[i], 1, nullptr, 0, 0};
      out_messages_[i].msg_hdr = {nullptr, 0, &out_parts_[i], 1, nullptr, 0, 0};
    }
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() { close(fd_); }

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] unsigned waiting() const { return waiting_; }

  /// Sends the packets `first`, `first + stride`, ...; returns how many.
  unsigned send(std::uint64_t first, std::uint64_t stride, std::uint64_t wanted) {
    const auto count = static_cast<unsigned>(std::min<std::uint64_t>(wanted, batch_size));
    const auto now = Clock::now();
    for (unsigned i = 0; i < count; ++i) {
      const std::uint64_t number = first + i * stride;
      const Bytes query = questions_.query(number);
      while (asked_[next_id_].waiting) ++next_id_;
      std::copy(query.begin(), query.end(), out_[i].begin());
      write_u16(out_[i].data(), next_id_);
      out_parts_[i] = {out_[i].data(), query.size()};
      asked_[next_id_] = {number, now, true};
      order_.push_back({next_id_, now});
      ++next_id_;
      ++waiting_;
    }
    for (unsigned sent = 0; sent < count;) {
      const int done = sendmmsg(fd_, out_messages_.data() + sent, count - sent, 0);
      if (done > 0)
        sent += static_cast<unsigned>(done);
      else if (errno != EINTR && errno != ECONNREFUSED)
        ++sent;
    }
    outcome_.sent += count;
    outcome_.second(Seconds(now - start_).count()).sent += count;
    return count;
  }

  /// Reads what has come; with `wait` blocks (at most 100 ms) for the first packet.
  unsigned receive(bool wait) {
    if (wait) {
      pollfd polled{fd_, POLLIN, 0};
      if (poll(&polled, 1, 100) <= 0) return 0;
    }
    const int count = recvmmsg(fd_, in_messages_.data(), batch_size, MSG_DONTWAIT, nullptr);
    if (count <= 0) return 0;
    const auto now = Clock::now();
    for (int i = 0; i < count; ++i) take({in_[i].data(), in_messages_[i].msg_len}, now);
    return static_cast<unsigned>(count);
  }

  void expire(Clock::time_point now) {
    const auto limit = std::chrono::duration_cast<Clock::duration>(Seconds(options_.timeout));
    while (!order_.empty() && now - order_.front().at > limit) {
      give_up(order_.front());
      order_.pop_front();
    }
    // What was answered needs no place in the queue.
    while (!order_.empty() && !is_current(order_.front())) order_.pop_front();
  }

  void give_up_all() {
    for (const auto& entry : order_) give_up(entry);
    order_.clear();
  }

  void set_start(Clock::time_point start) { start_ = start; }

 private:
  struct Sent {
    std::uint16_t id;
    Clock::time_point at;
  };

  [[nodiscard]] bool is_current(const Sent& sent) const {
    return asked_[sent.id].waiting && asked_[sent.id].at == sent.at;
  }

  void give_up(const Sent& sent) {
    if (!is_current(sent)) return;
    asked_[sent.id].waiting = false;
    --waiting_;
    ++outcome_.unanswered;
    ++outcome_.second(Seconds(sent.at - start_).count()).failed;
  }

  void take(Bytes packet, Clock::time_point now) {
    if (packet.size() < header_size) {
      ++outcome_.unexpected;
      return;
    }
    Asked& asked = asked_[read_u16(packet.data())];
    if (!asked.waiting || !is_answer_to(packet, questions_.query(asked.number))) {
      ++outcome_.unexpected;
      return;
    }
    asked.waiting = false;
    --waiting_;
    const double milliseconds = Seconds(now - asked.at).count() * 1000;
    const std::size_t rcode = packet[3] & 0x0f;
    auto& second = outcome_.second(Seconds(asked.at - start_).count());
    second.max_ms = std::max(second.max_ms, milliseconds);
    if (rcode != rcode_noerror) ++second.failed;
    ++outcome_.answered;
    ++outcome_.rcodes[rcode];
    if ((packet[2] & 0x02) != 0) ++outcome_.truncated;
    if (asked.number == 0)
      outcome_.first_ms = milliseconds;
    else
      outcome_.after_first_max_ms = std::max(outcome_.after_first_max_ms, milliseconds);
    outcome_.latencies_ms.push_back(static_cast<float>(milliseconds));
    if (options_.verify && rcode == rcode_noerror && !has_expected_address(packet)) {
      ++outcome_.wrong;
    }
    if (options_.edns) note_extended_error(packet);
  }

  static bool is_answer_to(Bytes packet, Bytes query) {
    const auto question = read_question(query);
    return (packet[2] & 0x80) != 0 && packet.size() >= question->end &&
           std::equal(query.begin() + header_size, query.begin() + question->end,
                      packet.begin() + header_size);
  }

  static bool has_expected_address(Bytes packet) {
    const auto question = read_question(packet);
    if (!question || read_u16(&packet[6]) == 0) return false;
    const auto record = read_record(packet, question->end);
    if (!record || record->type != type_a || record->data_size != 4) return false;
    const std::uint32_t address = static_cast<std::uint32_t>(read_u16(&packet[record->data]))
                                      << 16 |
                                  read_u16(&packet[record->data + 2]);
    return address ==
           expected_address(packet.subspan(header_size, question->name_end - header_size));
  }

  void note_extended_error(Bytes packet) {
    constexpr std::uint16_t option_extended_error = 15;
    const auto question = read_question(packet);
    if (!question) return;
    std::size_t at = question->end;
    unsigned records = 0u + read_u16(&packet[6]) + read_u16(&packet[8]) + read_u16(&packet[10]);
    for (; records > 0; --records) {
      const auto record = read_record(packet, at);
      if (!record) return;
      at = record->end;
      if (record->type != type_opt) continue;
      for (std::size_t option = record->data; option + 4 <= record->end;) {
        const std::size_t size = read_u16(&packet[option + 2]);
        if (read_u16(&packet[option]) == option_extended_error && size >= 2) {
          ++outcome_.extended_errors[read_u16(&packet[option + 4])];
        }
        option += 4 + size;
      }
    }
  }

  const Options& options_;
  const Questions& questions_;
  Outcome& outcome_;
  int fd_;
  std::vector<Asked> asked_;
  std::deque<Sent> order_;
  std::uint16_t next_id_ = 1;
  unsigned waiting_ = 0;
  Clock::time_point start_{};
  std::array<std::array<std::uint8_t, buffer_size>, batch_size> in_{};
  std::array<std::array<std::uint8_t, max_query_size>, batch_size> out_{};
  std::array<iovec, batch_size> in_parts_{};
  std::array<iovec, batch_size> out_parts_{};
  std::array<mmsghdr, batch_size> in_messages_{};
  std::array<mmsghdr, batch_size> out_messages_{};
};

using Clients = std::vector<std::unique_ptr<Client>>;

/// Waits until a socket is readable or `limit` is over, then reads all that are.
unsigned receive_any(Clients& clients, std::chrono::nanoseconds limit) {
  if (clients.size() == 1 && limit >= std::chrono::milliseconds(100)) {
    return clients[0]->receive(true);
  }
  std::vector<pollfd> polled;
  for (const auto& client : clients) polled.push_back({client->fd(), POLLIN, 0});
  const timespec wait = {limit.count() / 1'000'000'000, limit.count() % 1'000'000'000};
  ppoll(polled.data(), polled.size(), &wait, nullptr);
  unsigned count = 0;
  for (std::size_t i = 0; i < clients.size(); ++i) {
    if (polled[i].revents != 0) count += clients[i]->receive(false);
  }
  return count;
}

bool is_over(const Options& options, Clock::time_point start) {
  return Seconds(Clock::now() - start).count() > options.max_seconds;
}

void drain(const Options& options, Clients& clients, Clock::time_point start) {
  const auto waiting = [&clients] {
    return std::any_of(clients.begin(), clients.end(),
                       [](const auto& client) { return client->waiting() > 0; });
  };
  while (waiting() && !is_over(options, start)) {
    receive_any(clients, std::chrono::milliseconds(20));
    for (const auto& client : clients) client->expire(Clock::now());
  }
  for (const auto& client : clients) client->give_up_all();
}

/// Keeps `outstanding` questions on their way until `count` have been asked.
void run_closed(const Options& options, Clients& clients, Clock::time_point start) {
  const unsigned share = std::max(1u, options.outstanding / static_cast<unsigned>(clients.size()));
  std::uint64_t next = 0;
  for (unsigned round = 0; next < options.count && !is_over(options, start); ++round) {
    for (const auto& client : clients) {
      while (client->waiting() < share && next < options.count) {
        next += client->send(
            next, 1, std::min<std::uint64_t>(share - client->waiting(), options.count - next));
      }
    }
    const unsigned received = receive_any(clients, std::chrono::milliseconds(100));
    if (received == 0 || round % 1024 == 0) {
      for (const auto& client : clients) client->expire(Clock::now());
    }
  }
  drain(options, clients, start);
}

/// Asks at a fixed rate, whatever comes back.
void run_open(const Options& options, Clients& clients, Outcome& outcome, Clock::time_point start) {
  const auto interval = std::chrono::duration_cast<Clock::duration>(Seconds(1 / options.rate));
  for (std::uint64_t next = 0; next < options.count && !is_over(options, start);) {
    const auto due = start + interval * next;
    const auto now = Clock::now();
    if (now < due) {
      receive_any(clients,
                  std::min<std::chrono::nanoseconds>(due - now, std::chrono::milliseconds(50)));
      continue;
    }
    outcome.worst_lateness_ms =
        std::max(outcome.worst_lateness_ms, Seconds(now - due).count() * 1000);
    next += clients[next % clients.size()]->send(next, 1, 1);
    if (next % 64 == 0) {
      for (const auto& client : clients) client->expire(now);
    }
  }
  drain(options, clients, start);
}

/// Sends everything back to back.
void run_burst(const Options& options, Clients& clients, Clock::time_point start) {
  for (std::uint64_t next = 0; next < options.count;) {
    next += clients[next / batch_size % clients.size()]->send(next, 1, options.count - next);
  }
  drain(options, clients, start);
}

nlohmann::json latency_summary(std::vector<float> values) {
  if (values.empty()) return nullptr;
  std::sort(values.begin(), values.end());
  const auto at = [&values](double share) {
    const auto rank =
        static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
    return values[std::clamp<std::size_t>(rank, 1, values.size()) - 1];
  };
  return {{"min", values.front()}, {"p50", at(0.5)},    {"p95", at(0.95)},
          {"p99", at(0.99)},       {"p999", at(0.999)}, {"max", values.back()}};
}

nlohmann::json to_json(const Outcome& outcome, double seconds) {
  nlohmann::json rcodes = nlohmann::json::object();
  std::uint64_t failed = outcome.unanswered;
  for (std::size_t rcode = 0; rcode < outcome.rcodes.size(); ++rcode) {
    const std::uint64_t count = outcome.rcodes[rcode];
    if (count == 0) continue;
    rcodes[std::to_string(rcode)] = count;
    if (rcode != rcode_noerror) failed += count;
  }
  nlohmann::json extended = nlohmann::json::object();
  for (const auto& [code, count] : outcome.extended_errors) extended[std::to_string(code)] = count;
  nlohmann::json timeline = nlohmann::json::array();
  for (const auto& second : outcome.timeline) {
    timeline.push_back(
        {{"sent", second.sent}, {"failed", second.failed}, {"max_ms", second.max_ms}});
  }
  nlohmann::json result = {{"sent", outcome.sent},
                           {"answered", outcome.answered},
                           {"unanswered", outcome.unanswered},
                           {"failed", failed},
                           {"wrong", outcome.wrong},
                           {"unexpected", outcome.unexpected},
                           {"truncated", outcome.truncated},
                           {"rcodes", rcodes},
                           {"extended_errors", extended},
                           {"seconds", seconds},
                           {"per_second", static_cast<double>(outcome.answered) / seconds},
                           {"latency_ms", latency_summary(outcome.latencies_ms)},
                           {"after_first_max_ms", outcome.after_first_max_ms},
                           {"client_lateness_ms", outcome.worst_lateness_ms},
                           {"timeline", timeline}};
  if (outcome.first_ms) result["first_ms"] = *outcome.first_ms;
  return result;
}

nlohmann::json cost(const ProcessUsage& before, const ProcessUsage& after, std::uint64_t answered) {
  const double queries = std::max<double>(1, static_cast<double>(answered));
  const double cpu = after.cpu_seconds - before.cpu_seconds;
  const double user = after.user_seconds - before.user_seconds;
  const double system = after.system_seconds - before.system_seconds;
  const double user_share = user + system > 0 ? user / (user + system) : 0;
  return {{"cpu_s", cpu},
          {"cpu_us_per_query", cpu * 1e6 / queries},
          {"user_us_per_query", cpu * user_share * 1e6 / queries},
          {"rss_kb_before", before.rss_kb},
          {"rss_kb", after.rss_kb},
          {"pss_kb", after.pss_kb}};
}

nlohmann::json run_load(const Options& options) {
  const Questions questions(options);
  Outcome outcome;
  outcome.latencies_ms.reserve(options.count);
  Clients clients;
  for (unsigned i = 0; i < options.ports; ++i) {
    clients.push_back(std::make_unique<Client>(options, questions, outcome));
  }
  const ProcessUsage before = options.pid != 0 ? read_usage(options.pid) : ProcessUsage{};
  const auto start = Clock::now();
  for (const auto& client : clients) client->set_start(start);
  if (options.mode == "closed")
    run_closed(options, clients, start);
  else if (options.mode == "open")
    run_open(options, clients, outcome, start);
  else if (options.mode == "burst")
    run_burst(options, clients, start);
  else
    throw std::runtime_error("--mode is closed, open, burst or start");
  const double seconds = Seconds(Clock::now() - start).count();
  nlohmann::json result = to_json(outcome, seconds);
  if (options.pid != 0) result["server"] = cost(before, read_usage(options.pid), outcome.answered);
  return result;
}

pid_t start_server(const Options& options) {
  std::vector<char*> arguments;
  for (const auto& argument : options.command)
    arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const pid_t child = fork();
  if (child != 0) return child;
  if (options.server_core >= 0) {
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(options.server_core, &cores);
    sched_setaffinity(0, sizeof cores, &cores);
  }
  const int null = open("/dev/null", O_RDWR);
  for (const int fd : {0, 1, 2}) dup2(null, fd);
  execvp(arguments[0], arguments.data());
  _exit(127);
}

/// Starts the server and asks every 200 microseconds until it answers; ends it again.
nlohmann::json run_start(const Options& options) {
  if (options.command.empty()) throw std::runtime_error("--mode start needs a command after --");
  const auto query = make_query(options.prefix + "-000000." + options.zone, type_a, false);
  const auto begin = Clock::now();
  const pid_t child = start_server(options);
  const int fd = open_socket(options);
  std::optional<double> first_ms;
  std::array<std::uint8_t, buffer_size> buffer{};
  while (!first_ms && Seconds(Clock::now() - begin).count() < options.timeout) {
    send(fd, query.data(), query.size(), MSG_DONTWAIT);
    pollfd polled{fd, POLLIN, 0};
    const timespec wait = {0, 200'000};
    ppoll(&polled, 1, &wait, nullptr);
    const auto size = recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    // A refused packet makes the socket readable at once; do not spin on it.
    if (size < 0 && polled.revents != 0) usleep(200);
    if (size >= static_cast<ssize_t>(header_size) && (buffer[3] & 0x0f) == rcode_noerror) {
      first_ms = Seconds(Clock::now() - begin).count() * 1000;
    }
  }
  kill(child, SIGTERM);
  bool ended = false;
  for (int i = 0; i < 200 && !ended; ++i) {
    ended = waitpid(child, nullptr, WNOHANG) == child;
    if (!ended) usleep(10'000);
  }
  if (!ended) {
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
  }
  close(fd);
  nlohmann::json result = {{"ended_by_sigterm", ended}};
  if (first_ms) result["first_answer_ms"] = *first_ms;
  return result;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("DNS load generator without retransmission");
  Options options;
  app.add_option("--server", options.server, "IPv4 address");
  app.add_option("--port", options.port);
  app.add_option("--mode", options.mode, "closed, open, burst or start");
  app.add_option("--count", options.count, "questions to ask");
  app.add_option("--outstanding", options.outstanding, "closed: questions on their way");
  app.add_option("--rate", options.rate, "open: questions per second");
  app.add_option("--ports", options.ports, "source ports")->check(CLI::Range(1, 1024));
  app.add_option("--distinct", options.distinct, "different names")
      ->check(CLI::Range(1, 10'000'000));
  app.add_option("--first", options.first, "number of the first name");
  app.add_option("--order", options.order, "sequential, random or zipf");
  app.add_option("--zipf", options.zipf, "exponent");
  app.add_option("--prefix", options.prefix, "names are PREFIX-000000.ZONE");
  app.add_option("--zone", options.zone);
  app.add_option("--file", options.file, "names, one a line, instead of made ones");
  app.add_option("--timeout", options.timeout, "seconds until a question counts as failed");
  app.add_option("--max-seconds", options.max_seconds, "end of the run in any case");
  app.add_flag("--edns", options.edns, "send EDNS, count extended errors");
  app.add_flag("--verify", options.verify, "check the addresses in the answers");
  app.add_option("--seed", options.seed);
  app.add_option("--pid", options.pid, "server process whose cost is reported");
  app.add_option("--server-core", options.server_core, "start: processor that the server gets");
  app.add_option("command", options.command, "start: the server's command line");
  CLI11_PARSE(app, argc, argv);
  prctl(PR_SET_TIMERSLACK, 1);
  try {
    const auto result = options.mode == "start" ? run_start(options) : run_load(options);
    std::cout << result.dump() << '\n';
  } catch (const std::exception& error) {
    std::cerr << "dns_load: " << error.what() << '\n';
    return 1;
  }
}
