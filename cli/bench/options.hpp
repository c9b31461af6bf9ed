// What `bench` was asked to do.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace dnscache::cli {

/// The options of `bench`.
struct BenchOptions {
  std::filesystem::path control;  ///< empty: what the configuration says
  std::string scenario = "compare";
  std::vector<std::string> names;
  std::filesystem::path file;  ///< more names, one a line; "-" is stdin
  std::vector<std::string> types = {"A", "AAAA"};
  std::string through = "resolver";          ///< resolver, getaddrinfo or wire
  std::string command;                       ///< --exec: instead of lookups; {} is the name
  std::optional<std::uint32_t> count;        ///< lookups of each name and type, each way
  std::optional<std::uint32_t> duration;     ///< seconds, instead of a count
  std::optional<double> rate;                ///< lookups begun per second, each way
  std::uint32_t repeat = 5;                  ///< rounds: A B A B
  std::optional<std::uint32_t> concurrency;  ///< lookups at the same time
  std::vector<std::string> servers;  ///< "before"; empty: what resolv.conf listed without us
  std::string cache;                 ///< "after"; empty: where the engine listens
  std::uint32_t limit = 15;          ///< seconds; no further lookup of a way is begun then
  bool is_json = false;
  bool is_markdown = false;
  std::filesystem::path html;  ///< empty: no page
};

}  // namespace dnscache::cli
