#include "cli/settings/environment.hpp"

#include <unistd.h>

#include <algorithm>
#include <sstream>
#include <string_view>
#include <vector>

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

// "corp.example=10.1.0.2,10.1.0.3"; without servers its names don't exist.
YamlNode route_of(const std::string& text) {
  const auto equals = text.find('=');
  if (equals == text.npos) return YamlNode::scalar(text);
  YamlNode route;
  route.kind = YamlNode::Kind::map;
  route.keys = {YamlNode::scalar("zone"), YamlNode::scalar("upstreams")};
  route.items = {YamlNode::scalar(text.substr(0, equals)),
                 YamlNode::list(elements_of(text.substr(equals + 1), ','))};
  return route;
}

YamlNode value_of(const Setting& setting, const std::string& text) {
  switch (setting.type) {
    case SettingType::addresses:
    case SettingType::upstreams:
    case SettingType::zones:
    case SettingType::networks:
    case SettingType::paths:
      return YamlNode::list(elements_of(text, ','));
    case SettingType::records:
      return YamlNode::list(elements_of(text, ';'));
    case SettingType::routes: {
      std::vector<YamlNode> routes;
      for (const auto& route : elements_of(text, ';')) routes.push_back(route_of(route.text));
      return YamlNode::list(std::move(routes));
    }
    default:
      return YamlNode::scalar(text);
  }
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
  for (const auto& setting : settings()) {
    const auto variable = environment.find(variable_of(setting.key));
    if (variable == environment.end() || variable->second.empty()) continue;
    std::vector<Problem> problems;
    ReadContext context("", problems);
    setting.read(value_of(setting, variable->second), config, context);
    if (problems.empty()) continue;
    return Error{variable->first + ": " + problems.front().message, ExitCode::check_failed};
  }
  return {};
}

}  // namespace dnscache::cli
