#include "resolver/local/local_data.hpp"

#include <algorithm>

#include "resolver/local/private_reverse.hpp"
#include "resolver/local/special_names.hpp"
#include "resolver/wire/build.hpp"

namespace dnscache {
namespace {

constexpr std::uint32_t rfc6303_ttl = 10800;  // seconds, as RFC 6303 section 3 suggests

std::uint32_t in_seconds(std::chrono::seconds duration) {
  return static_cast<std::uint32_t>(duration.count());
}

// Servers of a private network may know its own names.
bool has_private_upstream(const Config& config) {
  return std::ranges::any_of(config.upstreams, [](const UpstreamConfig& upstream) {
    return upstream.endpoint.address.is_private();
  });
}

bool answers_private_reverse(const Config& config) {
  if (config.bogus_priv != BogusPriv::automatic) return config.bogus_priv == BogusPriv::always;
  return !has_private_upstream(config);
}

bool is_address_type(std::uint16_t type) { return type == rr_type::a || type == rr_type::aaaa; }

}  // namespace

LocalData::LocalData(const Config& config)
    : domain_needed_(config.domain_needed),
      filter_a_(config.filter_a),
      filter_aaaa_(config.filter_aaaa),
      expand_hosts_(config.local.expand_hosts),
      answers_home_arpa_(!has_private_upstream(config)),
      domain_(config.local.domain),
      block_answer_(config.local.block.answer),
      ttl_(in_seconds(config.local.ttl)) {
  for (const LocalZoneConfig& local : config.local.zones) {
    if (local.addresses.empty()) {
      add_zone(local.zone, ZoneKind::nowhere);
      continue;
    }
    add_zone(local.zone, ZoneKind::addresses, static_cast<std::uint32_t>(zone_addresses_.size()));
    zone_addresses_.push_back(local.addresses);
  }
  for (const RouteConfig& route : config.routes) {
    add_zone(route.zone, route.upstreams.empty() ? ZoneKind::nowhere : ZoneKind::route);
  }
  for (const Name& zone : config.local.block.allow) add_zone(zone, ZoneKind::allowed);
  if (answers_private_reverse(config)) {
    for (const Name& zone : private_reverse_zones()) add_zone(zone, ZoneKind::reverse);
  }
  for (const LocalRecord& record : config.local.records) {
    const std::uint32_t ttl = record.ttl ? in_seconds(*record.ttl) : ttl_;
    if (is_address_type(record.type)) {
      names_.add_address(record.name, IpAddress::from_bytes(record.data), ttl, true);
    } else {
      names_.add(record.name, record.type, ttl, record.data);
    }
  }
}

// What was there first stays. The names above a zone with names in it exist, whatever is said about
// them; so does the apex of a private reverse zone.
void LocalData::add_zone(const Name& zone, ZoneKind kind, std::uint32_t index) {
  zones_.get_or_add(zone.bytes(), {kind, index});
  if (kind == ZoneKind::reverse) names_.add_empty(zone);
  if (kind == ZoneKind::route || kind == ZoneKind::addresses) names_.add_empty(zone.parent());
}

void LocalData::add_host(const IpAddress& address, const Name& name, bool with_reverse) {
  static const Name localhost = *Name::parse("localhost");
  if (name.is_within(localhost)) return;  // RFC 6761 section 6.3 says what it is
  // Many a hosts file has the machine's own name in front of localhost.
  static const std::vector<Network> localhost_addresses{*Network::parse("127.0.0.1"),
                                                        *Network::parse("::1")};
  if (is_in(localhost_addresses, address)) with_reverse = false;
  const bool is_plain = name.label_count() == 1;
  const auto full = expand_hosts_ && domain_ && is_plain
                        ? Name::parse(name.to_text() + '.' + domain_->to_text())
                        : std::nullopt;
  if (full) names_.add_address(*full, address, ttl_, with_reverse, LocalNames::Source::hosts_file);
  names_.add_address(name, address, ttl_, with_reverse && !full, LocalNames::Source::hosts_file);
}

void LocalData::add_blocked(const Name& name, bool subdomains) {
  const std::uint8_t added = subdomains ? with_subdomains : exactly;
  const std::uint8_t there = blocked_.get_or_add(name.bytes(), added);
  if ((there | added) != there) {
    blocked_.put(name.bytes(), static_cast<std::uint8_t>(there | added));
  }
}

void LocalData::finish() {
  names_.shrink();
  zones_.shrink();
  blocked_.shrink();
}

std::optional<Answer> LocalData::decide(const Question& question, Reason* reason) const {
  const Suffixes name(question.name.bytes());
  const auto because = [&](Rule rule, unsigned labels) {
    if (reason == nullptr) return;
    std::size_t offset = 0;
    reason->rule = rule;
    reason->matched = Name::read(name.name(labels), offset).value_or(Name());
  };
  if (auto known = names_.answer(name, question.type, ttl_)) {
    because(Rule::local_name, name.labels());
    return known;
  }
  auto zone = find_zone(name);
  if (const auto special = find_special_name(question, answers_home_arpa_)) {
    // What the configuration says of such a zone, or of one in it, was meant so; localhost is ever
    // this host.
    const bool is_configured = zone && zone->value.kind != ZoneKind::allowed &&
                               zone->value.kind != ZoneKind::reverse &&
                               zone->labels >= special->zone_labels;
    if (!is_configured || special->is_fixed) {
      because(Rule::special_name, name.labels());
      return special->answer;
    }
  }

  if (const auto labels = blocked_labels(name, zone)) {
    because(Rule::blocked, *labels);
    return blocked_answer(question);
  }
  if (zone && zone->value.kind == ZoneKind::addresses) {
    because(Rule::local_zone, zone->labels);
    return addresses_answer(question, zone_addresses_[zone->value.index]);
  }
  if (zone && zone->value.kind == ZoneKind::nowhere) {
    because(Rule::local_zone, zone->labels);
    return no_such_name(name, zone->labels, ttl_);
  }
  if (zone && zone->value.kind == ZoneKind::reverse) {
    because(Rule::private_reverse, zone->labels);
    return no_such_name(name, zone->labels, rfc6303_ttl);
  }
  const bool is_plain = name.labels() == 1;
  const bool is_routed = zone && zone->value.kind == ZoneKind::route;
  if (domain_needed_ && is_plain && !is_routed && is_address_type(question.type)) {
    because(Rule::domain_needed, name.labels());
    return no_such_name(name, name.labels(), ttl_);
  }
  if (filter_a_ && question.type == rr_type::a) {
    because(Rule::filter_a, name.labels());
    return no_data(question);
  }
  if (filter_aaaa_ && question.type == rr_type::aaaa) {
    because(Rule::filter_aaaa, name.labels());
    return no_data(question);
  }
  return std::nullopt;
}

unsigned LocalData::route_labels(const Name& name) const {
  const Suffixes suffixes(name.bytes());
  const auto route = zones_.longest(
      suffixes, [](const Zone& zone, unsigned) { return zone.kind == ZoneKind::route; });
  return route ? route->labels : 0;
}

std::optional<NameTable<LocalData::Zone>::Match> LocalData::find_zone(const Suffixes& name) const {
  return zones_.longest(name, [](const Zone&, unsigned) { return true; });
}

// An allowed zone is never blocked. Else the longer suffix decides between a block list and what
// the configuration says about a zone.
std::optional<unsigned> LocalData::blocked_labels(
    const Suffixes& name, std::optional<NameTable<Zone>::Match>& zone) const {
  if (zone && zone->value.kind == ZoneKind::allowed) return std::nullopt;
  const auto match = blocked_.longest(name, [&](std::uint8_t how, unsigned labels) {
    return (how & with_subdomains) != 0 || labels == name.labels();
  });
  if (!match) return std::nullopt;
  const bool is_general = zone && zone->value.kind == ZoneKind::reverse;
  if (zone && !is_general && match->labels <= zone->labels) return std::nullopt;
  return match->labels;
}

bool LocalData::overrules(ByteView name, std::uint16_t type) const {
  Question question;
  std::size_t offset = 0;
  const auto read = Name::read(name, offset);
  if (!read) return false;
  question.name = *read;
  question.type = type;
  return decide(question).has_value();
}

Answer LocalData::no_data(const Question& question) const {
  Answer answer;
  add_local_soa(answer, question.name, ttl_);
  return answer;
}

// A name above others that exist is itself not missing (RFC 8020), only empty.
Answer LocalData::no_such_name(const Suffixes& name, unsigned zone_labels,
                               std::uint32_t ttl) const {
  Answer answer(names_.exists(name) ? Rcode::no_error : Rcode::nx_domain);
  add_local_soa(answer, name.name(zone_labels), ttl);
  return answer;
}

Answer LocalData::blocked_answer(const Question& question) const {
  if (block_answer_ == BlockAnswer::refused) return failure(Rcode::refused, ExtendedError::blocked);
  Answer answer;
  if (block_answer_ == BlockAnswer::null) {
    IpAddress any_v6;
    any_v6.is_v6 = true;
    answer = addresses_answer(question, {IpAddress{}, any_v6});
    answer.authoritative = false;
  } else {
    answer.rcode = Rcode::nx_domain;
    add_local_soa(answer, question.name, ttl_);
  }
  answer.extended_error = ExtendedError::blocked;
  return answer;
}

Answer LocalData::addresses_answer(const Question& question,
                                   const std::vector<IpAddress>& addresses) const {
  Answer answer;
  answer.authoritative = true;
  for (const IpAddress& address : addresses) {
    const std::uint16_t type = address.is_v6 ? rr_type::aaaa : rr_type::a;
    if (type == question.type) {
      add_answer(answer, type, ttl_, {address.bytes.data(), address.size()});
    }
  }
  if (!answer.has_data) add_local_soa(answer, question.name, ttl_);
  return answer;
}

}  // namespace dnscache
