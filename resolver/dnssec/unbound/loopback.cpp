#include "resolver/dnssec/unbound/loopback.hpp"

#include <array>

#include "resolver/wire/build.hpp"

namespace dnscache::unbound {
namespace {

using asio::ip::udp;

constexpr std::size_t max_query = 2048;      // bytes
constexpr int buffer_size = 1 << 20;         // bytes of queries that wait to be read
constexpr unsigned max_in_turn = 256;        // packets until others have their turn
constexpr std::size_t max_datagram = 65507;  // bytes, of UDP over IPv4
constexpr std::uint16_t wanted = header_flag::recursion_desired | header_flag::checking_disabled;

}  // namespace

struct Loopback::Socket : std::enable_shared_from_this<Loopback::Socket> {
  Socket(const EventBase& event_base, FetchFunction fetch_function)
      : base(event_base), socket(event_base.io()), fetch(std::move(fetch_function)) {}

  const EventBase& base;
  udp::socket socket;
  FetchFunction fetch;

  void wait() {
    socket.async_wait(udp::socket::wait_read, [self = shared_from_this()](std::error_code error) {
      if (error) return;
      self->serve_waiting();
      self->wait();
    });
  }

  void serve_waiting() {
    for (unsigned i = 0; i < max_in_turn && serve(); ++i) {
    }
  }

  bool serve() {
    std::array<std::uint8_t, max_query> packet;
    udp::endpoint from;
    std::error_code error;
    const std::size_t size = socket.receive_from(asio::buffer(packet), from, 0, error);
    if (error) return false;
    if (base.waits_at(from)) answer({packet.data(), size}, from);
    return true;
  }

  void answer(ByteView packet, const udp::endpoint& from) {
    Query query;
    if (read_query(packet, query) != QueryFault::none || query.question_class != class_in) return;
    Question question = query.question;
    question.dnssec_ok = true;
    question.checking_disabled = true;
    fetch(question, [weak = weak_from_this(), from,
                     bytes = std::vector<std::uint8_t>(packet.begin(), packet.end())](
                        const Outcome& outcome) {
      if (const auto self = weak.lock()) self->reply(bytes, from, outcome);
    });
  }

  void reply(ByteView packet, const udp::endpoint& to, const Outcome& outcome) {
    static thread_local std::vector<std::uint8_t> out(max_message_size);
    const Answer failed = failure(Rcode::server_failure);
    const bool is_answered = outcome.kind == Outcome::Kind::answered;
    Query query;
    read_query(packet, query);
    query.flags |= wanted;
    const std::size_t limit = std::min<std::size_t>(query.udp_size, max_datagram);
    const std::size_t size =
        write_reply(query, (is_answered ? outcome.answer : failed).view(), {}, limit, out.data());
    std::error_code ignored;  // it asks again, or gives up
    socket.send_to(asio::buffer(out.data(), size), to, 0, ignored);
  }
};

Result<std::unique_ptr<Loopback>> Loopback::open(const EventBase& base, FetchFunction fetch) {
  auto socket = std::make_shared<Socket>(base, std::move(fetch));
  std::error_code error;
  std::error_code ignored;
  socket->socket.open(udp::v4(), error);
  if (!error) socket->socket.bind({asio::ip::address_v4::loopback(), 0}, error);
  if (!error) socket->socket.non_blocking(true, error);
  if (error) return Error{"no socket at 127.0.0.1 for validation: " + error.message()};
  socket->socket.set_option(asio::socket_base::receive_buffer_size(buffer_size), ignored);
  socket->wait();
  return std::unique_ptr<Loopback>(new Loopback(std::move(socket)));
}

Loopback::~Loopback() {
  std::error_code ignored;
  socket_->socket.close(ignored);
}

void Loopback::serve_waiting() { socket_->serve_waiting(); }

std::uint16_t Loopback::port() const { return socket_->socket.local_endpoint().port(); }

}  // namespace dnscache::unbound
