#include <catch2/catch.hpp>

#include "resolver/config/read.hpp"
#include "resolver/local/local_data.hpp"
#include "tests/support/message.hpp"
#include "tests/support/process.hpp"

namespace dnscache {
namespace {

using Texts = std::vector<std::string>;

/// Local data made of a configuration, asked as a client would.
class Asked {
 public:
  explicit Asked(const std::string& yaml) {
    const ConfigReading reading = read_config(yaml, "test");
    for (const Problem& problem : reading.problems) UNSCOPED_INFO(problem.to_text());
    REQUIRE(reading);
    Config config = reading.config;
    std::erase(config.local.hosts_files, "/etc/hosts");
    LoadedLocalData loaded = load_local_data(config);
    local_data_ = loaded.local_data;
    warnings_ = loaded.warnings;
  }

  std::optional<test::Message> ask(const std::string& name, std::uint16_t type = rr_type::a) const {
    test::Query asked{name, type, 7};
    asked.edns.emplace();
    const test::Bytes packet = test::encode(asked);
    Query query;
    REQUIRE(read_query(packet, query) == QueryFault::none);
    const auto answer = local_data_->decide(query.question);
    if (!answer) return std::nullopt;
    test::Bytes out(4096);
    out.resize(write_reply(query, answer->view(), {}, out.size(), out.data()));
    auto message = test::decode(out);
    REQUIRE(message);
    return message;
  }
  Texts texts(const std::string& name, std::uint16_t type = rr_type::a) const {
    const auto message = ask(name, type);
    return message ? message->texts(type) : Texts{"(asked upstream)"};
  }
  bool is_nxdomain(const std::string& name, std::uint16_t type = rr_type::a) const {
    const auto message = ask(name, type);
    return message && message->rcode == test::nxdomain &&
           message->authority.at(0).type == test::type_soa;
  }
  bool is_nodata(const std::string& name, std::uint16_t type = rr_type::a) const {
    const auto message = ask(name, type);
    return message && message->rcode == test::noerror && message->answers.empty() &&
           message->authority.at(0).type == test::type_soa;
  }
  bool goes_upstream(const std::string& name, std::uint16_t type = rr_type::a) const {
    return !ask(name, type);
  }
  const LocalData& local_data() const { return *local_data_; }
  const Texts& warnings() const { return warnings_; }

 private:
  LocalDataPtr local_data_;
  Texts warnings_;
};

}  // namespace

TEST_CASE("records are answered with their TTL and AA; other types are NODATA") {
  const Asked asked(R"(
local:
  ttl: 77s
  records:
    - "db.corp.example 300 A 10.0.0.5"
    - "db.corp.example A 10.0.0.6"
    - "db.corp.example AAAA fd00::5"
    - "mail.corp.example MX 10 db.corp.example."
    - "_sip._tcp.corp.example SRV 1 2 5060 db.corp.example"
    - 'note.corp.example TXT "two words" "more"'
    - "9.9.0.10.in-addr.arpa PTR printer.corp.example"
)");
  const auto reply = asked.ask("DB.corp.example");
  REQUIRE(reply);
  CHECK(reply->has(test::flag_aa));
  CHECK(reply->texts(rr_type::a) == Texts{"10.0.0.5", "10.0.0.6"});
  CHECK(reply->answers.at(0).ttl == 77);  // one for the RRset: the lowest
  CHECK(reply->answers.at(1).ttl == 77);
  CHECK(asked.texts("db.corp.example", rr_type::aaaa) == Texts{"fd00::5"});
  CHECK(asked.is_nodata("db.corp.example", rr_type::txt));
  CHECK(asked.ask("mail.corp.example", rr_type::mx)->answers.size() == 1);
  CHECK(asked.ask("_sip._tcp.corp.example", rr_type::srv)->answers.size() == 1);
  CHECK(asked.ask("note.corp.example", rr_type::txt)->answers.size() == 1);
  CHECK(asked.ask("9.9.0.10.in-addr.arpa", rr_type::ptr)->answers.size() == 1);
  CHECK(asked.goes_upstream("other.corp.example"));
  CHECK(asked.goes_upstream("corp.example"));
}

TEST_CASE("reverse names are made from addresses; what is written comes first") {
  const Asked asked(R"(
bogus_priv: false
local:
  records:
    - "first.corp.example A 10.0.0.5"
    - "second.corp.example A 10.0.0.5"
    - "six.corp.example AAAA fd00::5"
    - "6.0.0.10.in-addr.arpa PTR written.corp.example"
    - "host.corp.example A 10.0.0.6"
)");
  const auto name_of = [&](const char* reverse) { return asked.texts(reverse, rr_type::ptr); };
  CHECK(name_of("5.0.0.10.in-addr.arpa") == Texts{"first.corp.example"});
  CHECK(name_of("6.0.0.10.in-addr.arpa") == Texts{"written.corp.example"});
  CHECK(name_of("5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa") ==
        Texts{"six.corp.example"});
  CHECK(asked.goes_upstream("7.0.0.10.in-addr.arpa", rr_type::ptr));
}

TEST_CASE("a CNAME leads to what is known here, or is left to the upstreams") {
  const Asked asked(R"(
local:
  records:
    - "alias.corp.example CNAME middle.corp.example"
    - "middle.corp.example CNAME db.corp.example"
    - "db.corp.example A 10.0.0.5"
    - "out.corp.example CNAME www.example.com"
    - "loop1.corp.example CNAME loop2.corp.example"
    - "loop2.corp.example CNAME loop1.corp.example"
)");
  const auto reply = asked.ask("alias.corp.example");
  REQUIRE(reply);
  REQUIRE(reply->answers.size() == 3);
  CHECK(reply->answers[2].name == "db.corp.example");
  CHECK(asked.ask("alias.corp.example", rr_type::cname)->answers.size() == 1);
  const auto none = asked.ask("alias.corp.example", rr_type::aaaa);
  CHECK(none->answers.size() == 2);
  CHECK(none->rcode == test::noerror);
  CHECK(asked.goes_upstream("out.corp.example"));
  CHECK(asked.goes_upstream("loop1.corp.example"));
  REQUIRE(asked.warnings().size() == 3);
  CHECK(asked.warnings()[0].starts_with(
      "local.records: out.corp.example is an alias of www.example.com, which is no local name"));
}

TEST_CASE("routes are told by their zones' labels, whatever else is said about a name") {
  const Asked asked(R"(
upstreams: [9.9.9.9]
routes: [{zone: corp.example, upstreams: [10.0.0.1]}]
local: {block: {allow: [www.corp.example]}}
)");
  const auto labels = [&](const char* name) {
    return asked.local_data().route_labels(*Name::parse(name));
  };
  CHECK(labels("www.corp.example") == 2);
  CHECK(labels("corp.example") == 2);
  CHECK(labels("example") == 0);
}

TEST_CASE("a reverse name that is an alias is one, whatever addresses lead to it") {
  const Asked asked(R"(
local:
  records:
    - "db.corp.example A 10.0.0.5"
    - "5.0.0.10.in-addr.arpa CNAME 5.sub.0.0.10.in-addr.arpa"
    - "5.sub.0.0.10.in-addr.arpa PTR real.corp.example"
)");
  const auto reply = asked.ask("5.0.0.10.in-addr.arpa", rr_type::ptr);
  REQUIRE(reply);
  REQUIRE(reply->answers.size() == 2);
  CHECK(reply->texts(rr_type::ptr) == Texts{"real.corp.example"});
}

TEST_CASE("zones answer for everything in them; the longest one counts") {
  const Asked asked(R"(
upstreams: [9.9.9.9]
routes:
  - zone: real.int.example
    upstreams: [10.0.0.2]
  - zone: gone.example
    upstreams: []
local:
  records: ["a.known.gone.example A 10.0.0.9"]
  zones:
    - {zone: int.example, addresses: [10.10.10.10, "fd00::10"]}
    - {zone: none.int.example, addresses: []}
)");
  CHECK(asked.texts("int.example") == Texts{"10.10.10.10"});
  CHECK(asked.texts("a.b.int.example", rr_type::aaaa) == Texts{"fd00::10"});
  CHECK(asked.is_nodata("a.int.example", rr_type::mx));
  CHECK(asked.is_nxdomain("x.none.int.example"));
  CHECK(asked.goes_upstream("www.real.int.example"));
  CHECK(asked.goes_upstream("notint.example"));
  CHECK(asked.is_nxdomain("x.gone.example"));
  CHECK(asked.texts("a.known.gone.example") == Texts{"10.0.0.9"});
  CHECK(asked.is_nodata("known.gone.example"));  // RFC 8020: there is something below it
}

TEST_CASE("hosts files: all names of a line, the reverse name is the first; folders too") {
  test::TempDir directory;
  const auto file = directory.write("hosts",
                                    "127.0.0.1 localhost box.example\n10.0.0.1 nas.lan nas\n"
                                    "10.0.0.2 second.lan nas\nfd00::1 nas\nbroken line\n");
  std::filesystem::create_directory(directory.path() / "more");
  directory.write("more/10-a", "10.0.0.3 a.lan\n");
  directory.write("more/.hidden", "10.0.0.4 hidden.lan\n");
  const Asked asked("bogus_priv: false\nlocal: {hosts_files: [\"" + file.string() + "\", \"" +
                    (directory.path() / "more").string() + "\", /nowhere/hosts]}\n");
  CHECK(asked.texts("nas") == Texts{"10.0.0.1", "10.0.0.2"});
  CHECK(asked.texts("nas", rr_type::aaaa) == Texts{"fd00::1"});
  CHECK(asked.is_nodata("nas.lan", rr_type::aaaa));
  CHECK(asked.goes_upstream("nas.lan", rr_type::mx));  // a hosts file knows addresses only
  CHECK(asked.texts("1.0.0.10.in-addr.arpa", rr_type::ptr) == Texts{"nas.lan"});
  CHECK(asked.texts("a.lan") == Texts{"10.0.0.3"});
  CHECK(asked.goes_upstream("hidden.lan"));
  CHECK(asked.texts("localhost", rr_type::aaaa) == Texts{"::1"});  // whatever the file says
  REQUIRE(asked.warnings().size() == 2);
  CHECK(asked.warnings()[0].find("hosts:5: \"broken\" is not an IP address") != std::string::npos);
  CHECK(asked.warnings()[1].starts_with("/nowhere/hosts: "));
}

TEST_CASE("expand_hosts puts plain names into the domain") {
  test::TempDir directory;
  const auto file = directory.write("hosts", "10.0.0.1 nas\n10.0.0.2 full.other.example\n");
  const Asked asked("bogus_priv: false\nlocal: {hosts_files: [\"" + file.string() +
                    "\"], domain: corp.example, expand_hosts: true}\n");
  CHECK(asked.texts("nas") == Texts{"10.0.0.1"});
  CHECK(asked.texts("nas.corp.example") == Texts{"10.0.0.1"});
  CHECK(asked.texts("1.0.0.10.in-addr.arpa", rr_type::ptr) == Texts{"nas.corp.example"});
  CHECK(asked.goes_upstream("full.other.example.corp.example"));
}

TEST_CASE("blocked names, what is below them, and exceptions") {
  test::TempDir directory;
  const auto file = directory.write(
      "list", "ads.example\n0.0.0.0 exact.example\nbig.example\ndeep.ok.big.example\n");
  const std::string start =
      "upstreams: [9.9.9.9]\nroutes: [{zone: routed.big.example, upstreams: "
      "[10.0.0.2]}]\nlocal: {records: [\"known.ads.example A 10.0.0.1\"], "
      "block: {files: [\"" +
      file.string() + "\"], allow: [ok.big.example]";
  SECTION("NXDOMAIN") {
    const Asked asked(start + "}}\n");
    const auto reply = asked.ask("x.ads.example");
    REQUIRE(reply);
    CHECK(reply->rcode == test::nxdomain);
    CHECK_FALSE(reply->has(test::flag_aa));
    CHECK(reply->option_codes() == std::vector<std::uint16_t>{15});
    CHECK(asked.is_nxdomain("ads.example"));
    CHECK(asked.is_nxdomain("exact.example", rr_type::https));
    CHECK(asked.goes_upstream("x.exact.example"));
    CHECK(asked.goes_upstream("notads.example"));
    CHECK(asked.goes_upstream("ok.big.example"));
    CHECK(asked.goes_upstream("x.ok.big.example"));
    CHECK(asked.goes_upstream("deep.ok.big.example"));  // whatever a list says
    CHECK(asked.goes_upstream("a.routed.big.example"));
    CHECK(asked.texts("known.ads.example") == Texts{"10.0.0.1"});
    CHECK(asked.local_data().blocked_count() == 4);
  }
  SECTION("null addresses") {
    const Asked asked(start + ", answer: \"null\"}}\n");
    CHECK(asked.texts("ads.example") == Texts{"0.0.0.0"});
    CHECK(asked.texts("ads.example", rr_type::aaaa) == Texts{"::"});
    CHECK(asked.is_nodata("ads.example", rr_type::https));
  }
  SECTION("REFUSED") {
    const Asked asked(start + ", answer: refused}}\n");
    CHECK(asked.ask("ads.example")->rcode == test::refused);
  }
}

TEST_CASE("reverse names of private addresses") {
  const std::string local_answer = "upstreams: [9.9.9.9]\n";
  const Asked asked(local_answer + R"(
routes:
  - {zone: 5.10.in-addr.arpa, upstreams: [10.0.0.2]}
  - {zone: 16.172.in-addr.arpa, upstreams: [10.0.0.2]}
)");
  for (const char* name :
       {"1.0.0.10.in-addr.arpa", "1.1.31.172.in-addr.arpa", "1.1.168.192.in-addr.arpa",
        "1.1.254.169.in-addr.arpa", "1.2.0.192.in-addr.arpa", "1.0.0.d.f.ip6.arpa",
        "1.b.e.f.ip6.arpa", "1.8.b.d.0.1.0.0.2.ip6.arpa"}) {
    INFO(name);
    CHECK(asked.is_nxdomain(name, rr_type::ptr));
  }
  for (const char* name : {"1.1.32.172.in-addr.arpa", "8.8.8.8.in-addr.arpa", "1.c.e.f.ip6.arpa",
                           "1.1.5.10.in-addr.arpa", "5.10.in-addr.arpa", "1.1.16.172.in-addr.arpa",
                           "1.1.64.100.in-addr.arpa", "in-addr.arpa", "172.in-addr.arpa"}) {
    INFO(name);
    CHECK(asked.goes_upstream(name, rr_type::ptr));
  }
  CHECK(asked.is_nodata("10.in-addr.arpa", rr_type::soa));
  CHECK(asked.is_nxdomain("6.10.in-addr.arpa", rr_type::ptr));

  const char* reverse = "1.0.0.10.in-addr.arpa";
  CHECK(Asked("upstreams: [10.0.0.2]\n").goes_upstream(reverse, rr_type::ptr));
  CHECK(Asked("upstreams: [169.254.169.253]\n").goes_upstream(reverse, rr_type::ptr));
  CHECK(Asked("upstreams: [10.0.0.2]\nbogus_priv: true\n").is_nxdomain(reverse, rr_type::ptr));
  CHECK(Asked("upstreams: [9.9.9.9]\nbogus_priv: false\n").goes_upstream(reverse, rr_type::ptr));
}

TEST_CASE("domain_needed and the filters of address types") {
  const Asked asked(
      "domain_needed: true\nfilter_a: true\nlocal: {records: [\"known A 10.0.0.1\"]}\n");
  CHECK(asked.is_nxdomain("plain"));
  CHECK(asked.is_nxdomain("plain", rr_type::aaaa));
  CHECK(asked.goes_upstream("plain", rr_type::ns));
  CHECK(asked.goes_upstream(".", rr_type::ns));
  CHECK(asked.texts("known") == Texts{"10.0.0.1"});
  CHECK(asked.is_nodata("known", rr_type::aaaa));
  CHECK(asked.is_nodata("www.example"));
  CHECK(asked.goes_upstream("www.example", rr_type::aaaa));
  const Asked six("filter_aaaa: true\n");
  CHECK(six.is_nodata("www.example", rr_type::aaaa));
  CHECK(six.goes_upstream("www.example"));
}

TEST_CASE("the special names stay what they are without any setting") {
  const LocalData local_data;
  CHECK(local_data.decide({*Name::parse("localhost"), rr_type::a}));
  CHECK_FALSE(local_data.decide({*Name::parse("www.example"), rr_type::a}));
  CHECK_FALSE(local_data.decide({*Name::parse("1.0.0.10.in-addr.arpa"), rr_type::ptr}));
}

TEST_CASE("what local data answers overrules the cache") {
  const Asked asked("filter_aaaa: true\nlocal: {zones: [{zone: x.example, addresses: []}]}\n");
  const Name inside = *Name::parse("a.x.example");
  const Name outside = *Name::parse("a.y.example");
  CHECK(asked.local_data().overrules(inside.bytes(), rr_type::a));
  CHECK_FALSE(asked.local_data().overrules(outside.bytes(), rr_type::a));
  CHECK(asked.local_data().overrules(outside.bytes(), rr_type::aaaa));
}

TEST_CASE("local data names the rule that decided, and what it is about", "[explain]") {
  const test::TempDir folder;
  const auto list = folder.write("list", "*.ads.example\n");
  const Asked asked(
      "upstreams: [192.0.2.1]\nfilter_aaaa: true\ndomain_needed: true\n"
      "bogus_priv: true\nroutes: [{zone: gone.example, upstreams: []}]\n"
      "local:\n  records: [\"db.example A 10.0.0.5\"]\n"
      "  zones: [{zone: here.example, addresses: [10.0.0.1]}]\n"
      "  block: {files: [" +
      list.string() + "]}\n");
  const auto reason = [&](const char* name, std::uint16_t type = rr_type::a) {
    Reason why;
    asked.local_data().decide({*Name::parse(name), type}, &why);
    return std::string(rule_words.print(why.rule)) + ' ' + why.matched.to_text();
  };
  CHECK(reason("db.example") == "local_name db.example");
  CHECK(reason("a.localhost") == "special_name a.localhost");
  CHECK(reason("x.y.ads.example") == "blocked ads.example");
  CHECK(reason("x.here.example") == "local_zone here.example");
  CHECK(reason("x.gone.example") == "local_zone gone.example");
  CHECK(reason("1.0.0.10.in-addr.arpa", rr_type::ptr) == "private_reverse 10.in-addr.arpa");
  CHECK(reason("plain") == "domain_needed plain");
  CHECK(reason("www.example.com", rr_type::aaaa) == "filter_aaaa www.example.com");
  CHECK(reason("www.example.com") == "none .");
}

}  // namespace dnscache
