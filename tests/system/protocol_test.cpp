// What a client sees on the wire, well-formed or not.
#include <random>

#include "tests/system/fixture.hpp"

using namespace dnscache::test;

namespace {

/// Sends one packet and returns what comes back, decoded.
std::optional<Message> exchange(const Address& server, const Bytes& packet,
                                milliseconds timeout = patience) {
  UdpClient client(server);
  client.send(packet);
  return client.receive_message(timeout);
}

Bytes with_id(Query question, std::uint16_t id) {
  question.id = id;
  return encode(question);
}

}  // namespace

TEST_CASE("a miss and a hit give the upstream's answer with the client's id") {
  Cache cache;
  for (const auto id : std::vector<std::uint16_t>{4711, 4712, 1, 65535}) {
    const auto reply = exchange(cache.engine.address(), with_id(query("www.example.com"), id));
    REQUIRE(reply);
    CHECK(reply->id == id);
    CHECK(reply->has(flag_qr));
    CHECK(reply->has(flag_rd));
    CHECK(reply->has(flag_ra));
    CHECK_FALSE(reply->has(flag_aa));
    CHECK_FALSE(reply->edns);
    CHECK(is_true_answer(reply, "www.example.com"));
  }
  CHECK(cache.misses() == 1);
}

TEST_CASE("the question comes back in the letter case it was sent in, miss or hit") {
  Cache cache;
  for (const std::string name : {"wWw.eXample.COM", "www.example.com", "WWW.EXAMPLE.COM"}) {
    const auto reply = cache.ask(name);
    REQUIRE(reply);
    CHECK(reply->questions.at(0).name == name);
    CHECK(reply->answers.at(0).name == name);
  }
  CHECK(cache.misses() == 1);
}

TEST_CASE("another number of questions than one is FORMERR") {
  Cache cache;
  Bytes packet = with_id(query("www.example.com"), 99);
  const std::uint8_t count = GENERATE(std::uint8_t{0}, std::uint8_t{2}, std::uint8_t{255});
  packet[5] = count;
  const auto reply = exchange(cache.engine.address(), packet);
  REQUIRE(reply);
  CHECK(reply->id == 99);
  CHECK(reply->has(flag_qr));
  CHECK(reply->rcode == formerr);
  CHECK(cache.upstream.count() == 0);
}

TEST_CASE("an opcode other than QUERY is NOTIMP") {
  Cache cache;
  const unsigned opcode = GENERATE(1u, 2u, 4u, 5u, 6u, 15u);
  Query question = query("www.example.com");
  question.flags = static_cast<std::uint16_t>(opcode << 11 | flag_rd);
  const auto reply = cache.ask(question);
  REQUIRE(reply);
  CHECK(reply->rcode == notimp);
  CHECK(reply->opcode() == opcode);
  CHECK(cache.upstream.count() == 0);
}

TEST_CASE("responses and packets shorter than a header are dropped and counted") {
  Cache cache;
  const auto before = cache.status().at("queries").at("malformed").get<std::uint64_t>();
  UdpClient client(cache.engine.address());
  Query response = query("www.example.com");
  response.flags = flag_qr | flag_rd;
  client.send(response);
  for (std::size_t size = 0; size < 12; ++size) client.send(Bytes(size, 1));
  CHECK_FALSE(client.receive(silence));
  client.send(with_id(query("www.example.com"), 5));
  const auto reply = client.receive_message();
  REQUIRE(reply);
  CHECK(reply->id == 5);
  CHECK(cache.status().at("queries").at("malformed").get<std::uint64_t>() >= before + 12);
}

TEST_CASE("an unknown EDNS version is BADVERS with our version 0") {
  Cache cache;
  Query question = query_with_edns("www.example.com");
  question.edns->version = 1;
  const auto reply = cache.ask(question);
  REQUIRE(reply);
  CHECK(reply->rcode == badvers);
  REQUIRE(reply->edns);
  CHECK(reply->edns->version == 0);
  CHECK(cache.upstream.count() == 0);
}

TEST_CASE("two OPT records are FORMERR") {  // RFC 6891 section 6.1.1
  Cache cache;
  Writer packet;
  packet.append(with_id(query_with_edns("www.example.com"), 7));
  packet.append({0, 0, type_opt, 4, 208, 0, 0, 0, 0, 0, 0});
  packet.u16_at(10, 2);
  const auto reply = exchange(cache.engine.address(), packet.bytes);
  REQUIRE(reply);
  CHECK(reply->rcode == formerr);
}

TEST_CASE("a question that ends early, has a pointer or a label of an unknown kind is refused") {
  Cache cache;
  const Bytes whole = with_id(query("www.example.com"), 12);
  const std::vector<Bytes> packets = {
      Bytes(whole.begin(), whole.end() - 1),
      Bytes(whole.begin(), whole.end() - 5),
      Bytes(whole.begin(), whole.begin() + 13),
      // a pointer at itself, a forward pointer, label types 01 and 10
      {0, 12, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 12, 0, 1, 0, 1},
      {0, 12, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 40, 0, 1, 0, 1},
      {0, 12, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x40, 1, 0, 0, 1, 0, 1},
      {0, 12, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x80, 1, 0, 0, 1, 0, 1}};
  for (const auto& packet : packets) {
    INFO("packet " << &packet - packets.data());
    const auto reply = exchange(cache.engine.address(), packet, silence);
    if (reply) CHECK(reply->rcode == formerr);
  }
  CHECK(cache.upstream.count() == 0);
  CHECK(is_true_answer(cache.ask("www.example.com"), "www.example.com"));
}

TEST_CASE("names of 255 bytes and labels of 63 work, longer names are refused") {
  Cache cache;
  const std::string label(63, 'a');
  const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'b');
  CHECK(is_true_answer(cache.ask(longest), longest));
  CHECK(is_true_answer(cache.ask(longest), longest));
  CHECK(cache.misses() == 1);
  UdpClient client(cache.engine.address());
  client.send(with_id(query(label + "." + longest), 3));
  const auto reply = client.receive_message(silence);
  if (reply) CHECK(reply->rcode == formerr);
  CHECK(cache.misses() == 1);
}

TEST_CASE("names with dots, zeros and other unusual bytes in labels are passed on as they are") {
  Cache cache;
  for (const std::string name : {"a\\.b.example", "\\000\\255.example", "sp\\032ace.example"}) {
    INFO(name);
    const auto reply = cache.ask(name);
    REQUIRE(reply);
    CHECK(reply->rcode == noerror);
    CHECK(reply->questions.at(0).name == name);
    CHECK(reply->answers.size() == 1);
  }
}

TEST_CASE("the root can be asked") {
  Cache cache;
  const auto reply = cache.ask(".", type_ns);
  REQUIRE(reply);
  CHECK(reply->rcode == noerror);
  CHECK(reply->answers.size() == 1);
}

TEST_CASE("a reply larger than the client takes has TC and fits, TCP has it whole") {
  Cache cache;
  cache.upstream.set("text=900");
  const auto small = cache.ask("text.example", type_txt);
  REQUIRE(small);
  CHECK(small->has(flag_tc));
  CHECK(small->size <= 512);
  const auto large = cache.ask(query_with_edns("text.example", type_txt));
  REQUIRE(large);
  CHECK_FALSE(large->has(flag_tc));
  CHECK(large->answers.at(0).text.size() == 900);
  const auto tiny = cache.ask(query_with_edns("text.example", type_txt, 100));
  REQUIRE(tiny);  // less than 512 counts as 512, RFC 6891 section 6.2.3
  CHECK(tiny->has(flag_tc));
  CHECK(tiny->size <= 512);
  const auto whole = cache.ask_tcp(query("text.example", type_txt));
  REQUIRE(whole);
  CHECK(whole->answers.at(0).text.size() == 900);
  CHECK(cache.misses() <= 2);
}

TEST_CASE("we advertise a payload of 1232 bytes to clients and upstreams") {
  Cache cache;
  const auto reply = cache.ask(query_with_edns("www.example.com", type_a, 4096));
  REQUIRE(reply);
  REQUIRE(reply->edns);
  CHECK(reply->edns->payload_size == 1232);
  REQUIRE(cache.upstream.seen().at(0).query.edns);
  CHECK(cache.upstream.seen().at(0).query.edns->payload_size == 1232);
}

TEST_CASE("DO is passed on and kept apart, CD is mirrored") {
  Cache cache;
  CHECK(cache.ask("www.example.com"));
  Query secure = query_with_edns("www.example.com");
  secure.edns->dnssec_ok = true;
  secure.flags |= flag_cd;
  const auto reply = cache.ask(secure);
  REQUIRE(reply);
  REQUIRE(reply->edns);
  CHECK(reply->edns->dnssec_ok);
  CHECK(reply->has(flag_cd));
  const auto seen = cache.upstream.seen();
  REQUIRE(seen.size() >= 2);
  CHECK(seen.back().query.edns.value().dnssec_ok);
  CHECK((seen.back().query.flags & flag_cd) != 0);
  CHECK_FALSE(cache.ask("www.example.com")->has(flag_cd));
}

TEST_CASE("AD reaches a client that asks for it, and no other") {  // RFC 6840 sections 5.7, 5.8
  Cache cache;
  cache.upstream.set("authentic");
  Query wants_ad = query("www.example.com");
  wants_ad.flags |= flag_ad;
  CHECK(cache.ask(wants_ad)->has(flag_ad));
  CHECK(cache.ask(wants_ad)->has(flag_ad));
  CHECK_FALSE(cache.ask("www.example.com")->has(flag_ad));
  Query with_do = query_with_edns("www.example.com");
  with_do.edns->dnssec_ok = true;
  CHECK(cache.ask(with_do)->has(flag_ad));
}

TEST_CASE("unknown types and classes of records pass through as they are") {  // RFC 3597
  Cache cache;
  for (const auto type : std::vector<std::uint16_t>{65280, 65, 64, 257}) {
    const auto reply = cache.ask("www.example.com", type);
    REQUIRE(reply);
    REQUIRE(reply->answers.size() == 1);
    CHECK(reply->answers[0].type == type);
    CHECK(reply->answers[0].rdata == cache.ask("www.example.com", type)->answers.at(0).rdata);
  }
  CHECK(cache.misses() == 4);
}

TEST_CASE("ANY is forwarded, or answered with HINFO as RFC 8482 says") {
  Cache cache;
  const auto reply = cache.ask("www.example.com", type_any);
  REQUIRE(reply);
  CHECK(reply->rcode == noerror);
  REQUIRE(reply->answers.size() >= 1);
  if (cache.upstream.count() == 0) CHECK(reply->answers[0].type == 13);
}

TEST_CASE("special names are answered without an upstream") {  // RFC 6761
  Cache cache;
  CHECK(cache.ask("localhost")->texts(type_a) == std::vector<std::string>{"127.0.0.1"});
  CHECK(cache.ask("LocalHost", type_aaaa)->texts(type_aaaa) == std::vector<std::string>{"::1"});
  CHECK(cache.ask("a.b.localhost")->texts(type_a) == std::vector<std::string>{"127.0.0.1"});
  const auto no_data = cache.ask("localhost", type_txt);
  CHECK(no_data->rcode == noerror);
  CHECK(no_data->answers.empty());
  CHECK(cache.ask("invalid")->rcode == nxdomain);
  CHECK(cache.ask("www.invalid")->rcode == nxdomain);
  const auto reverse = cache.ask("1.0.0.127.in-addr.arpa", type_ptr);
  CHECK(reverse->rcode == noerror);
  CHECK(reverse->texts(type_ptr) == std::vector<std::string>{"localhost"});
  CHECK(cache.upstream.count() == 0);
}

TEST_CASE("the cache answers over IPv6") {
  Cache cache;
  CHECK(is_true_answer(ask(cache.engine.address6(), "www.example.com"), "www.example.com"));
  CHECK(is_true_answer(ask_tcp(cache.engine.address6(), query("www.example.com")),
                       "www.example.com"));
  CHECK(cache.misses() == 1);
}

TEST_CASE("many malformed packets leave the cache as it was") {
  Cache cache;
  REQUIRE(cache.ask("www.example.com"));
  std::mt19937 random(42);
  UdpClient client(cache.engine.address());
  Query edns = query_with_edns("www.example.com", type_txt);
  edns.edns->options = {0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8};
  for (int i = 0; i < 5000; ++i) {
    Bytes packet = encode(i % 2 == 0 ? edns : query("www.example.com"));
    for (unsigned changes = random() % 4 + 1; changes != 0; --changes) {
      packet[random() % packet.size()] = static_cast<std::uint8_t>(random());
    }
    if (random() % 4 == 0) packet.resize(random() % packet.size());
    client.send(packet);
    if (i % 64 == 0) client.receive(milliseconds(20));
  }
  CHECK(
      eventually([&] { return is_true_answer(cache.ask("www.example.com"), "www.example.com"); }));
  CHECK(cache.engine.process().is_running());
}
