// glibc's own stub resolver, the one behind getaddrinfo, with name servers of our choice.
#pragma once

#include <arpa/nameser.h>
#include <resolv.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "resolver/base/endpoint.hpp"
#include "resolver/base/error.hpp"

namespace dnscache::cli {

/// How a lookup ended, as glibc tells it.
enum class Outcome {
  answered,     ///< records
  no_data,      ///< the name has no record of this type
  no_name,      ///< NXDOMAIN
  failed,       ///< SERVFAIL, REFUSED or the like from every server
  unreachable,  ///< no server answered in time, or nothing listens there
};

/// "answered", "no such name", ...
const char* to_text(Outcome outcome);

/// One lookup: how it ended and how long it took.
struct Lookup {
  Outcome outcome = Outcome::unreachable;
  std::chrono::duration<double, std::milli> duration{};
  std::string complaint = {};  ///< what a command that failed wrote last

  /// The name servers did their work; NXDOMAIN is an answer too.
  bool is_answer() const { return outcome <= Outcome::no_name; }
};

/// How patient the stub resolver is.
struct Patience {
  int timeout_seconds = RES_TIMEOUT;  ///< per server and attempt; glibc's default is 5
  int attempts = RES_DFLRETRY;        ///< over the list of servers; glibc's default is 2

  /// What the options "timeout" and "attempts" of /etc/resolv.conf say.
  static Patience of_this_machine();
};

/// Puts the servers, the first three at most, into a state that res_ninit() made.
Result<void> set_servers(struct __res_state& state, const std::vector<Endpoint>& servers,
                         Patience patience);

/// glibc's resolver with its own `res_state`; one per thread.
class StubResolver {
 public:
  /// Asks `servers`, the first three of them at most (MAXNS), in this order.
  static Result<StubResolver> with_servers(const std::vector<Endpoint>& servers,
                                           Patience patience = {});
  /// What any program on this machine gets: res_ninit() reads /etc/resolv.conf.
  static Result<StubResolver> of_this_machine();
  static Result<StubResolver> of_this_machine(Patience patience);

  /// res_nquery(3): exactly this name, no search list.
  Lookup ask(const std::string& name, std::uint16_t type);
  /// Whether the answer to this question has signatures when they are asked for (DO, RFC 3225);
  /// no answer has none.
  bool has_signatures(const std::string& name, std::uint16_t type);

 private:
  using State = struct __res_state;  // resolv.h has a function of that name as well
  struct Close {
    void operator()(State* state) const;
  };
  StubResolver() = default;
  std::unique_ptr<State, Close> state_;
};

/// getaddrinfo(3), by DNS only, for type A, AAAA or 0, which is both. The thread asks the servers
/// of its first call for as long as it lives.
Lookup look_up_by_getaddrinfo(const std::vector<Endpoint>& servers, Patience patience,
                              const std::string& name, std::uint16_t type);

/// A, AAAA and other record types by name, or TYPE65 (RFC 3597); nothing for an unknown one.
std::optional<std::uint16_t> parse_type(std::string_view text);

}  // namespace dnscache::cli
