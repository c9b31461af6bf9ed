// The few DNS packets that the benchmarks send and read; no part of the product.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace dnscache::bench {

inline constexpr std::size_t header_size = 12;
inline constexpr std::uint16_t type_a = 1;
inline constexpr std::uint16_t type_opt = 41;
inline constexpr std::uint8_t rcode_noerror = 0;

using Bytes = std::span<const std::uint8_t>;

inline std::uint16_t read_u16(const std::uint8_t* at) {
  return static_cast<std::uint16_t>(at[0] << 8 | at[1]);
}

inline void write_u16(std::uint8_t* at, std::uint16_t value) {
  at[0] = static_cast<std::uint8_t>(value >> 8);
  at[1] = static_cast<std::uint8_t>(value);
}

/// Appends `name` ("a.example", with or without the last dot) in wire form.
inline void append_name(std::vector<std::uint8_t>& out, std::string_view name) {
  while (!name.empty() && name != ".") {
    const auto dot = name.find('.');
    const auto label = name.substr(0, dot);
    out.push_back(static_cast<std::uint8_t>(label.size()));
    out.insert(out.end(), label.begin(), label.end());
    if (dot == std::string_view::npos) break;
    name.remove_prefix(dot + 1);
  }
  out.push_back(0);
}

/// A whole query with id 0, RD set; `edns` adds an OPT record of 1,232 bytes (RFC 6891).
inline std::vector<std::uint8_t> make_query(std::string_view name, std::uint16_t type, bool edns) {
  std::vector<std::uint8_t> packet = {0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0};
  append_name(packet, name);
  packet.insert(packet.end(),
                {static_cast<std::uint8_t>(type >> 8), static_cast<std::uint8_t>(type), 0, 1});
  if (edns) {
    packet[11] = 1;
    packet.insert(packet.end(), {0, 0, type_opt, 1232 >> 8, 1232 & 0xff, 0, 0, 0, 0, 0, 0});
  }
  return packet;
}

/// Offset behind the name at `at`, or nothing if the packet ends before it does.
inline std::optional<std::size_t> skip_name(Bytes packet, std::size_t at) {
  while (at < packet.size()) {
    const std::uint8_t length = packet[at];
    if (length == 0) return at + 1;
    if (length >= 0xc0) return at + 2;
    at += 1u + length;
  }
  return std::nullopt;
}

/// The first question of a packet: where it ends, its type and the name as a view.
struct QuestionView {
  std::size_t name_end = 0;
  std::size_t end = 0;
  std::uint16_t type = 0;
};

inline std::optional<QuestionView> read_question(Bytes packet) {
  if (packet.size() < header_size || read_u16(&packet[4]) != 1) return std::nullopt;
  const auto name_end = skip_name(packet, header_size);
  if (!name_end || *name_end + 4 > packet.size()) return std::nullopt;
  return QuestionView{*name_end, *name_end + 4, read_u16(&packet[*name_end])};
}

inline std::uint8_t lower(std::uint8_t byte) {
  return byte >= 'A' && byte <= 'Z' ? static_cast<std::uint8_t>(byte | 0x20) : byte;
}

/// The address that the benchmark's upstream gives a name, so that a client can check it.
inline std::uint32_t expected_address(Bytes wire_name) {
  std::uint32_t hash = 2166136261u;  // FNV-1a
  for (const std::uint8_t byte : wire_name) hash = (hash ^ lower(byte)) * 16777619u;
  return (hash & 0x00ffffffu) | 0xcb000000u;  // 203.x.y.z: no private range, no rebind filter
}

/// One resource record of an answer, by its offsets.
struct RecordView {
  std::uint16_t type = 0;
  std::size_t data = 0;
  std::uint16_t data_size = 0;
  std::size_t end = 0;
};

inline std::optional<RecordView> read_record(Bytes packet, std::size_t at) {
  const auto name_end = skip_name(packet, at);
  if (!name_end || *name_end + 10 > packet.size()) return std::nullopt;
  const std::uint16_t size = read_u16(&packet[*name_end + 8]);
  const std::size_t data = *name_end + 10;
  if (data + size > packet.size()) return std::nullopt;
  return RecordView{read_u16(&packet[*name_end]), data, size, data + size};
}

}  // namespace dnscache::bench
