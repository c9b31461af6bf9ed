// Many questions and what servers may do about them, in any order: each question is answered once,
// with no more packets than the limit, and nothing is left behind.
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <source_location>

#include "resolver/config/memory.hpp"
#include "resolver/config/read.hpp"
#include "resolver/resolve.hpp"
#include "resolver/wire/build.hpp"
#include "tests/scenario/fake_world.hpp"
#include "tests/support/message.hpp"

namespace {

using namespace dnscache;
using namespace std::chrono_literals;

void require(bool holds, const std::source_location& where = std::source_location::current()) {
  if (holds) return;
  std::fprintf(stderr, "%s:%u: does not hold\n", where.file_name(), where.line());
  std::abort();
}

/// The fuzzer's bytes; zeros when there are no more.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data, size) {}
  bool is_empty() const { return data_.empty(); }
  std::uint8_t byte() {
    if (data_.empty()) return 0;
    const std::uint8_t value = data_.front();
    data_ = data_.subspan(1);
    return value;
  }
  test::Bytes bytes(std::size_t size) {
    const auto part = data_.first(std::min(size, data_.size()));
    data_ = data_.subspan(part.size());
    return {part.begin(), part.end()};
  }

 private:
  std::span<const std::uint8_t> data_;
};

const char* const config_texts[] = {
    "upstreams: [192.0.2.1, 192.0.2.2]\npolicy: ordered\n",
    "upstreams: [192.0.2.1, 192.0.2.2, 192.0.2.3]\npolicy: fastest\n",
    "upstreams: [192.0.2.1, 192.0.2.2]\npolicy: parallel\n",
    ("upstreams: [192.0.2.1]\nroutes: [{zone: corp.example, upstreams: [192.0.2.8]}]\n"
     "quota: {packets_per_second: 9}\n"),
};

Config config_of(std::uint8_t number) {
  auto reading = read_config(config_texts[number % std::size(config_texts)], "fuzz");
  require(bool(reading));
  return std::move(reading.config);
}

const char* const names[] = {"www.example.com", "a.corp.example", "b.corp.example", "example",
                             "x.y.z.example.net"};
const std::uint16_t types[] = {rr_type::a, rr_type::aaaa, rr_type::txt, rr_type::https};

/// The engine without sockets, and a count of what it owes.
class Play {
 public:
  explicit Play(std::uint8_t config)
      : config_(config_of(config)),
        cache_(share_memory(config_, UINT64_MAX).cache),
        resolver_(world_, cache_, config_) {
    resolver_.limit(InFlightLimits::from(share_memory(config_, UINT64_MAX), false));
  }

  void step(Input& input) {
    switch (input.byte() % 8) {
      case 0:
      case 1:
        return ask(input);
      case 2:
      case 3:
        return respond(input);
      case 4:
        return world_.pass(std::chrono::milliseconds(input.byte() * 8));
      case 5:
        return lose(input);
      case 6:
        return change(input);
      default:
        return world_.set_unreachable("192.0.2." + std::to_string(input.byte() % 4));
    }
  }

  void finish() {
    world_.pass(30s);
    resolver_.give_up();
    require(answered_ == asked_);
    require(resolver_.in_flight().size() == 0 && resolver_.in_flight().waiting() == 0);
    world_.pass(3min);  // until a server that nobody asks is no longer probed
    require(world_.sent().empty());
  }

 private:
  void ask(Input& input) {
    Question question;
    question.name = *Name::parse(names[input.byte() % std::size(names)]);
    question.type = types[input.byte() % std::size(types)];
    const std::uint8_t flags = input.byte();
    question.dnssec_ok = (flags & 1) != 0;
    question.checking_disabled = (flags & 2) != 0;
    ++asked_;
    const auto is_answered = std::make_shared<bool>(false);
    resolver_.ask(question, cache_.prepare(question), [this, is_answered](const Answer&) {
      require(!*is_answered);
      *is_answered = true;
      ++answered_;
    });
  }

  std::optional<test::SentQuery> taken(Input& input) {
    auto& sent = world_.sent();
    if (sent.empty()) return std::nullopt;
    return sent[input.byte() % sent.size()];
  }

  // A response to one of the queries: its own question and id, or something near to them.
  void respond(Input& input) {
    const auto sent = taken(input);
    if (!sent) return;
    const World::Turn turn(world_);
    Transaction& transaction = *sent->transaction;
    const test::Bytes packet = response_to(transaction.query(), input);
    Carrier* const carrier = transaction.carrier;
    carrier->forget(transaction);
    if (transaction.receive(packet)) return;
    transaction.carrier = carrier;
    world_.sent().push_back(*sent);
  }

  static test::Bytes response_to(std::span<const std::uint8_t> query, Input& input) {
    const std::uint8_t kind = input.byte();
    const auto decoded = test::decode(query.data(), query.size());
    require(decoded && decoded->questions.size() == 1);
    test::Writer out;
    out.u16(decoded->id);
    const std::uint8_t flags = input.byte();
    out.u16(static_cast<std::uint16_t>(0x8080 | (flags & 0xf) | ((flags & 0x10) != 0 ? 0x200 : 0)));
    const unsigned records = kind % 4;
    const bool has_question = (kind & 0x10) == 0;
    out.u16(has_question ? 1 : 0);
    out.u16(static_cast<std::uint16_t>(records));
    out.u16((kind & 0x20) != 0 ? 1 : 0);
    out.u16((kind & 0x40) != 0 ? 1 : 0);
    const auto& question = decoded->questions[0];
    if (has_question) {
      out.name(question.name);
      out.u16(question.type);
      out.u16(1);
    }
    for (unsigned i = 0; i < records; ++i) {
      const bool is_alias = input.byte() % 4 == 0;
      out.name(question.name);
      out.u16(is_alias ? rr_type::cname : question.type);
      out.u16(1);
      out.u32(input.byte());
      test::Writer data;
      if (is_alias) {
        data.name(names[input.byte() % std::size(names)]);
      } else {
        data.append(input.bytes(question.type == rr_type::aaaa ? 16 : 4));
      }
      out.u16(static_cast<std::uint16_t>(data.bytes.size()));
      out.append(data.bytes);
    }
    if ((kind & 0x80) != 0) out.append(input.bytes(40));  // whatever follows
    return out.bytes;
  }

  void lose(Input& input) {
    const auto sent = taken(input);
    if (!sent) return;
    const World::Turn turn(world_);
    sent->transaction->carrier->forget(*sent->transaction);
    sent->transaction->fail(std::make_error_code(std::errc::connection_refused));
  }

  void change(Input& input) {
    const std::uint8_t what = input.byte();
    if (what % 4 == 0) cache_.flush_all();
    if (what % 4 == 1) resolver_.on_network_change();
    if (what % 4 == 2) world_.set_throttled((what & 4) != 0);
    if (what % 4 == 3) {
      config_ = config_of(static_cast<std::uint8_t>(what >> 2));
      resolver_.configure(config_);
    }
  }

  test::FakeWorld world_;
  Config config_;
  Cache cache_;
  Resolver resolver_;
  std::size_t asked_ = 0;
  std::size_t answered_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  Play play(input.byte());
  for (int steps = 0; steps < 500 && !input.is_empty(); ++steps) play.step(input);
  play.finish();
  return 0;
}
