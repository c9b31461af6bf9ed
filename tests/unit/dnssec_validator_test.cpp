// The end of a validator, whatever it still waits for.
#include <asio/io_context.hpp>
#include <catch2/catch.hpp>

#include "resolver/dnssec/validator.hpp"

using namespace dnscache;

TEST_CASE("validator: may go while upstreams are silent, in every state of its work") {
  if (!can_validate) {
    WARN("SKIPPED: built without libunbound");
    return;
  }
  asio::io_context io;
  Config config;
  config.dnssec.mode = DnssecMode::validate;
  config.dnssec.trust_anchors = {
      ". 86400 IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D"};
  unsigned fetched = 0;
  unsigned done = 0;
  auto validator = make_validator(io, config, [&](const Question&, OutcomeFunction) { ++fetched; });
  REQUIRE(validator);
  REQUIRE(*validator);
  const bool is_renewed = GENERATE(false, true);
  for (const char* name : {"a.example.", "b.example.", "www.example.net."}) {
    (*validator)->ask({*Name::parse(name), rr_type::a}, [&](Outcome) { ++done; });
    // What was begun before stays with its own context.
    if (is_renewed) (*validator)->forget();
  }
  const auto end = Clock::now() + 10s;
  while (fetched == 0 && Clock::now() < end) io.run_one_for(10ms);
  CHECK(fetched > 0);
  *validator = nullptr;
  io.restart();
  io.poll();
  CHECK(done == 0);
}
