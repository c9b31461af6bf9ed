// Lines to the control socket, each a command: every line of a reply is JSON, the last one has
// "ok", and what the cache was made to load is dumped as it can be loaded again.
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <source_location>

#include "cli/ask/control_client.hpp"
#include "resolver/config/memory.hpp"
#include "resolver/server/cache_commands.hpp"
#include "resolver/server/explain.hpp"
#include "resolver/server/monitor.hpp"
#include "resolver/server/probe.hpp"
#include "tests/scenario/fake_world.hpp"

namespace {

using namespace dnscache;
using nlohmann::json;

void require(bool holds, const std::source_location& where = std::source_location::current()) {
  if (holds) return;
  std::fprintf(stderr, "%s:%u: does not hold\n", where.file_name(), where.line());
  std::abort();
}

/// What commands reach, without sockets.
struct Engine {
  Config config;
  test::FakeWorld world;
  Cache cache{1 << 20};
  Resolver resolver{world, cache, config};
  ConfigOrigin origin;
  LocalData local_data;
  Monitor monitor;

  Result<ControlReply> answer(const json& request) {
    const std::string command = request["command"];
    if (command == "explain") {
      return explain(request, {config, origin, local_data, cache, resolver});
    }
    if (command == "probe") return probe(request, resolver);
    if (command == "monitor") return monitor.watch(request);
    if (command == "cache-load") {
      const auto loaded = load_entry(request, config.cache, local_data, cache);
      if (!loaded) return loaded.error();
      return one_line(R"({"ok":true})");
    }
    if (is_cache_command(command)) return answer_cache_command(command, request, config, cache);
    return Error{"unknown"};
  }
};

// The lines of at most so many parts: an explanation waits for servers, and a monitor for queries.
std::vector<json> lines_of(const ControlReply& reply, Engine& engine) {
  std::string text;
  for (int parts = 0; parts < 100 && reply(text); ++parts) {
    if (reply.waits()) engine.world.pass(std::chrono::milliseconds(200));
  }
  std::vector<json> lines;
  for (std::size_t begin = 0, end = 0; begin < text.size(); begin = end + 1) {
    end = std::min(text.find('\n', begin), text.size());
    lines.push_back(json::parse(text.substr(begin, end - begin), nullptr, false));
    require(lines.back().is_object());
  }
  return lines;
}

void check_dump(Engine& engine) {
  const auto dump = engine.answer({{"command", "cache-dump"}});
  require(bool(dump));
  for (const json& line : lines_of(*dump, engine)) {
    // A failure is not kept: the next engine finds out itself.
    if (line.contains("ok") || line.at("rcode") == 2) continue;
    const auto loaded = engine.answer({{"command", "cache-load"}, {"entry", line}});
    if (!loaded)
      std::fprintf(stderr, "%s\n%s\n", line.dump().c_str(), loaded.error().message.c_str());
    require(bool(loaded));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  Engine engine;
  for (std::size_t begin = 0, end = 0; begin < text.size(); begin = end + 1) {
    end = std::min(text.find('\n', begin), text.size());
    const json request = json::parse(text.substr(begin, end - begin), nullptr, false);
    (void)cli::parse_status(request);
    if (!request.is_object() || !request.contains("command") || !request["command"].is_string()) {
      continue;
    }
    const auto reply = engine.answer(request);
    if (reply) (void)lines_of(*reply, engine);
  }
  check_dump(engine);
  engine.resolver.give_up();
  return 0;
}
