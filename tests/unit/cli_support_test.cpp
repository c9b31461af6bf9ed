#include <catch2/catch.hpp>

#include "cli/support.hpp"

using namespace dnscache::cli;

TEST_CASE("names and addresses have stand-ins, each always the same") {
  Redactor redactor;
  redactor.hide("web-17", "this-host");
  CHECK(redactor.redact("10.1.2.3:53 of web-17, 10.1.2.3 and 198.51.100.7#dns.corp.com; "
                        "[2001:db8::5]:53 a.corp.com DNS.corp.com") ==
        "private-ip-2:53 of this-host, private-ip-2 and public-ip-3#name-1.invalid; "
        "[public-ip-1]:53 name-2.invalid name-1.invalid");
  CHECK(redactor.redact("again 10.1.2.3") == "again private-ip-2");
}

TEST_CASE("what tells the kind of machine stays") {
  Redactor redactor;
  for (const std::string text : {"127.0.0.1 ::1 127.0.0.53 0.0.0.0 fd00:ec2::253 169.254.169.253",
                                 "/etc/dnscachectl/config.yaml dnscachectl.service resolv.conf",
                                 "18:35:02 1.2", "ec2.us-east-1.amazonaws.com"}) {
    CHECK(redactor.redact(text) == text);
  }
}

TEST_CASE("an archive's entries are whole blocks with a right checksum") {
  const auto entry = tar_entry("a.txt", std::string(513, 'x'), 0);
  CHECK(entry.size() == 3 * 512);
  CHECK(entry.substr(257, 6) == std::string("ustar\0", 6));
  unsigned sum = 8 * ' ';
  for (std::size_t i = 0; i < 512; ++i) {
    if (i < 148 || i >= 156) sum += static_cast<unsigned char>(entry[i]);
  }
  CHECK(std::stoul(entry.substr(148, 6), nullptr, 8) == sum);
}
