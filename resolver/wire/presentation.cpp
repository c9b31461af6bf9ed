#include "resolver/wire/presentation.hpp"

#include <arpa/inet.h>

#include <array>
#include <vector>

#include "resolver/wire/records.hpp"

namespace dnscache {
namespace {

/// Reads one record's data from front to back; what does not fit its type makes it fail.
class DataReader {
 public:
  DataReader(ByteView message, std::size_t start, std::size_t size)
      : message_(message.first(start + size)), at_(start) {}

  std::string number(std::size_t bytes) {
    if (message_.size() - at_ < bytes) return fail();
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) value = value << 8 | message_[at_++];
    return std::to_string(value);
  }
  std::string name() {
    const auto name = Name::read(message_, at_);
    if (!name) return fail();
    return name->is_root() ? "." : name->to_text() + '.';
  }
  std::string address(int family, std::size_t bytes) {
    if (message_.size() - at_ != bytes) return fail();
    std::array<char, INET6_ADDRSTRLEN> text{};
    ::inet_ntop(family, &message_[at_], text.data(), text.size());
    at_ += bytes;
    return text.data();
  }
  std::string strings() {
    std::string text;
    while (good_ && at_ < message_.size()) text += (text.empty() ? "" : " ") + quoted();
    return text;
  }
  bool is_done() const { return good_ && at_ == message_.size(); }

 private:
  std::string fail() {
    good_ = false;
    return {};
  }
  std::string quoted() {
    const std::size_t size = message_[at_++];
    if (message_.size() - at_ < size) return fail();
    std::string text = "\"";
    for (const std::uint8_t byte : message_.subspan(at_, size)) {
      if (byte == '"' || byte == '\\') text += '\\';
      if (byte >= 0x20 && byte < 0x7f) {
        text += static_cast<char>(byte);
      } else {
        text += {'\\', static_cast<char>('0' + byte / 100), static_cast<char>('0' + byte / 10 % 10),
                 static_cast<char>('0' + byte % 10)};
      }
    }
    at_ += size;
    return text + '"';
  }

  ByteView message_;
  std::size_t at_;
  bool good_ = true;
};

std::string known_data(std::uint16_t type, DataReader& data) {
  std::string text;
  const auto add = [&](const std::string& field) { text += (text.empty() ? "" : " ") + field; };
  switch (type) {
    case rr_type::a:
      return data.address(AF_INET, 4);
    case rr_type::aaaa:
      return data.address(AF_INET6, 16);
    case rr_type::cname:
    case rr_type::dname:
    case rr_type::ns:
    case rr_type::ptr:
      return data.name();
    case rr_type::txt:
      return data.strings();
    case rr_type::mx:
      add(data.number(2));
      add(data.name());
      return text;
    case rr_type::srv:
      for (int i = 0; i < 3; ++i) add(data.number(2));
      add(data.name());
      return text;
    case rr_type::soa:
      add(data.name());
      add(data.name());
      for (int i = 0; i < 5; ++i) add(data.number(4));
      return text;
    default:
      return text;
  }
}

std::string data_text(ByteView message, std::uint16_t type, std::size_t start, std::size_t size) {
  DataReader data(message, start, size);
  std::string text = known_data(type, data);
  if (data.is_done() && !text.empty()) return text;
  return "\\# " + std::to_string(size) + (size == 0 ? "" : " ") +
         hex_text(message.subspan(start, size));
}

}  // namespace

void for_each_record(const Question& question, const AnswerView& answer,
                     const std::function<void(const RecordText&)>& use) {
  const ByteView name = question.name.bytes();
  std::vector<std::uint8_t> message(header_size);  // pointers count from its start
  message.insert(message.end(), name.begin(), name.end());
  message.insert(message.end(), 4, 0);
  message.insert(message.end(), answer.records.begin(), answer.records.end());

  static constexpr const char* sections[] = {"answer", "authority", "additional"};
  const std::size_t start = header_size + name.size() + 4;
  for (std::size_t i = 0; i < answer.ttl_offsets.size(); ++i) {
    const Record record = record_at(answer, i);
    std::size_t at = start + record.owner;
    const auto owner = Name::read(message, at);
    if (!owner) return;
    use({sections[static_cast<std::size_t>(record.section)], owner->to_text(), record.type,
         record.ttl, data_text(message, record.type, start + record.data, record.data_size())});
  }
}

std::string hex_text(ByteView bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::uint8_t byte : bytes) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

}  // namespace dnscache
