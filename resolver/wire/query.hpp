// Questions, and the queries that clients send.
#pragma once

#include <cstdint>
#include <memory>

#include "resolver/wire/name.hpp"
#include "resolver/wire/protocol.hpp"

namespace dnscache {

/// What is asked, in class IN: the key under which an answer is kept and shared.
struct Question {
  Name name;
  std::uint16_t type = 0;
  bool dnssec_ok = false;          ///< DO (RFC 3225): signatures are wanted
  bool checking_disabled = false;  ///< CD (RFC 4035 section 3.2.2)

  bool operator==(const Question&) const = default;
};

/// A question in as little memory as its name needs, for thousands that are kept at a time.
class StoredQuestion {
 public:
  explicit StoredQuestion(const Question& question);

  Question get() const;
  bool operator==(const Question& question) const;

 private:
  std::unique_ptr<const std::uint8_t[]> name_;  // wire form
  std::uint16_t type_;
  std::uint8_t name_size_;
  bool dnssec_ok_;
  bool checking_disabled_;
};

/// A client's query as read from its packet.
struct Query {
  Question question;
  std::uint16_t question_class = 0;
  std::uint16_t id = 0;
  std::uint16_t flags = 0;    ///< the header's flag bits, see header_flag
  ByteView question_section;  ///< in the packet: the name in the client's case, type, class
  bool has_edns = false;
  std::uint16_t udp_size = 512;  ///< bytes that the client can take over UDP

  bool wants(std::uint16_t flag) const { return (flags & flag) != 0; }
};

/// What is wrong with a packet from a client.
enum class QueryFault {
  none,
  ignore,           ///< too short or itself a response: answering could loop
  format_error,     ///< not exactly one question, or bytes that make no sense
  not_implemented,  ///< an opcode other than QUERY
  bad_version,      ///< an EDNS version above 0 (RFC 6891 section 6.1.3)
};

/// Reads a client's packet into `query`, whose view stays valid as long as the packet's bytes.
/// Never allocates. After a fault other than `none` and `ignore`, id and flags are valid and
/// question_section is as far as it could be read, else empty, and
/// then the question is of the root and type 0.
QueryFault read_query(ByteView packet, Query& query);

/// How a question is put to an upstream.
struct QueryOptions {
  std::uint16_t id = 0;
  ByteView mixed_name;  ///< the question's name in another mix of letter cases; empty: as it is
  bool with_edns = false;
  ByteView cookie;         ///< the cookie option's data (RFC 7873); empty: no option
  bool is_padded = false;  ///< to a multiple of 128 bytes (RFC 8467 section 4.1), if with EDNS
};

/// Writes what an upstream is asked: recursion desired, EDNS with our buffer size, and the
/// question's DO and CD. AD asks for the upstream's verdict even without DO (RFC 6840 section 5.7).
/// Returns the bytes written to `out`, which must have room for 512.
std::size_t write_query(const Question& question, const QueryOptions& options, std::uint8_t* out);

}  // namespace dnscache
