// What is answered here, before any upstream is asked.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "resolver/local/local_names.hpp"

namespace dnscache {

/// The part of local data that answers a question.
enum class Rule {
  none,             ///< nothing: upstreams are asked
  local_name,       ///< a record of the configuration or a line of a hosts file
  special_name,     ///< RFC 6761 and its like
  blocked,          ///< a block list
  local_zone,       ///< local.zones, or a route without upstreams
  private_reverse,  ///< bogus_priv
  domain_needed,
  filter_a,
  filter_aaaa,
};
inline constexpr auto rule_words = words_of<Rule>({{Rule::none, "none"},
                                                   {Rule::local_name, "local_name"},
                                                   {Rule::special_name, "special_name"},
                                                   {Rule::blocked, "blocked"},
                                                   {Rule::local_zone, "local_zone"},
                                                   {Rule::private_reverse, "private_reverse"},
                                                   {Rule::domain_needed, "domain_needed"},
                                                   {Rule::filter_a, "filter_a"},
                                                   {Rule::filter_aaaa, "filter_aaaa"}});

/// Why a question is answered as it is, and what the rule is about.
struct Reason {
  Rule rule = Rule::none;
  Name matched;  ///< the name or zone that the rule names
};

/// Everything that answers questions without an upstream, made from one configuration and the
/// files that it names. An immutable snapshot, shared by all workers; a reload makes another one.
class LocalData {
 public:
  /// Knows only the special names.
  LocalData() = default;
  /// What the configuration itself says; hosts files and block lists are added to it, and then
  /// finish() called, before the local data is shared.
  explicit LocalData(const Config& config);
  void add_host(const IpAddress& address, const Name& name, bool with_reverse);
  void add_blocked(const Name& name, bool with_subdomains);
  void finish();

  /// The answer to a question about local data, a special, private, blocked or plain name; nothing
  /// for what upstreams are asked. Takes about 100 ns also with a million blocked names.
  std::optional<Answer> decide(const Question& question) const { return decide(question, nullptr); }
  /// The same, with the reason.
  std::optional<Answer> decide(const Question& question, Reason* reason) const;

  /// The labels of the zone whose upstreams a name is asked of; 0: the root's.
  unsigned route_labels(const Name& name) const;

  /// A cached answer to a question about this name may not be given any longer.
  bool overrules(ByteView name, std::uint16_t type) const;

  std::size_t local_name_count() const { return names_.size(); }
  std::size_t blocked_count() const { return blocked_.size(); }
  /// Bytes of the table of blocked names.
  std::size_t blocked_bytes() const { return blocked_.bytes(); }

 private:
  enum class ZoneKind : std::uint8_t {
    route,      // upstreams of its own are asked
    nowhere,    // its names do not exist
    addresses,  // its names all have the same addresses
    allowed,    // not blocked
    reverse,    // reverse names of private addresses, RFC 6303
  };
  struct Zone {
    ZoneKind kind;
    std::uint32_t index;  // in zones_ of kind `addresses`
  };
  enum Blocked : std::uint8_t { exactly = 1, with_subdomains = 2 };

  void add_zone(const Name& zone, ZoneKind kind, std::uint32_t index = 0);
  std::optional<NameTable<Zone>::Match> find_zone(const Suffixes& name) const;
  std::optional<unsigned> blocked_labels(const Suffixes& name,
                                         std::optional<NameTable<Zone>::Match>& zone) const;
  Answer blocked_answer(const Question& question) const;
  Answer addresses_answer(const Question& question, const std::vector<IpAddress>& addresses) const;
  Answer no_data(const Question& question) const;
  Answer no_such_name(const Suffixes& name, unsigned zone_labels, std::uint32_t ttl) const;

  bool domain_needed_ = false;
  bool filter_a_ = false;
  bool filter_aaaa_ = false;
  bool expand_hosts_ = false;
  bool answers_home_arpa_ = true;
  std::optional<Name> domain_;
  BlockAnswer block_answer_ = BlockAnswer::nxdomain;
  std::uint32_t ttl_ = 0;
  LocalNames names_;
  NameTable<Zone> zones_;
  std::vector<std::vector<IpAddress>> zone_addresses_;
  NameTable<std::uint8_t> blocked_;
};

using LocalDataPtr = std::shared_ptr<const LocalData>;

/// Local data and what was wrong with the files that it was made from, one line each.
struct LoadedLocalData {
  LocalDataPtr local_data;
  std::vector<std::string> warnings;
};

/// Reads the files that a configuration names and makes its local data. What cannot be read is left
/// out and told.
LoadedLocalData load_local_data(const Config& config);

/// The files and folders that it is made from; a folder stands for what is in it.
std::vector<std::filesystem::path> local_data_files(const Config& config);

}  // namespace dnscache
