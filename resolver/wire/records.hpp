// The records of an answer, one by one.
#pragma once

#include "resolver/wire/answer.hpp"

namespace dnscache {

enum class Section : std::uint8_t { answer, authority, additional };

/// One record of an answer. Offsets count from the start of AnswerView::records.
struct Record {
  Section section;
  std::uint16_t type;
  std::uint16_t record_class;
  std::uint32_t ttl;
  std::uint16_t covered;  ///< the type that an RRSIG record signs; `type` for all others
  std::size_t owner;      ///< where the name of its owner begins
  std::size_t ttl_at;
  std::size_t data;
  std::size_t end;

  std::size_t data_size() const { return end - data; }
};

/// The record at `index`, counted over all sections; there must be so many.
Record record_at(const AnswerView& answer, std::size_t index);

/// How the data of a type begins: bytes, character-strings, and then names.
struct DataForm {
  std::size_t bytes = 0;
  unsigned strings = 0;
  unsigned names = 0;
  /// Pointers may be in the names: true only for the types of RFC 1035 (RFC 3597 section 4). In
  /// others a reader has to expect them at most.
  bool may_be_compressed = false;
};

DataForm form_of(std::uint16_t type);

/// Where the first name of a record's data is in `message`; nothing when the data, which are at
/// [data, end), are too short for the form or have no name.
std::optional<std::size_t> first_name_at(ByteView message, const DataForm& form, std::size_t data,
                                         std::size_t end);

}  // namespace dnscache
