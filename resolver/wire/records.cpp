#include "resolver/wire/records.hpp"

namespace dnscache {
namespace {

constexpr std::size_t data_behind_ttl = 6;  // bytes: the TTL itself and the length of the data

std::size_t end_of(const AnswerView& answer, std::size_t index) {
  const std::size_t ttl_at = answer.ttl_offsets[index];
  return ttl_at + data_behind_ttl + load16(&answer.records[ttl_at + 4]);
}

Section section_of(const AnswerView& answer, std::size_t index) {
  if (index < answer.answer_count) return Section::answer;
  const std::size_t authority_end = std::size_t{answer.answer_count} + answer.authority_count;
  return index < authority_end ? Section::authority : Section::additional;
}

}  // namespace

Record record_at(const AnswerView& answer, std::size_t index) {
  Record record;
  const std::size_t ttl_at = answer.ttl_offsets[index];
  const std::uint8_t* ttl = &answer.records[ttl_at];
  record.section = section_of(answer, index);
  record.type = load16(ttl - 4);
  record.record_class = load16(ttl - 2);
  record.ttl = load32(ttl);
  record.owner = index == 0 ? 0 : end_of(answer, index - 1);
  record.ttl_at = ttl_at;
  record.data = ttl_at + data_behind_ttl;
  record.end = end_of(answer, index);
  record.covered = record.type;
  if (record.type == rr_type::rrsig) {  // RFC 4034 section 3.1.1
    record.covered =
        record.data_size() < 2 ? std::uint16_t{0} : load16(&answer.records[record.data]);
  }
  return record;
}

DataForm form_of(std::uint16_t type) {
  switch (type) {
    case rr_type::ns:
    case rr_type::md:
    case rr_type::mf:
    case rr_type::cname:
    case rr_type::mb:
    case rr_type::mg:
    case rr_type::mr:
    case rr_type::ptr:
      return {0, 0, 1, true};
    case rr_type::soa:
    case rr_type::minfo:
      return {0, 0, 2, true};
    case rr_type::mx:
      return {2, 0, 1, true};
    case rr_type::dname:
    case rr_type::nsec:
      return {0, 0, 1};
    case rr_type::rp:
      return {0, 0, 2};
    case rr_type::afsdb:
    case rr_type::rt:
    case rr_type::kx:
    case rr_type::lp:
    case rr_type::svcb:
    case rr_type::https:
      return {2, 0, 1};
    case rr_type::px:
      return {2, 0, 2};
    case rr_type::srv:
      return {6, 0, 1};
    case rr_type::naptr:  // RFC 3403 section 4.1: order, preference; flags, services, regexp
      return {4, 3, 1};
    case rr_type::sig:
    case rr_type::rrsig:
      return {18, 0, 1};
    default:
      return {};
  }
}

std::optional<std::size_t> first_name_at(ByteView message, const DataForm& form, std::size_t data,
                                         std::size_t end) {
  std::size_t at = data + form.bytes;
  for (unsigned i = 0; i < form.strings && at < end; ++i) at += 1u + message[at];
  if (form.names == 0 || at >= end) return std::nullopt;
  return at;
}

}  // namespace dnscache
