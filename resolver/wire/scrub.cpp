#include "resolver/wire/scrub.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "resolver/wire/copy.hpp"
#include "resolver/wire/records.hpp"

namespace dnscache {
namespace {

constexpr std::size_t max_chain = 33;  // names: the question's and 32 aliases'
constexpr std::uint16_t pointer_to_question = 0xc000 | header_size;
constexpr std::size_t max_plain_records = 16;  // that are compared each with each

/// What the records of one name are for the answer.
struct Owner {
  std::size_t alias = 0;  // where the target of its first CNAME in the answer section is
  bool has_asked = false;
  bool has_dname = false;
  bool is_in_chain = false;
  bool is_above_chain = false;
  bool is_target = false;  // of another record's data
};

/// The records of one owner and type, with their signatures.
struct RRset {
  std::uint32_t ttl = 0;                      // the lowest
  std::vector<std::size_t> records;           // those that stay
  std::set<std::vector<std::uint8_t>> datas;  // of these, in canonical form; not of a single one
};

/// Puts one answer in order.
class Scrubber {
 public:
  Scrubber(ByteView message, std::size_t records_at, bool is_mixed, Answer& answer)
      : message_(message),
        start_(records_at),
        is_mixed_(is_mixed),
        answer_(answer),
        view_(answer.view()),
        type_(load16(&message[records_at - 4])) {
    records_.reserve(view_.ttl_offsets.size());
    for (std::size_t i = 0; i < view_.ttl_offsets.size(); ++i) {
      records_.push_back(record_at(view_, i));
    }
  }

  /// The usual case, in which no name has to be compared: nothing but what was asked for, owned by
  /// the question's name. Puts it in order, too.
  bool is_plain() {
    if (answer_.answer_count != records_.size() || records_.size() > max_plain_records)
      return false;
    if (records_.front().type != type_) return false;
    std::uint32_t lowest = UINT32_MAX;
    for (std::size_t i = 0; i < records_.size(); ++i) {
      const Record& record = records_[i];
      const bool is_asked = record.covered == type_ && record.record_class == class_in &&
                            load16(&view_.records[record.owner]) == pointer_to_question;
      if (!is_asked || !is_written_well(record) || (i > 0 && may_repeat(i))) return false;
      lowest = std::min(lowest, record.ttl);
    }
    for (const Record& record : records_) set_ttl(record, lowest);
    return true;
  }

  ScrubResult put_in_order() {
    owners_of_records_.reserve(records_.size());
    for (const Record& record : records_) owners_of_records_.push_back(&owner_of(record));
    question_ = *read_name(header_size);
    if (const auto found = owners_.find(question_); found != owners_.end()) {
      owner_of_question_ = &found->second;
    }
    for (std::size_t i = 0; i < answer_.answer_count; ++i) note(i);
    if (!follow_aliases()) return ScrubResult::endless;
    for (std::size_t i = 0; i < records_.size(); ++i) {
      keeps_.push_back(belongs(i));
      if (keeps_[i] && answer_.additional_count != 0) note_targets(i);
    }
    put_sets_in_order();
    limit_soa();
    bool is_good = true;
    for (std::size_t i = 0; i < records_.size() && is_good; ++i) {
      is_good = keeps_[i] && is_written_well(records_[i]) && !hides_question(i);
    }
    if (is_good) return ScrubResult::good;
    ByteView mixed_name;
    if (is_mixed_) mixed_name = message_.subspan(header_size, start_ - header_size - 4);
    return keep_records({question_, type_}, keeps_, answer_, mixed_name) ? ScrubResult::good
                                                                         : ScrubResult::too_long;
  }

 private:
  std::optional<Name> read_name(std::size_t at) const { return Name::read(message_, at); }
  void set_ttl(const Record& record, std::uint32_t ttl) {
    store32(&answer_.records[record.ttl_at], ttl);
  }

  // Names in data may be equal although their bytes are not.
  bool may_repeat(std::size_t i) const {
    const Record& record = records_[i];
    if (record.type == type_ && form_of(type_).names != 0) return true;
    const auto data_of = [&](const Record& of) {
      return view_.records.subspan(of.data, of.data_size());
    };
    return std::any_of(records_.begin(), records_.begin() + static_cast<std::ptrdiff_t>(i),
                       [&](const Record& other) {
                         return other.type == record.type &&
                                std::ranges::equal(data_of(other), data_of(record));
                       });
  }

  // Records of one name stand side by side, and all but the first begin with the same pointer.
  Owner& owner_of(const Record& record) {
    const std::uint16_t pointer = load16(&view_.records[record.owner]);
    const bool is_pointer = pointer >= 0xc000;
    if (is_pointer && pointer == last_pointer_) return *owners_of_records_.back();
    last_pointer_ = is_pointer ? pointer : 0;
    return owners_[*read_name(start_ + record.owner)];
  }

  void note(std::size_t i) {
    const Record& record = records_[i];
    if (record.record_class != class_in) return;
    Owner& owner = *owners_of_records_[i];
    owner.has_asked = owner.has_asked || record.type == type_;
    owner.has_dname = owner.has_dname || record.type == rr_type::dname;
    has_dname_ = has_dname_ || record.type == rr_type::dname;
    if (record.type == rr_type::cname && owner.alias == 0) owner.alias = start_ + record.data;
  }

  // False when they have no end. A name with the asked records is one.
  bool follow_aliases() {
    for (Name name = question_; chain_.size() < max_chain;) {
      chain_.push_back(name);
      if (has_dname_) note_dnames_above(name);
      const auto found = owners_.find(name);
      if (found == owners_.end()) return true;
      if (found->second.is_in_chain) return false;
      found->second.is_in_chain = true;
      const bool is_end = type_ == rr_type::cname || type_ == rr_type::any ||
                          found->second.alias == 0 || found->second.has_asked;
      if (is_end) return true;
      name = *read_name(found->second.alias);
    }
    return false;
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

  bool belongs(std::size_t i) const {
    const Record& record = records_[i];
    if (record.record_class != class_in) return false;
    const Owner& owner = *owners_of_records_[i];
    switch (record.section) {
      case Section::answer:
        return belongs_to_answer(record, owner);
      case Section::authority:
        return belongs_to_authority(record);
      case Section::additional:
        return owner.is_target && is_useful_hint(record.covered);
    }
    return false;
  }

  bool belongs_to_answer(const Record& record, const Owner& owner) const {
    if (owner.is_in_chain && (type_ == rr_type::any || record.type == type_)) return true;
    if (record.covered == rr_type::dname && owner.is_above_chain) return owner.has_dname;
    if (!owner.is_in_chain) return false;
    return record.covered == rr_type::cname ? owner.alias != 0
                                            : record.covered == type_ && owner.has_asked;
  }

  bool belongs_to_authority(const Record& record) const {
    switch (record.covered) {
      case rr_type::nsec:  // of which zone only its signature would say
        return true;
      case rr_type::nsec3:
        return is_zone_of_chain(read_name(start_ + record.owner)->parent());
      case rr_type::soa:
      case rr_type::ns:
      case rr_type::ds:
        return is_zone_of_chain(*read_name(start_ + record.owner));
      default:
        return false;
    }
  }

  bool is_zone_of_chain(const Name& zone) const {
    return std::ranges::any_of(chain_, [&](const Name& name) { return name.is_within(zone); });
  }

  static bool is_useful_hint(std::uint16_t type) {
    return type == rr_type::a || type == rr_type::aaaa || type == rr_type::cname ||
           type == rr_type::svcb || type == rr_type::https;
  }

  // The root as the target of a service binding stands for its owner (RFC 9460 section 2.5).
  void note_targets(std::size_t i) {
    const Record& record = records_[i];
    if (record.type == rr_type::rrsig || record.type == rr_type::nsec) return;
    const DataForm form = form_of(record.type);
    const auto first = first_name_at(message_, form, start_ + record.data, start_ + record.end);
    if (!first) return;
    std::size_t at = *first;
    for (unsigned n = 0; n < form.names; ++n) {
      const auto name = Name::read(message_, at);
      if (!name) return;
      if (name->is_root()) owners_of_records_[i]->is_target = true;
      if (const auto found = owners_.find(*name); found != owners_.end()) {
        found->second.is_target = true;
      }
    }
  }

  void put_sets_in_order() {
    if (records_.size() < 2) return;
    std::map<std::pair<const Owner*, std::uint16_t>, RRset> sets;
    for (std::size_t i = 0; i < records_.size(); ++i) {
      if (!keeps_[i]) continue;
      const Record& record = records_[i];
      RRset& set = sets[{owners_of_records_[i], record.covered}];
      set.ttl = set.records.empty() ? record.ttl : std::min(set.ttl, record.ttl);
      keeps_[i] = add(set, i);
    }
    for (const auto& [key, set] : sets) {
      for (const std::size_t i : set.records) set_ttl(records_[i], set.ttl);
    }
  }

  // False when it is there already.
  bool add(RRset& set, std::size_t i) {
    if (set.records.size() == 1) set.datas.insert(canonical_data(set.records.front()));
    if (!set.records.empty() && !set.datas.insert(canonical_data(i)).second) return false;
    set.records.push_back(i);
    return true;
  }

  // The type, and the data with names uncompressed and in lower case (RFC 4034 section 6.2).
  std::vector<std::uint8_t> canonical_data(std::size_t i) const {
    const Record& record = records_[i];
    std::vector<std::uint8_t> data{static_cast<std::uint8_t>(record.type >> 8),
                                   static_cast<std::uint8_t>(record.type)};
    const auto append = [&](ByteView bytes) {
      data.insert(data.end(), bytes.begin(), bytes.end());
    };
    const DataForm form = form_of(record.type);
    std::size_t at = start_ + record.data;
    const std::size_t end = start_ + record.end;
    const auto first = first_name_at(message_, form, at, end);
    if (first) {
      append(message_.subspan(at, *first - at));
      at = *first;
      for (unsigned n = 0; n < form.names; ++n) {
        const auto name = Name::read(message_, at);
        if (!name || at > end) break;
        append(name->bytes());
      }
    }
    if (at < end) append(message_.subspan(at, end - at));
    return data;
  }

  // The TTL of a negative answer cannot be read wrongly then (RFC 2308 section 5).
  void limit_soa() {
    for (const Record& record : records_) {
      if (record.type != rr_type::soa || record.section != Section::authority) continue;
      if (record.data_size() < 4) continue;
      const std::uint32_t ttl = load32(&answer_.records[record.ttl_at]);
      set_ttl(record, std::min(ttl, load32(&answer_.records[record.end - 4])));
    }
  }

  // No name in it has a pointer where the type wants none, or could show our mix of cases.
  bool is_written_well(const Record& record) const {
    std::size_t at = start_ + record.owner;
    if (!is_name_written_well(at, true)) return false;
    const DataForm form = form_of(record.type);
    const auto first = first_name_at(message_, form, start_ + record.data, start_ + record.end);
    if (!first) return true;
    at = *first;
    for (unsigned n = 0; n < form.names; ++n) {
      if (!is_name_written_well(at, form.may_be_compressed)) return false;
    }
    return true;
  }

  // Moves `at` behind it.
  bool is_name_written_well(std::size_t& at, bool may_be_compressed) const {
    std::size_t i = at;
    if (!skip_name(message_, at)) return true;  // bytes of no known form
    while (message_[i] != 0 && message_[i] < 0xc0) {
      const ByteView label = message_.subspan(i + 1, message_[i]);
      if (is_mixed_ && std::ranges::any_of(label, [](auto c) { return c >= 'A' && c <= 'Z'; })) {
        return false;
      }
      i += 1u + label.size();
    }
    return may_be_compressed || message_[i] == 0;
  }

  // Its owner is the question's name, but not by a pointer to it: it would not get a client's case.
  bool hides_question(std::size_t i) const {
    return owners_of_records_[i] == owner_of_question_ &&
           load16(&view_.records[records_[i].owner]) != pointer_to_question;
  }

  ByteView message_;
  std::size_t start_;  // of the records, in the message
  bool is_mixed_;
  Answer& answer_;
  AnswerView view_;
  std::uint16_t type_;
  Name question_;
  std::vector<Record> records_;
  std::map<Name, Owner> owners_;  // ordered: no names make it slow
  std::vector<Owner*> owners_of_records_;
  const Owner* owner_of_question_ = nullptr;  // null: it owns no record
  std::uint16_t last_pointer_ = 0;
  bool has_dname_ = false;
  std::vector<Name> chain_;  // the question's name, and where its aliases lead
  std::vector<bool> keeps_;
};

}  // namespace

ScrubResult scrub(ByteView message, std::size_t records_at, bool is_mixed, Answer& answer) {
  if (answer.ttl_offsets.empty()) return ScrubResult::good;
  Scrubber scrubber(message, records_at, is_mixed, answer);
  return scrubber.is_plain() ? ScrubResult::good : scrubber.put_in_order();
}

}  // namespace dnscache
