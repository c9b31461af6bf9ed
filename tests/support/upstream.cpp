#include "tests/support/upstream.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <deque>
#include <functional>
#include <mutex>
#include <queue>
#include <random>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>

namespace dnscache::test {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t batch_size = 64;
constexpr std::size_t datagram_size = 4096;
constexpr std::size_t remembered = 10000;
constexpr std::uint16_t our_payload_size = 4096;

/// A file descriptor that is closed once.
class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() {
    if (fd_ >= 0) close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

[[noreturn]] void throw_errno(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

Fd open_socket(const Address& address, int type) {
  sockaddr_storage storage{};
  const auto length = address.to_sockaddr(storage);
  Fd fd(socket(storage.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) throw_errno("socket");
  const int on = 1;
  if (type == SOCK_STREAM) setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (storage.ss_family == AF_INET6) {
    setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  }
  const int buffer = 4 << 20;
  if (type == SOCK_DGRAM) setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&storage), length) != 0) {
    throw_errno("test upstream: cannot bind " + address.to_text());
  }
  if (type == SOCK_STREAM && listen(fd.get(), 128) != 0) throw_errno("listen");
  return fd;
}

Address local_address(int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &length) != 0)
    throw_errno("getsockname");
  return Address::from_sockaddr(storage);
}

/// A query as far as the reply needs it: views into the packet.
struct Asked {
  std::uint16_t id = 0;
  std::uint16_t flags = 0;
  std::string name;  ///< lower case
  std::string name_as_sent;
  std::uint16_t type = 0;
  std::uint16_t qclass = 0;
  const std::uint8_t* question = nullptr;
  std::size_t question_size = 0;  ///< bytes, type and class included
  std::optional<Edns> edns;
};

std::uint16_t read_u16(const std::uint8_t* at) {
  return static_cast<std::uint16_t>(at[0] << 8 | at[1]);
}

/// Nothing unless it is a query with exactly one question and at most an OPT record.
std::optional<Asked> read_query(const std::uint8_t* data, std::size_t size) {
  if (size < 12 || (data[2] & 0x80) != 0 || read_u16(data + 4) != 1) return std::nullopt;
  Asked out;
  out.id = read_u16(data);
  out.flags = read_u16(data + 2);
  std::size_t at = 12;
  while (at < size && data[at] != 0) {
    const std::size_t length = data[at];
    if (length > 63 || at + length >= size) return std::nullopt;
    if (!out.name_as_sent.empty()) out.name_as_sent += '.';
    for (std::size_t i = at + 1; i <= at + length; ++i) {
      if (data[i] == '.' || data[i] == '\\') out.name_as_sent += '\\';
      out.name_as_sent += static_cast<char>(data[i]);
    }
    at += length + 1;
  }
  if (at + 5 > size) return std::nullopt;
  if (out.name_as_sent.empty()) out.name_as_sent = ".";
  out.name = lower_case(out.name_as_sent);
  out.type = read_u16(data + at + 1);
  out.qclass = read_u16(data + at + 3);
  out.question = data + 12;
  out.question_size = at + 5 - 12;
  at += 5;
  if (read_u16(data + 10) != 0) {
    if (at + 11 > size || data[at] != 0 || read_u16(data + at + 1) != type_opt) return std::nullopt;
    const std::size_t options = read_u16(data + at + 9);
    if (at + 11 + options > size) return std::nullopt;
    out.edns = Edns{read_u16(data + at + 3), data[at + 6], (data[at + 7] & 0x80) != 0,
                    Bytes(data + at + 11, data + at + 11 + options)};
  }
  return out;
}

std::string parent_of(const std::string& name) {
  const auto dot = name.find('.');
  return dot == std::string::npos || dot + 1 == name.size() ? "." : name.substr(dot + 1);
}

/// Writes the reply to one question as a Behaviour wants it.
class ReplyWriter {
 public:
  ReplyWriter(const Asked& asked, const Behaviour& behaviour, bool honest, std::mt19937_64& random)
      : asked_(asked), how_(behaviour), lying_(!honest), random_(random) {}

  Bytes udp() {
    const std::size_t limit =
        asked_.edns ? std::max<std::size_t>(512, asked_.edns->payload_size) : 512;
    Bytes reply = write(how_.truncate);
    if (reply.size() > limit) reply = write(true);
    return reply;
  }
  Bytes tcp() { return write(false); }

 private:
  Bytes write(bool truncated) {
    out_ = Writer{};
    out_.bytes.reserve(512);
    answers_ = authority_ = additional_ = 0;
    if (lying_ && how_.runt) return {0, 1, 2, 3, 4};
    header(truncated);
    if (lying_ && how_.garbage) return garbage();
    question();
    if (rejects_edns()) return finish(formerr, false);
    if (lying_ && how_.pointer_loop) return pointer_loop();
    if (!truncated) body();
    return finish(how_.rcode, asked_.edns && !how_.no_edns);
  }

  bool rejects_edns() const { return how_.no_edns && asked_.edns; }

  void header(bool truncated) {
    const bool wrong_id = lying_ && how_.wrong_id;
    out_.u16(wrong_id ? static_cast<std::uint16_t>(asked_.id + 1) : asked_.id);
    unsigned flags =
        flag_qr | flag_ra | (asked_.flags & (flag_rd | flag_cd)) | (asked_.flags & 0x7800);
    if (lying_ && how_.query_bit) flags &= ~unsigned{flag_qr};
    if (truncated) flags |= flag_tc;
    if (how_.authentic) flags |= flag_ad;
    out_.u16(static_cast<std::uint16_t>(flags));
    out_.u16(1);
    out_.u16(0);
    out_.u16(0);
    out_.u16(0);
  }

  void question() {
    if (lying_ && how_.no_question) {
      out_.u16_at(4, 0);
      return;
    }
    const auto start = out_.bytes.size();
    if (lying_ && how_.wrong_question) {
      out_.name("wrong.question.invalid");
      out_.u16(asked_.type);
      out_.u16(asked_.qclass);
      return;
    }
    out_.bytes.insert(out_.bytes.end(), asked_.question, asked_.question + asked_.question_size);
    if (lying_ && how_.lower_case) {
      for (auto i = start; i < out_.bytes.size() - 4; ++i) {
        if (out_.bytes[i] >= 'A' && out_.bytes[i] <= 'Z') out_.bytes[i] += 'a' - 'A';
      }
    }
    if (lying_ && how_.wrong_type) {
      out_.u16_at(out_.bytes.size() - 4, static_cast<std::uint16_t>(asked_.type + 1));
    }
  }

  Bytes garbage() {
    for (int i = 0; i < 60; ++i) out_.u8(static_cast<std::uint8_t>(random_()));
    return std::move(out_.bytes);
  }

  Bytes pointer_loop() {
    out_.u16(static_cast<std::uint16_t>(0xc000 | out_.bytes.size()));
    out_.u16(type_a);
    out_.u16(1);
    out_.u32(300);
    out_.u16(4);
    out_.u32(0x7f000001);
    ++answers_;
    return finish(noerror, false);
  }

  void body() {
    const bool has_data = how_.rcode == noerror && how_.has_data;
    std::string owner = has_data || how_.chain != 0 || !how_.alias.empty() ? aliases() : "";
    if (has_data && !how_.alias_only) {
      data(owner);
    } else if ((how_.rcode == noerror || how_.rcode == nxdomain) && !how_.alias_only && how_.soa) {
      soa();
    }
    if (lying_ && how_.bad_length && answers_ != 0) {
      out_.bytes.resize(out_.bytes.size() - 2);
    }
    if (!how_.poison.empty()) poison();
  }

  /// Writes the CNAMEs and returns the owner of the data; empty stands for the question's name.
  std::string aliases() {
    std::string owner;
    if (!how_.alias.empty()) {
      record(owner, type_cname, encoded(how_.alias));
      owner = how_.alias;
    }
    for (unsigned i = 1; i <= how_.chain; ++i) {
      const std::string target = "cname" + std::to_string(i) + "." + asked_.name;
      record(owner, type_cname, encoded(target));
      owner = target;
    }
    return owner;
  }

  void data(const std::string& owner) {
    const std::string& name = owner.empty() ? asked_.name : owner;
    const bool is_address = asked_.type == type_a || asked_.type == type_aaaa;
    if (is_address && !how_.addresses.empty()) {
      for (const auto& address : how_.addresses) record(owner, asked_.type, address_bytes(address));
      return;
    }
    for (unsigned i = 0; i < how_.records; ++i) {
      const auto type = asked_.type == type_any ? std::uint16_t{type_a} : asked_.type;
      record(owner, type, rdata(name, type, i));
    }
  }

  Bytes rdata(const std::string& name, std::uint16_t type, unsigned index) {
    Writer out;
    switch (type) {
      case type_a:
      case type_aaaa:
        return address_bytes(address_of(name, type, index));
      case type_txt:
        return text(index);
      case type_mx:
        out.u16(static_cast<std::uint16_t>(10 + index));
        out.name("mail" + std::to_string(index) + "." + asked_.name);
        break;
      case type_srv:
        out.u16(10);
        out.u16(20);
        out.u16(static_cast<std::uint16_t>(8000 + index));
        out.name("server" + std::to_string(index) + "." + asked_.name);
        break;
      case type_ns:
        out.name("ns" + std::to_string(index) + "." + asked_.name);
        break;
      case type_cname:
      case type_ptr:
        out.name("target" + std::to_string(index) + "." + parent_of(asked_.name));
        break;
      case type_soa:
        return soa_data();
      default:
        out.u32(static_cast<std::uint32_t>(name_hash(name) + index));
    }
    return std::move(out.bytes);
  }

  Bytes text(unsigned index) const {
    Bytes out;
    for (unsigned written = 0; written < how_.text_bytes || written == 0;) {
      const unsigned length = std::min(255u, how_.text_bytes - written);
      out.push_back(static_cast<std::uint8_t>(length));
      for (unsigned i = 0; i < length; ++i) {
        out.push_back(static_cast<std::uint8_t>('a' + (written + i + index) % 26));
      }
      written += std::max(1u, length);
    }
    return out;
  }

  void soa() {
    ++authority_;
    out_.name(parent_of(asked_.name));
    fixed_part(type_soa, how_.soa_ttl, soa_data());
  }

  Bytes soa_data() const {
    Writer out;
    out.name("ns." + std::string("test"));
    out.name("hostmaster.test");
    for (const std::uint32_t value : {1u, 3600u, 600u, 86400u}) out.u32(value);
    out.u32(how_.soa_ttl);
    return std::move(out.bytes);
  }

  void poison() {
    const Bytes address{203, 0, 113, 66};
    ++answers_;  // behind the true records, before the other sections
    if (authority_ != 0) --answers_;
    if (authority_ == 0) {
      out_.name(how_.poison);
      fixed_part(type_a, 3600, address);
    }
    ++authority_;
    out_.name(parent_of(asked_.name));
    fixed_part(type_ns, 3600, encoded(how_.poison));
    ++authority_;
    out_.name(how_.poison);
    fixed_part(type_a, 3600, address);
    ++additional_;
    out_.name(how_.poison);
    fixed_part(type_a, 3600, address);
  }

  void record(const std::string& owner, std::uint16_t type, const Bytes& data) {
    if (owner.empty() && !(lying_ && how_.no_question)) {
      out_.u16(0xc00c);
    } else {
      out_.name(owner.empty() ? asked_.name : owner);
    }
    fixed_part(type, answers_ < how_.ttls.size() ? how_.ttls[answers_] : how_.ttl, data);
    ++answers_;
  }

  void fixed_part(std::uint16_t type, std::uint32_t ttl, const Bytes& data) {
    out_.u16(type);
    out_.u16(asked_.qclass);
    out_.u32(ttl);
    out_.u16(static_cast<std::uint16_t>(data.size()));
    out_.append(data);
  }

  Bytes finish(Rcode rcode, bool with_opt) {
    if (with_opt) {
      out_.u8(0);
      out_.u16(type_opt);
      out_.u16(our_payload_size);
      out_.u16(0);
      out_.u16(asked_.edns->dnssec_ok ? 0x8000 : 0);
      out_.u16(0);
      ++additional_;
    }
    out_.bytes[3] = static_cast<std::uint8_t>((out_.bytes[3] & 0xf0) | (rcode & 15));
    out_.u16_at(6, answers_);
    out_.u16_at(8, authority_);
    out_.u16_at(10, additional_);
    return std::move(out_.bytes);
  }

  static Bytes encoded(std::string_view name) {
    Writer out;
    out.name(name);
    return std::move(out.bytes);
  }

  static Bytes address_bytes(const std::string& text) {
    Bytes out(16);
    if (inet_pton(AF_INET, text.c_str(), out.data()) == 1) {
      out.resize(4);
    } else if (inet_pton(AF_INET6, text.c_str(), out.data()) != 1) {
      throw std::invalid_argument("not an address: " + text);
    }
    return out;
  }

  const Asked& asked_;
  const Behaviour& how_;
  bool lying_;
  std::mt19937_64& random_;
  Writer out_;
  std::uint16_t answers_ = 0;
  std::uint16_t authority_ = 0;
  std::uint16_t additional_ = 0;
};

bool is_lie(const Behaviour& how) {
  return how.wrong_id || how.wrong_question || how.wrong_type || how.lower_case ||
         how.no_question || how.query_bit || how.wrong_port || how.garbage || how.runt ||
         how.pointer_loop || how.bad_length;
}

/// The highest number of events in any second, in steps of 0.1 s.
class PeakRate {
 public:
  void add(Clock::time_point now, std::uint64_t count) {
    const auto slot = now.time_since_epoch() / milliseconds(100);
    const auto gap = std::min<std::int64_t>(slot - slot_, static_cast<std::int64_t>(slots_.size()));
    for (std::int64_t i = 1; i <= gap; ++i) {
      auto& old = slots_[static_cast<std::size_t>(slot - gap + i) % slots_.size()];
      sum_ -= old;
      old = 0;
    }
    slot_ = slot;
    slots_[static_cast<std::size_t>(slot) % slots_.size()] += count;
    sum_ += count;
    peak_ = std::max(peak_, sum_);
  }
  std::uint64_t peak() const { return peak_; }

 private:
  std::array<std::uint64_t, 10> slots_{};
  std::int64_t slot_ = 0;
  std::uint64_t sum_ = 0;
  std::uint64_t peak_ = 0;
};

}  // namespace

/// The thread, its sockets and its books.
class TestUpstream::Worker {
 public:
  explicit Worker(Options options);
  ~Worker();

  std::vector<Address> addresses;

  // Guarded by mutex.
  mutable std::mutex mutex;
  struct Rule {
    Behaviour behaviour;
    unsigned dropped = 0;
  };
  Rule fallback;
  std::unordered_map<std::string, std::map<std::uint16_t, Rule>> exact;
  std::unordered_map<std::string, std::map<std::uint16_t, Rule>> below;
  Counts counts;
  PeakRate rate;
  std::unordered_map<std::string, std::map<std::uint16_t, std::uint64_t>> by_name;
  std::deque<Seen> seen;

 private:
  struct Listener {
    Fd udp;
    Fd tcp;
    Fd other_port;
  };
  struct Connection {
    Fd fd;
    Bytes input;
    Bytes output;
    std::vector<Bytes> held;  ///< for tcp_reverse
    Clock::time_point busy_until{};
    unsigned answered = 0;
    std::optional<unsigned> close_after;
  };
  struct Timed {
    Clock::time_point due;
    std::uint64_t order;
    std::function<void()> run;
    bool operator<(const Timed& other) const {
      return std::pair(due, order) > std::pair(other.due, other.order);
    }
  };
  struct Packet {
    Bytes bytes;
    sockaddr_storage to;
    socklen_t length;
  };

  void run();
  void watch(int fd, std::uint32_t events, std::uint64_t key);
  void wait_once();
  void run_due();
  void after(milliseconds delay, std::function<void()> action);

  void receive(Listener& listener);
  void on_datagram(Listener& listener, const std::uint8_t* data, std::size_t size,
                   const msghdr& from);
  void send_reply(Listener& listener, Bytes reply, const sockaddr_storage& to, socklen_t length,
                  milliseconds delay, bool other_port);
  void flush(Listener& listener);

  void accept_all(Listener& listener);
  void read_connection(std::uint64_t id);
  bool read_input(Connection& connection);
  void on_question(std::uint64_t id, const std::uint8_t* data, std::size_t size);
  void write_reply(std::uint64_t id, const Bytes& reply, const Behaviour& how);
  void write_bytes(std::uint64_t id, const Bytes& bytes);
  void count_answer(std::uint64_t id);
  void close_connection(std::uint64_t id) { connections_.erase(id); }

  Rule& rule_for(const Asked& asked);
  static Rule* find(std::map<std::uint16_t, Rule>& rules, std::uint16_t type);
  /// Nothing when the packet is to be dropped; notes it in the books. Called with the mutex held.
  std::optional<Behaviour> decide(const Asked& asked, std::uint16_t source_port, bool tcp);

  static constexpr std::uint64_t stop_key = ~0ull;
  static constexpr std::uint64_t connection_base = 1ull << 32;

  Options options_;
  std::vector<Listener> listeners_;
  Fd epoll_{epoll_create1(EPOLL_CLOEXEC)};
  Fd stop_{eventfd(0, EFD_CLOEXEC)};
  std::atomic<bool> stopping_{false};
  std::mt19937_64 random_;
  std::priority_queue<Timed> timers_;
  std::uint64_t timer_order_ = 0;
  std::unordered_map<std::uint64_t, Connection> connections_;
  std::uint64_t next_connection_ = connection_base;
  std::vector<Packet> outgoing_;
  std::vector<std::array<std::uint8_t, datagram_size>> buffers_{batch_size};
  std::thread thread_;
};

TestUpstream::Worker::Worker(Options options)
    : options_(std::move(options)), random_(options_.seed) {
  for (const auto& wanted : options_.listen) {
    // A free UDP port may be taken for TCP, so a wish for any port is tried a few times.
    for (int attempt = 0;; ++attempt) {
      Listener listener;
      listener.udp = open_socket(wanted, SOCK_DGRAM);
      const Address bound = local_address(listener.udp.get());
      try {
        if (options_.tcp) listener.tcp = open_socket(bound, SOCK_STREAM);
      } catch (const std::system_error&) {
        if (wanted.port != 0 || attempt == 20) throw;
        continue;
      }
      listener.other_port = open_socket(Address{bound.host, 0}, SOCK_DGRAM);
      addresses.push_back(bound);
      listeners_.push_back(std::move(listener));
      break;
    }
  }
  for (std::size_t i = 0; i < listeners_.size(); ++i) {
    watch(listeners_[i].udp.get(), EPOLLIN, 2 * i);
    if (options_.tcp) watch(listeners_[i].tcp.get(), EPOLLIN, 2 * i + 1);
  }
  watch(stop_.get(), EPOLLIN, stop_key);
  thread_ = std::thread([this] { run(); });
}

TestUpstream::Worker::~Worker() {
  stopping_ = true;
  const std::uint64_t one = 1;
  if (write(stop_.get(), &one, sizeof one) < 0) std::abort();
  thread_.join();
}

void TestUpstream::Worker::watch(int fd, std::uint32_t events, std::uint64_t key) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = key;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) throw_errno("epoll_ctl");
}

void TestUpstream::Worker::run() {
  while (!stopping_) {
    wait_once();
    run_due();
  }
}

void TestUpstream::Worker::wait_once() {
  int timeout = -1;
  if (!timers_.empty()) {
    const auto left = std::chrono::ceil<milliseconds>(timers_.top().due - Clock::now()).count();
    timeout = static_cast<int>(std::max<std::int64_t>(0, left));
  }
  std::array<epoll_event, 64> events{};
  const int count =
      epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), timeout);
  for (int i = 0; i < count; ++i) {
    const auto key = events[static_cast<std::size_t>(i)].data.u64;
    if (key == stop_key) continue;
    if (key >= connection_base) {
      read_connection(key);
    } else if (key % 2 == 0) {
      receive(listeners_[key / 2]);
    } else {
      accept_all(listeners_[key / 2]);
    }
  }
}

void TestUpstream::Worker::run_due() {
  while (!timers_.empty() && timers_.top().due <= Clock::now()) {
    auto action = timers_.top().run;
    timers_.pop();
    action();
  }
}

void TestUpstream::Worker::after(milliseconds delay, std::function<void()> action) {
  timers_.push({Clock::now() + delay, timer_order_++, std::move(action)});
}

TestUpstream::Worker::Rule* TestUpstream::Worker::find(std::map<std::uint16_t, Rule>& rules,
                                                       std::uint16_t type) {
  if (const auto found = rules.find(type); found != rules.end()) return &found->second;
  if (const auto any = rules.find(0); any != rules.end()) return &any->second;
  return nullptr;
}

TestUpstream::Worker::Rule& TestUpstream::Worker::rule_for(const Asked& asked) {
  if (const auto found = exact.find(asked.name); found != exact.end()) {
    if (auto* rule = find(found->second, asked.type)) return *rule;
  }
  if (below.empty()) return fallback;
  for (std::string zone = asked.name;; zone = parent_of(zone)) {
    if (const auto found = below.find(zone); found != below.end()) {
      if (auto* rule = find(found->second, asked.type)) return *rule;
    }
    if (zone == ".") return fallback;
  }
}

std::optional<Behaviour> TestUpstream::Worker::decide(const Asked& asked, std::uint16_t source_port,
                                                      bool tcp) {
  ++counts.questions;
  ++(tcp ? counts.tcp : counts.udp);
  ++by_name[asked.name][asked.type];
  if (options_.remember) {
    if (seen.size() == remembered) seen.pop_front();
    Query query{asked.name_as_sent, asked.type, asked.id, asked.flags, asked.qclass, asked.edns};
    seen.push_back({std::move(query), source_port, tcp});
  }
  Rule& rule = rule_for(asked);
  const Behaviour& how = rule.behaviour;
  const bool dropped = rule.dropped < how.drop_first ||
                       (how.drop > 0 && std::uniform_real_distribution<>(0, 1)(random_) < how.drop);
  if (!dropped) return how;
  ++rule.dropped;
  ++counts.dropped;
  return std::nullopt;
}

void TestUpstream::Worker::receive(Listener& listener) {
  std::array<mmsghdr, batch_size> messages{};
  std::array<iovec, batch_size> vectors{};
  std::array<sockaddr_storage, batch_size> sources;
  for (std::size_t i = 0; i < batch_size; ++i) {
    vectors[i] = {buffers_[i].data(), datagram_size};
    auto& header = messages[i].msg_hdr;
    header.msg_iov = &vectors[i];
    header.msg_iovlen = 1;
    header.msg_name = &sources[i];
    header.msg_namelen = sizeof sources[i];
  }
  const int count = recvmmsg(listener.udp.get(), messages.data(), batch_size, 0, nullptr);
  if (count <= 0) return;
  {
    const std::lock_guard lock(mutex);
    rate.add(Clock::now(), static_cast<std::uint64_t>(count));
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
      on_datagram(listener, buffers_[i].data(), messages[i].msg_len, messages[i].msg_hdr);
    }
    counts.replies += outgoing_.size();
  }
  flush(listener);
}

void TestUpstream::Worker::on_datagram(Listener& listener, const std::uint8_t* data,
                                       std::size_t size, const msghdr& from) {
  const auto asked = read_query(data, size);
  if (!asked) {
    ++counts.malformed;
    return;
  }
  sockaddr_storage to{};
  std::memcpy(&to, from.msg_name, from.msg_namelen);
  const auto decided = decide(*asked, Address::from_sockaddr(to).port, false);
  if (!decided) return;
  const Behaviour& how = *decided;
  Bytes reply = ReplyWriter(*asked, how, false, random_).udp();
  if (how.truth_after) {
    send_reply(listener, ReplyWriter(*asked, how, true, random_).udp(), to, from.msg_namelen,
               how.delay + std::max(milliseconds(1), *how.truth_after), false);
  }
  if (how.duplicate) send_reply(listener, reply, to, from.msg_namelen, how.delay, how.wrong_port);
  send_reply(listener, std::move(reply), to, from.msg_namelen, how.delay, how.wrong_port);
}

void TestUpstream::Worker::send_reply(Listener& listener, Bytes reply, const sockaddr_storage& to,
                                      socklen_t length, milliseconds delay, bool other_port) {
  if (delay.count() == 0 && !other_port) {
    outgoing_.push_back({std::move(reply), to, length});
    return;
  }
  const int fd = other_port ? listener.other_port.get() : listener.udp.get();
  after(delay, [this, fd, reply = std::move(reply), to, length] {
    sendto(fd, reply.data(), reply.size(), 0, reinterpret_cast<const sockaddr*>(&to), length);
    const std::lock_guard lock(mutex);
    ++counts.replies;
  });
}

void TestUpstream::Worker::flush(Listener& listener) {
  std::array<mmsghdr, batch_size> messages{};
  std::array<iovec, batch_size> vectors{};
  for (std::size_t start = 0; start < outgoing_.size();) {
    const auto count = std::min(batch_size, outgoing_.size() - start);
    for (std::size_t i = 0; i < count; ++i) {
      auto& packet = outgoing_[start + i];
      vectors[i] = {packet.bytes.data(), packet.bytes.size()};
      auto& header = messages[i].msg_hdr;
      header = {};
      header.msg_iov = &vectors[i];
      header.msg_iovlen = 1;
      header.msg_name = &packet.to;
      header.msg_namelen = packet.length;
    }
    const int sent = sendmmsg(listener.udp.get(), messages.data(), static_cast<unsigned>(count), 0);
    start += sent > 0 ? static_cast<std::size_t>(sent) : 1;  // one that cannot be sent is skipped
  }
  outgoing_.clear();
}

void TestUpstream::Worker::accept_all(Listener& listener) {
  for (;;) {
    Fd fd(accept4(listener.tcp.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd.get() < 0) return;
    const int on = 1;
    setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const auto id = next_connection_++;
    watch(fd.get(), EPOLLIN, id);
    connections_[id].fd = std::move(fd);
    const std::lock_guard lock(mutex);
    ++counts.tcp_connections;
  }
}

void TestUpstream::Worker::read_connection(std::uint64_t id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  if (!read_input(found->second)) return close_connection(id);
  for (;;) {
    const auto still_there = connections_.find(id);
    if (still_there == connections_.end()) return;
    Bytes& input = still_there->second.input;
    if (input.size() < 2) return;
    const std::size_t size = read_u16(input.data());
    if (input.size() < 2 + size) return;
    const Bytes message(input.begin() + 2, input.begin() + 2 + static_cast<std::ptrdiff_t>(size));
    input.erase(input.begin(), input.begin() + 2 + static_cast<std::ptrdiff_t>(size));
    on_question(id, message.data(), message.size());
  }
}

/// False when the peer has closed the connection.
bool TestUpstream::Worker::read_input(Connection& connection) {
  for (;;) {
    std::array<std::uint8_t, 16384> buffer;
    const auto got = recv(connection.fd.get(), buffer.data(), buffer.size(), 0);
    if (got == 0) return false;
    if (got < 0) return errno == EAGAIN;
    connection.input.insert(connection.input.end(), buffer.begin(), buffer.begin() + got);
  }
}

void TestUpstream::Worker::on_question(std::uint64_t id, const std::uint8_t* data,
                                       std::size_t size) {
  const auto asked = read_query(data, size);
  std::optional<Behaviour> decided;
  {
    const std::lock_guard lock(mutex);
    rate.add(Clock::now(), 1);
    if (!asked) {
      ++counts.malformed;
      return;
    }
    decided = decide(*asked, 0, true);
    if (!decided || decided->tcp_silent) return;
    if (decided->tcp_close_after != 0u) ++counts.replies;
  }
  const Behaviour& how = *decided;
  if (how.tcp_close_after == 0u) return close_connection(id);
  auto& connection = connections_.at(id);
  connection.close_after = how.tcp_close_after;
  const Bytes reply = ReplyWriter(*asked, how, !is_lie(how), random_).tcp();
  const std::size_t promised = reply.size() + (how.tcp_wrong_length ? 100 : 0);
  Writer prefix;
  prefix.u16(static_cast<std::uint16_t>(promised));
  prefix.append(reply);
  Bytes framed = std::move(prefix.bytes);
  if (how.tcp_reverse) {
    if (connection.held.empty()) {
      after(how.delay + milliseconds(30), [this, id, how] {
        const auto found = connections_.find(id);
        if (found == connections_.end()) return;
        auto held = std::exchange(found->second.held, {});
        for (auto it = held.rbegin(); it != held.rend(); ++it) write_reply(id, *it, how);
      });
    }
    connection.held.push_back(std::move(framed));
    return;
  }
  if (how.delay.count() != 0) {
    after(how.delay, [this, id, framed = std::move(framed), how] { write_reply(id, framed, how); });
    return;
  }
  write_reply(id, framed, how);
}

void TestUpstream::Worker::write_reply(std::uint64_t id, const Bytes& reply, const Behaviour& how) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  if (how.tcp_split == 0) {
    write_bytes(id, reply);
    count_answer(id);
    return;
  }
  const auto now = Clock::now();
  auto at = std::max(now, found->second.busy_until);
  for (std::size_t start = 0; start < reply.size(); start += how.tcp_split) {
    const auto end = std::min(reply.size(), start + how.tcp_split);
    Bytes piece(reply.begin() + static_cast<std::ptrdiff_t>(start),
                reply.begin() + static_cast<std::ptrdiff_t>(end));
    at += milliseconds(1);
    timers_.push({at, timer_order_++, [this, id, piece] { write_bytes(id, piece); }});
  }
  timers_.push({at, timer_order_++, [this, id] { count_answer(id); }});
  found->second.busy_until = at;
}

void TestUpstream::Worker::write_bytes(std::uint64_t id, const Bytes& bytes) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  auto& connection = found->second;
  connection.output.insert(connection.output.end(), bytes.begin(), bytes.end());
  const auto sent =
      send(connection.fd.get(), connection.output.data(), connection.output.size(), MSG_NOSIGNAL);
  if (sent > 0)
    connection.output.erase(connection.output.begin(), connection.output.begin() + sent);
  if (sent < 0 && errno != EAGAIN) return close_connection(id);
  if (!connection.output.empty()) after(milliseconds(1), [this, id] { write_bytes(id, {}); });
}

void TestUpstream::Worker::count_answer(std::uint64_t id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  ++found->second.answered;
  if (found->second.close_after && found->second.answered >= *found->second.close_after) {
    close_connection(id);
  }
}

TestUpstream::TestUpstream() : TestUpstream(Options{}) {}
TestUpstream::TestUpstream(Options options)
    : worker_(std::make_unique<Worker>(std::move(options))) {}
TestUpstream::~TestUpstream() = default;

const Address& TestUpstream::address(std::size_t index) const {
  return worker_->addresses.at(index);
}

void TestUpstream::set(const Behaviour& behaviour) {
  const std::lock_guard lock(worker_->mutex);
  worker_->fallback = {behaviour, 0};
}

void TestUpstream::set(std::string_view name, std::uint16_t type, const Behaviour& behaviour) {
  const bool is_zone = name.starts_with("*.");
  const std::string key = lower_case(is_zone ? name.substr(2) : name);
  const std::lock_guard lock(worker_->mutex);
  (is_zone ? worker_->below : worker_->exact)[key][type] = {behaviour, 0};
}

void TestUpstream::clear_rules() {
  const std::lock_guard lock(worker_->mutex);
  worker_->exact.clear();
  worker_->below.clear();
}

Counts TestUpstream::counts() const {
  const std::lock_guard lock(worker_->mutex);
  Counts out = worker_->counts;
  out.peak_per_second = worker_->rate.peak();
  return out;
}

std::uint64_t TestUpstream::count(std::string_view name, std::uint16_t type) const {
  const std::lock_guard lock(worker_->mutex);
  const auto found = worker_->by_name.find(lower_case(name));
  if (found == worker_->by_name.end()) return 0;
  std::uint64_t sum = 0;
  for (const auto& [asked_type, count] : found->second) {
    if (type == 0 || type == asked_type) sum += count;
  }
  return sum;
}

std::map<std::string, std::uint64_t> TestUpstream::names() const {
  const std::lock_guard lock(worker_->mutex);
  std::map<std::string, std::uint64_t> out;
  for (const auto& [name, types] : worker_->by_name) {
    for (const auto& [type, count] : types) out[name] += count;
  }
  return out;
}

std::vector<Seen> TestUpstream::seen() const {
  const std::lock_guard lock(worker_->mutex);
  return {worker_->seen.begin(), worker_->seen.end()};
}

void TestUpstream::reset_counts() {
  const std::lock_guard lock(worker_->mutex);
  worker_->counts = {};
  worker_->rate = {};
  worker_->by_name.clear();
  worker_->seen.clear();
}

namespace {

double number(std::string_view word, std::string_view value, double low, double high) {
  double out = 0;
  const auto result = std::from_chars(value.data(), value.data() + value.size(), out);
  if (value.empty() || result.ec != std::errc{} || result.ptr != value.data() + value.size() ||
      out < low || out > high) {
    throw std::invalid_argument(std::string(word) + " wants a number");
  }
  return out;
}

bool is_number(std::string_view word) { return !word.empty() && word[0] >= '0' && word[0] <= '9'; }

std::vector<std::string> split(std::string_view text, std::string_view separators) {
  std::vector<std::string> out;
  for (std::size_t at = text.find_first_not_of(separators); at != std::string_view::npos;
       at = text.find_first_not_of(separators, at)) {
    const auto end = text.find_first_of(separators, at);
    out.emplace_back(text.substr(at, end - at));
    at = end == std::string_view::npos ? text.size() : end;
  }
  return out;
}

void apply_word(Behaviour& how, std::string_view word, std::string_view value) {
  constexpr double large = 4294967295.0;
  const auto count = [&] { return static_cast<unsigned>(number(word, value, 0, large)); };
  const auto time = [&] { return milliseconds(count()); };
  static const std::map<std::string_view, bool Behaviour::*> switches = {
      {"truncate", &Behaviour::truncate},
      {"no-edns", &Behaviour::no_edns},
      {"duplicate", &Behaviour::duplicate},
      {"wrong-id", &Behaviour::wrong_id},
      {"wrong-question", &Behaviour::wrong_question},
      {"wrong-type", &Behaviour::wrong_type},
      {"lower-case", &Behaviour::lower_case},
      {"no-question", &Behaviour::no_question},
      {"query-bit", &Behaviour::query_bit},
      {"wrong-port", &Behaviour::wrong_port},
      {"garbage", &Behaviour::garbage},
      {"runt", &Behaviour::runt},
      {"pointer-loop", &Behaviour::pointer_loop},
      {"bad-length", &Behaviour::bad_length},
      {"tcp-reverse", &Behaviour::tcp_reverse},
      {"tcp-silent", &Behaviour::tcp_silent},
      {"tcp-wrong-length", &Behaviour::tcp_wrong_length},
      {"authentic", &Behaviour::authentic},
      {"alias-only", &Behaviour::alias_only}};
  static const std::map<std::string_view, Rcode> rcodes = {{"formerr", formerr},
                                                           {"servfail", servfail},
                                                           {"nxdomain", nxdomain},
                                                           {"notimp", notimp},
                                                           {"refused", refused}};
  if (const auto found = switches.find(word); found != switches.end()) {
    how.*found->second = true;
  } else if (const auto rcode = rcodes.find(word); rcode != rcodes.end()) {
    how.rcode = rcode->second;
  } else if (word == "answer") {
    how = {};
  } else if (word == "nodata") {
    how.has_data = false;
  } else if (word == "no-soa") {
    how.soa = false;
  } else if (word == "drop") {
    how.drop = value.empty() ? 1 : number(word, value, 0, 1);
  } else if (word == "drop-first") {
    how.drop_first = count();
  } else if (word == "delay") {
    how.delay = time();
  } else if (word == "truth-after") {
    how.truth_after = time();
  } else if (word == "ttl") {
    how.ttl = count();
  } else if (word == "soa-ttl") {
    how.soa_ttl = count();
  } else if (word == "records") {
    how.records = count();
  } else if (word == "text") {
    how.text_bytes = count();
  } else if (word == "chain") {
    how.chain = count();
  } else if (word == "alias") {
    how.alias = value;
  } else if (word == "poison") {
    how.poison = value;
  } else if (word == "address") {
    how.addresses = split(value, ",");
  } else if (word == "tcp-split") {
    how.tcp_split = count();
  } else if (word == "tcp-close-after") {
    how.tcp_close_after = count();
  } else {
    throw std::invalid_argument("unknown word \"" + std::string(word) + "\"");
  }
}

}  // namespace

Behaviour Behaviour::parse(std::string_view words) {
  Behaviour out;
  const auto list = split(words, " \t");
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto equals = list[i].find('=');
    const std::string word = list[i].substr(0, equals);
    std::string value = equals == std::string::npos ? "" : list[i].substr(equals + 1);
    if (value.empty() && i + 1 < list.size() && is_number(list[i + 1])) value = list[++i];
    apply_word(out, word, value);
  }
  return out;
}

}  // namespace dnscache::test
