// Clients' TCP byte streams in any segments: the running engine must survive them and go on
// serving.
#include <algorithm>
#include <cstdlib>
#include <thread>

#include "resolver/log.hpp"
#include "resolver/server/server.hpp"
#include "tests/support/client.hpp"
#include "tests/support/process.hpp"
#include "tests/support/upstream.hpp"

namespace {

using namespace dnscache;

/// The engine on a thread of this process, with an upstream that answers everything.
class Engine {
 public:
  Engine() : address_{"127.0.0.1", test::free_port()} {
    Config config;
    config.listen = {*Endpoint::parse(address_.to_text(), dns_port)};
    config.upstreams = {
        {*Endpoint::parse(upstream_.address().to_text(), dns_port), Protocol::udp, ""}};
    config.workers = 1;
    config.control.clear();
    start_logging(LogLevel::error);
    thread_ = std::thread([config] {
      if (!serve(config, [config]() -> Result<Config> { return config; })) std::abort();
    });
    if (!test::eventually([this] { return answers(); })) std::abort();
  }

  const test::Address& address() const { return address_; }
  bool answers() const {
    try {
      return test::ask_tcp(address_, test::Query{"localhost"}).has_value();
    } catch (const std::system_error&) {
      return false;
    }
  }

 private:
  test::TestUpstream upstream_;
  test::Address address_;
  std::thread thread_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Engine* const engine = new Engine;  // lives as long as the process
  if (size < 2) return 0;
  const std::size_t segment = data[0] + 1u;
  try {
    test::TcpClient client(engine->address());
    for (std::size_t at = 1; at < size; at += segment) {
      const std::size_t end = std::min(size, at + segment);
      client.send_raw(test::Bytes(data + at, data + end));
    }
    client.finish_sending();
    if (!client.is_closed_within(test::patience)) std::abort();
  } catch (const std::system_error&) {
    // The engine may close a connection that makes no sense while we still send.
  }
  static unsigned runs = 0;
  if (++runs % 256 == 0 && !engine->answers()) std::abort();
  return 0;
}
