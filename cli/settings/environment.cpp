#include "cli/settings/environment.hpp"

#include <unistd.h>

#include <algorithm>
#include <sstream>
#include <string_view>
#include <vector>

#include "resolver/config/read.hpp"
#include "resolver/config/schema.hpp"

namespace dnscache::cli {

namespace {

constexpr std::string_view prefix = "DNSCACHE_";

std::vector<YamlNode> elements_of(const std::string& text, char separator) {
  std::vector<YamlNode> elements;
  std::istringstream words(text);
  for (std::string word; std::getline(words, word, separator);) {
    const auto begin = word.find_first_not_of(" \t\n");
    if (begin == word.npos) continue;
    const auto end = word.find_last_not_of(" \t\n");
    elements.push_back(YamlNode::scalar(word.substr(begin, end - begin + 1)));
  }
  return elements;
}

// "corp.example=10.1.0.2,10.1.0.3"; without any behind it its names don't exist.
YamlNode map_of(const std::string& text, std::string_view key) {
  const auto equals = text.find('=');
  if (equals == text.npos) return YamlNode::scalar(text);
  YamlNode map;
  map.kind = YamlNode::Kind::map;
  map.keys = {YamlNode::scalar("zone"), YamlNode::scalar(std::string(key))};
  map.items = {YamlNode::scalar(text.substr(0, equals)),
               YamlNode::list(elements_of(text.substr(equals + 1), ','))};
  return map;
}

YamlNode value_of(const Setting& setting, const std::string& text) {
  const auto& traits = traits_of(setting.type);
  if (traits.separator == 0) return YamlNode::scalar(text);
  auto elements = elements_of(text, traits.separator);
  if (traits.map_key.empty()) return YamlNode::list(std::move(elements));
  for (auto& element : elements) element = map_of(element.text, traits.map_key);
  return YamlNode::list(std::move(elements));
}

// The variable that a problem between settings is about, or else the setting.
std::string origin_of(const Problem& problem, const Environment& environment) {
  const std::string setting = problem.key.substr(0, problem.key.find('['));
  const std::string variable = variable_of(setting);
  return environment.contains(variable) ? variable : problem.key;
}

}  // namespace

Environment our_environment() {
  Environment ours;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string text = *variable;
    const auto equals = text.find('=');
    if (!text.starts_with(prefix) || equals == text.npos) continue;
    ours.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return ours;
}

std::string variable_of(const std::string& setting) {
  std::string name(prefix);
  for (const char c : setting) {
    name += c == '.' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  }
  return name;
}

std::filesystem::path config_in(const Environment& environment) {
  const auto found = environment.find("DNSCACHE_CONFIG");
  if (found == environment.end()) return {};
  return found->second;
}

Result<void> apply_environment(const Environment& environment, Config& config) {
  std::vector<Problem> problems;
  ReadContext context("", problems);
  for (const auto& setting : settings()) {
    const auto variable = environment.find(variable_of(setting.key));
    if (variable == environment.end() || variable->second.empty()) continue;
    YamlNode value = value_of(setting, variable->second);
    value.place.line = 1;  // it was written, and is no default
    setting.read(value, config, context);
    if (problems.empty()) continue;
    return Error{variable->first + ": " + problems.front().message, ExitCode::check_failed};
  }
  check_together(config, context);
  if (problems.empty()) return {};
  return Error{origin_of(problems.front(), environment) + ": " + problems.front().message,
               ExitCode::check_failed};
}

}  // namespace dnscache::cli
