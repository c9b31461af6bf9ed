#include "resolver/wire/answer.hpp"

#include <algorithm>
#include <cstring>

#include "resolver/wire/records.hpp"
#include "resolver/wire/scrub.hpp"

namespace dnscache {
namespace {

constexpr std::size_t opt_size = 11;            // bytes of an OPT record without options
constexpr std::size_t extended_error_size = 6;  // bytes of the option without text, RFC 8914
constexpr std::size_t record_fixed_size = 10;   // type, class, TTL, length of the data

// Writes the OPT record of a reply: our buffer size, the client's DO, and an extended error.
std::uint8_t* write_opt(const Query& query, std::uint16_t rcode, ExtendedError error,
                        std::uint8_t* out) {
  *out++ = 0;
  store16(out, rr_type::opt);
  store16(out + 2, edns_udp_size);
  out[4] = static_cast<std::uint8_t>(rcode >> 4);
  out[5] = 0;
  store16(out + 6, query.question.dnssec_ok ? 0x8000 : 0);
  const bool has_error = error != ExtendedError::none;
  store16(out + 8, has_error ? extended_error_size : 0);
  out += record_fixed_size;
  if (!has_error) return out;
  store16(out, edns_option::extended_error);
  store16(out + 2, 2);
  store16(out + 4, static_cast<std::uint16_t>(error));
  return out + extended_error_size;
}

std::uint8_t* write_start(const Query& query, std::uint16_t flags, std::uint8_t* out) {
  store16(out, query.id);
  store16(out + 2, flags);
  store16(out + 4, query.question_section.empty() ? 0 : 1);
  store32(out + 6, 0);
  store16(out + 10, query.has_edns ? 1 : 0);
  return std::ranges::copy(query.question_section, out + header_size).out;
}

bool is_proof(std::uint16_t type) { return type == rr_type::nsec || type == rr_type::nsec3; }

/// The first sections of an answer.
struct Sections {
  unsigned count = 3;
  std::size_t records = 0;  // how many
  std::size_t size = 0;     // bytes
};

Sections first_sections(const AnswerView& answer, unsigned count) {
  Sections sections{count};
  const std::uint16_t counts[] = {answer.answer_count, answer.authority_count,
                                  answer.additional_count};
  for (unsigned i = 0; i < count; ++i) sections.records += counts[i];
  if (sections.records != 0) sections.size = record_at(answer, sections.records - 1).end;
  return sections;
}

// How many sections a reply must have. The authority section is needed by whoever caches that there
// is nothing (RFC 2308 section 3), and by validators where a proof is in it (RFC 4035
// section 3.1.3).
unsigned required_sections(const AnswerView& answer) {
  if (!answer.has_data) return 2;
  for (std::size_t i = 0; i < answer.authority_count; ++i) {
    if (is_proof(record_at(answer, answer.answer_count + i).type)) return 2;
  }
  return 1;
}

// A record whose TTL is 0 is good for the reply that it came for (RFC 1035 section 3.2.1).
bool has_expired(const AnswerView& answer, std::size_t first, std::size_t count,
                 std::uint32_t age) {
  return age != 0 && std::ranges::any_of(answer.ttl_offsets.subspan(first, count), [&](auto at) {
           return load32(&answer.records[at]) <= age;
         });
}

// What of the answer has not expired and is not longer than `room` bytes; nothing: not enough.
std::optional<Sections> sections_for(const AnswerView& answer, std::uint32_t age,
                                     std::size_t room) {
  const std::size_t optional = answer.ttl_offsets.size() - answer.answer_count;
  if (optional == 0 || !has_expired(answer, answer.answer_count, optional, age)) {
    const Sections all{3, answer.ttl_offsets.size(), answer.records.size()};
    if (all.size <= room) return all;
  }
  const unsigned required = required_sections(answer);
  for (unsigned count = 3; count >= required; --count) {
    const Sections required_ones = first_sections(answer, required);
    const Sections sections = first_sections(answer, count);
    const std::size_t more = sections.records - required_ones.records;
    if (sections.size > room || has_expired(answer, required_ones.records, more, age)) continue;
    return sections;
  }
  return std::nullopt;
}

/// Addresses of one name, side by side in equal pieces.
struct AddressRun {
  std::size_t first = 0;   // record
  std::size_t count = 0;   // of records
  std::size_t start = 0;   // byte
  std::size_t stride = 0;  // bytes
};

// What the answer section has from its first address on.
AddressRun find_addresses(const AnswerView& answer) {
  AddressRun run;
  const auto type_of = [&](std::size_t i) {
    return load16(&answer.records[answer.ttl_offsets[i] - 4u]);
  };
  std::uint16_t type = 0;
  for (; run.first < answer.answer_count; ++run.first) {
    type = type_of(run.first);
    if (type == rr_type::a || type == rr_type::aaaa) break;
  }
  std::size_t end = run.first;
  while (end < answer.answer_count && type_of(end) == type) ++end;
  run.count = end - run.first;
  if (run.count < 2) return {};
  const Record first = record_at(answer, run.first);
  run.start = first.owner;
  run.stride = first.end - first.owner;
  return run;
}

// The places of the TTLs stay the same.
void rotate(const AnswerView& answer, std::uint32_t turn, std::uint8_t* records) {
  const AddressRun run = find_addresses(answer);
  if (run.count == 0) return;
  const std::size_t skipped = turn % run.count * run.stride;
  const std::uint8_t* start = answer.records.data() + run.start;
  const std::size_t rest = run.count * run.stride - skipped;
  std::memcpy(records + run.start, start + skipped, rest);
  std::memcpy(records + run.start + rest, start, skipped);
}

void write_records(const AnswerView& answer, const Sections& sections, const ReplyRule& rule,
                   std::uint8_t* out) {
  if (sections.size == 0) return;
  std::memcpy(out, answer.records.data(), sections.size);
  if (rule.turn != 0 && answer.can_rotate) rotate(answer, rule.turn, out);
  for (const std::uint16_t offset : answer.ttl_offsets.first(sections.records)) {
    const std::uint32_t ttl = load32(out + offset);
    store32(out + offset, ttl > rule.age ? ttl - rule.age : 0);
  }
}

// A TTL with the top bit set counts as zero (RFC 2181 section 8).
std::uint32_t sane_ttl(const std::uint8_t* at) { return at[0] & 0x80 ? 0 : load32(at); }

/// Reads the records of one response front to back.
class ResponseReader {
 public:
  ResponseReader(ByteView packet, std::size_t records_at, Response& response)
      : packet_(packet),
        start_(records_at),
        at_(records_at),
        response_(response),
        answer_(response.answer) {}

  bool read() {
    const unsigned counts[] = {load16(&packet_[6]), load16(&packet_[8]), load16(&packet_[10])};
    std::uint16_t* kept[] = {&answer_.answer_count, &answer_.authority_count,
                             &answer_.additional_count};
    for (unsigned section = 0; section < 3; ++section) {
      for (unsigned i = 0; i < counts[section]; ++i) {
        if (section == 2 && at_ == packet_.size())
          break;  // of a router that counts what is not there
        if (!read_record(section)) return false;
        if (records_end_ == 0) ++*kept[section];
      }
    }
    const std::size_t end = records_end_ != 0 ? records_end_ : at_;
    const ByteView records = packet_.subspan(start_, end - start_);
    answer_.records.assign(records.begin(), records.end());
    for (const std::uint16_t offset : answer_.ttl_offsets) {
      std::uint8_t* ttl = answer_.records.data() + offset;
      store32(ttl, sane_ttl(ttl));
    }
    return true;
  }

 private:
  bool read_record(unsigned section) {
    const std::size_t owner = at_;
    if (!check_name(packet_, at_, start_, answer_.ttl_offsets) ||
        at_ + record_fixed_size > packet_.size())
      return false;
    const std::uint8_t* fixed = &packet_[at_];
    const std::uint16_t type = load16(fixed);
    const std::size_t data = at_ + record_fixed_size;
    const std::size_t data_size = load16(fixed + 8);
    if (data + data_size > packet_.size()) return false;
    at_ = data + data_size;
    if (type == rr_type::opt) return read_opt(section, owner, fixed, data, data_size);
    const bool is_kept = records_end_ == 0;  // behind OPT, which leaves a gap, nothing is
    if (is_kept) answer_.ttl_offsets.push_back(static_cast<std::uint16_t>(data - 6 - start_));
    return data_is_sound(type, data, data_size);
  }

  bool read_opt(unsigned section, std::size_t owner, const std::uint8_t* fixed, std::size_t data,
                std::size_t data_size) {
    if (section != 2 || packet_[owner] != 0 || response_.has_edns) return false;
    response_.has_edns = true;
    records_end_ = owner;
    const auto low = static_cast<unsigned>(answer_.rcode);
    answer_.rcode = static_cast<Rcode>(static_cast<unsigned>(fixed[4]) << 4 | low);
    for (std::size_t at = data; at + 4 <= data + data_size;) {
      const std::size_t size = load16(&packet_[at + 2]);
      if (at + 4 + size > data + data_size) return false;
      const std::uint16_t option = load16(&packet_[at]);
      if (option == edns_option::cookie) response_.cookie = packet_.subspan(at + 4, size);
      if (option == edns_option::extended_error && size >= 2) {
        answer_.extended_error = static_cast<ExtendedError>(load16(&packet_[at + 4]));
      }
      at += 4 + size;
    }
    return true;
  }

  // The data of types whose form clients rely on without looking again.
  bool data_is_sound(std::uint16_t type, std::size_t data, std::size_t size) const {
    switch (type) {
      case rr_type::a:
        return size == 4;
      case rr_type::aaaa:
        return size == 16;
      case rr_type::cname:
      case rr_type::ns:
      case rr_type::ptr:
      case rr_type::dname:
        return names_fill(data, size, 0, 1, 0);
      case rr_type::mx:
        return names_fill(data, size, 2, 1, 0);
      case rr_type::srv:
        return names_fill(data, size, 6, 1, 0);
      case rr_type::soa:
        return names_fill(data, size, 0, 2, 20);
      default:
        return true;
    }
  }

  bool names_fill(std::size_t data, std::size_t size, std::size_t before, unsigned names,
                  std::size_t after) const {
    const ByteView up_to_here = packet_.first(data + size);
    std::size_t at = data + before;
    for (unsigned i = 0; i < names; ++i) {
      if (!check_name(up_to_here, at, start_, answer_.ttl_offsets)) return false;
    }
    return at + after == data + size;
  }

  ByteView packet_;
  std::size_t start_;
  std::size_t at_;
  std::size_t records_end_ = 0;  // where OPT begins, once it was seen
  Response& response_;
  Answer& answer_;
};

bool has_data_for(const AnswerView& answer, std::uint16_t type) {
  for (std::size_t i = 0; i < answer.answer_count; ++i) {
    if (type == rr_type::any || record_at(answer, i).type == type) return true;
  }
  return false;
}

std::optional<Record> find_soa(const AnswerView& answer) {
  for (std::size_t i = 0; i < answer.authority_count; ++i) {
    const Record record = record_at(answer, answer.answer_count + i);
    if (record.type == rr_type::soa) return record;
  }
  return std::nullopt;
}

bool is_lame(const Answer& answer, std::uint16_t flags) {
  constexpr std::uint16_t serves = header_flag::recursion_available | header_flag::authoritative;
  return answer.rcode == Rcode::no_error && answer.answer_count == 0 && !(flags & serves) &&
         !find_soa(answer.view());
}

// A reply is not complete without it.
bool is_required(const Record& record, bool has_data) {
  if (record.section == Section::answer) return true;
  if (record.section == Section::additional) return false;
  return is_proof(record.covered) || (!has_data && record.covered == rr_type::soa);
}

// The SOA's TTL is at most its MINIMUM by now.
std::uint32_t lifetime(const Answer& answer, std::uint32_t no_soa_ttl) {
  if (answer.is_failure()) return 0;
  const AnswerView view = answer.view();
  std::uint32_t lowest = 0x7fffffff;
  for (std::size_t i = 0; i < view.ttl_offsets.size(); ++i) {
    const Record record = record_at(view, i);
    if (is_required(record, answer.has_data)) lowest = std::min(lowest, record.ttl);
  }
  return answer.has_data || find_soa(view) ? lowest : std::min(lowest, no_soa_ttl);
}

// Goes through the parameters behind priority and target name (RFC 9460 section 2.2).
bool any_hint(ByteView data, const std::function<bool(ByteView)>& test) {
  constexpr std::uint16_t ipv4hint = 4, ipv6hint = 6;
  std::size_t at = 2;
  if (!skip_name(data, at)) return false;
  while (at + 4 <= data.size()) {
    const std::uint16_t key = load16(&data[at]);
    const std::size_t size = load16(&data[at + 2]);
    at += 4;
    if (size > data.size() - at) return false;
    const std::size_t step = key == ipv4hint ? 4 : key == ipv6hint ? 16 : 0;
    for (std::size_t i = 0; step != 0 && i + step <= size; i += step) {
      if (test(data.subspan(at + i, step))) return true;
    }
    at += size;
  }
  return false;
}

bool any_address_of(const AnswerView& answer, std::size_t first, std::size_t count,
                    const std::function<bool(ByteView)>& test) {
  for (std::size_t i = first; i < first + count; ++i) {
    const Record record = record_at(answer, i);
    const ByteView data = answer.records.subspan(record.data, record.data_size());
    const bool is_address = record.type == rr_type::a || record.type == rr_type::aaaa;
    if (is_address && test(data)) return true;
    const bool has_hints = record.type == rr_type::svcb || record.type == rr_type::https;
    if (has_hints && any_hint(data, test)) return true;
  }
  return false;
}

bool equal_without_case(ByteView a, ByteView b) {
  return std::ranges::equal(
      a, b, [](std::uint8_t x, std::uint8_t y) { return to_lower(x) == to_lower(y); });
}

}  // namespace

AnswerView Answer::view() const {
  AnswerView view{rcode,          authentic, answer_count, authority_count, additional_count,
                  extended_error, records,   ttl_offsets,  authoritative,   has_data};
  view.can_rotate = dnscache::can_rotate(view);
  return view;
}

bool Answer::is_failure() const { return rcode != Rcode::no_error && rcode != Rcode::nx_domain; }

bool Answer::is_stale() const {
  return extended_error == ExtendedError::stale_answer ||
         extended_error == ExtendedError::stale_nxdomain;
}

bool any_address(const AnswerView& answer, const std::function<bool(ByteView)>& test) {
  return any_address_of(answer, 0, answer.answer_count, test);
}

bool any_additional_address(const AnswerView& answer, const std::function<bool(ByteView)>& test) {
  const std::size_t first = std::size_t{answer.answer_count} + answer.authority_count;
  return any_address_of(answer, first, answer.additional_count, test);
}

// It is the last section: no name of another points into it.
void Answer::drop_additional() {
  const Sections rest = first_sections(view(), 2);
  records.resize(rest.size);
  ttl_offsets.resize(rest.records);
  additional_count = 0;
}

bool can_rotate(const AnswerView& answer) {
  const AddressRun run = find_addresses(answer);
  if (run.count == 0) return false;
  const std::uint8_t* first = &answer.records[run.start];
  const std::size_t head = answer.ttl_offsets[run.first] - run.start;  // bytes in front of the TTL
  for (std::size_t i = 1; i < run.count; ++i) {
    const std::uint8_t* other = first + i * run.stride;
    const bool is_in_step = answer.ttl_offsets[run.first + i] == run.start + i * run.stride + head;
    // The same owner, type, class and size of data.
    if (!is_in_step || !std::equal(first, first + head, other) ||
        load16(other + head + 4) != load16(first + head + 4)) {
      return false;
    }
  }
  return true;
}

void Answer::set_ttls(std::uint32_t seconds) { clamp_ttls(seconds, seconds); }

void Answer::clamp_ttls(std::uint32_t lowest, std::uint32_t highest) {
  for (const std::uint16_t offset : ttl_offsets) {
    std::uint8_t* at = records.data() + offset;
    store32(at, std::clamp(load32(at), lowest, highest));
  }
  ttl = std::clamp(ttl, lowest, highest);
}

std::size_t reply_overhead(const Query& query) {
  return header_size + query.question_section.size() +
         (query.has_edns ? opt_size + extended_error_size : 0);
}

std::size_t write_reply(const Query& query, const AnswerView& answer, const ReplyRule& rule,
                        std::size_t limit, std::uint8_t* out) {
  const auto rcode = static_cast<std::uint16_t>(answer.rcode);
  std::uint16_t flags =
      header_flag::response | header_flag::recursion_available | (rcode & header_flag::rcode_mask);
  flags |= query.flags & (header_flag::recursion_desired | header_flag::checking_disabled);
  const bool asked_for_verdict =
      query.wants(header_flag::authentic_data) || query.question.dnssec_ok;
  if (answer.authentic && asked_for_verdict) flags |= header_flag::authentic_data;
  if (answer.authoritative) flags |= header_flag::authoritative;

  const bool has_option = query.has_edns && answer.extended_error != ExtendedError::none;
  const std::size_t overhead =
      reply_overhead(query) - (query.has_edns && !has_option ? extended_error_size : 0);
  const std::size_t room = limit > overhead ? limit - overhead : 0;
  const auto sections = limit < overhead ? std::nullopt : sections_for(answer, rule.age, room);
  if (!sections) flags |= header_flag::truncated;

  std::uint8_t* at = write_start(query, flags, out);
  if (sections) {
    store16(out + 6, answer.answer_count);
    if (sections->count > 1) store16(out + 8, answer.authority_count);
    const unsigned additionals = sections->count > 2 ? answer.additional_count : 0u;
    store16(out + 10, static_cast<std::uint16_t>(additionals + (query.has_edns ? 1u : 0u)));
    write_records(answer, *sections, rule, at);
    at += sections->size;
  }
  if (query.has_edns) at = write_opt(query, rcode, answer.extended_error, at);
  return static_cast<std::size_t>(at - out);
}

std::size_t write_fault(const Query& query, QueryFault fault, std::uint8_t* out) {
  Rcode rcode = Rcode::format_error;
  if (fault == QueryFault::not_implemented) rcode = Rcode::not_implemented;
  if (fault == QueryFault::bad_version) rcode = Rcode::bad_version;
  const auto code = static_cast<std::uint16_t>(rcode);
  const std::uint16_t kept = header_flag::opcode_mask | header_flag::recursion_desired;
  const std::uint16_t flags =
      header_flag::response | (query.flags & kept) | (code & header_flag::rcode_mask);
  std::uint8_t* at = write_start(query, flags, out);
  if (query.has_edns) at = write_opt(query, code, ExtendedError::none, at);
  return static_cast<std::size_t>(at - out);
}

ResponseFault read_response(ByteView packet, ByteView sent, std::uint32_t no_soa_ttl,
                            Response& response) {
  if (packet.size() < header_size) return ResponseFault::malformed;
  const std::uint16_t flags = load16(&packet[2]);
  if (!(flags & header_flag::response) || (flags & header_flag::opcode_mask)) {
    return ResponseFault::malformed;
  }
  if (load16(&packet[0]) != load16(&sent[0])) return ResponseFault::other_question;

  response = {};
  response.truncated = (flags & header_flag::truncated) != 0;
  Answer& answer = response.answer;
  answer.rcode = static_cast<Rcode>(flags & header_flag::rcode_mask);
  answer.authentic = (flags & header_flag::authentic_data) != 0;

  std::size_t end = header_size;
  if (!skip_name(sent, end) || end + 4 > sent.size()) return ResponseFault::malformed;
  const std::uint16_t type = load16(&sent[end]);
  end += 4;
  const unsigned questions = load16(&packet[4]);
  // Some servers leave the question out when they refuse; then nothing else counts either.
  if (questions == 0 && answer.is_failure()) return ResponseFault::none;
  if (questions != 1 || packet.size() < end) return ResponseFault::other_question;
  const ByteView theirs = packet.subspan(header_size, end - header_size);
  const ByteView ours = sent.subspan(header_size, end - header_size);
  const bool same_type = std::ranges::equal(theirs.last(4), ours.last(4));
  if (!same_type || !equal_without_case(theirs, ours)) return ResponseFault::other_question;
  const bool has_capitals = std::ranges::any_of(
      ours.first(ours.size() - 4), [](std::uint8_t c) { return c >= 'A' && c <= 'Z'; });
  if (has_capitals && !std::ranges::equal(theirs, ours)) return ResponseFault::other_case;
  // What a truncated response does hold is of no use: the whole is asked for over TCP.
  if (response.truncated) return ResponseFault::none;
  if (!ResponseReader(packet, end, response).read()) return ResponseFault::malformed;
  switch (scrub(packet, end, has_capitals, answer)) {
    case ScrubResult::good:
      break;
    case ScrubResult::too_long:
      return ResponseFault::malformed;
    case ScrubResult::endless:
      answer = Answer(Rcode::server_failure, ExtendedError::other);
      return ResponseFault::none;
  }
  answer.has_data = has_data_for(answer.view(), type);
  answer.ttl = lifetime(answer, no_soa_ttl);
  answer.is_lame = is_lame(answer, flags);
  return ResponseFault::none;
}

}  // namespace dnscache
