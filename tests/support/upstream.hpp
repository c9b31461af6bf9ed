// A name server on loopback that does as it is told, lies included, and counts what it is asked.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/message.hpp"

namespace dnscache::test {

/// How a question is answered. A default-constructed one gives a true answer at once:
/// address_of() for A and AAAA, something fitting for other types.
struct Behaviour {
  // What is in the answer.
  Rcode rcode = noerror;
  bool has_data = true;                ///< false: NODATA
  std::uint32_t ttl = 300;             ///< seconds, of every record
  std::vector<std::uint32_t> ttls;     ///< of the first records, one by one
  unsigned records = 1;                ///< of the asked type
  unsigned text_bytes = 32;            ///< of a TXT record
  std::vector<std::string> addresses;  ///< instead of address_of(), for A or AAAA
  unsigned chain = 0;                  ///< CNAMEs before the data: cname1.NAME, cname2.NAME …
  std::string alias;                   ///< one CNAME to this name
  bool alias_only = false;             ///< the chain without the data at its end
  bool soa = true;                     ///< in negative answers
  std::uint32_t soa_ttl = 60;          ///< seconds, TTL and MINIMUM of that SOA
  bool authentic = false;              ///< AD

  // When, and whether at all.
  std::chrono::milliseconds delay{0};
  double drop = 0;          ///< probability; 1: a black hole
  unsigned drop_first = 0;  ///< so many packets that fit this rule are dropped first

  // UDP only.
  bool truncate = false;   ///< TC and no records over UDP, all over TCP
  bool no_edns = false;    ///< FORMERR for a query with OPT, none in replies
  bool duplicate = false;  ///< every reply twice

  // Lies. The true answer follows after `truth_after`, if given.
  bool wrong_id = false;
  bool wrong_question = false;  ///< another name in the question section
  bool wrong_type = false;      ///< another type in the question section
  bool lower_case = false;      ///< the question's letter case is lost
  bool no_question = false;     ///< QDCOUNT 0
  bool query_bit = false;       ///< QR not set
  bool wrong_port = false;      ///< sent from another port (UDP)
  bool garbage = false;         ///< random bytes behind a right id
  bool runt = false;            ///< five bytes
  bool pointer_loop = false;    ///< an owner name that points at itself
  bool bad_length = false;      ///< RDLENGTH leaves the message
  std::string poison;           ///< this name in authority, additional and answer sections
  std::optional<std::chrono::milliseconds> truth_after;

  // TCP only.
  unsigned tcp_split = 0;                   ///< bytes per segment, one each millisecond; 0: whole
  bool tcp_reverse = false;                 ///< questions of 30 ms are answered last first
  std::optional<unsigned> tcp_close_after;  ///< answers, then the connection is closed
  bool tcp_silent = false;                  ///< reads, never answers
  bool tcp_wrong_length = false;            ///< the length prefix promises more than comes

  /// The command language of the `test_upstream` program, words or word=value separated by blanks:
  /// "drop", "drop=0.3", "delay=900", "delay 900", "nxdomain", "ttl=5 records=3", "answer".
  /// Throws std::invalid_argument for an unknown word.
  static Behaviour parse(std::string_view words);
};

/// What has been asked so far.
struct Counts {
  std::uint64_t questions = 0;  ///< udp + tcp
  std::uint64_t udp = 0;
  std::uint64_t tcp = 0;
  std::uint64_t replies = 0;  ///< sent, lies and duplicates included
  std::uint64_t dropped = 0;
  std::uint64_t malformed = 0;  ///< not a query with one question
  std::uint64_t tcp_connections = 0;
  std::uint64_t peak_per_second = 0;  ///< most packets in any second (in steps of 0.1 s)
};

/// One question as it arrived.
struct Seen {
  Query query;  ///< letter case as sent
  std::uint16_t source_port = 0;
  bool tcp = false;
};

/// The test upstream: own thread, own sockets. Every member may be called from any thread.
class TestUpstream {
 public:
  struct Options {
    /// UDP and TCP on each; port 0 means any, the same for both protocols.
    std::vector<Address> listen{Address{}};
    bool tcp = true;
    bool remember = true;    ///< keep the questions for seen()
    std::uint64_t seed = 1;  ///< of every random decision
  };

  /// Throws std::system_error when an address cannot be bound.
  TestUpstream();
  explicit TestUpstream(Options options);
  ~TestUpstream();
  TestUpstream(const TestUpstream&) = delete;
  TestUpstream& operator=(const TestUpstream&) = delete;

  const Address& address(std::size_t index = 0) const;
  std::uint16_t port() const { return address().port; }

  /// For every question that no rule fits.
  void set(const Behaviour& behaviour);
  void set(std::string_view words) { set(Behaviour::parse(words)); }
  /// For one name ("www.example.com") or everything below one ("*.example.com"), and one type or
  /// (0) every type. The most precise rule wins.
  void set(std::string_view name, std::uint16_t type, const Behaviour& behaviour);
  void set(std::string_view name, std::string_view words) { set(name, 0, Behaviour::parse(words)); }
  void clear_rules();

  Counts counts() const;
  std::uint64_t count() const { return counts().questions; }
  /// Questions for a name without regard to case, of one type or (0) any.
  std::uint64_t count(std::string_view name, std::uint16_t type = 0) const;
  /// Every name asked so far, in lower case, with its number of questions.
  std::map<std::string, std::uint64_t> names() const;
  /// The last questions (at most 10,000) in the order of arrival.
  std::vector<Seen> seen() const;
  void reset_counts();

 private:
  class Worker;
  std::unique_ptr<Worker> worker_;
};

}  // namespace dnscache::test
