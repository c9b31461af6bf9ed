#include "cli/ask/direct_query.hpp"

#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <array>
#include <span>

#include "resolver/base/file_descriptor.hpp"
#include "resolver/wire/query.hpp"

namespace dnscache::cli {

namespace {

using Clock = std::chrono::steady_clock;

bool is_ours(std::span<const std::uint8_t> reply, std::span<const std::uint8_t> query) {
  constexpr std::uint8_t response_bit = 0x80;
  return reply.size() >= header_size && reply[0] == query[0] && reply[1] == query[1] &&
         (reply[2] & response_bit) != 0;
}

void take(std::span<const std::uint8_t> bytes, DirectReply& reply) {
  reply.kind = DirectReply::Kind::response;
  reply.rcode = static_cast<Rcode>(bytes[3] & header_flag::rcode_mask);
  reply.has_data = load16(&bytes[6]) > 0;
}

// True when it is over.
bool receive(int socket, std::span<const std::uint8_t> query, Clock::time_point until,
             DirectReply& reply) {
  std::array<std::uint8_t, 4096> bytes;
  for (auto now = Clock::now(); now < until; now = Clock::now()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now);
    pollfd readable{socket, POLLIN, 0};
    if (::poll(&readable, 1, static_cast<int>(left.count())) <= 0) continue;
    const auto size = ::recv(socket, bytes.data(), bytes.size(), 0);
    if (size < 0) {
      reply.kind = DirectReply::Kind::no_way;
      return true;
    }
    const std::span received(bytes.data(), static_cast<std::size_t>(size));
    if (!is_ours(received, query)) continue;
    take(received, reply);
    return true;
  }
  return false;
}

Outcome outcome_of(const DirectReply& reply) {
  if (reply.kind != DirectReply::Kind::response) return Outcome::unreachable;
  if (!reply.is_answer()) return Outcome::failed;
  if (reply.rcode == Rcode::nx_domain) return Outcome::no_name;
  return reply.has_data ? Outcome::answered : Outcome::no_data;
}

}  // namespace

std::string DirectReply::in_words() const {
  switch (kind) {
    case Kind::silence:
      return "does not answer";
    case Kind::no_way:
      return "cannot be reached: nothing listens there, or no route leads there";
    case Kind::response:
      break;
  }
  return "answers with " + std::string(rcode_text(rcode));
}

DirectReply query_directly(const Endpoint& server, const std::string& name, std::uint16_t type,
                           std::chrono::milliseconds timeout, unsigned attempts) {
  DirectReply reply;
  Question question;
  question.name = Name::parse(name).value_or(Name());
  question.type = type;
  QueryOptions options;
  (void)!::getrandom(&options.id, sizeof options.id, 0);
  std::array<std::uint8_t, 512> query;
  const auto size = write_query(question, options, query.data());

  sockaddr_storage address{};
  const auto length = server.to_sockaddr(address);
  const FileDescriptor socket(::socket(address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto begun_at = Clock::now();
  const bool is_connected =
      socket && ::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), length) == 0;
  if (!is_connected) reply.kind = DirectReply::Kind::no_way;
  for (unsigned i = 1; is_connected && i <= attempts; ++i) {
    if (::send(socket.get(), query.data(), size, 0) < 0) {
      reply.kind = DirectReply::Kind::no_way;
      break;
    }
    if (receive(socket.get(), {query.data(), size}, begun_at + timeout * i / attempts, reply))
      break;
  }
  reply.duration = Clock::now() - begun_at;
  return reply;
}

Lookup query_in_turn(const std::vector<Endpoint>& servers, Patience patience,
                     const std::string& name, std::uint16_t type) {
  const auto start = Clock::now();
  const std::chrono::seconds timeout(patience.timeout_seconds);
  Lookup lookup;
  for (int i = 0; i < patience.attempts && !lookup.is_answer(); ++i) {
    for (const auto& server : servers) {
      lookup.outcome = outcome_of(query_directly(server, name, type, timeout, 1));
      if (lookup.is_answer()) break;
    }
  }
  lookup.duration = Clock::now() - start;
  return lookup;
}

}  // namespace dnscache::cli
