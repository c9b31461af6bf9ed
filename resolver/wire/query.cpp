#include "resolver/wire/query.hpp"

#include <algorithm>

namespace dnscache {

/// Fills a Query in place; a friend of Name so that the hot path copies no name.
class QueryReader {
 public:
  QueryReader(ByteView packet, Query& query) : packet_(packet), query_(query) {}

  QueryFault read() {
    const QueryFault fault = read_packet();
    if (query_.question_section.empty()) forget_earlier_question();
    return fault;
  }

 private:
  QueryFault read_packet() {
    if (packet_.size() < header_size) return QueryFault::ignore;
    query_.id = load16(&packet_[0]);
    query_.flags = load16(&packet_[2]);
    query_.has_edns = false;
    query_.udp_size = plain_udp_size;
    query_.question_section = {};
    query_.question.dnssec_ok = false;
    query_.question.checking_disabled = query_.wants(header_flag::checking_disabled);
    if (query_.wants(header_flag::response)) return QueryFault::ignore;
    if (query_.flags & header_flag::opcode_mask) return QueryFault::not_implemented;
    if (load16(&packet_[4]) != 1) return QueryFault::format_error;
    if (!read_question()) return QueryFault::format_error;
    return read_records(load16(&packet_[6]), load16(&packet_[8]), load16(&packet_[10]));
  }

  // The place is used for one packet after the other.
  void forget_earlier_question() {
    query_.question.name = Name();
    query_.question.type = 0;
    query_.question_class = 0;
  }

  bool read_question() {
    Name& name = query_.question.name;
    std::size_t at = header_size;
    std::size_t size = 0;
    for (;;) {
      if (at >= packet_.size()) return false;
      const std::uint8_t length = packet_[at];
      if (length > max_label_size) return false;  // nothing in front to which a pointer could lead
      const std::size_t root = length == 0 ? 0 : 1;  // room that must stay for the final zero byte
      if (size + 1 + length + root > max_name_size) return false;
      if (at + 1 + length > packet_.size()) return false;
      name.bytes_[size++] = length;
      ++at;
      if (length == 0) break;
      for (std::size_t i = 0; i < length; ++i) name.bytes_[size++] = to_lower(packet_[at++]);
    }
    name.size_ = static_cast<std::uint8_t>(size);
    if (at + 4 > packet_.size()) return false;
    query_.question.type = load16(&packet_[at]);
    query_.question_class = load16(&packet_[at + 2]);
    at_ = at + 4;
    query_.question_section = packet_.subspan(header_size, at_ - header_size);
    return true;
  }

  // Of what follows the question only the OPT record matters (RFC 6891 section 6.1.1).
  QueryFault read_records(unsigned answers, unsigned authorities, unsigned additionals) {
    const unsigned total = answers + authorities + additionals;
    for (unsigned i = 0; i < total; ++i) {
      const std::size_t owner = at_;
      if (!skip_name(packet_, at_) || at_ + 10 > packet_.size()) return QueryFault::format_error;
      const std::uint8_t* fixed = &packet_[at_];
      at_ += 10u + load16(fixed + 8);
      if (at_ > packet_.size()) return QueryFault::format_error;
      if (load16(fixed) != rr_type::opt) continue;
      const bool in_place = i >= answers + authorities && packet_[owner] == 0;
      if (!in_place || query_.has_edns) return QueryFault::format_error;
      query_.has_edns = true;
      query_.udp_size = std::max<std::uint16_t>(load16(fixed + 2), plain_udp_size);
      query_.question.dnssec_ok = (fixed[6] & 0x80) != 0;
      version_ = fixed[5];
    }
    return version_ == 0 ? QueryFault::none : QueryFault::bad_version;
  }

  ByteView packet_;
  Query& query_;
  std::size_t at_ = header_size;
  std::uint8_t version_ = 0;
};

StoredQuestion::StoredQuestion(const Question& question)
    : type_(question.type),
      name_size_(static_cast<std::uint8_t>(question.name.size())),
      dnssec_ok_(question.dnssec_ok),
      checking_disabled_(question.checking_disabled) {
  auto name = std::make_unique<std::uint8_t[]>(name_size_);
  std::ranges::copy(question.name.bytes(), name.get());
  name_ = std::move(name);
}

Question StoredQuestion::get() const {
  std::size_t offset = 0;
  return {Name::read({name_.get(), name_size_}, offset).value_or(Name{}), type_, dnssec_ok_,
          checking_disabled_};
}

bool StoredQuestion::operator==(const Question& question) const {
  return type_ == question.type && dnssec_ok_ == question.dnssec_ok &&
         checking_disabled_ == question.checking_disabled &&
         std::ranges::equal(ByteView(name_.get(), name_size_), question.name.bytes());
}

QueryFault read_query(ByteView packet, Query& query) { return QueryReader(packet, query).read(); }

namespace {

constexpr std::size_t padded_block = 128;  // bytes, RFC 8467 section 4.1

std::uint8_t* write_option_head(std::uint16_t code, std::size_t size, std::uint8_t* out) {
  store16(out, code);
  store16(out + 2, static_cast<std::uint16_t>(size));
  return out + 4;
}

// Our OPT record; the message that it ends begins at `start`.
std::uint8_t* write_opt(const Question& question, const QueryOptions& options,
                        const std::uint8_t* start, std::uint8_t* out) {
  *out++ = 0;
  store16(out, rr_type::opt);
  store16(out + 2, edns_udp_size);
  store32(out + 4, question.dnssec_ok ? 0x8000 : 0);  // extended rcode, version, DO
  std::uint8_t* const data = out + 10;
  std::uint8_t* at = data;
  if (!options.cookie.empty()) {
    at = write_option_head(edns_option::cookie, options.cookie.size(), at);
    at = std::ranges::copy(options.cookie, at).out;
  }
  if (options.is_padded) {  // the last option, which fills the block up (RFC 7830 section 3)
    const auto size = static_cast<std::size_t>(at + 4 - start);
    const std::size_t padding = (padded_block - size % padded_block) % padded_block;
    at = write_option_head(edns_option::padding, padding, at);
    at = std::fill_n(at, padding, std::uint8_t{0});
  }
  store16(data - 2, static_cast<std::uint16_t>(at - data));
  return at;
}

}  // namespace

std::size_t write_query(const Question& question, const QueryOptions& options, std::uint8_t* out) {
  std::uint16_t flags = header_flag::recursion_desired | header_flag::authentic_data;
  if (question.checking_disabled) flags |= header_flag::checking_disabled;
  store16(out, options.id);
  store16(out + 2, flags);
  store16(out + 4, 1);
  store32(out + 6, 0);
  store16(out + 10, options.with_edns ? 1 : 0);
  const ByteView name = options.mixed_name.empty() ? question.name.bytes() : options.mixed_name;
  std::uint8_t* at = std::ranges::copy(name, out + header_size).out;
  store16(at, question.type);
  store16(at + 2, class_in);
  at += 4;
  if (options.with_edns) at = write_opt(question, options, out, at);
  return static_cast<std::size_t>(at - out);
}

}  // namespace dnscache
