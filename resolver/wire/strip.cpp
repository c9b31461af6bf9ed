#include "resolver/wire/strip.hpp"

#include <array>
#include <cstring>

namespace dnscache {
namespace {

constexpr std::size_t record_fixed_size = 10;  // type, class, TTL, length of the data
constexpr std::size_t max_pointer = 0x3fff;    // RFC 1035 section 4.1.4

bool is_only_proof(std::uint16_t type) {
  return type == rr_type::rrsig || type == rr_type::nsec || type == rr_type::nsec3;
}

/// How the data of a type begins: bytes, and then names that may be compressed.
struct DataForm {
  std::size_t bytes_before = 0;
  unsigned names = 0;
};

// Only these types have names that a pointer may be in (RFC 3597 section 4).
DataForm form_of(std::uint16_t type) {
  switch (type) {
    case rr_type::cname:
    case rr_type::ns:
    case rr_type::ptr:
    case rr_type::dname:
      return {0, 1};
    case rr_type::mx:
      return {2, 1};
    case rr_type::srv:
      return {6, 1};
    case rr_type::soa:
      return {0, 2};
    default:
      return {};
  }
}

/// Copies the records that stay, with names that point to none that go.
class Copier {
 public:
  Copier(const Question& question, const Answer& answer) : type_(question.type), answer_(answer) {
    const ByteView name = question.name.bytes();
    question_end_ = header_size + name.size() + 4;
    message_.resize(question_end_);
    std::ranges::copy(name, message_.begin() + header_size);
    message_.insert(message_.end(), answer.records.begin(), answer.records.end());
    out_.assign(message_.begin(), message_.begin() + static_cast<std::ptrdiff_t>(question_end_));
    remember(header_size);
  }

  bool copy(Answer& result) {
    std::size_t at = question_end_;
    const std::uint16_t counts[] = {answer_.answer_count, answer_.authority_count,
                                    answer_.additional_count};
    std::uint16_t* kept[] = {&result.answer_count, &result.authority_count,
                             &result.additional_count};
    for (unsigned section = 0; section < 3; ++section) {
      *kept[section] = 0;
      for (unsigned i = 0; i < counts[section]; ++i) {
        bool keeps = false;
        if (!copy_record(at, keeps)) return false;
        if (keeps) ++*kept[section];
      }
    }
    const auto records = out_.begin() + static_cast<std::ptrdiff_t>(question_end_);
    result.records.assign(records, out_.end());
    result.ttl_offsets = ttl_offsets_;
    return true;
  }

 private:
  bool copy_record(std::size_t& at, bool& keeps) {
    const auto owner = Name::read(message_, at);
    if (!owner || at + record_fixed_size > message_.size()) return false;
    const std::uint8_t* fixed = &message_[at];
    const std::uint16_t type = load16(fixed);
    std::size_t data = at + record_fixed_size;
    const std::size_t end = data + load16(fixed + 8);
    if (end > message_.size()) return false;
    keeps = !is_only_proof(type) || type == type_ || type_ == rr_type::any;
    at = end;
    if (!keeps) return true;

    append_name(*owner);
    append({fixed, record_fixed_size});
    ttl_offsets_.push_back(static_cast<std::uint16_t>(out_.size() - 6 - question_end_));
    const std::size_t out_data = out_.size();
    const DataForm form = form_of(type);
    if (data + form.bytes_before > end) return false;
    append({&message_[data], form.bytes_before});
    data += form.bytes_before;
    for (unsigned i = 0; i < form.names; ++i) {
      const auto name = Name::read(message_, data);
      if (!name || data > end) return false;
      append_name(*name);
    }
    if (data < end) append({&message_[data], end - data});
    store16(&out_[out_data - 2], static_cast<std::uint16_t>(out_.size() - out_data));
    return out_.size() <= max_message_size;
  }

  // The longest end of the name that is there already becomes a pointer.
  void append_name(const Name& name) {
    const ByteView bytes = name.bytes();
    const std::size_t start = out_.size();
    for (std::size_t at = 0; bytes[at] != 0; at += 1u + bytes[at]) {
      if (const std::size_t place = find(bytes.subspan(at)); place != 0) {
        out_.push_back(static_cast<std::uint8_t>(0xc0 | place >> 8));
        out_.push_back(static_cast<std::uint8_t>(place));
        return remember(start);
      }
      append(bytes.subspan(at, 1u + bytes[at]));
    }
    out_.push_back(0);
    remember(start);
  }

  // Where the labels from `start` on begin.
  void remember(std::size_t start) {
    for (std::size_t at = start; at < out_.size() && at <= max_pointer; at += 1u + out_[at]) {
      if (out_[at] == 0 || (out_[at] & 0xc0) != 0) return;
      places_.push_back(at);
    }
  }

  std::size_t find(ByteView name) const {
    for (const std::size_t place : places_) {
      std::size_t at = place;
      const auto there = Name::read(out_, at);
      if (there && std::ranges::equal(there->bytes(), name)) return place;
    }
    return 0;
  }

  void append(ByteView bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }

  std::uint16_t type_;
  const Answer& answer_;
  std::size_t question_end_;
  std::vector<std::uint8_t> message_;
  std::vector<std::uint8_t> out_;
  std::vector<std::uint16_t> ttl_offsets_;
  std::vector<std::size_t> places_;
};

bool has_proofs(const Answer& answer) {
  for (const std::uint16_t ttl : answer.ttl_offsets) {
    if (is_only_proof(load16(answer.records.data() + ttl - 4))) return true;
  }
  return false;
}

}  // namespace

void strip_dnssec(const Question& question, Answer& answer) {
  if (!has_proofs(answer)) return;
  const Answer whole = answer;
  if (!Copier(question, whole).copy(answer)) answer = whole;
}

}  // namespace dnscache
