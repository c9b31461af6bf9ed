#include "tests/support/message.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace dnscache::test {
namespace {

/// Bytes being read; every get throws std::out_of_range at the end.
class Reader {
 public:
  Reader(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}

  std::size_t offset() const { return offset_; }
  bool at_end() const { return offset_ == size_; }
  std::uint8_t u8() {
    need(1);
    return data_[offset_++];
  }
  std::uint16_t u16() {
    const auto high = u8();
    return static_cast<std::uint16_t>(high << 8 | u8());
  }
  std::uint32_t u32() {
    const std::uint32_t high = u16();
    return high << 16 | u16();
  }
  Bytes take(std::size_t count) {
    need(count);
    Bytes out(data_ + offset_, data_ + offset_ + count);
    offset_ += count;
    return out;
  }
  std::string name() {
    std::string out;
    name_at(offset_, out, true);
    return out.empty() ? "." : out;
  }
  std::string name_at(std::size_t offset) const {
    std::string out;
    const_cast<Reader*>(this)->name_at(offset, out, false);
    return out.empty() ? "." : out;
  }

 private:
  void need(std::size_t count) const {
    if (size_ - offset_ < count) throw std::out_of_range("message ends early");
  }

  void name_at(std::size_t at, std::string& out, bool advance) {
    unsigned jumps = 0;
    bool jumped = false;
    for (;;) {
      if (at >= size_) throw std::out_of_range("name ends early");
      const std::uint8_t length = data_[at];
      if ((length & 0xc0) == 0xc0) {
        if (at + 1 >= size_ || ++jumps > 100) throw std::out_of_range("bad pointer");
        if (advance && !jumped) offset_ = at + 2;
        jumped = true;
        at = static_cast<std::size_t>((length & 0x3f) << 8 | data_[at + 1]);
        continue;
      }
      if (length > 63) throw std::out_of_range("bad label");
      ++at;
      if (length == 0) break;
      if (at + length > size_) throw std::out_of_range("label ends early");
      if (!out.empty()) out += '.';
      append_label(out, at, length);
      at += length;
    }
    if (advance && !jumped) offset_ = at;
  }

  void append_label(std::string& out, std::size_t at, std::size_t length) const {
    for (std::size_t i = 0; i < length; ++i) {
      const std::uint8_t c = data_[at + i];
      if (c == '.' || c == '\\') {
        out += '\\';
        out += static_cast<char>(c);
      } else if (c > 32 && c < 127) {
        out += static_cast<char>(c);
      } else {
        out += '\\';
        out += static_cast<char>('0' + c / 100);
        out += static_cast<char>('0' + c / 10 % 10);
        out += static_cast<char>('0' + c % 10);
      }
    }
  }

  const std::uint8_t* data_;
  std::size_t size_;
  std::size_t offset_ = 0;
};

std::string address_text(const Bytes& rdata) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = rdata.size() == 4 ? AF_INET : AF_INET6;
  inet_ntop(family, rdata.data(), text.data(), text.size());
  return text.data();
}

std::string hexadecimal(const Bytes& bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (const auto byte : bytes) {
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

std::string txt_text(const Bytes& rdata) {
  std::string out;
  for (std::size_t i = 0; i < rdata.size(); i += 1u + rdata[i]) {
    const auto end = std::min(rdata.size(), i + 1 + rdata[i]);
    out.append(rdata.begin() + static_cast<std::ptrdiff_t>(i + 1),
               rdata.begin() + static_cast<std::ptrdiff_t>(end));
  }
  return out;
}

std::string rdata_text(const Reader& reader, std::size_t offset, const Record& record) {
  switch (record.type) {
    case type_a:
      return record.rdata.size() == 4 ? address_text(record.rdata) : "bad A";
    case type_aaaa:
      return record.rdata.size() == 16 ? address_text(record.rdata) : "bad AAAA";
    case type_ns:
    case type_cname:
    case type_ptr:
    case type_soa:
      return reader.name_at(offset);
    case type_mx:
      return reader.name_at(offset + 2);
    case type_srv:
      return reader.name_at(offset + 6);
    case type_txt:
      return txt_text(record.rdata);
    default:
      return hexadecimal(record.rdata);
  }
}

void read_records(Reader& reader, unsigned count, std::vector<Record>& out, Message& message) {
  for (unsigned i = 0; i < count; ++i) {
    Record record;
    record.name = reader.name();
    record.type = reader.u16();
    record.rclass = reader.u16();
    record.ttl = reader.u32();
    const std::size_t length = reader.u16();
    const std::size_t offset = reader.offset();
    record.rdata = reader.take(length);
    if (record.type == type_opt) {
      if (message.edns) throw std::out_of_range("two OPT records");
      message.edns = Edns{record.rclass, static_cast<std::uint8_t>(record.ttl >> 16),
                          (record.ttl & 0x8000) != 0, record.rdata};
      message.rcode |= (record.ttl >> 24) << 4;
      continue;
    }
    record.text = rdata_text(reader, offset, record);
    out.push_back(std::move(record));
  }
}

constexpr std::pair<std::string_view, std::uint16_t> type_names[] = {
    {"A", type_a},     {"NS", type_ns},       {"CNAME", type_cname}, {"SOA", type_soa},
    {"PTR", type_ptr}, {"MX", type_mx},       {"TXT", type_txt},     {"AAAA", type_aaaa},
    {"SRV", type_srv}, {"HTTPS", type_https}, {"ANY", type_any}};

}  // namespace

std::string Address::to_text() const {
  const bool is_v6 = host.find(':') != std::string::npos;
  return (is_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::optional<Address> Address::parse(std::string_view text) {
  Address out;
  std::string_view port;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    out.host = text.substr(1, end - 1);
    port = text.substr(end + 1);
    if (port.starts_with(':')) port.remove_prefix(1);
  } else {
    const auto colon = text.find(':');
    const bool is_v6 = colon != text.rfind(':');
    out.host = is_v6 ? text : text.substr(0, colon);
    if (!is_v6 && colon != std::string_view::npos) port = text.substr(colon + 1);
  }
  if (!port.empty()) {
    const auto result = std::from_chars(port.data(), port.data() + port.size(), out.port);
    if (result.ec != std::errc{} || result.ptr != port.data() + port.size()) return std::nullopt;
  }
  in6_addr probe{};
  if (inet_pton(AF_INET, out.host.c_str(), &probe) != 1 &&
      inet_pton(AF_INET6, out.host.c_str(), &probe) != 1) {
    return std::nullopt;
  }
  return out;
}

Address Address::from_sockaddr(const sockaddr_storage& storage) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (storage.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &storage, sizeof v6);
    inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
    return {text.data(), ntohs(v6.sin6_port)};
  }
  sockaddr_in v4{};
  std::memcpy(&v4, &storage, sizeof v4);
  inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
  return {text.data(), ntohs(v4.sin_port)};
}

socklen_t Address::to_sockaddr(sockaddr_storage& out) const {
  out = {};
  sockaddr_in v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&out, &v4, sizeof v4);
    return sizeof v4;
  }
  sockaddr_in6 v6{};
  if (inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&out, &v6, sizeof v6);
    return sizeof v6;
  }
  throw std::invalid_argument("not an address: " + host);
}

void Writer::u16(std::uint16_t value) {
  u8(static_cast<std::uint8_t>(value >> 8));
  u8(static_cast<std::uint8_t>(value & 255));
}

void Writer::u32(std::uint32_t value) {
  u16(static_cast<std::uint16_t>(value >> 16));
  u16(static_cast<std::uint16_t>(value & 0xffff));
}

void Writer::u16_at(std::size_t offset, std::uint16_t value) {
  bytes.at(offset) = static_cast<std::uint8_t>(value >> 8);
  bytes.at(offset + 1) = static_cast<std::uint8_t>(value & 255);
}

void Writer::name(std::string_view text) {
  std::size_t length_at = bytes.size();
  u8(0);
  const auto close_label = [&] {
    const auto length = bytes.size() - length_at - 1;
    if (length > 63) throw std::invalid_argument("label too long");
    bytes[length_at] = static_cast<std::uint8_t>(length);
    return length;
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '.') {
      if (close_label() == 0) return;  // the root itself
      length_at = bytes.size();
      u8(0);
    } else if (text[i] == '\\' && i + 3 < text.size() && text[i + 1] >= '0' && text[i + 1] <= '9') {
      u8(static_cast<std::uint8_t>((text[i + 1] - '0') * 100 + (text[i + 2] - '0') * 10 +
                                   (text[i + 3] - '0')));
      i += 3;
    } else {
      if (text[i] == '\\' && i + 1 < text.size()) ++i;
      u8(static_cast<std::uint8_t>(text[i]));
    }
  }
  if (close_label() != 0) u8(0);
}

std::vector<std::string> Message::texts(std::uint16_t type) const {
  std::vector<std::string> out;
  for (const auto& record : answers) {
    if (record.type == type) out.push_back(record.text);
  }
  return out;
}

std::vector<std::uint16_t> Message::option_codes() const {
  std::vector<std::uint16_t> out;
  if (!edns) return out;
  Reader reader(edns->options.data(), edns->options.size());
  try {
    while (!reader.at_end()) {
      out.push_back(reader.u16());
      reader.take(reader.u16());
    }
  } catch (const std::out_of_range&) {
    out.push_back(0xffff);
  }
  return out;
}

std::optional<Message> decode(const std::uint8_t* data, std::size_t size) try {
  Reader reader(data, size);
  Message message;
  message.size = size;
  message.id = reader.u16();
  message.flags = reader.u16();
  message.rcode = message.flags & 15u;
  const unsigned questions = reader.u16();
  const unsigned answers = reader.u16();
  const unsigned authority = reader.u16();
  const unsigned additional = reader.u16();
  for (unsigned i = 0; i < questions; ++i) {
    Question question;
    question.name = reader.name();
    question.type = reader.u16();
    question.qclass = reader.u16();
    message.questions.push_back(std::move(question));
  }
  read_records(reader, answers, message.answers, message);
  read_records(reader, authority, message.authority, message);
  read_records(reader, additional, message.additional, message);
  if (!reader.at_end()) return std::nullopt;
  return message;
} catch (const std::out_of_range&) {
  return std::nullopt;
}

Bytes encode(const Query& query) {
  Writer out;
  out.u16(query.id);
  out.u16(query.flags);
  out.u16(1);
  out.u16(0);
  out.u16(0);
  out.u16(query.edns ? 1 : 0);
  out.name(query.name);
  out.u16(query.type);
  out.u16(query.qclass);
  if (query.edns) {
    out.u8(0);
    out.u16(type_opt);
    out.u16(query.edns->payload_size);
    out.u8(0);
    out.u8(query.edns->version);
    out.u16(query.edns->dnssec_ok ? 0x8000 : 0);
    out.u16(static_cast<std::uint16_t>(query.edns->options.size()));
    out.append(query.edns->options);
  }
  return std::move(out.bytes);
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (auto& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::uint64_t name_hash(std::string_view name) {
  std::uint64_t hash = 14695981039346656037ull;
  for (char c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    hash = (hash ^ static_cast<std::uint8_t>(c)) * 1099511628211ull;
  }
  return hash;
}

std::string address_of(std::string_view name, std::uint16_t type, unsigned index) {
  const auto hash = name_hash(name) + index;
  if (type == type_aaaa) {
    Bytes address{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0};
    for (int shift = 56; shift >= 0; shift -= 8) {
      address.push_back(static_cast<std::uint8_t>(hash >> shift & 255));
    }
    return address_text(address);
  }
  return address_text({198, static_cast<std::uint8_t>(18 + (hash >> 16 & 1)),
                       static_cast<std::uint8_t>(hash >> 8 & 255),
                       static_cast<std::uint8_t>(hash & 255)});
}

std::uint16_t type_from_text(std::string_view text) {
  for (const auto& [name, type] : type_names) {
    if (name == text) return type;
  }
  std::uint16_t number = 0;
  if (text.starts_with("TYPE")) {
    std::from_chars(text.data() + 4, text.data() + text.size(), number);
  }
  return number;
}

}  // namespace dnscache::test
