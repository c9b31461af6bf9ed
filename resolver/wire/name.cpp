#include "resolver/wire/name.hpp"

#include "resolver/wire/protocol.hpp"

namespace dnscache {
namespace {

constexpr std::uint8_t pointer_bits = 0xc0;  // RFC 1035 section 4.1.4
constexpr unsigned max_pointers = 127;       // in one name; as many as it can have labels

// Calls `use` with each label of the name at `offset` and moves `offset` behind the name. Each
// pointer must lead further back than everything read so far, so no loop is possible, and not into
// the header, whose bytes differ from message to message.
// `is_fixed` tells whether the byte at an offset behind a pointer may be relied on.
template <class Use, class IsFixed>
bool walk_name(ByteView message, std::size_t& offset, const Use& use, const IsFixed& is_fixed) {
  std::size_t at = offset;
  std::size_t lowest = offset;
  unsigned pointers = 0;
  while (at < message.size()) {
    if (pointers != 0 && !is_fixed(at)) return false;
    const std::uint8_t length = message[at];
    if (length == 0) {
      if (pointers == 0) offset = at + 1;
      return true;
    }
    if ((length & pointer_bits) == pointer_bits) {
      if (at + 1 >= message.size() || (pointers != 0 && !is_fixed(at + 1))) return false;
      const std::size_t target = static_cast<std::size_t>(length & 0x3f) << 8 | message[at + 1];
      if (target >= lowest || target < header_size) return false;
      if (pointers == 0) offset = at + 2;
      if (++pointers > max_pointers) return false;
      message = message.first(lowest);  // what a pointer leads to ends before the name that has it
      at = lowest = target;
      continue;
    }
    if (length > max_label_size || at + 1 + length > message.size()) return false;
    if (!use(message.subspan(at + 1, length))) return false;
    at += 1u + length;
  }
  return false;
}

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Reads one byte of presentation form, escapes included (RFC 1035 section 5.1).
std::optional<std::uint8_t> read_escaped(std::string_view text, std::size_t& i) {
  if (text[i] != '\\') return static_cast<std::uint8_t>(text[i++]);
  if (++i == text.size()) return std::nullopt;
  if (!is_digit(text[i])) return static_cast<std::uint8_t>(text[i++]);
  if (i + 3 > text.size() || !is_digit(text[i + 1]) || !is_digit(text[i + 2])) return std::nullopt;
  const int value = (text[i] - '0') * 100 + (text[i + 1] - '0') * 10 + (text[i + 2] - '0');
  if (value > 255) return std::nullopt;
  i += 3;
  return static_cast<std::uint8_t>(value);
}

void append_presentation(std::string& text, std::uint8_t byte) {
  if (byte == '.' || byte == '\\' || byte == '"' || byte == ';' || byte == '(' || byte == ')' ||
      byte == '@' || byte == '$') {
    text += '\\';
    text += static_cast<char>(byte);
  } else if (byte > 0x20 && byte < 0x7f) {
    text += static_cast<char>(byte);
  } else {
    text += '\\';
    text += static_cast<char>('0' + byte / 100);
    text += static_cast<char>('0' + byte / 10 % 10);
    text += static_cast<char>('0' + byte % 10);
  }
}

}  // namespace

// Appends a non-empty label in front of the root byte, which stays last.
bool Name::append_label(ByteView label) {
  if (label.empty() || label.size() > max_label_size) return false;
  if (size_ + 1 + label.size() > max_name_size) return false;
  std::uint8_t* end = bytes_.data() + size_ - 1;
  *end++ = static_cast<std::uint8_t>(label.size());
  end = std::transform(label.begin(), label.end(), end, to_lower);
  *end = 0;
  size_ = static_cast<std::uint8_t>(size_ + 1 + label.size());
  return true;
}

std::optional<Name> Name::parse(std::string_view text) {
  Name name;
  if (text == ".") return name;
  if (text.empty()) return std::nullopt;
  std::array<std::uint8_t, max_label_size + 1> label;
  std::size_t label_size = 0;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] == '.') {
      if (!name.append_label({label.data(), label_size})) return std::nullopt;
      label_size = 0;
      ++i;
      continue;
    }
    const auto byte = read_escaped(text, i);
    if (!byte || label_size == max_label_size) return std::nullopt;
    label[label_size++] = *byte;
  }
  if (label_size != 0 && !name.append_label({label.data(), label_size})) return std::nullopt;
  return name;
}

std::optional<Name> Name::read(ByteView message, std::size_t& offset) {
  Name name;
  const auto append = [&](ByteView label) { return name.append_label(label); };
  const bool good = walk_name(message, offset, append, [](std::size_t) { return true; });
  if (!good) return std::nullopt;
  return name;
}

bool check_name(ByteView message, std::size_t& offset, std::size_t records,
                std::span<const std::uint16_t> ttl_offsets) {
  std::size_t size = 1;
  const auto fits = [&](ByteView label) {
    size += 1 + label.size();
    return size <= max_name_size;
  };
  const auto is_fixed = [&](std::size_t at) {
    if (at < records) return true;
    const auto next = std::ranges::upper_bound(ttl_offsets, at - records);
    if (next == ttl_offsets.begin()) return true;
    const std::size_t ttl = *std::prev(next);
    const std::uint16_t type = load16(&message[records + ttl - 4]);
    const std::size_t data_that_moves = type == rr_type::a ? 6 : type == rr_type::aaaa ? 18 : 0;
    return ttl + 4 + data_that_moves <= at - records;
  };
  return walk_name(message, offset, fits, is_fixed);
}

std::optional<WrittenName> read_name_as_is(ByteView message, std::size_t& offset,
                                           std::size_t question_end) {
  WrittenName name;
  const auto append = [&](ByteView label) {
    const auto at = static_cast<std::size_t>(label.data() - message.data()) - 1;
    if (at < question_end && name.question_at == 0) {
      name.question_at = at;
      name.own_size = name.bytes.size();
    }
    name.bytes.push_back(static_cast<std::uint8_t>(label.size()));
    name.bytes.insert(name.bytes.end(), label.begin(), label.end());
    return name.bytes.size() < max_name_size;
  };
  if (!walk_name(message, offset, append, [](std::size_t) { return true; })) return std::nullopt;
  if (name.question_at == 0) name.own_size = name.bytes.size();
  name.bytes.push_back(0);
  return name;
}

unsigned Name::label_count() const {
  unsigned count = 0;
  for (std::size_t at = 0; bytes_[at] != 0; at += 1u + bytes_[at]) ++count;
  return count;
}

bool is_within(ByteView name, ByteView zone) {
  if (zone.size() > name.size()) return false;
  const std::size_t start = name.size() - zone.size();
  if (!std::ranges::equal(name.subspan(start), zone)) return false;
  std::size_t at = 0;
  while (at < start) at += 1u + name[at];
  return at == start;  // the common suffix begins at a label, not inside one
}

Name Name::parent() const {
  if (is_root()) return *this;
  Name result;
  const std::size_t first = 1u + bytes_[0];
  result.size_ = static_cast<std::uint8_t>(size_ - first);
  std::copy_n(bytes_.data() + first, result.size_, result.bytes_.data());
  return result;
}

std::string Name::to_text() const {
  if (is_root()) return ".";
  std::string text;
  for (std::size_t at = 0; bytes_[at] != 0; at += 1u + bytes_[at]) {
    if (at != 0) text += '.';
    for (std::size_t i = 1; i <= bytes_[at]; ++i) append_presentation(text, bytes_[at + i]);
  }
  return text;
}

bool skip_name(ByteView message, std::size_t& offset) {
  while (offset < message.size()) {
    const std::uint8_t length = message[offset];
    if (length == 0) {
      ++offset;
      return true;
    }
    if ((length & pointer_bits) == pointer_bits) {
      offset += 2;
      return offset <= message.size();
    }
    if (length > max_label_size) return false;
    offset += 1u + length;
  }
  return false;
}

}  // namespace dnscache
