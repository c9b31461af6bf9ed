#include "resolver/wire/build.hpp"

namespace dnscache {
namespace {

constexpr std::uint16_t pointer_to_question = 0xc000 | header_size;

void append16(std::vector<std::uint8_t>& bytes, std::uint16_t value) {
  bytes.push_back(static_cast<std::uint8_t>(value >> 8));
  bytes.push_back(static_cast<std::uint8_t>(value));
}

void append32(std::vector<std::uint8_t>& bytes, std::uint32_t value) {
  append16(bytes, static_cast<std::uint16_t>(value >> 16));
  append16(bytes, static_cast<std::uint16_t>(value));
}

void append(std::vector<std::uint8_t>& bytes, ByteView more) {
  bytes.insert(bytes.end(), more.begin(), more.end());
}

// What follows a record's owner.
void append_rest(Answer& answer, std::uint16_t type, std::uint32_t ttl, ByteView data) {
  append16(answer.records, type);
  append16(answer.records, class_in);
  answer.ttl_offsets.push_back(static_cast<std::uint16_t>(answer.records.size()));
  append32(answer.records, ttl);
  append16(answer.records, static_cast<std::uint16_t>(data.size()));
  append(answer.records, data);
}

}  // namespace

void add_answer(Answer& answer, std::uint16_t type, std::uint32_t ttl, ByteView data) {
  append16(answer.records, pointer_to_question);
  append_rest(answer, type, ttl, data);
  ++answer.answer_count;
  answer.has_data = true;
}

void add_answer_of(Answer& answer, ByteView owner, std::uint16_t type, std::uint32_t ttl,
                   ByteView data) {
  append(answer.records, owner);
  append_rest(answer, type, ttl, data);
  ++answer.answer_count;
  answer.has_data = true;
}

void add_local_soa(Answer& answer, ByteView zone, std::uint32_t ttl) {
  std::vector<std::uint8_t> data;
  static const Name server = *Name::parse("localhost");
  static const Name mailbox = *Name::parse("nobody.invalid");
  append(data, server.bytes());
  append(data, mailbox.bytes());
  for (const std::uint32_t value : {1u, 3600u, 1200u, 604800u, ttl}) append32(data, value);
  append(answer.records, zone);
  append_rest(answer, rr_type::soa, ttl, data);
  ++answer.authority_count;
}

Answer failure(Rcode rcode, ExtendedError reason) { return Answer(rcode, reason); }

}  // namespace dnscache
