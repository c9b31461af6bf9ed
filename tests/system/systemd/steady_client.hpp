// A program that looks up names steadily, as the machine's other programs do.
#pragma once

#include <netdb.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>

namespace dnscache::test {

/// A program that looks up a new name every 5 ms through getaddrinfo.
class SteadyClient {
 public:
  struct Report {
    int lookups = 0;
    int failed = 0;
    std::chrono::milliseconds longest{0};
  };

  SteadyClient() : thread_([this] { run(); }) {}

  /// Goes on until there is something to judge by.
  Report stop() {
    while (lookups_ < least_lookups) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    asked_to_stop_ = true;
    thread_.join();
    return report_;
  }

 private:
  void run() {
    using namespace std::chrono;
    static std::atomic<int> clients = 0;
    const auto suffix = "-" + std::to_string(++clients) + ".example.com";
    addrinfo hints{};
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_STREAM;
    while (!asked_to_stop_) {
      const auto name = "steady" + std::to_string(++report_.lookups) + suffix;
      const auto begin = steady_clock::now();
      addrinfo* found = nullptr;
      if (::getaddrinfo(name.c_str(), nullptr, &hints, &found) != 0) ++report_.failed;
      if (found) ::freeaddrinfo(found);
      const auto time = duration_cast<milliseconds>(steady_clock::now() - begin);
      report_.longest = std::max(report_.longest, time);
      lookups_ = report_.lookups;
      std::this_thread::sleep_for(5ms);
    }
  }

  static constexpr int least_lookups = 30;
  std::atomic<bool> asked_to_stop_ = false;
  std::atomic<int> lookups_ = 0;
  Report report_;
  std::thread thread_;
};

}  // namespace dnscache::test
