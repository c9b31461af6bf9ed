// Packets from clients: whatever comes, the reply to it is well-formed and has its id.
#include "resolver/wire/query.hpp"

#include <array>
#include <cstdlib>

#include "resolver/wire/answer.hpp"
#include "tests/support/message.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace dnscache;
  Query query;
  const auto fault = read_query({data, size}, query);
  if (fault == QueryFault::ignore) return 0;
  std::array<std::uint8_t, 1024> reply;
  std::size_t length = 0;
  if (fault == QueryFault::none) {
    const Answer answer(Rcode::nx_domain);
    length = write_reply(query, answer.view(), {}, plain_udp_size, reply.data());
  } else {
    length = write_fault(query, fault, reply.data());
  }
  if (length > plain_udp_size) std::abort();
  const auto message = test::decode(reply.data(), length);
  if (!message || !message->has(test::flag_qr) || message->id != load16(data)) std::abort();
  if (fault == QueryFault::none &&
      (message->questions.size() != 1 || message->rcode != test::nxdomain)) {
    std::abort();
  }
  if (fault != QueryFault::none && message->rcode == test::noerror) std::abort();
  return 0;
}
