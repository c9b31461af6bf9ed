#include "resolver/wire/scrub.hpp"

#include <algorithm>
#include <map>

#include "resolver/wire/copy.hpp"

namespace dnscache {
namespace {

constexpr std::size_t max_chain = 33;          // names: the question's and 32 aliases'
constexpr std::size_t record_fixed_size = 10;  // type, class, TTL, length of the data
constexpr std::uint16_t pointer_to_question = 0xc000 | header_size;

/// One record of the message; offsets are those of the message.
struct Record {
  std::size_t owner;
  std::uint16_t type;
  std::uint16_t record_class;
  std::size_t data;
  std::size_t end;
};

// What a record stands or falls with: the type itself, or that which a signature is for.
std::uint16_t subject(ByteView message, const Record& record) {
  if (record.type != rr_type::rrsig) return record.type;
  return record.end - record.data < 2 ? 0 : load16(&message[record.data]);
}

/// What the answer section has under one name.
struct Owner {
  std::size_t alias = 0;  // where the target of its first CNAME is
  bool has_asked = false;
  bool has_dname = false;
  bool is_in_chain = false;
  bool is_above_chain = false;
};

/// Tells the records that belong to the answer from those that do not.
class Scrubber {
 public:
  Scrubber(ByteView message, std::size_t records_at, const Answer& answer)
      : message_(message), answer_(answer), question_(*read_name(header_size)) {
    type_ = load16(&message[records_at - 4]);
    std::size_t at = records_at;
    for (const std::uint16_t ttl : answer.ttl_offsets) {
      const std::uint8_t* fixed = &message[records_at + ttl - 4];
      const std::size_t data = records_at + ttl + 6;
      const std::size_t end = data + load16(fixed + 8);
      records_.push_back({at, load16(fixed), load16(fixed + 2), data, end});
      at = end;
    }
  }

  /// The usual case, in which no name has to be compared: nothing but what was asked for, owned by
  /// the question's name.
  bool is_plain() const {
    if (answer_.authority_count != 0 || records_.front().type != type_) return false;
    return std::ranges::all_of(answers(), [&](const Record& record) {
      const bool is_asked = record.type == type_ || subject(message_, record) == type_;
      return is_asked && record.record_class == class_in &&
             load16(&message_[record.owner]) == pointer_to_question;
    });
  }

  std::vector<bool> judge() {
    for (const Record& record : answers()) note(record);
    follow_aliases();
    std::vector<bool> keeps;
    for (const Record& record : answers()) keeps.push_back(belongs_to_answer(record));
    for (std::size_t i = 0; i < answer_.authority_count; ++i) {
      keeps.push_back(belongs_to_authority(records_[answer_.answer_count + i]));
    }
    keeps.resize(records_.size(), true);
    return keeps;
  }

  Question question() const { return {question_, type_}; }

 private:
  std::span<const Record> answers() const {
    return std::span(records_).first(answer_.answer_count);
  }
  std::optional<Name> read_name(std::size_t at) const { return Name::read(message_, at); }
  bool asks_for_any() const { return type_ == rr_type::any; }

  void note(const Record& record) {
    if (record.record_class != class_in) return;
    Owner& owner = owners_[*read_name(record.owner)];
    owner.has_asked = owner.has_asked || record.type == type_;
    owner.has_dname = owner.has_dname || record.type == rr_type::dname;
    has_dname_ = has_dname_ || record.type == rr_type::dname;
    if (record.type == rr_type::cname && owner.alias == 0) owner.alias = record.data;
  }

  void follow_aliases() {
    for (Name name = question_; chain_.size() < max_chain;) {
      chain_.push_back(name);
      if (has_dname_) note_dnames_above(name);
      const auto found = owners_.find(name);
      if (found == owners_.end() || found->second.is_in_chain) return;
      found->second.is_in_chain = true;
      if (type_ == rr_type::cname || found->second.alias == 0) return;
      name = *read_name(found->second.alias);
    }
  }

  // The CNAME in the chain was made from a DNAME above its owner (RFC 6672 section 3.1).
  void note_dnames_above(Name name) {
    while (!name.is_root()) {
      name = name.parent();
      if (const auto found = owners_.find(name); found != owners_.end()) {
        found->second.is_above_chain = true;
      }
    }
  }

  bool belongs_to_answer(const Record& record) const {
    if (record.record_class != class_in) return false;
    const Owner& owner = owners_.at(*read_name(record.owner));
    if (owner.is_in_chain && (asks_for_any() || record.type == type_)) return true;
    const std::uint16_t type = subject(message_, record);
    if (type == rr_type::dname && owner.is_above_chain) return owner.has_dname;
    if (!owner.is_in_chain) return false;
    return type == rr_type::cname ? owner.alias != 0 : type == type_ && owner.has_asked;
  }

  bool belongs_to_authority(const Record& record) const {
    if (record.record_class != class_in) return false;
    switch (subject(message_, record)) {
      case rr_type::nsec:  // of which zone only its signature would say
        return true;
      case rr_type::nsec3:
        return is_zone_of_chain(read_name(record.owner)->parent());
      case rr_type::soa:
      case rr_type::ns:
      case rr_type::ds:
        return is_zone_of_chain(*read_name(record.owner));
      default:
        return false;
    }
  }

  bool is_zone_of_chain(const Name& zone) const {
    return std::ranges::any_of(chain_, [&](const Name& name) { return name.is_within(zone); });
  }

  ByteView message_;
  const Answer& answer_;
  Name question_;
  std::uint16_t type_;
  std::vector<Record> records_;
  std::map<Name, Owner> owners_;  // ordered: no names make it slow
  bool has_dname_ = false;
  std::vector<Name> chain_;  // the question's name, and where its aliases lead
};

}  // namespace

bool scrub(ByteView message, std::size_t records_at, Answer& answer) {
  if (answer.answer_count + answer.authority_count == 0) return true;
  Scrubber scrubber(message, records_at, answer);
  if (scrubber.is_plain()) return true;
  const std::vector<bool> keeps = scrubber.judge();
  if (std::ranges::find(keeps, false) == keeps.end()) return true;
  return keep_records(scrubber.question(), keeps, answer);
}

}  // namespace dnscache
