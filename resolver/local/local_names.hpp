// The records that are known here.
#pragma once

#include <optional>
#include <vector>

#include "resolver/config/config.hpp"
#include "resolver/local/name_table.hpp"
#include "resolver/wire/answer.hpp"

namespace dnscache {

/// Records by name, from hosts files and from the configuration.
class LocalNames {
 public:
  /// Where a record was written. What a hosts file says of a name are its addresses only; upstreams
  /// are asked for the rest, such as a domain's MX records.
  enum class Source : std::uint8_t { configuration, hosts_file };

  /// Adds a record unless it is there already.
  void add(const Name& name, std::uint16_t type, std::uint32_t ttl, ByteView data,
           Source source = Source::configuration);
  /// Adds an address and, if `with_reverse`, the name that it stands for, unless it has one.
  void add_address(const Name& name, const IpAddress& address, std::uint32_t ttl, bool with_reverse,
                   Source source = Source::configuration);
  /// Makes a name and those above it exist, if only without records of their own (RFC 8020).
  void add_empty(Name name);
  void shrink() { names_.shrink(); }

  bool is_empty() const { return names_.is_empty(); }
  /// Names, reverse ones and those that only have others below them included.
  std::size_t size() const { return names_.size(); }

  /// The answer to a question about a known name, of which CNAMEs are followed as long as they lead
  /// to known names. Nothing when the name has no records, its CNAME leads elsewhere, or it is only
  /// in hosts files and the question is not about addresses.
  std::optional<Answer> answer(const Suffixes& name, std::uint16_t type,
                               std::uint32_t negative_ttl) const;
  /// The name has records, or names below it have.
  bool exists(const Suffixes& name) const { return names_.find(name, name.labels()).has_value(); }

 private:
  static constexpr std::uint32_t none = 0xffffffff;
  struct Record {
    std::uint32_t next;  // of the same name; `none`: the last
    std::uint32_t ttl;
    std::uint32_t data;  // in data_
    std::uint16_t size;
    std::uint16_t type;
    Source source;
  };

  ByteView data_of(const Record& record) const { return {data_.data() + record.data, record.size}; }
  bool has(std::uint32_t first, std::uint16_t type) const;
  const Record& alias_of(std::uint32_t first) const;  // which has one
  bool is_of_hosts_file(std::uint32_t first) const;
  std::uint32_t lowest_ttl(std::uint32_t first, std::uint16_t type) const;

  NameTable<std::uint32_t> names_;  // the first record of each, or `none`
  std::vector<Record> records_;
  std::vector<std::uint8_t> data_;
};

}  // namespace dnscache
