// Records as people read and write them.
#pragma once

#include <functional>
#include <string>

#include "resolver/wire/answer.hpp"

namespace dnscache {

/// One record of an answer in presentation form.
struct RecordText {
  const char* section = "";  ///< answer, authority or additional
  std::string name;
  std::uint16_t type = 0;
  std::uint32_t ttl = 0;  ///< seconds, as it was received
  std::string data;  ///< RFC 1035 section 5.1; for types that are not known, RFC 3597 section 5
};

/// Calls `use` with every record of the answer to `question`.
void for_each_record(const Question& question, const AnswerView& answer,
                     const std::function<void(const RecordText&)>& use);

/// "0a1b"
std::string hex_text(ByteView bytes);

}  // namespace dnscache
