#include "resolver/local/local_names.hpp"

#include <algorithm>

#include "resolver/config/record.hpp"
#include "resolver/wire/build.hpp"

namespace dnscache {
namespace {

constexpr unsigned max_aliases = 32;  // one behind the other

}  // namespace

void LocalNames::add(const Name& name, std::uint16_t type, std::uint32_t ttl, ByteView data,
                     Source source) {
  const std::uint32_t first = names_.get_or_add(name.bytes(), none);
  std::uint32_t last = none;
  for (std::uint32_t i = first; i != none; i = records_[i].next) {
    if (records_[i].type == type && std::ranges::equal(data_of(records_[i]), data)) return;
    last = i;
  }
  const auto added = static_cast<std::uint32_t>(records_.size());
  records_.push_back({none, ttl, static_cast<std::uint32_t>(data_.size()),
                      static_cast<std::uint16_t>(data.size()), type, source});
  data_.insert(data_.end(), data.begin(), data.end());
  if (last == none) {
    names_.put(name.bytes(), added);
    add_empty(name.parent());
  } else {
    records_[last].next = added;
  }
}

void LocalNames::add_address(const Name& name, const IpAddress& address, std::uint32_t ttl,
                             bool with_reverse, Source source) {
  const ByteView bytes{address.bytes.data(), address.size()};
  add(name, address.is_v6 ? rr_type::aaaa : rr_type::a, ttl, bytes, source);
  if (!with_reverse) return;
  const Name reverse = reverse_name(address);
  const Suffixes suffixes(reverse.bytes());
  const auto known = names_.find(suffixes, suffixes.labels());
  if (!known || !has(*known, rr_type::ptr)) {
    add(reverse, rr_type::ptr, ttl, name.bytes(), source);
  }
}

void LocalNames::add_empty(Name name) {
  for (; !name.is_root(); name = name.parent()) {
    const std::size_t before = names_.size();
    names_.get_or_add(name.bytes(), none);
    if (names_.size() == before) return;  // then those above it are there as well
  }
}

bool LocalNames::has(std::uint32_t first, std::uint16_t type) const {
  for (std::uint32_t i = first; i != none; i = records_[i].next) {
    if (records_[i].type == type) return true;
  }
  return false;
}

// A CNAME stands alone but for a reverse name that was made of an address.
const LocalNames::Record& LocalNames::alias_of(std::uint32_t first) const {
  std::uint32_t i = first;
  while (records_[i].type != rr_type::cname) i = records_[i].next;
  return records_[i];
}

bool LocalNames::is_of_hosts_file(std::uint32_t first) const {
  for (std::uint32_t i = first; i != none; i = records_[i].next) {
    if (records_[i].source != Source::hosts_file) return false;
  }
  return true;
}

std::uint32_t LocalNames::lowest_ttl(std::uint32_t first, std::uint16_t type) const {
  std::uint32_t lowest = UINT32_MAX;
  for (std::uint32_t i = first; i != none; i = records_[i].next) {
    if (records_[i].type == type) lowest = std::min(lowest, records_[i].ttl);
  }
  return lowest;
}

std::optional<Answer> LocalNames::answer(const Suffixes& name, std::uint16_t type,
                                         std::uint32_t negative_ttl) const {
  auto first = names_.find(name, name.labels());
  if (!first || *first == none) return std::nullopt;
  Answer answer;
  answer.authoritative = true;
  ByteView owner = name.name(name.labels());
  for (unsigned aliases = 0; type != rr_type::cname && has(*first, rr_type::cname); ++aliases) {
    if (aliases == max_aliases) return std::nullopt;
    const Record& alias = alias_of(*first);
    const ByteView target = data_of(alias);
    add_answer_of(answer, owner, rr_type::cname, alias.ttl, target);
    const Suffixes suffixes(target);
    first = names_.find(suffixes, suffixes.labels());
    if (!first || *first == none) return std::nullopt;
    owner = target;
  }
  bool has_data = false;
  const std::uint32_t ttl = lowest_ttl(*first, type);  // one for an RRset (RFC 2181 section 5.2)
  for (std::uint32_t i = *first; i != none; i = records_[i].next) {
    if (records_[i].type != type) continue;
    add_answer_of(answer, owner, type, ttl, data_of(records_[i]));
    has_data = true;
  }
  answer.has_data = has_data;
  const bool is_about_addresses = type == rr_type::a || type == rr_type::aaaa;
  if (!has_data && !is_about_addresses && is_of_hosts_file(*first)) return std::nullopt;
  if (!has_data) add_local_soa(answer, owner, negative_ttl);
  return answer;
}

}  // namespace dnscache
