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

TEST_CASE("upstreams come from the system") {
  struct Row {
    std::string what;
    std::string resolv_conf;
    std::string systemd_list;  // "absent": there is no such file
    std::string listen;
    std::string upstreams;  // or the error behind the path
  };
  static const std::string advice = "; name servers under upstreams: in the configuration";
  const Row row = GENERATE(values<Row>({
      {"plain", "nameserver 10.0.0.2\nnameserver 10.0.0.3\n", "absent", "127.0.0.1",
       "10.0.0.2:53 10.0.0.3:53"},
      {"twice", "nameserver 10.0.0.2\nnameserver 10.0.0.2\n", "absent", "127.0.0.1", "10.0.0.2:53"},
      {"own left out", "nameserver 127.0.0.1\nnameserver 10.0.0.2\n", "absent", "127.0.0.1",
       "10.0.0.2:53"},
      {"another local resolver", "nameserver 127.0.0.2\n", "absent", "127.0.0.1", "127.0.0.2:53"},
      {"we listen on another port", "nameserver 127.0.0.1\n", "absent", "127.0.0.1:5353",
       "127.0.0.1:53"},
      {"wildcard", "nameserver 127.0.0.2\nnameserver ::1\nnameserver 10.0.0.2\n", "absent",
       "0.0.0.0", "10.0.0.2:53"},
      {"stub beside a real one", "nameserver 127.0.0.53\nnameserver 10.0.0.2\n",
       "nameserver 10.9.9.9\n", "127.0.0.1", "10.0.0.2:53"},
      {"stub", "nameserver 127.0.0.53\n", "nameserver 127.0.0.1\nnameserver 10.0.0.2\n",
       "127.0.0.1", "10.0.0.2:53"},
      {"own, systemd knows more", "nameserver 127.0.0.1\n", "nameserver 10.0.0.2\n", "127.0.0.1",
       "10.0.0.2:53"},
      {"0.0.0.0 is this machine", "nameserver 0.0.0.0\n", "absent", "127.0.0.1",
       "F names only the cache's own address" + advice},
      {"only own", "nameserver 127.0.0.1\n", "absent", "127.0.0.1",
       "F names only the cache's own address" + advice},
      {"only stub", "nameserver 127.0.0.53\n", "absent", "127.0.0.1",
       "F names only the stub of systemd-resolved" + advice},
      {"neither file helps", "nameserver 127.0.0.53\nnameserver 127.0.0.1\n",
       "nameserver 127.0.0.1\n", "127.0.0.1",
       "F names only the cache's own address and the stub of systemd-resolved and S names only the "
       "cache's own address" +
           advice},
      {"empty", "", "", "127.0.0.1", "F names no server and S names no server" + advice},
      {"missing", "absent", "nameserver 10.0.0.2\n", "127.0.0.1",
       "F: can't be opened: No such file or directory" + advice},
  }));
  CAPTURE(row.what);
  std::string name = (std::filesystem::temp_directory_path() / "resolv-test-XXXXXX").string();
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  const std::filesystem::path directory = name;
  const std::string file = directory / "resolv.conf";
  const std::string list = directory / "systemd.conf";
  if (row.resolv_conf != "absent") std::ofstream(file) << row.resolv_conf;
  if (row.systemd_list != "absent") std::ofstream(list) << row.systemd_list;

  Config config;
  config.listen = {*Endpoint::parse(row.listen, dns_port)};
  config.upstreams_from = file;
  const auto result = system_upstreams(config, list);
  std::filesystem::remove_all(directory);

  std::string found;
  if (result) {
    for (const UpstreamConfig& upstream : *result) {
      found += (found.empty() ? "" : " ") + print_upstream(upstream);
    }
  } else {
    found = result.error().message;
    if (const auto at = found.find(file); at != std::string::npos)
      found.replace(at, file.size(), "F");
    if (const auto at = found.find(list); at != std::string::npos)
      found.replace(at, list.size(), "S");
  }
  CHECK(found == row.upstreams);
}
