#include <catch2/catch.hpp>
#include <fstream>

#include "resolver/config/resolv_conf.hpp"
#include "resolver/config/upstreams_from.hpp"
#include "resolver/config/values.hpp"

using namespace dnscache;

namespace {

using Texts = std::vector<std::string>;

Texts texts(const std::vector<Endpoint>& endpoints) {
  Texts result;
  for (const Endpoint& endpoint : endpoints) result.push_back(endpoint.to_text());
  return result;
}

IpAddress address(std::string_view text) { return *IpAddress::parse(text); }

}  // namespace

TEST_CASE("an ordinary resolv.conf") {
  const ResolvConf conf = parse_resolv_conf(
      "# made by hand\n"
      "; too\n"
      "search a.example b.example\n"
      "\n"
      "nameserver 192.0.2.1\n"
      "nameserver\t2001:db8::1\n"
      "options ndots:2 timeout:1\n"
      "options rotate\n");
  CHECK(texts(conf.nameservers) == Texts{"192.0.2.1:53", "[2001:db8::1]:53"});
  CHECK(conf.search == Texts{"a.example", "b.example"});
  CHECK(conf.options == Texts{"ndots:2", "timeout:1", "rotate"});
  CHECK(conf.ignored.empty());
}

TEST_CASE("oddities of resolv.conf") {
  struct Row {
    std::string text;
    Texts nameservers;
    std::vector<std::size_t> ignored;
  };
  const Row row = GENERATE(values<Row>({
      {"", {}, {}},
      {"nameserver 192.0.2.1", {"192.0.2.1:53"}, {}},
      {"nameserver 192.0.2.1\r\nnameserver 192.0.2.2\r\n", {"192.0.2.1:53", "192.0.2.2:53"}, {}},
      {"nameserver   192.0.2.1 \t # comment\n", {"192.0.2.1:53"}, {}},
      {"nameserver 192.0.2.1#comment\nnameserver 192.0.2.2;x",
       {"192.0.2.1:53", "192.0.2.2:53"},
       {}},
      {"nameserver fe80::1%lo\n", {"[fe80::1%lo]:53"}, {}},
      {"nameserver fe80::1%no-such-if\n", {}, {1}},
      {"nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3\nnameserver 4.4.4.4\n",
       {"1.1.1.1:53", "2.2.2.2:53", "3.3.3.3:53", "4.4.4.4:53"},
       {}},
      {" nameserver 192.0.2.1\n", {}, {1}},
      {"nameserver192.0.2.1\nnameserver\nNAMESERVER 192.0.2.1\n", {}, {1, 2, 3}},
      {"nameserver dns.example\nnameserver 192.0.2.1:53\nnameserver 192.0.2.1\n",
       {"192.0.2.1:53"},
       {1, 2}},
      {"garbage\n\n#\nmore garbage\nsortlist 192.0.2.0\n", {}, {1, 4}},
      {std::string("nameserver 192.0.2.1\0x\n", 23), {}, {1}},
      {"\xff\xfe\n\n", {}, {1}},
  }));
  CAPTURE(row.text);
  const ResolvConf conf = parse_resolv_conf(row.text);
  CHECK(texts(conf.nameservers) == row.nameservers);
  std::vector<std::size_t> ignored;
  for (const auto& line : conf.ignored) ignored.push_back(line.number);
  CHECK(ignored == row.ignored);
}

TEST_CASE("the last search or domain line counts") {
  CHECK(parse_resolv_conf("search a b\ndomain c d\n").search == Texts{"c"});
  CHECK(parse_resolv_conf("domain c\nsearch a b\n").search == Texts{"a", "b"});
}

TEST_CASE("replacing name servers keeps every other byte") {
  struct Row {
    std::string before;
    std::string after;
  };
  const Row row = GENERATE(values<Row>({
      {"", "nameserver 127.0.0.1\nnameserver ::1\n"},
      {"# c\nsearch a\nnameserver 1.1.1.1\noptions rotate\nnameserver 2.2.2.2\n; end",
       "# c\nsearch a\nnameserver 127.0.0.1\nnameserver ::1\noptions rotate\n; end"},
      {"search a", "search a\nnameserver 127.0.0.1\nnameserver ::1\n"},
      {"nameserver 1.1.1.1", "nameserver 127.0.0.1\nnameserver ::1\n"},
      {"search a\r\nnameserver 1.1.1.1\r\n",
       "search a\r\nnameserver 127.0.0.1\r\nnameserver ::1\r\n"},
      {"garbage \t\n\tnameserver 1.1.1.1\nnameserver fe80::1%no-such-if\n#nameserver 3.3.3.3\n",
       "garbage \t\nnameserver 127.0.0.1\nnameserver ::1\n#nameserver 3.3.3.3\n"},
      {"nameserver\n", "nameserver\nnameserver 127.0.0.1\nnameserver ::1\n"},
  }));
  CAPTURE(row.before);
  const std::vector<IpAddress> ours{address("127.0.0.1"), address("::1")};
  CHECK(replace_nameservers(row.before, ours) == row.after);
  CHECK(replace_nameservers(row.after, ours) == row.after);
}
