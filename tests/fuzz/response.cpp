// Packets from upstreams: whatever is believed can be given to a client, kept, and read back.
#include <cstdlib>
#include <vector>

#include "resolver/cache/entry.hpp"
#include "resolver/wire/answer.hpp"
#include "tests/support/message.hpp"

namespace {

using namespace dnscache;

/// The query that the packet claims to answer.
std::vector<std::uint8_t> claimed_query(ByteView packet) {
  std::vector<std::uint8_t> sent(512);
  std::size_t offset = header_size;
  Question question;
  if (const auto name = Name::read(packet, offset); name && offset + 4 <= packet.size()) {
    question.name = *name;
    question.type = load16(packet.data() + offset);
  }
  sent.resize(
      write_query(question, question.name.bytes(), load16(packet.data()), true, {}, sent.data()));
  return sent;
}

test::Message reply_to(ByteView sent, const AnswerView& answer) {
  Query query;
  if (read_query(sent, query) != QueryFault::none) std::abort();
  std::vector<std::uint8_t> reply(512 + reply_overhead(query) + answer.records.size());
  reply.resize(write_reply(query, answer, {}, max_message_size, reply.data()));
  const auto message = test::decode(reply.data(), reply.size());
  if (!message || message->id != query.id) std::abort();
  return *message;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < header_size) return 0;
  const ByteView packet(data, size);
  const auto sent = claimed_query(packet);
  Response response;
  if (read_response(packet, sent, 60, response) != ResponseFault::none) return 0;
  const Answer& answer = response.answer;
  const auto message = reply_to(sent, answer.view());
  if (message.has(test::flag_tc)) return 0;
  if (message.answers.size() != answer.answer_count) std::abort();
  if (message.authority.size() != answer.authority_count) std::abort();
  if (message.additional.size() != answer.additional_count) std::abort();

  Query query;
  if (read_query(sent, query) != QueryFault::none) std::abort();
  std::vector<std::uint64_t> memory(entry_size(query.question, answer) / 8 + 1);
  const Entry* entry = write_entry(memory.data(), query.question, answer, 100);
  const auto from_cache = reply_to(sent, entry->view());
  if (from_cache.size != message.size || from_cache.answers.size() != message.answers.size()) {
    std::abort();
  }
  return 0;
}
