#include <catch2/catch.hpp>

#include "resolver/local/block_list.hpp"
#include "resolver/local/hosts.hpp"

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
  CHECK(problems.first[1].message == "\"10.0.0.2\" has no name after it");
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

TEST_CASE("block lists: every common format is read, also mixed in one file") {
  CHECK(blocked("[Adblock Plus 2.0]\n"
                "||ads.example^\n||important.example^$important\n"
                "address=/one.example/two.example/0.0.0.0\naddress=/hash.example/#\n"
                "server=/three.example/\nlocal=/four.example/\naddress=/five.example/\n"
                "server:\n  local-zone: \"zone.example\" always_nxdomain\n"
                "local-zone: \"null.example.\" redirect\n"
                "server: local-data: \"data.example A 0.0.0.0\"\n"
                "$TTL 60\n$ORIGIN rpz.local.\n"
                "@ IN SOA localhost. root.localhost. (\n 1 3600\n 600 86400 60 )\n"
                "  IN NS localhost.\n"
                "policy.example CNAME . ; comment\n*.policy.example 60 IN CNAME .\n"
                "nodata.example CNAME *.\nfull.example.rpz.local. CNAME .\n") ==
        Lines{"*.ads.example", "*.important.example", "*.one.example", "*.two.example",
              "*.hash.example", "*.three.example", "*.four.example", "*.five.example",
              "*.zone.example", "*.null.example", "data.example", "policy.example",
              "*.policy.example", "nodata.example", "full.example"});
}

TEST_CASE("block lists: lines that do not block are told, with their numbers") {
  const auto problems = read_block_list(
      "@@||good.example^\ntwo words\n||x.example^$third-party\naddress=/x.example/10.0.0.1\n"
      "local-zone: \"x.example\" transparent\nx.example CNAME rpz-passthru.\n"
      "32.1.0.0.10.rpz-ip CNAME .\nhttps://x.example/\naddress=/#/0.0.0.0\nlocal-data:\n"
      "local-zone:\n",
      [](const Name&, bool) { FAIL("nothing is blocked here"); });
  CHECK(problems.lines == 11);
  CHECK(problems.count == 11);
  CHECK(problems.first.front().line == 1);
}

}  // namespace dnscache
