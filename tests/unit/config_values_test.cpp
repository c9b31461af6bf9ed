#include <catch2/catch.hpp>
#include <limits>

#include "resolver/base/text.hpp"
#include "resolver/config/values.hpp"

using namespace dnscache;

TEST_CASE("durations") {
  struct Row {
    std::string text;
    std::chrono::milliseconds value;
    std::string printed;
  };
  const Row row = GENERATE(values<Row>({{"0s", 0ms, "0s"},
                                        {"0d", 0ms, "0s"},
                                        {"1ms", 1ms, "1ms"},
                                        {"1000ms", 1s, "1s"},
                                        {"1500ms", 1500ms, "1500ms"},
                                        {"60s", 1min, "1m"},
                                        {"90s", 90s, "90s"},
                                        {"120m", 2h, "2h"},
                                        {"24h", 24h, "1d"},
                                        {"3653d", 3653 * 24h, "3653d"}}));
  CAPTURE(row.text);
  REQUIRE(parse_duration(row.text));
  CHECK(*parse_duration(row.text) == row.value);
  CHECK(print_duration(row.value) == row.printed);
  CHECK(*parse_duration(row.printed) == row.value);
}

TEST_CASE("texts that are no duration") {
  const std::string text =
      GENERATE(as<std::string>(), "", "s", "1", "-1s", "+1s", "1.5s", "1,5s", "01s", "1 s", "1S",
               "1sec", "1min", "1us", "1w", "1h30m", " 1s", "1s ", "3654d", "0x1s",
               "18446744073709551616ms", "9223372036854775807d");
  CAPTURE(text);
  CHECK_FALSE(parse_duration(text));
}

TEST_CASE("sizes") {
  CHECK(*parse_size("0B") == 0);
  CHECK(*parse_size("1KiB") == 1024);
  CHECK(*parse_size("16777215TiB") == 16777215ull << 40);
  CHECK(print_size(0) == "0B");
  CHECK(print_size(1536) == "1536B");
  CHECK(print_size(64ull << 20) == "64MiB");
  CHECK(print_size(std::numeric_limits<std::uint64_t>::max()) == "18446744073709551615B");
  const std::string bad = GENERATE(as<std::string>(), "", "1", "1k", "1K", "1MB", "1M", "1mib",
                                   "1.5GiB", "16777216TiB", "-1B", "01B");
  CAPTURE(bad);
  CHECK_FALSE(parse_size(bad));
}

TEST_CASE("shares are exact to a hundredth of a percent") {
  CHECK(*parse_share("5%") == 0.05);
  CHECK(*parse_share("100%") == 1.0);
  CHECK(*parse_share("100.00%") == 1.0);
  CHECK(*parse_share("0.01%") == 0.0001);
  CHECK(*parse_share("2.5%") == *parse_share("2.50%"));
  for (int i = 0; i <= 10'000; ++i) {
    const double share = i / 10'000.0;
    REQUIRE(parse_share(print_share(share)));
    REQUIRE(*parse_share(print_share(share)) == share);
  }
  const std::string bad = GENERATE(as<std::string>(), "", "%", "5", "0.05", "5 %", "5.%", ".5%",
                                   "5.123%", "100.01%", "101%", "-1%", "05%", "5%%");
  CAPTURE(bad);
  CHECK_FALSE(parse_share(bad));
}

TEST_CASE("upstreams") {
  struct Row {
    std::string text;
    std::string printed;
  };
  const Row row = GENERATE(values<Row>({
      {"192.0.2.1", "192.0.2.1:53"},
      {"udp://192.0.2.1", "192.0.2.1:53"},
      {"192.0.2.1:853", "192.0.2.1:853"},
      {"2001:db8::1", "[2001:db8::1]:53"},
      {"[2001:db8::1]", "[2001:db8::1]:53"},
      {"tcp://[2001:db8::1]:5353", "tcp://[2001:db8::1]:5353"},
      {"tls://192.0.2.1", "tls://192.0.2.1:853"},
      {"tls://192.0.2.1:53", "tls://192.0.2.1:53"},
      {"tls://2001:db8::1#dns.example.", "tls://[2001:db8::1]:853#dns.example"},
      {"fe80::1%lo", "[fe80::1%lo]:53"},
      {"tcp://[fe80::1%not-there-0]:5353", "tcp://[fe80::1%not-there-0]:5353"},
  }));
  CAPTURE(row.text);
  const auto upstream = parse_upstream(row.text);
  REQUIRE(upstream);
  CHECK(print_upstream(*upstream) == row.printed);
  CHECK(*parse_upstream(row.printed) == *upstream);
}

TEST_CASE("texts that are no upstream") {
  const std::string text = GENERATE(
      as<std::string>(), "", "tls://", "://192.0.2.1", "TLS://192.0.2.1", "dns.example",
      "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536", "192.0.2.1:53:53", "192.0.2", "192.0.2.1 ",
      "192.0.2.1/24", "192.0.2.1#x", "tcp://192.0.2.1#x", "tls://192.0.2.1#", "tls://192.0.2.1#a b",
      "tls://192.0.2.1#a..b", "tls://192.0.2.1#.", "tls://192.0.2.1#192.0.2.1", "::", "0.0.0.0",
      "255.255.255.255", "239.1.1.1", "ff02::1", "fe80::1", "fe80::1%", "fe80::1%a/b",
      "fe80::1%eth0:0", "[fe80::1%eth0]:0", "2001:db8::1%no-such-if");
  CAPTURE(text);
  CHECK_FALSE(parse_upstream(text));
}

TEST_CASE("addresses that lead back to us") {
  struct Row {
    std::string listen;
    std::string target;
    bool own;
  };
  const auto row = GENERATE(values<Row>({{"127.0.0.1", "127.0.0.1", true},
                                         {"127.0.0.1", "127.0.0.2", false},
                                         {"127.0.0.1", "127.0.0.1:5353", false},
                                         {"127.0.0.1", "::1", false},
                                         {"192.0.2.1", "192.0.2.1", true},
                                         {"0.0.0.0", "127.0.0.53", true},
                                         {"0.0.0.0:5353", "127.0.0.1", false},
                                         {"0.0.0.0", "192.0.2.1", false},
                                         {"::", "::1", true},
                                         {"::", "127.0.0.1", true}}));
  CAPTURE(row.listen, row.target);
  CHECK(reaches_us(*Endpoint::parse(row.target, 53), {*Endpoint::parse(row.listen, 53)}) ==
        row.own);
}

TEST_CASE("the word that was meant") {
  const std::vector<std::string> words{"listen", "workers", "min_ttl", "max_ttl", "fastest"};
  CHECK(nearest("lisen", words) == "listen");
  CHECK(nearest("Workers", words) == "workers");
  CHECK(nearest("max-ttl", words) == "max_ttl");
  CHECK(nearest("fatsest", words) == "fastest");
  CHECK(nearest("upstream", words).empty());
  CHECK(nearest("", words).empty());
  CHECK(nearest(std::string(100'000, 'x'), words).empty());
}

TEST_CASE("user's text in a message") {
  CHECK(in_quotes("a\nb\x1b") == "\"a?b?\"");
  CHECK(in_quotes(std::string(100, 'x')) == '"' + std::string(80, 'x') + "...\"");
  const std::string cut = in_quotes(std::string(79, 'x') +
                                    "\xc3\xbc"
                                    "y");
  CHECK(cut == '"' + std::string(79, 'x') + "\xc3\xbc...\"");
  CHECK(join_words({}) == "");
  CHECK(join_words({"a"}) == "a");
  CHECK(join_words({"a", "b"}) == "a or b");
  CHECK(join_words({"a", "b", "c"}, "and") == "a, b and c");
}

TEST_CASE("trust anchors are files or records") {
  for (const char* text :
       {"/usr/share/dns/root.key", ". DS 20326 8 2 E06D44B8", ". 172800 IN DS 20326 8 2 E06D 44B8",
        "corp.example. DNSKEY 257 3 13 mdsswUyr3DPW132mOi8V9xESWE8jTo0d=="}) {
    INFO(text);
    const auto anchor = parse_trust_anchor(text);
    REQUIRE(anchor);
    CHECK(*anchor == text);
  }
  for (const char* text :
       {"", "root.key", "/usr/share/dns/", ". DS", ". DS 20326 8 2", ". DS 70000 8 2 AB",
        ". DS 1 256 2 AB", ". DS 1 8 2 XY", ". A 192.0.2.1 1 2 3", "..a DS 1 8 2 AB",
        ". DNSKEY 257 3 13 \"quoted\"", ". DS 1 8 2 AB\n. DS 1 8 2 AB"}) {
    INFO(text);
    CHECK_FALSE(parse_trust_anchor(text));
  }
}
