#include <catch2/catch.hpp>

#include "resolver/dnssec/bogus_reason.hpp"

namespace dnscache {

// What libunbound 1.17 says about the zones of tests/system/dnssec, and more of its words.
TEST_CASE("libunbound's reasons as extended errors") {
  const auto reason = [](const std::string& words) {
    return bogus_reason("validation failure <www.example. A IN>: " + words);
  };
  CHECK(reason("ECDSA signature verification failed from 127.0.0.1") ==
        ExtendedError::dnssec_bogus);
  CHECK(reason("signature expired from 127.0.0.1 for key expired. while building chain of trust") ==
        ExtendedError::signature_expired);
  CHECK(reason("signature before inception date from 127.0.0.1") ==
        ExtendedError::signature_not_yet_valid);
  CHECK(reason("No DNSKEY record from 127.0.0.1 for key nokey. while building chain of trust") ==
        ExtendedError::dnskey_missing);
  CHECK(reason("no keys have a DS with algorithm RSASHA256 from 127.0.0.1 for key halfway.") ==
        ExtendedError::dnskey_missing);
  CHECK(reason("no signatures from 127.0.0.1") == ExtendedError::rrsigs_missing);
  CHECK(reason("dnskey without ZSK flag from 127.0.0.1 for key x.") ==
        ExtendedError::no_zone_key_bit);
  CHECK(reason("no DNSSEC records from 127.0.0.1 for DS nothing.nonsec. while building chain") ==
        ExtendedError::nsec_missing);
  CHECK(reason("wildcard proof failed from 127.0.0.1") == ExtendedError::nsec_missing);
  CHECK(reason("") == ExtendedError::dnssec_bogus);
  CHECK(bogus_reason("") == ExtendedError::dnssec_bogus);
  // The name is the client's.
  CHECK(bogus_reason("validation failure <no\\032signatures. A IN>: incorrect digest") ==
        ExtendedError::dnssec_bogus);
}

}  // namespace dnscache
