#include "cli/host/resolv_conf.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <vector>

#include "resolver/config/resolv_conf.hpp"

namespace dnscache::cli {

namespace {

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    if (end == text.npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  while (true) {
    const auto begin = line.find_first_not_of(" \t\r");
    if (begin == line.npos) return words;
    const auto end = std::min(line.find_first_of(" \t\r", begin), line.size());
    words.emplace_back(line.substr(begin, end - begin));
    line.remove_prefix(end);
  }
}

bool is_keyword(std::string_view line, std::string_view keyword) {
  return line.starts_with(keyword) && line.size() > keyword.size() &&
         (line[keyword.size()] == ' ' || line[keyword.size()] == '\t');
}

std::string without_rotate(const std::string& text) {
  std::string out;
  for (const auto& line : lines_of(text)) {
    auto words = words_of(line);
    if (!is_keyword(line, "options") || std::erase(words, "rotate") == 0) {
      out += line + '\n';
    } else if (words.size() > 1) {
      out += fmt::format("{}\n", fmt::join(words, " "));
    }
  }
  return out;
}

/// One line of a diff: kept, removed or added.
struct Edit {
  char sign;
  std::string line;
};

// The longest common subsequence; the files are a few dozen lines long.
std::vector<Edit> edits_between(const std::vector<std::string>& a,
                                const std::vector<std::string>& b) {
  std::vector<std::vector<std::size_t>> common(a.size() + 1,
                                               std::vector<std::size_t>(b.size() + 1));
  for (auto i = a.size(); i-- > 0;) {
    for (auto j = b.size(); j-- > 0;) {
      common[i][j] =
          a[i] == b[j] ? common[i + 1][j + 1] + 1 : std::max(common[i + 1][j], common[i][j + 1]);
    }
  }
  std::vector<Edit> edits;
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < a.size() || j < b.size()) {
    if (i < a.size() && j < b.size() && a[i] == b[j]) {
      edits.push_back({' ', a[i++]});
      ++j;
    } else if (j == b.size() || (i < a.size() && common[i + 1][j] >= common[i][j + 1])) {
      edits.push_back({'-', a[i++]});
    } else {
      edits.push_back({'+', b[j++]});
    }
  }
  return edits;
}

std::string range(std::size_t start, std::size_t count) {
  return count == 1 ? fmt::format("{}", start) : fmt::format("{},{}", start, count);
}

}  // namespace

std::string resolv_conf_with_cache(std::string_view original, const IpAddress& cache,
                                   const std::optional<IpAddress>& fallback) {
  const auto parsed = parse_resolv_conf(original);
  const bool rotates = std::ranges::find(parsed.options, "rotate") != parsed.options.end();
  const bool is_first = !parsed.nameservers.empty() && parsed.nameservers.front().address == cache;
  if (is_first && !rotates) return std::string(original);

  std::string out = fmt::format("{} at {}.\n# 'dnscachectl remove' restores what was here.\n",
                                resolv_conf_mark, cache.to_text());
  std::vector<IpAddress> servers = {cache};
  for (const auto& server : parsed.nameservers) {
    if (std::ranges::find(servers, server.address) == servers.end()) {
      servers.push_back(server.address);
    }
  }
  if (servers.size() == 1 && fallback && *fallback != cache) servers.push_back(*fallback);
  return out + without_rotate(replace_nameservers(original, servers));
}

std::optional<std::string> without_cache_line(std::string_view text, const IpAddress& cache) {
  std::vector<IpAddress> others;
  for (const auto& server : parse_resolv_conf(text).nameservers) {
    if (server.address != cache) others.push_back(server.address);
  }
  if (others.empty()) return {};
  std::string out;
  int comments = text.starts_with(resolv_conf_mark) ? 2 : 0;
  for (const auto& line : lines_of(text)) {
    if (comments > 0 && line.starts_with('#')) {
      --comments;
    } else {
      out += line + '\n';
    }
  }
  return replace_nameservers(out, others);
}

std::string unified_diff(const std::string& name, std::string_view before, std::string_view after) {
  if (before == after) return "";
  const auto a = lines_of(before);
  const auto b = lines_of(after);
  std::string out =
      fmt::format("--- {}\n+++ {}\n@@ -{} +{} @@\n", name, name, range(a.empty() ? 0 : 1, a.size()),
                  range(b.empty() ? 0 : 1, b.size()));
  for (const auto& edit : edits_between(a, b)) out += edit.sign + edit.line + '\n';
  return out;
}

}  // namespace dnscache::cli
