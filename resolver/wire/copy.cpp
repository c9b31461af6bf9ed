#include "resolver/wire/copy.hpp"

#include <array>
#include <cstring>

namespace dnscache {
namespace {

constexpr std::size_t record_fixed_size = 10;  // type, class, TTL, length of the data
constexpr std::size_t max_pointer = 0x3fff;    // RFC 1035 section 4.1.4
constexpr std::size_t max_places = 64;         // that are compared with each name

/// How the data of a type begins: bytes, and then names.
struct DataForm {
  std::size_t bytes_before = 0;
  unsigned names = 0;
  bool may_be_compressed = false;  // by us, too
};

// A pointer may be in the names of these types: those of RFC 1035, and others in which only readers
// have to expect one (RFC 3597 section 4, RFC 2782, RFC 6672 section 2.5).
DataForm form_of(std::uint16_t type) {
  switch (type) {
    case rr_type::ns:
    case rr_type::md:
    case rr_type::mf:
    case rr_type::cname:
    case rr_type::mb:
    case rr_type::mg:
    case rr_type::mr:
    case rr_type::ptr:
      return {0, 1, true};
    case rr_type::soa:
    case rr_type::minfo:
      return {0, 2, true};
    case rr_type::mx:
      return {2, 1, true};
    case rr_type::dname:
      return {0, 1};
    case rr_type::rp:
      return {0, 2};
    case rr_type::afsdb:
    case rr_type::rt:
    case rr_type::kx:
      return {2, 1};
    case rr_type::px:
      return {2, 2};
    case rr_type::srv:
      return {6, 1};
    default:
      return {};
  }
}

/// Copies the records that stay, with names that point to none that go.
class Copier {
 public:
  Copier(const Question& question, const Answer& answer, const std::vector<bool>& keeps)
      : answer_(answer), keeps_(keeps) {
    const ByteView name = question.name.bytes();
    question_end_ = header_size + name.size() + 4;
    message_.resize(question_end_);
    std::ranges::copy(name, message_.begin() + header_size);
    message_.insert(message_.end(), answer.records.begin(), answer.records.end());
    out_.assign(message_.begin(), message_.begin() + static_cast<std::ptrdiff_t>(question_end_));
    remember(name, header_size, name.size() - 1);
  }

  bool copy(Answer& result) {
    std::size_t at = question_end_;
    const std::uint16_t counts[] = {answer_.answer_count, answer_.authority_count,
                                    answer_.additional_count};
    std::uint16_t* kept[] = {&result.answer_count, &result.authority_count,
                             &result.additional_count};
    std::size_t record = 0;
    for (unsigned section = 0; section < 3; ++section) {
      *kept[section] = 0;
      for (unsigned i = 0; i < counts[section]; ++i, ++record) {
        if (!copy_record(at, keeps_[record])) return false;
        if (keeps_[record]) ++*kept[section];
      }
    }
    const auto records = out_.begin() + static_cast<std::ptrdiff_t>(question_end_);
    result.records.assign(records, out_.end());
    result.ttl_offsets = ttl_offsets_;
    return true;
  }

 private:
  /// A name, or the end of one, that a pointer can lead to.
  struct Place {
    std::size_t offset;
    std::vector<std::uint8_t> name;
  };

  bool copy_record(std::size_t& at, bool keeps) {
    const auto owner = read_name_as_is(message_, at);
    if (!owner || at + record_fixed_size > message_.size()) return false;
    const std::uint8_t* fixed = &message_[at];
    const std::uint16_t type = load16(fixed);
    std::size_t data = at + record_fixed_size;
    const std::size_t end = data + load16(fixed + 8);
    if (end > message_.size()) return false;
    at = end;
    if (!keeps) return true;

    append_compressed(*owner);
    append({fixed, record_fixed_size});
    ttl_offsets_.push_back(static_cast<std::uint16_t>(out_.size() - 6 - question_end_));
    const std::size_t out_data = out_.size();
    const DataForm form = form_of(type);
    if (data + form.bytes_before > end) return false;
    append(ByteView(message_).subspan(data, form.bytes_before));
    data += form.bytes_before;
    for (unsigned i = 0; i < form.names; ++i) {
      const auto name = read_name_as_is(message_, data);
      if (!name || data > end) return false;
      if (form.may_be_compressed) {
        append_compressed(*name);
      } else {
        append(*name);
      }
    }
    append(ByteView(message_).subspan(data, end - data));
    store16(&out_[out_data - 2], static_cast<std::uint16_t>(out_.size() - out_data));
    return out_.size() <= max_message_size;
  }

  // The longest end of the name that is known to be there already becomes a pointer.
  void append_compressed(ByteView name) {
    const std::size_t start = out_.size();
    std::size_t size = 0;  // of the labels in front of the pointer
    std::size_t place = 0;
    while (name[size] != 0 && (place = find(name.subspan(size))) == 0) size += 1u + name[size];
    append(name.first(size));
    if (place != 0) {
      out_.push_back(static_cast<std::uint8_t>(0xc0 | place >> 8));
      out_.push_back(static_cast<std::uint8_t>(place));
    } else {
      out_.push_back(0);
    }
    remember(name, start, size);
  }

  // The name's first `size` bytes, labels that no place was known for, are at `start`.
  void remember(ByteView name, std::size_t start, std::size_t size) {
    for (std::size_t at = 0; at < size && places_.size() < max_places; at += 1u + name[at]) {
      if (start + at > max_pointer) return;
      const ByteView rest = name.subspan(at);
      places_.push_back({start + at, {rest.begin(), rest.end()}});
    }
  }

  // The letter case counts: it is kept (RFC 4343 section 4).
  std::size_t find(ByteView name) const {
    const auto found = std::ranges::find_if(
        places_, [&](const Place& place) { return std::ranges::equal(place.name, name); });
    return found == places_.end() ? 0 : found->offset;
  }

  void append(ByteView bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }

  const Answer& answer_;
  const std::vector<bool>& keeps_;
  std::size_t question_end_;
  std::vector<std::uint8_t> message_;
  std::vector<std::uint8_t> out_;
  std::vector<std::uint16_t> ttl_offsets_;
  std::vector<Place> places_;
};

}  // namespace

bool keep_records(const Question& question, const std::vector<bool>& keeps, Answer& answer) {
  const Answer whole = answer;
  if (Copier(question, whole, keeps).copy(answer)) return true;
  answer = whole;
  return false;
}

}  // namespace dnscache
