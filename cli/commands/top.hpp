// `dnscachectl top`: who queries what, and which queries have no result.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/ask/glibc_lookup.hpp"
#include "cli/show/output.hpp"
#include "resolver/base/error.hpp"

namespace dnscache::cli {

/// What `top` was asked to show.
struct TopOptions {
  std::filesystem::path control;  ///< empty: what the configuration says
  std::size_t rows = 10;          ///< of each table
  std::string sort = "queries";   ///< a key of the rows, the highest first
  unsigned seconds = 5;           ///< how long to count, when nobody looked before
  bool is_json = false;
  bool is_watching = false;
};

/// Questions that a search domain made of full names, and that found nothing.
struct WastedSearch {
  std::string domain;
  std::uint64_t queries = 0;
  std::string advice;  ///< the setting that ends them
};

/// From the engine's reply and this machine's search list.
std::vector<WastedSearch> wasted_searches(const nlohmann::json& reply, const SearchRules& rules);

/// The name of the process that has one of these ports of this machine; empty: not known. Only root
/// may see other users' processes, and most ask from a port for one question only.
std::string process_at(const std::string& address, const std::vector<std::uint16_t>& ports);

std::string top_to_text(const nlohmann::json& reply, const std::vector<WastedSearch>& wasted,
                        std::size_t rows, const Terminal& terminal);

}  // namespace dnscache::cli
