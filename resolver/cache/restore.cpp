#include "resolver/cache/restore.hpp"

#include <algorithm>
#include <array>

namespace dnscache {

void shorten_lifetime(Answer& answer, const CacheConfig& config) {
  const auto highest =
      answer.is_negative() ? std::min(config.max_ttl, config.negative.max_ttl) : config.max_ttl;
  answer.clamp_ttls(0, static_cast<std::uint32_t>(highest.count()));
}

std::optional<Answer> Restorer::restore(const Question& question, const AnswerView& kept,
                                        std::uint32_t ttl) {
  if (question.type == 0 || question.type == rr_type::opt) return std::nullopt;
  std::array<std::uint8_t, 512> sent;
  const std::size_t sent_size = write_query(question, {}, sent.data());
  packet_.assign(sent.begin(), sent.begin() + static_cast<std::ptrdiff_t>(sent_size));
  store16(&packet_[2], static_cast<std::uint16_t>(
                           header_flag::response | static_cast<std::uint16_t>(kept.rcode) |
                           (kept.authentic ? header_flag::authentic_data : 0)));
  store16(&packet_[6], kept.answer_count);
  store16(&packet_[8], kept.authority_count);
  store16(&packet_[10], kept.additional_count);
  packet_.insert(packet_.end(), kept.records.begin(), kept.records.end());

  if (packet_.size() > max_message_size ||
      (kept.rcode != Rcode::no_error && kept.rcode != Rcode::nx_domain)) {
    return std::nullopt;
  }
  const ByteView as_sent(sent.data(), sent_size);
  if (read_response(packet_, as_sent, ttl, response_) != ResponseFault::none) return std::nullopt;
  Answer& answer = response_.answer;
  // Bytes behind the last record, or an OPT record, which is never kept.
  if (answer.records.size() != kept.records.size() || response_.has_edns) return std::nullopt;
  answer.extended_error = kept.extended_error;
  answer.ttl = std::min(answer.ttl, ttl);
  if (answer.ttl == 0) return std::nullopt;
  return std::move(answer);
}

}  // namespace dnscache
