#include <catch2/catch.hpp>

#include "cli/commands/support.hpp"

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

TEST_CASE("a customer's names below amazonaws.com and in new top-level domains are names") {
  Redactor redactor;
  for (const std::string text :
       {"ec2.us-east-1.amazonaws.com", "s3.amazonaws.com", "80-ec2.network", "libnss_dns.so"}) {
    CHECK(redactor.redact(text) == text);
  }
  for (const std::string text :
       {"db.c9ak.us-east-1.rds.amazonaws.com", "bucket.s3.amazonaws.com", "api.corp.network",
        "bucket.s3.us-gov-west-1.amazonaws.com", "web.corp.so"}) {
    CHECK(redactor.redact(text).starts_with("name-"));
  }
}

TEST_CASE("a word or a gap of any length is no trouble") {
  Redactor redactor;
  for (const char c : {'x', '.', ' ', ':', '1', '/'}) {
    const std::string text = "a.corp.com /home/" + std::string(60'000, c) + " b.corp.com";
    CHECK(redactor.redact(text).starts_with("name-1.invalid"));
    CHECK(redactor.redact(text).ends_with("name-2.invalid"));
  }
}

TEST_CASE("a hidden word is replaced where it is a whole word") {
  Redactor redactor;
  redactor.hide("lab", "this-host");
  redactor.hide_name("corp");
  CHECK(redactor.redact("lab: available, lab's lab-2, labs; zone \"corp\" incorporated") ==
        "this-host: available, this-host's lab-2, labs; zone \"name-1.invalid\" incorporated");
}

TEST_CASE("names without a dot in the query log, and home folders, are replaced") {
  Redactor redactor;
  CHECK(redactor.redact("09:01 127.0.0.1:5 udp intranet AAAA NXDOMAIN upstream 0.2ms") ==
        "09:01 127.0.0.1:5 udp name-1.invalid AAAA NXDOMAIN upstream 0.2ms");
  CHECK(redactor.redact("[/home/alice/hosts, \"/home/bob\"]") ==
        "[/home/user/hosts, \"/home/user\"]");
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
