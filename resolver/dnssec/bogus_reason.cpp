#include "resolver/dnssec/bogus_reason.hpp"

#include <array>

namespace dnscache {
namespace {

struct Reason {
  std::string_view words;
  ExtendedError error;
};

// The first that is found counts: what is wrong with a signature says more than what it was for.
constexpr auto reasons = std::to_array<Reason>({
    {"signature expired", ExtendedError::signature_expired},
    {"signature before inception date", ExtendedError::signature_not_yet_valid},
    {"without ZSK flag", ExtendedError::no_zone_key_bit},
    {"no signatures over NSEC", ExtendedError::rrsigs_missing},
    {"proof failed", ExtendedError::nsec_missing},
    {"no proof of that", ExtendedError::nsec_missing},
    {"no NSEC", ExtendedError::nsec_missing},
    {"NSEC", ExtendedError::nsec_missing},
    {"no DNSSEC records", ExtendedError::nsec_missing},  // about a DS record, or that there is none
    {"no signatures", ExtendedError::rrsigs_missing},
    {"no DNSKEY", ExtendedError::dnskey_missing},
    {"No DNSKEY", ExtendedError::dnskey_missing},
    {"could not fetch DNSKEY", ExtendedError::dnskey_missing},
    {"no keys have a DS", ExtendedError::dnskey_missing},
    {"unknown keys", ExtendedError::dnskey_missing},
});

}  // namespace

ExtendedError bogus_reason(std::string_view why) {
  // "validation failure <nsec.example A IN>: …": names come from outside.
  const auto end_of_question = why.find(">: ");
  if (end_of_question != std::string_view::npos) why.remove_prefix(end_of_question);
  for (const Reason& reason : reasons) {
    if (why.find(reason.words) != std::string_view::npos) return reason.error;
  }
  return ExtendedError::dnssec_bogus;
}

}  // namespace dnscache
