#include "tests/scenario/fake_world.hpp"

#include <algorithm>

#include "resolver/wire/protocol.hpp"

namespace dnscache::test {

/// Remembers what it was given to send.
class FakeWorld::FakeCarrier final : public Carrier {
 public:
  FakeCarrier(FakeWorld& world, const UpstreamConfig& upstream, Protocol protocol)
      : world_(world), upstream_(upstream.endpoint.address.to_text()), protocol_(protocol) {}

  std::error_code send(Transaction& transaction) override {
    if (std::ranges::count(world_.unreachable_, upstream_) != 0) {
      return std::make_error_code(std::errc::network_unreachable);
    }
    if (std::ranges::count(world_.busy_, upstream_) != 0) {
      return std::make_error_code(std::errc::resource_unavailable_try_again);
    }
    store16(transaction.query().data(), static_cast<std::uint16_t>(world_.random()));
    transaction.carrier = this;
    world_.sent_.push_back({upstream_, protocol_, &transaction});
    return {};
  }

  void forget(Transaction& transaction) override {
    transaction.carrier = nullptr;
    std::erase_if(world_.sent_,
                  [&](const SentQuery& sent) { return sent.transaction == &transaction; });
  }

  void close() override {}

 private:
  FakeWorld& world_;
  std::string upstream_;
  Protocol protocol_;
};

std::shared_ptr<Carrier> FakeWorld::make_carrier(const UpstreamConfig& upstream,
                                                 Protocol protocol) {
  return std::make_shared<FakeCarrier>(*this, upstream, protocol);
}

void FakeWorld::pass(Duration duration) {
  const TimePoint end = now_ + duration;
  while (timers().next() && *timers().next() <= end) {
    now_ = std::max(now_, *timers().next());
    const Turn turn(*this);
    timers().fire(now_);
  }
  now_ = end;
}

}  // namespace dnscache::test
