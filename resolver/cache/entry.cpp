#include "resolver/cache/entry.hpp"

#include <algorithm>
#include <new>

namespace dnscache {

std::size_t entry_size(const Question& question, const Answer& answer) {
  const std::size_t bytes = sizeof(Entry) + answer.ttl_offsets.size() * sizeof(std::uint16_t) +
                            question.name.size() + answer.records.size();
  return (bytes + Entry::alignment - 1) / Entry::alignment * Entry::alignment;
}

Entry* write_entry(void* memory, const Question& question, const Answer& answer, CacheSeconds now) {
  auto* entry = new (memory) Entry{};
  entry->size = static_cast<std::uint32_t>(entry_size(question, answer));
  entry->authentic = answer.authentic;
  entry->has_data = answer.has_data;
  entry->can_rotate = can_rotate(answer.view());
  entry->key_bits = key_bits(question) & 3;
  entry->name_size = static_cast<std::uint8_t>(question.name.size());
  entry->source = answer.source;
  entry->rcode = static_cast<std::uint16_t>(answer.rcode);
  entry->stored_at = now;
  entry->ttl = answer.ttl;
  entry->type = question.type;
  entry->answer_count = answer.answer_count;
  entry->authority_count = answer.authority_count;
  entry->additional_count = answer.additional_count;
  entry->extended_error = static_cast<std::uint16_t>(answer.extended_error);
  entry->records_size = static_cast<std::uint16_t>(answer.records.size());
  auto* offsets = const_cast<std::uint16_t*>(entry->ttl_offsets());
  std::ranges::copy(answer.ttl_offsets, offsets);
  auto* name = const_cast<std::uint8_t*>(entry->name_bytes());
  std::ranges::copy(question.name.bytes(), name);
  std::ranges::copy(answer.records, name + question.name.size());
  return entry;
}

Answer read_entry(const Entry& entry) {
  const AnswerView view = entry.view();
  Answer answer(view.rcode, view.extended_error);
  answer.authentic = view.authentic;
  answer.answer_count = view.answer_count;
  answer.authority_count = view.authority_count;
  answer.additional_count = view.additional_count;
  answer.records.assign(view.records.begin(), view.records.end());
  answer.ttl_offsets.assign(view.ttl_offsets.begin(), view.ttl_offsets.end());
  answer.has_data = entry.has_data;
  answer.source = entry.source;
  answer.ttl = entry.ttl;
  return answer;
}

}  // namespace dnscache
