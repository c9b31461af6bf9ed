#include <catch2/catch.hpp>

#include "resolver/dnssec/autotrust.hpp"

namespace dnscache {

TEST_CASE("of a file for RFC 5011, only keys that are valid or missing are trusted") {
  const auto key = [](const std::string& data, const std::string& state) {
    return ".\t172800\tIN\tDNSKEY\t257 3 8 " + data +
           " ;{id = 20326 (ksk), size = 2048b} ;;state=" + state +
           " ;;count=0 ;;lastchange=1700000000 ;;Tue Nov 14 22:13:20 2023\n";
  };
  const std::string text = "; autotrust trust anchor file\n;;id: . 1\n" +
                           key("AwEAAQ==", "0 [  START  ]") + key("AwEAAg==", "1 [ ADDPEND ]") +
                           key("AwEAAw==", "2 [  VALID  ]") + key("AwEABA==", "3 [ MISSING ]") +
                           key("AwEABQ==", "4 [ REVOKED ]") + key("AwEABg==", "5 [ REMOVED ]");
  CHECK(is_autotrust(text));
  CHECK(trusted_keys(text) == std::vector<std::string>{".\t172800\tIN\tDNSKEY\t257 3 8 AwEAAw== ",
                                                       ".\t172800\tIN\tDNSKEY\t257 3 8 AwEABA== "});
  CHECK(trusted_keys("; autotrust trust anchor file\n;;REVOKED\n;;id: . 1\n").empty());
  CHECK_FALSE(is_autotrust(". IN DS 20326 8 2 E06D44B8\n"));
}

}  // namespace dnscache
