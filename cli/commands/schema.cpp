// `dnscachectl schema`: the configuration's shape for editors.
#include "resolver/config/schema.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/command.hpp"
#include "cli/show/output.hpp"
#include "resolver/base/error.hpp"

namespace dnscache::cli {

namespace {

using Json = nlohmann::ordered_json;

Json text() { return {{"type", "string"}, {"minLength", 1}}; }
Json matching(const char* pattern) { return {{"type", "string"}, {"pattern", pattern}}; }
Json list_of(Json items) { return {{"type", "array"}, {"items", std::move(items)}}; }

Json object(Json properties, const std::vector<std::string>& required) {
  Json out = {{"type", "object"}, {"properties", std::move(properties)}};
  out["required"] = required;
  out["additionalProperties"] = false;
  return out;
}

Json upstream() {
  Json protocols = {{"enum", protocol_words.all()}};
  Json properties = {{"address", text()}, {"protocol", protocols}, {"tls_name", text()}};
  return {{"anyOf", {text(), object(std::move(properties), {"address"})}}};
}

Json shape_of(SettingType type) {
  switch (type) {
    case SettingType::number:
      return {{"type", "integer"}, {"minimum", 0}};
    case SettingType::duration:
      return matching("^[0-9]+(ms|s|m|h|d)$");
    case SettingType::size:
      return matching("^[0-9]+(B|KiB|MiB|GiB|TiB)$");
    case SettingType::share:
      return matching("^[0-9]+([.][0-9]+)?%$");
    case SettingType::path:
      return matching("^/");
    case SettingType::addresses:
    case SettingType::zones:
    case SettingType::networks:
    case SettingType::records:
    case SettingType::trust_anchors:
      return list_of(text());
    case SettingType::paths:
      return list_of(matching("^/"));
    case SettingType::upstreams:
      return list_of(upstream());
    case SettingType::routes:
      return list_of(
          object({{"zone", text()}, {"upstreams", list_of(upstream())}}, {"zone", "upstreams"}));
    case SettingType::addresses_of_zones:
      return list_of(
          object({{"zone", text()}, {"addresses", list_of(text())}}, {"zone", "addresses"}));
    case SettingType::word:
    case SettingType::address:
      return text();
  }
  return {};
}

// YAML reads true and false as booleans.
Json word_value(const std::string& word) {
  if (word == "true" || word == "false") return word == "true";
  return word;
}

Json words_of(const Setting& setting) {
  auto words = Json::array();
  for (const auto& word : setting.words) {
    words.push_back(word_value(word));
    if (word == "off") words.push_back(false);  // as YAML 1.1 reads it
  }
  return {{"enum", words}};
}

Json values_of(const Setting& setting) {
  if (setting.words.empty()) return shape_of(setting.type);
  if (setting.type == SettingType::word && setting.allowed.find('"') == std::string::npos &&
      setting.default_value().kind == YamlNode::Kind::scalar) {
    const auto& words = setting.words;
    const bool has_only_words =
        std::ranges::find(words, setting.default_value().text) != words.end();
    if (has_only_words && words.size() > 1) return words_of(setting);
  }
  return {{"anyOf", {words_of(setting), shape_of(setting.type)}}};
}

Json default_of(const YamlNode& node, SettingType type) {
  if (node.kind == YamlNode::Kind::list) {
    auto items = Json::array();
    for (const auto& item : node.items) items.push_back(item.text);
    return items;
  }
  const bool is_number = type == SettingType::number && !node.text.empty() &&
                         node.text.find_first_not_of("0123456789") == node.text.npos;
  return is_number ? Json(std::stoll(node.text)) : word_value(node.text);
}

// The section that a dotted key is in, made where it is missing.
Json& section_of(Json& root, const std::string& key) {
  Json* section = &root;
  std::istringstream parts(key.substr(0, key.rfind('.') == key.npos ? 0 : key.rfind('.')));
  for (std::string part; std::getline(parts, part, '.');) {
    auto& inner = (*section)["properties"][part];
    if (inner.is_null()) inner = {{"type", "object"}, {"additionalProperties", false}};
    section = &inner;
  }
  return *section;
}

/// The JSON Schema (draft 7) of the configuration, from the table of settings.
Json config_schema() {
  Json root = {{"$schema", "http://json-schema.org/draft-07/schema#"},
               {"title", "Configuration of dnscachectl, see dnscachectl.yaml(5)"},
               {"type", {"object", "null"}},
               {"additionalProperties", false}};
  for (const auto& setting : settings()) {
    auto property = values_of(setting);
    property["description"] = setting.help + ' ' + rules_in_words(setting);
    property["default"] = default_of(setting.default_value(), setting.type);
    section_of(root, setting.key)["properties"][setting.key.substr(setting.key.rfind('.') + 1)] =
        std::move(property);
  }
  return root;
}

Result<ExitCode> run_schema() {
  print(config_schema().dump(2) + '\n');
  return ExitCode::done;
}

Run declare(Arguments&) {
  return [](const Invocation&) { return run_schema(); };
}

Run declare_man_settings(Arguments&) {
  return [](const Invocation&) -> Result<ExitCode> {
    print(settings_as_mdoc());
    return ExitCode::done;
  };
}

}  // namespace

extern const Command schema_command = {
    "schema", "Print the JSON Schema of the configuration file, for editors",
    "dnscachectl schema > dnscachectl.schema.json", declare};
extern const Command man_settings_command = {"__man-settings", "The settings, as mdoc", nullptr,
                                             declare_man_settings};

}  // namespace dnscache::cli
