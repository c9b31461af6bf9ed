// How one answer lies in the cache's memory.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>

#include "resolver/wire/answer.hpp"

namespace dnscache {

/// Seconds since an arbitrary moment in the past of this boot, suspended time included.
using CacheSeconds = std::uint32_t;

/// One answer in the cache: this header, then the TTL offsets, the question's name and the records.
struct Entry {
  static constexpr std::size_t alignment = 8;  ///< bytes; the cache addresses entries in such units

  std::uint32_t size;   ///< bytes up to the next entry, a multiple of `alignment`
  bool dead : 1;        ///< replaced, flushed, or only filling the end of a ring
  bool in_main : 1;     ///< in the main queue, not the small one (see cache.cpp)
  bool refreshing : 1;  ///< a prefetch was already asked for
  bool authentic : 1;
  bool has_data : 1;
  bool can_rotate : 1;        ///< see can_rotate() in wire/answer.hpp
  std::uint8_t visits : 2;    ///< hits since the queue last looked, at most 3
  std::uint8_t key_bits : 2;  ///< DO and CD of the question
  bool denies_all_types : 1;  ///< NXDOMAIN for the name, whatever the type (RFC 2308 section 5)
  bool denies_below : 1;      ///< and for every name below it (RFC 8020)
  std::uint8_t name_size;
  std::uint8_t source;  ///< as in Answer
  CacheSeconds stored_at;
  std::uint32_t ttl;  ///< seconds that it is fresh
  std::uint16_t type;
  std::uint16_t rcode;
  std::uint16_t answer_count;
  std::uint16_t authority_count;
  std::uint16_t additional_count;
  std::uint16_t extended_error;
  std::uint16_t records_size;
  std::uint16_t hits;  ///< stops at 65535

  std::size_t record_count() const {
    return std::size_t{answer_count} + authority_count + additional_count;
  }
  const std::uint16_t* ttl_offsets() const {
    return reinterpret_cast<const std::uint16_t*>(this + 1);
  }
  const std::uint8_t* name_bytes() const {
    return reinterpret_cast<const std::uint8_t*>(ttl_offsets() + record_count());
  }
  ByteView name() const { return {name_bytes(), name_size}; }
  ByteView records() const { return {name_bytes() + name_size, records_size}; }

  AnswerView view() const {
    return {static_cast<Rcode>(rcode),
            authentic,
            answer_count,
            authority_count,
            additional_count,
            static_cast<ExtendedError>(extended_error),
            records(),
            {ttl_offsets(), record_count()},
            false,
            has_data,
            can_rotate};
  }
  bool is_for(ByteView other_name, std::uint16_t other_type, std::uint8_t bits) const {
    return type == other_type && key_bits == bits && name_size == other_name.size() &&
           std::memcmp(name_bytes(), other_name.data(), name_size) == 0;
  }
  /// Zero for a moment before it was stored, as threads read the clock at different times. What was
  /// stored before this boot has a `stored_at` that has wrapped below zero.
  std::uint32_t age(CacheSeconds now) const {
    const auto age = static_cast<std::int32_t>(now - stored_at);
    return age > 0 ? static_cast<std::uint32_t>(age) : 0;
  }
  bool is_failure() const {
    return static_cast<Rcode>(rcode) != Rcode::no_error &&
           static_cast<Rcode>(rcode) != Rcode::nx_domain;
  }
  bool is_fresh(CacheSeconds now) const { return age(now) < ttl; }
  /// It is a note on a whole name, under no type (see Cache::store()).
  bool is_note() const { return type == no_type; }
  static constexpr std::uint16_t no_type = 0;
};

/// DO and CD of a question as one number.
inline std::uint8_t key_bits(const Question& question) {
  return static_cast<std::uint8_t>((question.dnssec_ok ? 1 : 0) |
                                   (question.checking_disabled ? 2 : 0));
}

/// Bytes that an answer to `question` takes in the cache.
std::size_t entry_size(const Question& question, const Answer& answer);

/// Writes the answer at `memory`, which has room for entry_size() bytes and is aligned.
Entry* write_entry(void* memory, const Question& question, const Answer& answer, CacheSeconds now);

/// The answer that an entry holds, as a value of its own.
Answer read_entry(const Entry& entry);

}  // namespace dnscache
