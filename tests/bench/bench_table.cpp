// Prints the results of a benchmark as tables and says which targets are met.
//
//   bench_table RESULTS.jsonl [--strict]
//
// A line of the file is {"bench", "case", "peer", "metrics": {...}} or has "skipped": "why".
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

namespace {

using nlohmann::json;

/// What one of our figures must be: at most or at least `limit`, perhaps times another figure.
struct Target {
  std::string bench;
  std::string name;  ///< of the case
  std::string metric;
  enum class Bound { at_most, at_least } bound;
  double limit;
  std::string base_case = {};  ///< the limit is a multiple of this case's
  std::string base_peer = {};
  std::string base_metric = {};
  double plus = 0;  ///< added to that multiple
  std::string peer = "ours";
};

// The same of our engine with `policy: fastest`.
Target fastest(Target target) {
  target.peer = "ours-fastest";
  return target;
}

constexpr auto at_most = Target::Bound::at_most;
constexpr auto at_least = Target::Bound::at_least;

// From the project's requirements: times in milliseconds unless the metric's name says otherwise.
const std::vector<Target>& targets() {
  static const std::vector<Target> all = {
      {"failover", "first_dead", "failed", at_most, 0},
      {"failover", "first_dead", "max_ms", at_most, 450},
      {"failover", "first_dead", "later_max_ms", at_most, 15},
      fastest({"failover", "first_dead", "failed", at_most, 0}),
      fastest({"failover", "first_dead", "max_ms", at_most, 15}),
      {"failover", "dies_100", "failed", at_most, 0},
      {"failover", "dies_100", "max_ms", at_most, 450},
      {"failover", "dies_100", "later_max_ms", at_most, 25},
      {"failover", "dies_100", "after_return_max_ms", at_most, 25},
      fastest({"failover", "dies_100", "failed", at_most, 0}),
      fastest({"failover", "dies_100", "max_ms", at_most, 50}),
      fastest({"failover", "dies_100", "after_return_max_ms", at_most, 25}),
      {"failover", "dies_5", "failed", at_most, 0},
      {"failover", "dies_5", "max_ms", at_most, 450},
      {"failover", "dies_5", "later_max_ms", at_most, 25},
      fastest({"failover", "dies_5", "failed", at_most, 0}),
      fastest({"failover", "dies_5", "max_ms", at_most, 50}),
      {"failover", "late", "from_second", at_most, 0},
      {"failover", "late", "failed", at_most, 0},
      {"failover", "extra", "failed", at_most, 0},
      {"failover", "extra", "extra_percent", at_most, 5},
      fastest({"failover", "extra", "failed", at_most, 0}),
      fastest({"failover", "extra", "extra_percent", at_most, 5}),
      {"failover", "stale", "failed", at_most, 0},
      {"failover", "stale", "first_ms", at_most, 1000},
      {"failover", "stale", "rest_max_ms", at_most, 1},
      {"failover", "equal", "failed", at_most, 0},
      {"failover", "equal", "upstream_questions", at_most, 1},
      {"failover", "flap", "failed", at_most, 0},
      {"failover", "flap", "p99_ms", at_most, 450},
      fastest({"failover", "flap", "failed", at_most, 0}),
      fastest({"failover", "flap", "p99_ms", at_most, 24}),
      {"failover", "loss", "failed", at_most, 0},
      {"failover", "loss", "p99_ms", at_most, 450},
      fastest({"failover", "loss", "failed", at_most, 0}),
      fastest({"failover", "loss", "p99_ms", at_most, 24}),
      {"failover", "servfail", "failed", at_most, 0},
      {"failover", "servfail", "p99_ms", at_most, 24},
      {"failover", "slow", "failed", at_most, 0},
      {"failover", "slow", "p99_ms", at_most, 450},
      fastest({"failover", "slow", "failed", at_most, 0}),
      fastest({"failover", "slow", "p99_ms", at_most, 24}),
      {"failover", "quota", "peak_per_second", at_most, 1024},
      {"failover", "quota", "old_failed", at_most, 0},
      {"failover", "quota", "new_unanswered", at_most, 0},
      {"failover", "quota", "without_ede", at_most, 0},
      {"misses", "distinct", "failed", at_most, 0},
      {"misses", "distinct", "cpu_us", at_most, 0.95, "distinct", "dnsdist", "cpu_us"},
      {"misses", "distinct", "source_ports", at_least, 1000},
      {"hits", "warm", "failed", at_most, 0},
      {"hits", "warm", "cpu_of_bare", at_most, 1.10},
      {"hits", "warm", "user_us", at_most, 0.3},
      {"hits", "warm", "per_second_of_bare", at_least, 0.95},
      {"hits", "single", "p50_of_bare", at_most, 1.05},
      {"hits", "many", "bytes_per_name", at_most, 110},
      {"hits", "many", "kept_percent", at_least, 100},
      {"hits", "many", "random_cpu_us", at_most, 1.2, "warm", "ours", "cpu_us"},
      {"hits", "many", "failed", at_most, 0},
      {"hits", "start", "first_answer_ms", at_most, 9},
      {"hits", "restart", "first_answer_ms", at_most, 100},
      {"hits", "restart", "kept_percent", at_least, 100},
      {"hits", "idle", "rss_kb", at_most, 8192},
      {"hits", "two_workers", "gain", at_least, 1.8},
      {"hits", "two_workers", "gain_by_cost", at_least, 1.8},
      {"hits", "burst", "lost", at_most, 0},
      {"hits", "policy", "gain_over_lru", at_least, 0},
      {"hits", "policy", "of_best_percent", at_least, 97},
  };
  return all;
}

std::vector<json> read_results(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path);
  std::vector<json> rows;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) rows.push_back(json::parse(line));
  }
  return rows;
}

std::string format_number(const json& value) {
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (!value.is_number()) return "-";
  const auto number = value.get<double>();
  std::array<char, 32> text{};
  const int digits = number == std::floor(number) || std::abs(number) >= 1000 ? 0
                     : std::abs(number) >= 10                                 ? 1
                                                                              : 2;
  std::snprintf(text.data(), text.size(), "%.*f", digits, number);
  return text.data();
}

void print_table(const std::vector<std::vector<std::string>>& lines) {
  std::vector<std::size_t> widths;
  for (const auto& line : lines) {
    widths.resize(std::max(widths.size(), line.size()));
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      const std::string padding(widths[i] - line[i].size(), ' ');
      std::cout << (i == 0 ? line[i] + padding : "  " + padding + line[i]);
    }
    std::cout << '\n';
  }
}

/// All results of one run.
class Report {
 public:
  explicit Report(std::vector<json> rows) : rows_(std::move(rows)) {}

  void print_cases() const {
    std::vector<std::string> names;
    for (const auto& row : rows_) {
      const std::string name = row["case"];
      if (row.contains("metrics") && std::find(names.begin(), names.end(), name) == names.end()) {
        names.push_back(name);
      }
    }
    for (const auto& name : names) print_case(name);
    for (const auto& row : rows_) {
      if (!row.contains("skipped")) continue;
      std::cout << "skipped: " << row["peer"].get<std::string>() << ", "
                << row["case"].get<std::string>() << ": " << row["skipped"].get<std::string>()
                << '\n';
    }
  }

  /// Prints each target that was measured; returns how many were missed.
  [[nodiscard]] int print_targets() const {
    std::vector<std::vector<std::string>> lines = {
        {"target", "peer", "metric", "wanted", "measured", "verdict"}};
    int missed = 0;
    for (const auto& target : targets()) {
      const auto* row = find(target.bench, target.name, target.peer);
      if (row == nullptr) continue;
      const auto limit = limit_of(target);
      if (!limit) continue;
      const json value = (*row)["metrics"].value(target.metric, json("missing"));
      if (value.is_null()) continue;  // this machine cannot measure it
      const bool met =
          value.is_number() &&
          (target.bound == at_most ? value.get<double>() <= *limit : value.get<double>() >= *limit);
      if (!met) ++missed;
      lines.push_back({target.name, target.peer, target.metric,
                       (target.bound == at_most ? "<= " : ">= ") + format_number(*limit),
                       format_number(value), met ? "PASS" : "FAIL"});
    }
    if (lines.size() == 1) return 0;
    std::cout << "\nOurs against the targets\n";
    print_table(lines);
    return missed;
  }

 private:
  [[nodiscard]] const json* find(const std::string& bench, const std::string& name,
                                 const std::string& peer) const {
    for (const auto& row : rows_) {
      if (row["bench"] == bench && row["case"] == name && row["peer"] == peer &&
          row.contains("metrics")) {
        return &row;
      }
    }
    return nullptr;
  }

  [[nodiscard]] std::optional<double> limit_of(const Target& target) const {
    if (target.base_case.empty()) return target.limit;
    const auto* base = find(target.bench, target.base_case, target.base_peer);
    if (base == nullptr) return std::nullopt;
    const json value = (*base)["metrics"].value(target.base_metric, json());
    if (!value.is_number()) return std::nullopt;
    return target.limit * value.get<double>();
  }

  void print_case(const std::string& name) const {
    std::vector<std::string> columns;
    for (const auto& row : rows_) {
      if (row["case"] != name || !row.contains("metrics")) continue;
      for (const auto& [key, value] : row["metrics"].items()) {
        if (std::find(columns.begin(), columns.end(), key) == columns.end()) columns.push_back(key);
      }
    }
    std::vector<std::vector<std::string>> lines = {{"peer"}};
    lines[0].insert(lines[0].end(), columns.begin(), columns.end());
    std::string bench;
    for (const auto& row : rows_) {
      if (row["case"] != name || !row.contains("metrics")) continue;
      bench = row["bench"];
      std::vector<std::string> line = {row["peer"]};
      for (const auto& column : columns) {
        line.push_back(format_number(row["metrics"].value(column, json())));
      }
      lines.push_back(line);
    }
    std::cout << '\n' << bench << ": " << name << '\n';
    print_table(lines);
  }

  std::vector<json> rows_;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("tables of benchmark results");
  std::string path;
  bool strict = false;
  app.add_option("results", path)->required();
  app.add_flag("--strict,!--lenient", strict, "exit with 1 when a target is missed");
  CLI11_PARSE(app, argc, argv);
  try {
    const Report report(read_results(path));
    report.print_cases();
    const int missed = report.print_targets();
    return strict && missed > 0 ? 1 : 0;
  } catch (const std::exception& error) {
    std::cerr << "bench_table: " << error.what() << '\n';
    return 1;
  }
}
