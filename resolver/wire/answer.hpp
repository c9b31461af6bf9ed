// Answers: what stands behind the question in a response, and the replies written from them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "resolver/wire/query.hpp"

namespace dnscache {

/// The parts of an answer, wherever their bytes are kept.
struct AnswerView {
  Rcode rcode = Rcode::no_error;
  bool authentic = false;  ///< the upstream validated it (AD)
  std::uint16_t answer_count = 0;
  std::uint16_t authority_count = 0;
  std::uint16_t additional_count = 0;  ///< without OPT
  ExtendedError extended_error = ExtendedError::none;
  /// All records as in a message whose question ends right before them, so that compression
  /// pointers stay true in every reply to the same question.
  ByteView records;
  /// Where each record's TTL is, in bytes from the start of `records`.
  std::span<const std::uint16_t> ttl_offsets;
  bool authoritative = false;  ///< from local data (AA)
  bool has_data = false;       ///< as in Answer
  bool can_rotate = false;     ///< see can_rotate()
};

/// A complete answer to one question, as an upstream gave it or as we made it.
struct Answer {
  Rcode rcode = Rcode::no_error;
  bool authentic = false;
  std::uint16_t answer_count = 0;
  std::uint16_t authority_count = 0;
  std::uint16_t additional_count = 0;
  ExtendedError extended_error = ExtendedError::none;
  std::vector<std::uint8_t> records;
  std::vector<std::uint16_t> ttl_offsets;
  std::uint32_t ttl = 0;  ///< seconds that it may be kept: the lowest of its records' TTLs
  bool authoritative = false;
  static constexpr std::uint8_t unknown_source = 255;
  std::uint8_t source =
      unknown_source;  ///< the upstream that gave it: its place in all_upstreams()

  /// The server that gave it does not serve the name: NOERROR, but no data, no SOA that says so,
  /// and neither RA nor AA: a lame server's answer, or a referral (RFC 2308 section 2.2). It counts
  /// as that server's failure unless all servers say the same. Not kept in the cache.
  bool is_lame = false;

  Answer() = default;
  explicit Answer(Rcode code, ExtendedError error = ExtendedError::none)
      : rcode(code), extended_error(error) {}

  AnswerView view() const;
  bool is_failure() const;  ///< neither data nor a statement that there is none
  bool is_negative() const { return !is_failure() && !has_data; }
  bool is_stale() const;  ///< expired data, given out while no upstream answers (RFC 8767)
  bool has_data = false;  ///< a record of the question's type (or any, for ANY) is in the answer

  /// Sets every record's TTL to `seconds`.
  void set_ttls(std::uint32_t seconds);
  /// Clamps every record's TTL, and the lifetime with them, to [lowest, highest] seconds.
  void clamp_ttls(std::uint32_t lowest, std::uint32_t highest);
  /// Leaves the additional section out.
  void drop_additional();
};

/// `test` holds for one of the addresses that the answer section leads to: those of A and AAAA
/// records and the hints in SVCB and HTTPS records (RFC 9460 section 7.3), 4 or 16 bytes each.
bool any_address(const AnswerView& answer, const std::function<bool(ByteView)>& test);
/// The same for the additional section.
bool any_additional_address(const AnswerView& answer, const std::function<bool(ByteView)>& test);

/// The answer section has several addresses of one name side by side, all of one form: a reply may
/// have them in any order.
bool can_rotate(const AnswerView& answer);

/// How an answer becomes a reply.
struct ReplyRule {
  std::uint32_t age = 0;  ///< seconds to subtract from each record's TTL
  /// The place of the address that comes first, counted round and round; for answers that rotate.
  std::uint32_t turn = 0;
};

/// The most that write_reply() writes for `query` in front of and behind the records, in bytes.
std::size_t reply_overhead(const Query& query);

/// Writes the reply to `query` into `out` and returns its size in bytes: the client's id, question
/// as sent, RD, CD; AD only where the client asked for it (RFC 6840 section 5.8); OPT if it sent
/// one. What is optional, the additional section and name servers in the authority section, is left
/// out when it has expired or would make the reply longer than `limit` bytes; when the rest is too
/// long as well, an empty reply with TC is written (RFC 2181 section 9).
/// `out` must have room for min(limit, reply_overhead + records) and never less than 512 bytes.
std::size_t write_reply(const Query& query, const AnswerView& answer, const ReplyRule& rule,
                        std::size_t limit, std::uint8_t* out);

/// Writes the reply to a packet that read_query() found fault with (not `ignore`).
std::size_t write_fault(const Query& query, QueryFault fault, std::uint8_t* out);

/// Why a packet from an upstream is not the response to what it was asked.
enum class ResponseFault {
  none,
  malformed,
  other_question,  ///< question or id differ: late, misdirected or forged
  /// The same question in another letter case: 0x20 not kept, or forged. A question sent without
  /// capitals may come back in any.
  other_case,
};

/// A response of an upstream.
struct Response {
  Answer answer;
  bool truncated = false;
  bool has_edns = false;
  ByteView cookie;  ///< the data of the cookie option, in the packet; empty: there is none
};

/// Reads the response to the query that `sent` (its id, flags and question as we wrote them) asked.
/// Checks everything that a client or we will ever rely on: counts, names, pointers, lengths of
/// record data. An additional section may have fewer records than the header says: home routers
/// copy the query's count. OPT is taken out, and the rest put in order (scrub()).
/// The lifetime is the lowest TTL of what a reply must have: the answer section, and proofs in the
/// authority section. TTLs with the top bit set are 0 (RFC 2181 section 8). For negative answers it
/// is the SOA's (RFC 2308 section 5), or `no_soa_ttl` seconds where there is none. Aliases without
/// end make it SERVFAIL.
ResponseFault read_response(ByteView packet, ByteView sent, std::uint32_t no_soa_ttl,
                            Response& response);

}  // namespace dnscache
