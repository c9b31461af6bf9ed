#include <catch2/catch.hpp>

#include "resolver/policy/hosts.hpp"

namespace dnscache {
namespace {

using Lines = std::vector<std::string>;

Lines hosts(std::string_view text) {
  Lines lines;
  read_hosts(text, [&](const IpAddress& address, const Name& name, bool is_first) {
    lines.push_back(address.to_text() + (is_first ? " = " : " ") + name.to_text());
  });
  return lines;
}

Lines blocked(std::string_view text) {
  Lines lines;
  read_block_list(text, [&](const Name& name, bool with_subdomains) {
    lines.push_back((with_subdomains ? "*." : "") + name.to_text());
  });
  return lines;
}

}  // namespace

TEST_CASE("hosts: addresses, names, comments and any blanks") {
  CHECK(hosts("10.0.0.1\tNAS.lan nas # comment\n"
              "# a line\n\n"
              "2001:db8::1 six.\r\n"
              "fe80::1%lo0 scoped\n"
              "10.0.0.2 last") == Lines{"10.0.0.1 = nas.lan", "10.0.0.1 nas", "2001:db8::1 = six",
                                        "fe80::1 = scoped", "10.0.0.2 = last"});
}

TEST_CASE("hosts: what is wrong is told with its line, and the rest is used") {
  Lines names;
  const auto problems = read_hosts(
      "10.0.0.1 a\nten b\n10.0.0.2\n10.0.0.3 good bad..name\n",
      [&](const IpAddress&, const Name& name, bool) { names.push_back(name.to_text()); });
  CHECK(names == Lines{"a", "good"});
  REQUIRE(problems.count == 3);
  CHECK(problems.first[0].line == 2);
  CHECK(problems.first[0].message == "\"ten\" is not an IP address");
  CHECK(problems.first[1].line == 3);
  CHECK(problems.first[1].message == "\"10.0.0.2\" has no names behind it");
  CHECK(problems.first[2].line == 4);
  CHECK(problems.first[2].message == "\"bad..name\" is not a host name");
}

TEST_CASE("block lists: hosts lines block exactly, domains with what is below") {
  CHECK(blocked("0.0.0.0 ads.example tracker.example # both\n"
                "127.0.0.1 local-form.example\n"
                ":: six.example\n"
                "! a comment\n"
                "plain.example\n"
                "*.wild.example\n"
                ".dot.example\n"
                "zip\n") == Lines{"ads.example", "tracker.example", "local-form.example",
                                  "six.example", "*.plain.example", "*.wild.example",
                                  "*.dot.example", "*.zip"});
}

TEST_CASE("block lists: what they say about the machine itself is left out") {
  CHECK(blocked("127.0.0.1 localhost localhost.localdomain local\n"
                "::1 ip6-localhost ip6-loopback\n"
                "255.255.255.255 broadcasthost\n"
                "ff02::1 ip6-allnodes\n"
                "0.0.0.0 0.0.0.0\n"
                "10.0.0.1 no-block.example\n") == Lines{});
}

TEST_CASE("block lists: lines of other formats are told") {
  const auto problems =
      read_block_list("||ads.example^\n@@||good.example^\ntwo words\naddress=/x.example/\n",
                      [](const Name&, bool) { FAIL("nothing is blocked here"); });
  CHECK(problems.count == 4);
}

}  // namespace dnscache
