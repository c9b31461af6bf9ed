// The ways in which `bench` looks a name up.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/ask/stub_resolver.hpp"
#include "resolver/base/endpoint.hpp"
#include "resolver/base/error.hpp"
#include "resolver/base/words.hpp"

namespace dnscache::cli {

/// Who makes the lookups.
enum class Through {
  resolver,     ///< glibc's res_nquery(3), one record type at a time
  getaddrinfo,  ///< getaddrinfo(3): one lookup has all addresses
  wire,         ///< a UDP packet of ours
  command,      ///< any program, in a mount namespace with a resolv.conf of its own
};

/// As the command line says it.
inline constexpr auto through_words = words_of<Through>({{Through::resolver, "resolver"},
                                                         {Through::getaddrinfo, "getaddrinfo"},
                                                         {Through::wire, "wire"}});
/// As the report says it.
inline constexpr auto through_titles = words_of<Through>({{Through::resolver, "glibc's resolver"},
                                                          {Through::getaddrinfo, "getaddrinfo"},
                                                          {Through::wire, "UDP packets"},
                                                          {Through::command, "a command"}});

/// One question of the run.
struct BenchQuestion {
  std::string name;        ///< without the dot at its end
  std::uint16_t type = 0;  ///< of getaddrinfo: A or AAAA, or 0 for both
};

/// Makes lookups one after the other; used by one thread at a time.
struct LookupClient {
  std::function<Lookup(const BenchQuestion&)> ask;
  /// Ends what was started outside of this process, while another thread is in ask().
  std::function<void()> abandon = [] {};
};

/// What a client asks, and how.
struct ClientSettings {
  Through through = Through::resolver;
  std::vector<Endpoint> servers;
  Patience patience;
  std::string command;  ///< of Through::command: for a shell, {} is the name
};

/// The clients of one way to look names up, kept from one block of lookups to the next.
using Clients = std::vector<LookupClient>;

Result<Clients> make_clients(const ClientSettings& settings, std::size_t count);

}  // namespace dnscache::cli
