// `dnscachectl query`: a lookup through the cache, and where its answer came from.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "resolver/base/error.hpp"

namespace dnscache::cli {

/// What `query` was asked.
struct QueryOptions {
  std::filesystem::path control;  ///< empty: what the configuration says
  std::string name;
  std::string type;             ///< empty: the addresses
  std::string reverse_address;  ///< in place of a name: the names of this address
  bool is_short = false;
  bool is_json = false;
};

/// What the engine said to one question.
struct QueryResult {
  nlohmann::json reply;  ///< of the control command `explain`
  double took_ms = 0;

  bool has_data() const;
  bool has_failed() const;
  bool has_no_name() const;
};

/// "from 10.0.0.2:53", "from the cache, 12 s old", "blocked: ads.example is in a block list (…)"
std::string origin_in_words(const nlohmann::json& reply);

/// A line for each record, and one that says where they come from.
std::string to_text(const QueryResult& result);
/// The data of the records alone.
std::string to_short_text(const QueryResult& result);
nlohmann::json to_json(const QueryResult& result);

}  // namespace dnscache::cli
