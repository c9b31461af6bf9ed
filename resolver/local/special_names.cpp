#include "resolver/local/special_names.hpp"

#include <array>

#include "resolver/wire/build.hpp"

namespace dnscache {
namespace {

constexpr std::uint32_t local_ttl = 10800;  // seconds, as RFC 6303 section 3 suggests

enum class Treatment {
  loopback,          // the addresses of this host
  loopback_reverse,  // the name of this host
  no_such_name,
  empty_zone,  // only its apex exists
  no_data,
};

struct SpecialZone {
  Name zone;
  Treatment treatment;
};

SpecialZone special(std::string_view zone, Treatment treatment) {
  return {*Name::parse(zone), treatment};
}

const std::array<SpecialZone, 11>& special_zones() {
  static const std::array<SpecialZone, 11> zones{
      special("localhost", Treatment::loopback),
      special("127.in-addr.arpa", Treatment::loopback_reverse),
      special("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa",
              Treatment::loopback_reverse),
      special("0.in-addr.arpa", Treatment::no_such_name),
      special("255.255.255.255.in-addr.arpa", Treatment::no_such_name),
      special("invalid", Treatment::no_such_name),
      special("test", Treatment::no_such_name),
      special("onion", Treatment::no_such_name),
      special("alt", Treatment::no_such_name),
      special("resolver.arpa", Treatment::no_data),
      special("home.arpa", Treatment::empty_zone),
  };
  return zones;
}

// The last label decides for nearly every name that it is ordinary.
bool may_be_special(const Name& name) {
  const ByteView bytes = name.bytes();
  const auto ends_with = [&](std::string_view label) {  // "\4arpa"
    const std::size_t size = label.size() + 1;
    return bytes.size() >= size &&
           std::equal(label.begin(), label.end(), bytes.end() - static_cast<std::ptrdiff_t>(size));
  };
  return ends_with("\4arpa") || ends_with("\11localhost") || ends_with("\7invalid") ||
         ends_with("\4test") || ends_with("\5onion") || ends_with("\3alt");
}

Answer answer_in(const SpecialZone& special, const Question& question) {
  const bool is_apex = question.name == special.zone;
  const bool negative = special.treatment == Treatment::no_such_name ||
                        (special.treatment == Treatment::empty_zone && !is_apex);
  Answer answer(negative ? Rcode::nx_domain : Rcode::no_error);
  if (special.treatment == Treatment::loopback && question.type == rr_type::a) {
    add_answer(answer, rr_type::a, local_ttl, std::array<std::uint8_t, 4>{127, 0, 0, 1});
  } else if (special.treatment == Treatment::loopback && question.type == rr_type::aaaa) {
    std::array<std::uint8_t, 16> address{};
    address[15] = 1;
    add_answer(answer, rr_type::aaaa, local_ttl, address);
  } else if (special.treatment == Treatment::loopback_reverse && question.type == rr_type::ptr) {
    add_answer(answer, rr_type::ptr, local_ttl, Name::parse("localhost")->bytes());
  } else {
    add_local_soa(answer, special.zone, local_ttl);
  }
  return answer;
}

}  // namespace

std::optional<SpecialName> find_special_name(const Question& question, bool with_home_arpa) {
  if (!may_be_special(question.name)) return std::nullopt;
  static const Name home_arpa = *Name::parse("home.arpa");
  for (const SpecialZone& special : special_zones()) {
    if (!question.name.is_within(special.zone)) continue;
    const bool is_home = special.zone == home_arpa;
    const bool is_of_parent = question.type == rr_type::ds && question.name == home_arpa;
    if (is_home && (!with_home_arpa || is_of_parent)) return std::nullopt;
    const bool is_fixed = special.treatment == Treatment::loopback ||
                          special.treatment == Treatment::loopback_reverse;
    return SpecialName{answer_in(special, question), special.zone.label_count(), is_fixed};
  }
  return std::nullopt;
}

std::optional<Answer> answer_special_type(const Query& query) {
  if (query.question_class != class_in) return failure(Rcode::refused);
  switch (query.question.type) {
    case rr_type::any: {
      static constexpr std::array<std::uint8_t, 9> rfc8482{7, 'R', 'F', 'C', '8', '4', '8', '2', 0};
      Answer answer;
      add_answer(answer, rr_type::hinfo, local_ttl, rfc8482);
      return answer;
    }
    case rr_type::opt:
    case 0:
      return failure(Rcode::format_error);
    case rr_type::tkey:
    case rr_type::tsig:
    case rr_type::axfr:
    case rr_type::ixfr:
    case rr_type::mailb:
    case rr_type::maila:
      return failure(Rcode::refused);
    default:
      return std::nullopt;
  }
}

}  // namespace dnscache
