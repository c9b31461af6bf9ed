// What the system tests share: the built program with test upstreams behind it.
#pragma once

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/support/client.hpp"
#include "tests/support/netns.hpp"
#include "tests/support/process.hpp"
#include "tests/support/upstream.hpp"

namespace dnscache::test {

/// The `upstreams:` line for these addresses, in this order.
inline std::string upstreams_line(const std::vector<std::string>& addresses) {
  std::string out = "upstreams: [";
  for (const auto& address : addresses) out += "\"" + address + "\", ";
  return out + "]\n";
}

inline std::string upstreams_line(std::initializer_list<const TestUpstream*> upstreams) {
  std::vector<std::string> addresses;
  for (const auto* upstream : upstreams) addresses.push_back(upstream->address().to_text());
  return upstreams_line(addresses);
}

inline Engine::Options with_config(const std::string& config) {
  Engine::Options options;
  options.program = DNSCACHECTL_PATH;
  options.config = config;
  return options;
}

/// The engine in front of one test upstream.
struct Cache {
  TestUpstream upstream;
  Engine engine;

  explicit Cache(const std::string& config = "")
      : engine(with_config(upstreams_line({&upstream}) + config)) {}

  std::optional<Message> ask(const std::string& name, std::uint16_t type = type_a) const {
    return engine.ask(name, type);
  }
  std::optional<Message> ask(const Query& query) const {
    return test::ask(engine.address(), query);
  }
  std::optional<Message> ask_tcp(const Query& query) const {
    return test::ask_tcp(engine.address(), query);
  }
  nlohmann::json control(const std::string& line) const {
    return nlohmann::json::parse(engine.control(line));
  }
  /// Questions that no cached answer was there for. The upstream's own count can be higher: what it
  /// does not answer in time, on a busy machine, is asked again.
  int misses() const { return status().at("queries").at("misses").get<int>(); }
  nlohmann::json status() const { return control(R"({"command":"status"})"); }
};

/// What a command of the program printed, and its exit status.
struct CommandResult {
  int status = -1;
  std::string output;
  std::string errors;
};

/// Runs `dnscachectl WORDS…` against a running engine.
inline CommandResult run_command(const Engine& engine, std::vector<std::string> words,
                                 const std::map<std::string, std::string>& environment = {}) {
  words.insert(words.begin(), {DNSCACHECTL_PATH, "--control", engine.control_path().string()});
  Process process(std::move(words), environment);
  const auto status = process.wait(milliseconds(60000));
  return {status.value_or(-1), process.output(), process.errors()};
}

inline Query query(const std::string& name, std::uint16_t type = type_a) {
  Query out;
  out.name = name;
  out.type = type;
  return out;
}

inline Query query_with_edns(const std::string& name, std::uint16_t type = type_a,
                             std::uint16_t payload_size = 1232) {
  Query out = query(name, type);
  out.edns.emplace();
  out.edns->payload_size = payload_size;
  return out;
}

/// The address that the test upstream gave.
inline bool is_true_answer(const std::optional<Message>& reply, const std::string& name) {
  return reply && reply->rcode == noerror && reply->texts(type_a) == std::vector{address_of(name)};
}

inline void sleep_for(milliseconds time) {
  timespec pause{time.count() / 1000, time.count() % 1000 * 1'000'000};
  nanosleep(&pause, nullptr);
}

}  // namespace dnscache::test
