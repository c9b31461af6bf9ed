// One question to one server over UDP, and what it says: glibc hides which failure it was.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "cli/ask/stub_resolver.hpp"
#include "resolver/base/endpoint.hpp"
#include "resolver/wire/protocol.hpp"

namespace dnscache::cli {

/// What came of one question.
struct DirectReply {
  enum class Kind {
    response,  ///< of any kind
    silence,   ///< nothing in time
    no_way,    ///< nothing listens there, or no route leads there
  };
  Kind kind = Kind::silence;
  Rcode rcode = Rcode::no_error;  ///< of the response
  bool has_data = false;          ///< it has records in its answer section
  std::chrono::duration<double, std::milli> duration{};

  /// "No such name" is an answer too; REFUSED and SERVFAIL are not.
  bool is_answer() const {
    return kind == Kind::response && (rcode == Rcode::no_error || rcode == Rcode::nx_domain);
  }
  /// "does not answer", "answers with REFUSED"
  std::string in_words() const;
};

/// Sends the question so often at most, as a packet can be lost; `timeout` is for all of it.
DirectReply query_directly(const Endpoint& server, const std::string& name, std::uint16_t type,
                           std::chrono::milliseconds timeout, unsigned attempts = 2);

/// One packet to each server in turn until one answers, as patient as glibc.
Lookup query_in_turn(const std::vector<Endpoint>& servers, Patience patience,
                     const std::string& name, std::uint16_t type);

}  // namespace dnscache::cli
