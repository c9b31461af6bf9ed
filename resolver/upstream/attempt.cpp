#include "resolver/upstream/attempt.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "resolver/upstream/upstream.hpp"

namespace dnscache {
namespace {

constexpr std::size_t max_query_size = 512;  // bytes, see write_query()

// Randomizes the letter case, so that a forger has to guess it (draft-vixie-dnsext-dns0x20).
// False where no letter has become a capital.
bool mix_case(std::uint8_t* name, std::size_t size, World& world) {
  bool has_capitals = false;
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < size; ++i, bits >>= 1) {
    if (i % 64 == 0) bits = world.random();
    if (name[i] < 'a' || name[i] > 'z' || !(bits & 1)) continue;
    name[i] -= 'a' - 'A';
    has_capitals = true;
  }
  return has_capitals;
}

}  // namespace

Attempt::Attempt(Upstream& upstream, const Question& question, const QueryForm& form, Inbox* inbox)
    : upstream_(upstream), inbox_(inbox), form_(form), type_(question.type) {
  std::array<std::uint8_t, max_name_size> name;
  const std::size_t size = question.name.bytes().size();
  std::memcpy(name.data(), question.name.bytes().data(), size);
  if (form.mixed_case) has_capitals_ = mix_case(name.data(), size, upstream.world());
  QueryOptions options;
  options.mixed_name = {name.data(), size};
  options.with_edns = form.edns;
  if (form.cookie) options.cookie = upstream.cookie().bytes();
  options.is_padded = form.protocol == Protocol::tls;
  std::array<std::uint8_t, max_query_size> query;
  query_size_ = write_query(question, options, query.data());
  query_ = std::make_unique<std::uint8_t[]>(query_size_);  // most are far smaller
  std::copy_n(query.data(), query_size_, query_.get());
}

Attempt::~Attempt() {
  if (carrier != nullptr) carrier->forget(*this);
  if (inbox_ != nullptr) inbox_->remove(*this);
}

Event Attempt::event(Event::Kind kind) const {
  Event event(kind);
  event.attempt = number_;
  event.candidate = candidate_;
  event.form = form_;
  return event;
}

bool Attempt::receive(ByteView packet) {
  Event over = event(Event::Kind::response);
  const ResponseFault fault =
      read_response(packet, query(), upstream_.settings().no_soa_ttl, over.response);
  if (fault == ResponseFault::none) {
    if (form_.cookie && !over.response.truncated &&
        !upstream_.accept_cookie(over.response, form_)) {
      discard(Event::Kind::no_cookie);
      return false;
    }
    over.has_question = load16(&packet[4]) != 0;
    over.response.cookie = {};  // it lies in the packet
    upstream_.on_response(*this, over.response);
    end(std::move(over));
    return true;
  }
  if (form_.protocol == Protocol::udp) {  // forged perhaps; the true one may still come
    discard(fault == ResponseFault::other_case ? Event::Kind::wrong_case : Event::Kind::moment);
    return false;
  }
  upstream_.on_discarded();
  fail(std::make_error_code(std::errc::bad_message));
  return true;
}

bool Attempt::take_connection() { return upstream_.take_packet(); }

void Attempt::discard(Event::Kind why) {
  upstream_.on_discarded();
  if (inbox_ != nullptr && why != Event::Kind::moment) inbox_->put(event(why));
}

void Attempt::fail(std::error_code reason) {
  upstream_.on_failure(*this, reason);
  Event over = event(Event::Kind::failure);
  over.error = reason;
  end(std::move(over));
}

void Attempt::end(Event event) {
  const std::unique_ptr<Attempt> self = upstream_.release(*this);
  if (inbox_ != nullptr) inbox_->put(std::move(event));
}

void Attempt::report_suspected() {
  if (inbox_ != nullptr) inbox_->put(event(Event::Kind::suspected));
}

void Attempt::detach(bool another_responded) {
  inbox_ = nullptr;
  another_responded_ = another_responded;
  if (is_given_up_) {
    upstream_.release(*this);
  } else {
    timer_ = std::make_unique<Timer>(upstream_.world().timers(), [this] { time_out(); });
    timer_->set(upstream_.world().now() + upstream_.health().retry_after());
  }
}

void Attempt::time_out() {
  const std::unique_ptr<Attempt> self = upstream_.release(*this);
  upstream_.on_timeout(form_, kind_of(type_), sent_at_, another_responded_);
}

}  // namespace dnscache
