// Packets from clients: whatever comes, the reply to it fits its buffer and the client's limit, is
// well-formed, and has the client's id and question.
#include <cstdlib>
#include <memory>
#include <string_view>

#include "resolver/wire/answer.hpp"
#include "resolver/wire/build.hpp"
#include "resolver/wire/query.hpp"
#include "tests/support/message.hpp"
#include "tests/support/random.hpp"

namespace {

using namespace dnscache;

void require(bool holds) {
  if (!holds) std::abort();
}

// An answer of up to some thousand bytes.
Answer random_answer(test::Random& random) {
  static constexpr std::array<Rcode, 4> rcodes{Rcode::no_error, Rcode::nx_domain, Rcode::refused,
                                               Rcode::bad_version};
  Answer answer(rcodes[random() % rcodes.size()],
                random() % 2 == 0 ? ExtendedError::none : ExtendedError::stale_answer);
  for (unsigned records = random() % 8; records > 0; --records) {
    add_answer(answer, 65280, random(), std::vector<std::uint8_t>(random() % 300, 1));
  }
  if (random() % 2 == 0) add_local_soa(answer, *Name::parse("example"), 60);
  return answer;
}

test::Message decoded(const std::uint8_t* bytes, std::size_t size, const Query& query) {
  const auto message = test::decode(bytes, size);
  require(message && message->has(test::flag_qr) && message->id == query.id);
  require(message->edns.has_value() == query.has_edns);
  return *message;
}

void check_reply(const Query& query, test::Random& random) {
  const Answer answer = random_answer(random);
  const std::size_t limit = plain_udp_size + random() % 1500;
  const std::size_t whole = reply_overhead(query) + answer.records.size();
  // Exactly as much room as is promised to be enough: one byte more would be found.
  const auto out =
      std::make_unique<std::uint8_t[]>(std::max(plain_udp_size, std::min(limit, whole)));
  const ReplyRule rule{static_cast<std::uint32_t>(random()), static_cast<std::uint32_t>(random())};
  const std::size_t size = write_reply(query, answer.view(), rule, limit, out.get());
  require(size <= limit && size <= std::max(plain_udp_size, whole));
  const auto message = decoded(out.get(), size, query);
  require(message.questions.size() == 1 && message.questions[0].type == query.question.type);
  require(!message.has(test::flag_tc) || whole > limit);
  if (message.has(test::flag_tc)) return;
  require(message.answers.size() == answer.answer_count);
  require(message.authority.size() == answer.authority_count || message.authority.empty());
}

void check_fault(const Query& query, QueryFault fault) {
  const auto out = std::make_unique<std::uint8_t[]>(plain_udp_size);
  const std::size_t size = write_fault(query, fault, out.get());
  require(size <= plain_udp_size);
  require(decoded(out.get(), size, query).rcode != test::noerror || !query.has_edns);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto packet = std::make_unique<std::uint8_t[]>(size);  // not one byte behind it is ours
  std::copy_n(data, size, packet.get());
  Query query;
  const QueryFault fault = read_query({packet.get(), size}, query);
  if (fault == QueryFault::ignore) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  test::Random random(static_cast<std::uint32_t>(test::name_hash(text)));
  if (fault == QueryFault::none) {
    require(query.question.name.size() <= max_name_size);
    check_reply(query, random);
  } else {
    check_fault(query, fault);
  }
  return 0;
}
