#include "resolver/wire/copy.hpp"

#include <set>
#include <string_view>

#include "resolver/wire/records.hpp"

namespace dnscache {
namespace {

constexpr std::size_t max_pointer = 0x3fff;  // RFC 1035 section 4.1.4
constexpr std::size_t max_places = 64;       // that are compared with each name

std::string_view text_of(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// How records are copied.
struct CopyRule {
  ByteView mixed_name = {};  // the question's as it was asked
  std::size_t shift = 0;     // how many bytes longer it is in the messages to come
  bool with_pointers = true;
};

/// Copies the records that stay, with names that point to none that go.
class Copier {
 public:
  Copier(ByteView question, const CopyRule& rule, const Answer& answer)
      : view_(answer.view()),
        shift_(rule.shift),
        with_pointers_(rule.with_pointers),
        question_end_(header_size + question.size() + 4),
        message_(question_end_) {
    std::ranges::copy(question, message_.begin() + header_size);
    message_.insert(message_.end(), answer.records.begin(), answer.records.end());
    const ByteView mixed = rule.mixed_name;
    for (std::size_t i = 0; i < mixed.size(); i += 1u + mixed[i]) {
      mixed_labels_.insert(text_of(mixed.subspan(i, 1u + mixed[i])));
    }
  }

  bool copy(const std::vector<bool>& keeps, Answer& result) {
    result.answer_count = result.authority_count = result.additional_count = 0;
    result.ttl_offsets.clear();
    std::uint16_t* const counts[] = {&result.answer_count, &result.authority_count,
                                     &result.additional_count};
    for (std::size_t i = 0; i < view_.ttl_offsets.size(); ++i) {
      if (!keeps[i]) continue;
      const Record record = record_at(view_, i);
      if (!copy_record(record, result.ttl_offsets)) return false;
      ++*counts[static_cast<std::size_t>(record.section)];
    }
    result.records = std::move(out_);
    return question_end_ + shift_ + result.records.size() <= max_message_size;
  }

 private:
  /// A name, or the end of one, that a pointer can lead to.
  struct Place {
    std::size_t offset;  // in the message to come
    std::vector<std::uint8_t> own;
    std::size_t question_at;
  };

  bool copy_record(const Record& record, std::vector<std::uint16_t>& ttl_offsets) {
    std::size_t at = question_end_ + record.owner;
    const auto owner = read(at);
    if (!owner) return false;
    if (with_pointers_ && is_question(owner->bytes)) {
      append_pointer(header_size + shift_);
    } else {
      append_compressed(*owner);
    }
    const ByteView fixed = ByteView(view_.records).subspan(record.ttl_at - 4, 10);
    append(fixed);
    if (out_.size() > max_message_size) return false;
    ttl_offsets.push_back(static_cast<std::uint16_t>(out_.size() - 6));
    const std::size_t data = out_.size();
    if (!copy_data(record)) {
      if (form_of(record.type).may_be_compressed) return false;
      out_.resize(data);  // of no known form: bytes
      append(view_.records.subspan(record.data, record.data_size()));
    }
    const std::size_t size = out_.size() - data;
    if (out_.size() > max_message_size) return false;
    store16(&out_[data - 2], static_cast<std::uint16_t>(size));
    return true;
  }

  bool copy_data(const Record& record) {
    const DataForm form = form_of(record.type);
    std::size_t at = question_end_ + record.data;
    const std::size_t end = question_end_ + record.end;
    if (form.names != 0) {
      const auto first = first_name_at(message_, form, at, end);
      if (!first) return false;
      append(ByteView(message_).subspan(at, *first - at));
      at = *first;
    }
    for (unsigned i = 0; i < form.names; ++i) {
      const auto name = read(at);
      if (!name || at > end) return false;
      if (form.may_be_compressed) {
        append_compressed(*name);
      } else {
        append(name->bytes);
      }
    }
    append(ByteView(message_).subspan(at, end - at));
    return true;
  }

  // What is in the question is in lower case in our message. Elsewhere servers may have copied it,
  // as for the alias that is made of a DNAME (RFC 6672 section 2.2).
  std::optional<WrittenName> read(std::size_t& at) const {
    auto name = read_name_as_is(message_, at, question_end_);
    for (std::size_t i = 0; name && i < name->own_size; i += 1u + name->bytes[i]) {
      const std::span label(name->bytes.data() + i, 1u + name->bytes[i]);
      if (mixed_labels_.contains(text_of(label)))
        std::ranges::transform(label, label.begin(), to_lower);
    }
    return name;
  }

  bool is_question(ByteView name) const {
    const ByteView question =
        ByteView(message_).subspan(header_size, question_end_ - header_size - 4);
    return std::ranges::equal(name, question,
                              [](std::uint8_t a, std::uint8_t b) { return to_lower(a) == b; });
  }

  // The longest end of the name that is known to be there already becomes a pointer.
  void append_compressed(const WrittenName& name) {
    if (!with_pointers_) return append(name.bytes);
    const std::size_t start = out_.size();
    const ByteView own = ByteView(name.bytes).first(name.own_size);
    std::size_t size = 0;  // of the labels in front of the pointer
    std::size_t place = 0;
    while (size < own.size() && (place = find(own.subspan(size), name.question_at)) == 0) {
      size += 1u + own[size];
    }
    append(own.first(size));
    if (place == 0 && name.question_at != 0) place = name.question_at + shift_;
    if (place != 0) {
      append_pointer(place);
    } else {
      out_.push_back(0);
    }
    remember(own, name.question_at, start, size);
  }

  // The name's first `size` bytes, labels that no place was known for, are at `start`.
  void remember(ByteView own, std::size_t question_at, std::size_t start, std::size_t size) {
    const std::size_t in_message = question_end_ + shift_ + start;
    for (std::size_t at = 0; at < size && places_.size() < max_places; at += 1u + own[at]) {
      if (in_message + at > max_pointer) return;
      const ByteView rest = own.subspan(at);
      places_.push_back({in_message + at, {rest.begin(), rest.end()}, question_at});
    }
  }

  // The letter case counts: it is kept (RFC 4343 section 4).
  std::size_t find(ByteView own, std::size_t question_at) const {
    const auto found = std::ranges::find_if(places_, [&](const Place& place) {
      return place.question_at == question_at && std::ranges::equal(place.own, own);
    });
    return found == places_.end() ? 0 : found->offset;
  }

  void append_pointer(std::size_t to) {
    out_.push_back(static_cast<std::uint8_t>(0xc0 | to >> 8));
    out_.push_back(static_cast<std::uint8_t>(to));
  }
  void append(ByteView bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }

  const AnswerView view_;
  std::set<std::string_view> mixed_labels_;  // of the name as it was asked; each with its length
  std::size_t shift_;
  bool with_pointers_;
  std::size_t question_end_;
  std::vector<std::uint8_t> message_;
  std::vector<std::uint8_t> out_;  // records
  std::vector<Place> places_;
};

bool rewrite(ByteView question, const CopyRule& rule, const std::vector<bool>& keeps,
             Answer& answer) {
  const Answer whole = answer;
  if (Copier(question, rule, whole).copy(keeps, answer)) return true;
  answer = whole;
  return false;
}

std::vector<bool> all_of(const Answer& answer) {
  return std::vector<bool>(answer.ttl_offsets.size(), true);
}

}  // namespace

bool keep_records(const Question& question, const std::vector<bool>& keeps, Answer& answer,
                  ByteView mixed_name) {
  return rewrite(question.name.bytes(), {mixed_name}, keeps, answer);
}

bool move_below(const Name& name, const Name& below, Answer& answer) {
  return rewrite(name.bytes(), {{}, below.size() - name.size()}, all_of(answer), answer);
}

bool write_out(const Name& name, Answer& answer) {
  return rewrite(name.bytes(), {{}, 0, false}, all_of(answer), answer);
}

}  // namespace dnscache
