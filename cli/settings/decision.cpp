#include "cli/settings/decision.hpp"

#include <fmt/format.h>

#include "resolver/base/text.hpp"

namespace dnscache::cli {

using nlohmann::json;

std::string text_of(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

json part_of(const json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return object.is_object() && found != object.end() ? *found : json::object();
}

namespace {

std::string words_of_file(const std::optional<Where>& where, std::string_view otherwise) {
  return where ? where->to_text() : std::string(otherwise);
}

std::string local_name_in_words(const Name& name, const ConfigLines& lines) {
  const auto address = address_of_reverse(name);
  if (const auto record = lines.record(name, address)) {
    return fmt::format("a record of local.records ({})", record->to_text());
  }
  for (const auto& file : lines.config().local.hosts_files) {
    if (const auto line = find_in_hosts(file, name, address)) {
      return fmt::format("a line of local.hosts_files ({})", line->to_text());
    }
  }
  return "local.records or local.hosts_files";
}

std::string setting_in_words(const char* setting, const ConfigLines& lines) {
  return fmt::format("{} ({})", setting, words_of_file(lines.setting(setting), "the default"));
}

std::string zone_in_words(const Name& zone, const ConfigLines& lines) {
  if (const auto line = lines.zone("local.zones", zone)) {
    return fmt::format("local.zones has {} ({})", zone.to_text(), line->to_text());
  }
  return fmt::format("routes has {} without upstreams ({})", zone.to_text(),
                     words_of_file(lines.zone("routes", zone), "the configuration"));
}

std::string blocked_in_words(const Name& name, const ConfigLines& lines) {
  const auto line = find_in_block_lists(lines.config().local.block.files, name);
  return fmt::format("{} is in a block list ({})", name.to_text(),
                     words_of_file(line, "local.block.files"));
}

// Whose upstreams are asked, and where they are named.
std::string upstreams_in_words(const json& reply, const ConfigLines& lines) {
  const auto exchange = part_of(reply, "exchange");
  const auto zone = Name::parse(text_of(exchange, "zone"));
  const auto source = text_of(exchange, "source");
  if (!source.empty() && source != "configuration") {
    return zone && !zone->is_root()
               ? fmt::format("no rule decides; upstreams for {} ({})", zone->to_text(), source)
               : fmt::format("no rule decides; upstreams of {} (upstreams_from, {})", source,
                             words_of_file(lines.setting("upstreams_from"), "the default"));
  }
  if (zone && !zone->is_root()) {
    return fmt::format("no rule decides; upstreams of the route for {} ({})", zone->to_text(),
                       words_of_file(lines.zone("routes", *zone), "the configuration"));
  }
  if (!text_of(part_of(reply, "config"), "upstreams").empty()) {
    return "no rule decides; upstreams of serve --upstream";
  }
  if (const auto line = lines.setting("upstreams")) {
    if (!lines.config().upstreams.empty()) {
      return fmt::format("no rule decides; upstreams ({})", line->to_text());
    }
  }
  return fmt::format(
      "no rule decides; upstreams_from {} ({})",
      lines.config().upstreams_from.empty() ? "system" : lines.config().upstreams_from.string(),
      words_of_file(lines.setting("upstreams_from"), "the default"));
}

}  // namespace

std::string decision_in_words(const json& reply, const ConfigLines& lines) {
  const auto policy = part_of(reply, "policy");
  const auto rule = text_of(policy, "rule");
  const auto name = Name::parse(text_of(policy, "matched")).value_or(Name());
  if (rule == "local_name") return local_name_in_words(name, lines);
  if (rule == "special_name") {
    return "a special name or type that upstreams are not asked for (RFC 6761)";
  }
  if (rule == "blocked") return blocked_in_words(name, lines);
  if (rule == "local_zone") return zone_in_words(name, lines);
  if (rule == "private_reverse") return setting_in_words("bogus_priv", lines);
  if (rule == "domain_needed" || rule == "filter_a" || rule == "filter_aaaa") {
    return setting_in_words(rule.c_str(), lines);
  }
  auto words = upstreams_in_words(reply, lines);
  const auto replaced = text_of(part_of(reply, "exchange"), "rule");
  if (!replaced.empty()) {
    words += "; the answer was replaced by " + setting_in_words(replaced.c_str(), lines);
  }
  return words;
}

ConfigLines lines_of(const json& reply) {
  const auto file = text_of(part_of(reply, "config"), "file");
  return file.empty() ? ConfigLines() : ConfigLines(std::filesystem::path(file));
}

}  // namespace dnscache::cli
