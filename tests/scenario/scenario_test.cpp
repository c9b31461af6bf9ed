// Runs every *.scenario file of this folder through the engine's real path of a query: decide(),
// the cache and resolve(), with a fake network and a fake clock. README: tests/scenario/README.md.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>

#include "resolver/config/memory.hpp"
#include "resolver/config/read.hpp"
#include "resolver/resolve.hpp"
#include "resolver/server/worker.hpp"
#include "tests/scenario/fake_world.hpp"
#include "tests/support/cache.hpp"
#include "tests/support/message.hpp"

namespace dnscache::test {
namespace {

using Words = std::vector<std::string>;

Words split(const std::string& line) {
  std::istringstream stream(line);
  return {std::istream_iterator<std::string>(stream), {}};
}

std::uint32_t in_seconds(const std::string& text) {
  return static_cast<std::uint32_t>(std::stoul(text));
}

Duration duration_of(const std::string& text) {
  std::size_t digits = 0;
  const auto number = std::stoll(text, &digits);
  const std::string unit = text.substr(digits);
  if (unit == "ms") return std::chrono::milliseconds(number);
  if (unit == "s") return std::chrono::seconds(number);
  if (unit == "h") return std::chrono::hours(number);
  throw std::runtime_error("unknown unit in " + text);
}

/// The options of a line: `key=value` words and plain words.
class Options {
 public:
  Options(const Words& words, std::size_t first) {
    for (std::size_t i = first; i < words.size(); ++i) {
      const auto equals = words[i].find('=');
      values_[words[i].substr(0, equals)] =
          equals == std::string::npos ? "" : words[i].substr(equals + 1);
    }
  }
  bool has(const std::string& key) const { return values_.contains(key); }
  std::string get(const std::string& key) const { return values_.at(key); }

 private:
  std::map<std::string, std::string> values_;
};

/// The data of the cookie option (RFC 7873), which is the only one that the engine sends.
Bytes cookie_of(const Message& query) {
  if (!query.edns || query.edns->options.size() < 12) return {};
  return {query.edns->options.begin() + 4, query.edns->options.end()};
}

/// A response to a query that the engine sent, made of a REPLY line.
class ResponseBuilder {
 public:
  ResponseBuilder(const Message& query, Words words) : query_(query), words_(std::move(words)) {}

  Bytes build() {
    static const std::map<std::string, std::uint16_t> rcodes{
        {"NOERROR", 0}, {"FORMERR", 1}, {"SERVFAIL", 2}, {"NXDOMAIN", 3},
        {"NOTIMP", 4},  {"REFUSED", 5}, {"BADVERS", 16}, {"BADCOOKIE", 23}};
    rcode_ = rcodes.at(words_.at(2));
    for (at_ = 3; at_ < words_.size();) word(next());
    return header();
  }

 private:
  std::string next() { return words_.at(at_++); }

  void word(const std::string& word) {
    if (word == "tc")
      flags_ |= flag_tc;
    else if (word == "ad")
      flags_ |= flag_ad;
    else if (word == "wrong-id")
      id_change_ = 1;
    else if (word == "wrong-question")
      wrong_question_ = true;
    else if (word == "changed-case")
      changed_case_ = true;
    else if (word == "upper-case")
      upper_case_ = true;
    else if (word == "no-edns")
      with_edns_ = false;
    else if (word == "no-question")
      with_question_ = false;
    else if (word == "no-ra")
      recursion_ = 0;
    else if (word == "counts-opt")
      counts_opt_ = true;
    else if (word == "broken")
      broken_ = true;
    else if (word.starts_with("cookie="))
      add_cookie(cookie_of(query_), word.substr(7));
    else if (word == "wrong-cookie")
      add_cookie(Bytes(8, 0xee), "server00");
    else if (word.starts_with("ttl="))
      ttl_ = in_seconds(word.substr(4));
    else if (word == "authority")
      section_ = 1;
    else if (word == "additional")
      section_ = 2;
    else if (word.starts_with("owner="))
      owner_ = word.substr(6);
    else if (word.starts_with("soa="))
      add_soa(in_seconds(word.substr(4)));
    else
      add_record(word, next());
  }

  void add_cookie(const Bytes& ours, const std::string& theirs) {
    const auto size = static_cast<std::uint16_t>(8 + theirs.size());
    options_.u16(10);
    options_.u16(size);
    for (std::size_t i = 0; i < 8; ++i) options_.u8(ours.at(i));
    for (const char c : theirs) options_.u8(static_cast<std::uint8_t>(c));
  }

  void add_soa(std::uint32_t minimum) {
    section_ = 1;
    Writer data;
    data.name("ns.example");
    data.name("hostmaster.example");
    for (const std::uint32_t value : {1u, 2u, 3u, 4u, minimum}) data.u32(value);
    const std::string& name = query_.questions.at(0).name;
    owner_ = name.substr(name.rfind('.') + 1);  // of its top-level domain
    add(type_soa, data.bytes);
  }

  void add_record(const std::string& type, const std::string& text) {
    Writer data;
    if (type == "A" || type == "AAAA") {
      const auto address = IpAddress::parse(text).value();
      data.bytes.assign(address.bytes.begin(), address.bytes.begin() + (address.is_v6 ? 16 : 4));
    } else if (type == "TXT") {
      for (std::size_t left = std::stoul(text); left > 0;) {  // so many characters
        const std::size_t piece = std::min<std::size_t>(left, 255);
        data.u8(static_cast<std::uint8_t>(piece));
        data.bytes.insert(data.bytes.end(), piece, 'x');
        left -= piece;
      }
    } else {
      data.name(text);
    }
    add(type_from_text(type), data.bytes);
    if (type == "CNAME") owner_ = text;  // the next record continues the chain
  }

  void add(std::uint16_t type, const Bytes& data) {
    Writer& records = sections_[section_];
    records.name(owner_.value_or(query_.questions.at(0).name));
    records.u16(type);
    records.u16(1);
    records.u32(ttl_);
    records.u16(static_cast<std::uint16_t>(data.size()));
    records.append(data);
    ++counts_[section_];
  }

  Bytes header() {
    std::string name = wrong_question_ ? "other.example" : query_.questions.at(0).name;
    if (changed_case_) {
      for (char& c : name) {
        if (std::isalpha(static_cast<unsigned char>(c))) c = static_cast<char>(c ^ 0x20);
      }
    }
    if (upper_case_) {
      for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
    const bool edns = with_edns_ && !counts_opt_ && query_.edns.has_value();
    Writer out;
    out.u16(static_cast<std::uint16_t>(query_.id + id_change_));
    out.u16(static_cast<std::uint16_t>(flag_qr | recursion_ | flags_ | (rcode_ & 15u)));
    const unsigned questions = with_question_ ? 1u : 0u;
    for (const unsigned count :
         {questions, counts_[0], counts_[1], counts_[2] + (edns || counts_opt_ ? 1u : 0u)}) {
      out.u16(static_cast<std::uint16_t>(count));
    }
    if (with_question_) {
      out.name(name);
      out.u16(query_.questions.at(0).type);
      out.u16(1);
    }
    for (const Writer& section : sections_) out.append(section.bytes);
    if (edns) {
      out.append({0, 0, 41, 4, 208, static_cast<std::uint8_t>(rcode_ >> 4), 0, 0, 0});
      out.u16(static_cast<std::uint16_t>(options_.bytes.size()));
      out.append(options_.bytes);
    }
    if (broken_) out.bytes.resize(out.bytes.size() - 3);
    return out.bytes;
  }

  Message query_;
  Words words_;
  std::size_t at_ = 0;
  std::uint16_t rcode_ = 0;
  unsigned flags_ = 0;
  unsigned recursion_ = flag_ra;
  unsigned id_change_ = 0;
  bool wrong_question_ = false, changed_case_ = false, upper_case_ = false;
  bool broken_ = false, with_edns_ = true, with_question_ = true, counts_opt_ = false;
  std::uint32_t ttl_ = 300;
  std::size_t section_ = 0;
  std::optional<std::string> owner_;
  std::array<Writer, 3> sections_;
  Writer options_;
  std::array<unsigned, 3> counts_{};
};

/// One scenario being played.
class Player {
 public:
  explicit Player(const Config& config)
      : cache_(share_memory(config, UINT64_MAX).cache),
        resolver_(world_, cache_, config),
        service_{
            cache_,
            [this](const dnscache::Question& question, std::uint64_t hash, ReplyFunction reply,
                   ClientId client) { resolver_.ask(question, hash, std::move(reply), client); },
            [this](const dnscache::Question& question, std::uint64_t hash) {
              resolver_.refresh(question, hash);
            },
            late_stats_},
        worker_(service_) {
    set_local_data(config);
    resolver_.limit(InFlightLimits::from(share_memory(config, UINT64_MAX), false));
  }

  void play(const Words& words) {
    const std::string& verb = words.at(0);
    if (verb == "QUERY") return query(words);
    if (verb == "EXPECT_ANSWER") return expect_answer(words);
    if (verb == "EXPECT_NO_ANSWER") return expect_no_answer();
    if (verb == "EXPECT_OUT") return expect_out(words);
    if (verb == "EXPECT_NO_OUT") return expect_no_out();
    if (verb == "REPLY") return reply(words);
    if (verb == "FAIL") return fail(words);
    if (verb == "FLOOD") return flood(words);
    if (verb == "EXPECT_FLOOD_OVER") return expect_flood_over(words);
    if (verb == "EXPECT_SENT_AT_MOST") {
      CHECK(world_.sent().size() <= std::stoul(words.at(1)));
      return;
    }
    if (verb == "UNREACHABLE") return world_.set_unreachable(words.at(1));
    if (verb == "THROTTLED") return world_.set_throttled(words.at(1) == "yes");
    if (verb == "BUSY") return world_.set_busy(words.at(1), words.at(2) == "yes");
    if (verb == "ADDRESS") {
      world_.set_source_address(*IpAddress::parse(words.at(1)));
      return resolver_.on_network_change();
    }
    if (verb == "TIME_PASSES") return world_.pass(duration_of(words.at(1)));
    if (verb == "FLUSH") return flush(words);
    if (verb == "EXPECT_STATE") return expect_state(words);
    if (verb == "EXPECT_LOG") return expect_log(words);
    if (verb == "EXPECT_NO_LOG") return expect_no_log();
    if (verb == "MORE_OUT_IS_FINE") {
      more_out_is_fine_ = true;
      return;
    }
    FAIL("unknown line: " << verb);
  }

  void reload(const Config& config) {
    resolver_.configure(config);
    set_local_data(config);
  }

  void finish() {
    for (const SentQuery& sent : world_.sent()) {
      INFO("to " << sent.upstream);
      CHECK((sent.is_expected || more_out_is_fine_));
    }
    CHECK(answers_.empty());
  }

 private:
  // This machine's own hosts file has nothing to do with the story.
  void set_local_data(Config config) {
    std::erase(config.local.hosts_files, "/etc/hosts");
    worker_.set_local_data(load_local_data(config).local_data);
  }

  void expect_log(const Words& words) {
    std::string text = words.at(1);
    for (std::size_t i = 2; i < words.size(); ++i) text += ' ' + words[i];
    REQUIRE_FALSE(world_.log_lines().empty());
    CHECK_THAT(world_.log_lines().front(), Catch::Matchers::Contains(text));
    world_.log_lines().pop_front();
  }

  void expect_no_log() {
    const auto& lines = world_.log_lines();
    CHECK((lines.empty() ? std::string() : lines.front()) == "");
  }

  void query(const Words& words) {
    test::Query query;
    query.name = words.at(1);
    query.type = type_from_text(words.at(2));
    const Options options(words, 3);
    query.id = options.has("id") ? static_cast<std::uint16_t>(std::stoul(options.get("id"))) : 77;
    if (options.has("cd")) query.flags |= flag_cd;
    if (options.has("ad")) query.flags |= flag_ad;
    if (options.has("no-rd")) query.flags = 0;
    if (options.has("do") || options.has("edns")) query.edns.emplace();
    if (options.has("do")) query.edns->dnssec_ok = true;
    if (options.has("size")) {
      query.edns.emplace().payload_size =
          static_cast<std::uint16_t>(std::stoul(options.get("size")));
    }
    ask(encode(query));
  }

  // Questions nobody else asks, n1.ZONE and so on; what becomes of them is only counted.
  void flood(const Words& words) {
    for (std::size_t i = 0, count = std::stoul(words.at(1)); i < count; ++i) {
      const std::string name = 'n' + std::to_string(++flooded_) + '.' + words.at(2);
      const dnscache::Question question{*Name::parse(name), rr_type::a};
      resolver_.ask(question, cache_.prepare(question), [this](const Answer&) { ++flood_over_; });
    }
  }

  void expect_flood_over(const Words& words) { CHECK(flood_over_ == std::stoul(words.at(1))); }

  void ask(const Bytes& packet) {
    Bytes out(65535);
    Incoming incoming;
    read_packet(worker_, packet, incoming);
    const Decision decision =
        decide(worker_, Transport::udp, nullptr, incoming, world_.cache_now(), 4096, out.data());
    switch (decision.verdict) {
      case Verdict::ignore:
        return;
      case Verdict::reply:
        out.resize(decision.size);
        answers_.push_back(decode(out).value());
        return;
      case Verdict::resolve:
        break;
    }
    const auto reply = [this, packet](const Answer& answer) {
      Bytes bytes(65535);
      dnscache::Query asked;
      read_query(packet, asked);
      const ReplyRule rule = late_rule(service_, asked);
      bytes.resize(write_reply(asked, answer.view(), rule, asked.udp_size, bytes.data()));
      answers_.push_back(decode(bytes).value());
    };
    service_.ask(incoming.query.question, incoming.hash, reply, this_machine);
  }

  // EXPECT_ANSWER RCODE [TYPE TEXT]... [ttl=N] [id=N] [name=N] [ede=N] [ad] [tc] [empty]
  // [answers=N] [authority=N] [additional=N] [first=ADDRESS] [authority-ttl=N] [aa]
  void expect_answer(const Words& words) {
    REQUIRE_FALSE(answers_.empty());
    const Message answer = answers_.front();
    answers_.pop_front();
    static const std::map<std::string, unsigned> rcodes{{"NOERROR", 0},  {"FORMERR", 1},
                                                        {"SERVFAIL", 2}, {"NXDOMAIN", 3},
                                                        {"NOTIMP", 4},   {"REFUSED", 5}};
    CHECK(answer.rcode == rcodes.at(words.at(1)));
    CHECK(answer.has(flag_qr));
    CHECK(answer.has(flag_ra));
    bool wants_ad = false, wants_aa = false;
    for (std::size_t i = 2; i < words.size(); ++i) {
      const std::string& word = words[i];
      const auto equals = word.find('=');
      const std::string value = equals == std::string::npos ? "" : word.substr(equals + 1);
      if (word.starts_with("ttl=")) {
        for (const Record& record : answer.answers) CHECK(record.ttl == in_seconds(value));
      } else if (word.starts_with("ttls=")) {
        CHECK(ttls_of(answer) == value);
      } else if (word.starts_with("id=")) {
        CHECK(answer.id == std::stoul(value));
      } else if (word.starts_with("name=")) {
        CHECK(answer.questions.at(0).name == value);
      } else if (word.starts_with("ede=")) {
        CHECK(answer.edns.has_value());
        CHECK(extended_error(answer) == std::stoi(value));
      } else if (word.starts_with("answers=")) {
        CHECK(answer.answers.size() == std::stoul(value));
      } else if (word.starts_with("authority=")) {
        CHECK(answer.authority.size() == std::stoul(value));
      } else if (word.starts_with("additional=")) {
        CHECK(answer.additional.size() == std::stoul(value));
      } else if (word.starts_with("first=")) {
        CHECK(first_address(answer) == value);
      } else if (word.starts_with("authority-ttl=")) {
        for (const Record& record : answer.authority) CHECK(record.ttl == in_seconds(value));
      } else if (word == "ad") {
        wants_ad = true;
      } else if (word == "aa") {
        wants_aa = true;
      } else if (word == "tc") {
        CHECK(answer.has(flag_tc));
      } else if (word == "empty") {
        CHECK(answer.answers.empty());
      } else if (word == "soa") {
        CHECK(answer.authority.at(0).type == type_soa);
      } else {
        const auto texts = answer.texts(type_from_text(word));
        const std::string& text = words.at(++i);
        CAPTURE(texts);
        CHECK(std::ranges::count(texts, text) == 1);
      }
    }
    CHECK(answer.has(flag_ad) == wants_ad);
    CHECK(answer.has(flag_aa) == wants_aa);
  }

  static std::string first_address(const Message& answer) {
    for (const Record& record : answer.answers) {
      if (record.type == type_a || record.type == type_aaaa) return record.text;
    }
    return {};
  }

  static std::string ttls_of(const Message& answer) {
    std::string text;
    for (const Record& record : answer.answers) {
      text += (text.empty() ? "" : ",") + std::to_string(record.ttl);
    }
    return text;
  }

  static int extended_error(const Message& answer) {
    const Bytes& options = answer.edns->options;
    if (options.size() < 6 || options[1] != 15) return -1;
    return options[4] << 8 | options[5];
  }

  void expect_no_answer() { CHECK(answers_.empty()); }

  // EXPECT_OUT UPSTREAM NAME TYPE [tcp] [do] [cd] [no-edns] [cookie[=TEXT]] [no-cookie]
  void expect_out(const Words& words) {
    const Options options(words, 4);
    const bool over_tcp = options.has("tcp");
    for (SentQuery& sent : world_.sent()) {
      if (sent.upstream != words.at(1) || sent.is_expected) continue;
      if ((sent.protocol != Protocol::udp) != over_tcp) continue;
      const Message query = decode(bytes_of(sent)).value();
      CHECK(lower_case(query.questions.at(0).name) == words.at(2));
      CHECK(query.questions.at(0).type == type_from_text(words.at(3)));
      CHECK(query.has(flag_rd));
      CHECK(query.has(flag_cd) == options.has("cd"));
      CHECK(query.edns.has_value() != options.has("no-edns"));
      if (query.edns) CHECK(query.edns->dnssec_ok == options.has("do"));
      const Bytes cookie = cookie_of(query);
      if (options.has("no-cookie")) CHECK(cookie.empty());
      if (options.has("cookie")) {  // ours, followed by these characters
        REQUIRE(cookie.size() >= 8);
        CHECK(std::string(cookie.begin() + 8, cookie.end()) == options.get("cookie"));
      }
      if (options.has("plain-case")) CHECK(query.questions.at(0).name == words.at(2));
      sent.is_expected = true;
      return;
    }
    FAIL("nothing was sent to " << words.at(1));
  }

  void expect_no_out() {
    for (const SentQuery& sent : world_.sent()) {
      INFO("to " << sent.upstream);
      CHECK(sent.is_expected);
    }
  }

  static Bytes bytes_of(const SentQuery& sent) {
    const auto query = sent.transaction->query();
    return {query.begin(), query.end()};
  }

  // REPLY UPSTREAM RCODE [for=NAME] [over-tcp] [words of ResponseBuilder]
  void reply(Words words) {
    const bool over_tcp = std::erase(words, "over-tcp") != 0;
    const bool is_last = std::erase(words, "last") != 0;
    std::string name;
    std::erase_if(words, [&](const std::string& word) {
      if (!word.starts_with("for=")) return false;
      name = word.substr(4);
      return true;
    });
    SentQuery* sent = waiting(words.at(1), over_tcp, name, is_last);
    REQUIRE(sent != nullptr);
    const World::Turn turn(world_);
    Transaction& transaction = *sent->transaction;
    const SentQuery kept = *sent;
    const Bytes packet = ResponseBuilder(decode(bytes_of(*sent)).value(), words).build();
    Carrier* carrier = transaction.carrier;
    carrier->forget(transaction);
    // A carrier drops packets with another id by itself.
    const bool same_id = packet[0] == transaction.query()[0] && packet[1] == transaction.query()[1];
    if (same_id && transaction.receive(packet)) return;
    transaction.carrier = carrier;
    world_.sent().push_front(kept);
  }

  // The oldest query that waits there, or the last one, about `name` unless that is empty.
  SentQuery* waiting(const std::string& upstream, bool over_tcp, const std::string& name,
                     bool is_last = false) {
    SentQuery* found = nullptr;
    for (SentQuery& sent : world_.sent()) {
      const bool is_over_tcp = sent.protocol != Protocol::udp;
      if (sent.upstream != upstream || is_over_tcp != over_tcp) continue;
      const Message query = decode(bytes_of(sent)).value();
      if (!name.empty() && lower_case(query.questions.at(0).name) != name) continue;
      if (!is_last) return &sent;
      found = &sent;
    }
    return found;
  }

  void fail(const Words& words) {
    SentQuery* sent = waiting(words.at(1), Options(words, 2).has("over-tcp"), "");
    REQUIRE(sent != nullptr);
    const World::Turn turn(world_);
    Transaction& transaction = *sent->transaction;
    transaction.carrier->forget(transaction);
    transaction.fail(std::make_error_code(std::errc::connection_refused));
  }

  void flush(const Words& words) {
    if (words.at(1) == "all") cache_.flush_all();
    if (words.at(1) == "name") test::flush_name(cache_, *Name::parse(words.at(2)));
    if (words.at(1) == "zone") test::flush_zone(cache_, *Name::parse(words.at(2)));
  }

  void expect_state(const Words& words) {
    for (const auto& group : resolver_.groups()) {
      for (const auto& [upstream, lane] : group->members()) {
        if (upstream->config().endpoint.address.to_text() != words.at(1)) continue;
        CHECK(health_words.print(upstream->health().state()) == words.at(2));
        return;
      }
    }
    FAIL("no upstream " << words.at(1));
  }

  FakeWorld world_;
  Cache cache_;
  std::deque<Message> answers_;
  bool more_out_is_fine_ = false;
  std::size_t flooded_ = 0;
  std::size_t flood_over_ = 0;
  Resolver resolver_;
  QueryStats late_stats_;
  Service service_;
  Worker worker_;
};

// Names keep their letter case, unless the scenario is about that.
Config config_from(std::istream& file) {
  std::string yaml, line;
  while (std::getline(file, line) && line != "END") yaml += line + '\n';
  if (yaml.find("randomize_case") == std::string::npos) yaml += "randomize_case: false\n";
  const ConfigReading reading = read_config(yaml, "scenario");
  for (const Problem& problem : reading.problems) FAIL(problem.to_text());
  return reading.config;
}

void play_file(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::optional<Player> player;
  std::string line;
  for (unsigned number = 1; std::getline(file, line); ++number) {
    const Words words = split(line.substr(0, line.find('#')));
    if (words.empty()) continue;
    INFO(path.filename().string() << ": " << line);
    if (words[0] == "CONFIG") {
      player.emplace(config_from(file));
    } else if (words[0] == "RELOAD") {
      REQUIRE(player);
      player->reload(config_from(file));
    } else {
      REQUIRE(player);
      player->play(words);
    }
  }
  REQUIRE(player);
  player->finish();
}

}  // namespace

TEST_CASE("every scenario plays out as written") {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(TEST_DATA_DIR)) {
    if (entry.path().extension() == ".scenario") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  REQUIRE(files.size() >= 30);
  for (const auto& file : files) {
    DYNAMIC_SECTION(file.stem().string()) { play_file(file); }
  }
}

}  // namespace dnscache::test
