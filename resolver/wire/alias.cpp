#include "resolver/wire/alias.hpp"

#include <algorithm>
#include <set>

#include "resolver/wire/copy.hpp"
#include "resolver/wire/records.hpp"

namespace dnscache {
namespace {

/// The names in the records of one answer.
class Names {
 public:
  Names(const Question& question, const AnswerView& answer)
      : records_at_(header_size + question.name.bytes().size() + 4), message_(records_at_) {
    std::ranges::copy(question.name.bytes(), message_.begin() + header_size);
    message_.insert(message_.end(), answer.records.begin(), answer.records.end());
  }
  /// `offset` is one of Record's.
  Name at(std::size_t offset) const {
    std::size_t at = records_at_ + offset;
    return Name::read(message_, at).value_or(Name{});
  }

 private:
  std::size_t records_at_;
  std::vector<std::uint8_t> message_;
};

bool is_proof(const Record& record) {
  return record.section == Section::authority &&
         (record.covered == rr_type::nsec || record.covered == rr_type::nsec3);
}

// The records that stay when the chain ends with these owners of aliases.
std::vector<bool> records_of_aliases(const AnswerView& view, const Names& names,
                                     const std::set<Name>& owners) {
  std::vector<bool> keeps;
  for (std::size_t i = 0; i < view.ttl_offsets.size(); ++i) {
    const Record record = record_at(view, i);
    const bool is_alias = record.section == Section::answer && record.covered == rr_type::cname;
    const bool is_dname = record.section == Section::answer && record.covered == rr_type::dname;
    keeps.push_back(is_proof(record) || (is_alias && owners.contains(names.at(record.owner))) ||
                    (is_dname && std::ranges::any_of(owners, [&](const Name& owner) {
                       return owner.is_within(names.at(record.owner));
                     })));
  }
  return keeps;
}

std::uint32_t lowest_ttl(const AnswerView& view) {
  std::uint32_t lowest = UINT32_MAX;
  for (std::size_t i = 0; i < view.ttl_offsets.size(); ++i) {
    lowest = std::min(lowest, record_at(view, i).ttl);
  }
  return lowest;
}

}  // namespace

std::optional<Name> cut_alias(const Question& question,
                              const std::function<bool(const Name&)>& leads_out, Answer& answer) {
  const AnswerView view = answer.view();
  if (answer.is_failure() || question.type == rr_type::cname || question.type == rr_type::any) {
    return std::nullopt;
  }
  std::vector<Record> aliases;
  for (std::size_t i = 0; i < view.answer_count; ++i) {
    const Record record = record_at(view, i);
    if (record.type == rr_type::cname) aliases.push_back(record);
  }
  if (aliases.empty()) return std::nullopt;
  const Names names(question, view);
  std::set<Name> owners;
  for (Name name = question.name; owners.insert(name).second;) {
    const auto alias = std::ranges::find_if(
        aliases, [&](const Record& record) { return names.at(record.owner) == name; });
    if (alias == aliases.end()) break;
    name = names.at(alias->data);
    if (!leads_out(name)) continue;
    if (!keep_records(question, records_of_aliases(view, names, owners), answer)) break;
    answer.rcode = Rcode::no_error;
    answer.has_data = false;
    answer.ttl = lowest_ttl(answer.view());
    return name;
  }
  return std::nullopt;
}

bool append_target(const Question& question, const Name& target, const Answer& found,
                   Answer& answer) {
  Answer parts[] = {answer, found};
  if (!write_out(question.name, parts[0]) || !write_out(target, parts[1])) return false;
  Answer whole = found;
  whole.records.clear();
  whole.ttl_offsets.clear();
  for (const auto section : {Section::answer, Section::authority, Section::additional}) {
    for (const Answer& part : parts) {
      const AnswerView view = part.view();
      for (std::size_t i = 0; i < view.ttl_offsets.size(); ++i) {
        const Record record = record_at(view, i);
        if (record.section != section) continue;
        const std::size_t ttl_at = whole.records.size() + (record.ttl_at - record.owner);
        whole.ttl_offsets.push_back(static_cast<std::uint16_t>(ttl_at));
        const ByteView bytes = view.records.subspan(record.owner, record.end - record.owner);
        whole.records.insert(whole.records.end(), bytes.begin(), bytes.end());
      }
    }
  }
  whole.answer_count = static_cast<std::uint16_t>(answer.answer_count + found.answer_count);
  whole.authority_count =
      static_cast<std::uint16_t>(answer.authority_count + found.authority_count);
  if (whole.records.size() > max_message_size) return false;
  if (!keep_records(question, std::vector<bool>(whole.ttl_offsets.size(), true), whole)) {
    return false;
  }
  whole.authentic = answer.authentic && found.authentic;
  whole.ttl = std::min(answer.ttl, found.ttl);
  whole.source = answer.source;
  answer = std::move(whole);
  return true;
}

}  // namespace dnscache
