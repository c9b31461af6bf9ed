// Packets from upstreams: whatever is believed can be given to a client, kept, and read back.
#include <cstdlib>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "resolver/cache/entry.hpp"
#include "resolver/wire/answer.hpp"
#include "resolver/wire/strip.hpp"
#include "tests/support/message.hpp"

namespace {

using namespace dnscache;

void require(bool holds) {
  if (!holds) std::abort();
}

/// The query that the packet claims to answer.
std::vector<std::uint8_t> claimed_query(ByteView packet) {
  std::vector<std::uint8_t> sent(512);
  std::size_t offset = header_size;
  Question question;
  if (const auto name = Name::read(packet, offset); name && offset + 4 <= packet.size()) {
    question.name = *name;
    question.type = load16(packet.data() + offset);
  }
  sent.resize(write_query(question, {load16(packet.data()), {}, true, {}}, sent.data()));
  return sent;
}

// The reply that a client gets, in exactly as much room as is promised to be enough.
std::vector<std::uint8_t> reply_to(ByteView sent, const AnswerView& answer) {
  Query query;
  require(read_query(sent, query) == QueryFault::none);
  const std::size_t whole = reply_overhead(query) + answer.records.size();
  std::vector<std::uint8_t> reply(std::max(plain_udp_size, std::min(whole, max_message_size)));
  reply.resize(write_reply(query, answer, {}, max_message_size, reply.data()));
  return reply;
}

test::Message decoded(const std::vector<std::uint8_t>& reply) {
  const auto message = test::decode(reply);
  require(message.has_value());
  return *message;
}

void check_counts(const test::Message& message, const Answer& answer) {
  require(message.answers.size() == answer.answer_count);
  require(message.authority.size() == answer.authority_count);
  require(message.additional.size() == answer.additional_count);
  require(message.rcode == static_cast<unsigned>(answer.rcode));
  for (const auto* section : {&message.answers, &message.authority, &message.additional}) {
    for (const test::Record& record : *section) require(record.ttl <= 0x7fffffff);
  }
  // What is not data but a failure has no lifetime; all else lives no longer than its records.
  for (const test::Record& record : message.answers) {
    require(answer.is_failure() || answer.ttl <= record.ttl);
  }
}

void check_cache(ByteView sent, const Answer& answer, const std::vector<std::uint8_t>& reply) {
  Query query;
  require(read_query(sent, query) == QueryFault::none);
  const std::size_t size = entry_size(query.question, answer);
  const auto memory = std::make_unique<std::uint64_t[]>(size / sizeof(std::uint64_t));
  const Entry* entry = write_entry(memory.get(), query.question, answer, 100);
  require(
      entry->is_for(query.question.name.bytes(), query.question.type, key_bits(query.question)));
  require(reply_to(sent, entry->view()) == reply);
  const Answer back = read_entry(*entry);
  require(back.records == answer.records && back.ttl_offsets == answer.ttl_offsets);
  require(back.rcode == answer.rcode && back.ttl == answer.ttl);
}

/// The rule of what belongs to an answer once more, on decoded names and without regard to cost.
class Belonging {
 public:
  explicit Belonging(const test::Message& message)
      : type_(message.questions.at(0).type),
        names_{test::lower_case(message.questions.at(0).name)} {
    for (std::size_t known = 0; known != names_.size();) {
      known = names_.size();
      for (const test::Record& record : message.answers) {
        if (record.type == rr_type::cname && has(record.name)) {
          names_.insert(test::lower_case(record.text));
        }
      }
    }
  }

  bool in_answer(const test::Record& record) const {
    if (has(record.name) && (type_ == rr_type::any || record.type == type_)) return true;
    const std::uint16_t type = subject(record);
    if (type == rr_type::dname && is_above(record.name)) return true;
    return has(record.name) && (type == rr_type::cname || type == type_);
  }
  bool in_authority(const test::Record& record) const {
    const std::uint16_t type = subject(record);
    if (type == rr_type::nsec || type == rr_type::nsec3) return true;
    const bool is_known = type == rr_type::soa || type == rr_type::ns || type == rr_type::ds;
    return is_known && (has(record.name) || is_above(record.name));
  }

 private:
  static std::uint16_t subject(const test::Record& record) {
    if (record.type != rr_type::rrsig) return record.type;
    return record.rdata.size() < 2 ? 0 : load16(record.rdata.data());
  }
  bool has(const std::string& name) const { return names_.contains(test::lower_case(name)); }
  bool is_above(const std::string& zone) const {
    const std::string end = '.' + test::lower_case(zone);
    return zone == "." || zone.empty() || std::ranges::any_of(names_, [&](const std::string& name) {
             return name.ends_with(end);
           });
  }

  std::uint16_t type_;
  std::set<std::string> names_;
};

void check_belonging(const test::Message& message) {
  const Belonging belonging(message);
  for (const test::Record& record : message.answers) {
    require(record.rclass == class_in && belonging.in_answer(record));
  }
  for (const test::Record& record : message.authority) {
    require(record.rclass == class_in && belonging.in_authority(record));
  }
}

// No record is there twice, and those of an RRset have one TTL.
void check_sets(const test::Message& message) {
  using Key = std::tuple<std::string, std::uint16_t>;
  std::map<Key, std::uint32_t> ttls;
  std::set<std::tuple<Key, test::Bytes>> addresses;
  for (const auto* section : {&message.answers, &message.authority, &message.additional}) {
    for (const test::Record& record : *section) {
      if (record.type == rr_type::soa) continue;
      const Key key{test::lower_case(record.name), record.type};
      require(ttls.emplace(key, record.ttl).first->second == record.ttl);
      const bool is_address = record.type == rr_type::a || record.type == rr_type::aaaa;
      if (is_address) require(addresses.emplace(key, record.rdata).second);
    }
  }
}

// In any order it is the same answer.
void check_rotation(ByteView sent, const Answer& answer) {
  Query query;
  require(read_query(sent, query) == QueryFault::none);
  std::vector<std::uint8_t> turned(max_message_size);
  turned.resize(write_reply(query, answer.view(), {0, 1}, max_message_size, turned.data()));
  const auto sorted = [&](const test::Message& message) {
    std::multiset<std::tuple<std::string, std::uint16_t, test::Bytes>> records;
    for (const test::Record& record : message.answers) {
      records.emplace(record.name, record.type, record.rdata);
    }
    return records;
  };
  require(sorted(decoded(turned)) == sorted(decoded(reply_to(sent, answer.view()))));
}

// What is left for clients without DO is as sound as the whole.
void check_strip(ByteView sent, Answer answer) {
  Query query;
  require(read_query(sent, query) == QueryFault::none);
  strip_dnssec(query.question, answer);
  const auto message = decoded(reply_to(sent, answer.view()));
  if (!message.has(test::flag_tc)) check_counts(message, answer);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < header_size) return 0;
  const auto copy = std::make_unique<std::uint8_t[]>(size);  // not one byte behind it is ours
  std::copy_n(data, size, copy.get());
  const ByteView packet(copy.get(), size);
  const auto sent = claimed_query(packet);
  Response response;
  if (read_response(packet, sent, 60, response) != ResponseFault::none) return 0;
  Answer& answer = response.answer;
  const auto reply = reply_to(sent, answer.view());
  const auto message = decoded(reply);
  if (message.has(test::flag_tc) || reply.size() + answer.records.size() > max_message_size)
    return 0;
  check_counts(message, answer);
  check_sets(message);
  check_rotation(sent, answer);
  check_belonging(message);
  check_cache(sent, answer, reply);
  check_strip(sent, answer);
  answer.set_ttls(30);
  for (const test::Record& record : decoded(reply_to(sent, answer.view())).answers) {
    require(record.ttl == 30);
  }
  return 0;
}
