// Names in wire form and in text: what is accepted survives the way there and back.
#include <cstdlib>
#include <string_view>

#include "resolver/wire/name.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using dnscache::Name;
  const auto require = [](bool holds) {
    if (!holds) std::abort();
  };
  std::size_t offset = size == 0 ? 0 : data[0] % size;
  std::size_t skipped = offset;
  const dnscache::ByteView message(data, size);
  const auto read = Name::read(message, offset);
  if (read) {
    require(read->size() <= dnscache::max_name_size);
    require(dnscache::skip_name(message, skipped) && skipped == offset);
    const auto again = Name::parse(read->to_text());
    require(again && *again == *read);
    require(read->is_within(read->parent()));
  }
  const auto parsed = Name::parse({reinterpret_cast<const char*>(data), size});
  if (parsed) {
    std::size_t start = 0;
    const auto again = Name::read(parsed->bytes(), start);
    require(again && *again == *parsed && start == parsed->size());
    require(Name::parse(parsed->to_text()) == parsed);
  }
  return 0;
}
