#include "resolver/config/read.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "resolver/base/text.hpp"
#include "resolver/base/text_file.hpp"
#include "resolver/config/schema.hpp"
#include "resolver/config/values.hpp"
#include "resolver/config/yaml.hpp"
#include "resolver/wire/protocol.hpp"

namespace dnscache {
namespace {

constexpr std::size_t max_problems = 100;

std::string last_part(const std::string& key) { return key.substr(key.rfind('.') + 1); }

// The names that may stand directly inside a section ("" is the whole file), sections included.
std::vector<std::string> names_in(const std::string& section) {
  const std::string prefix = section.empty() ? "" : section + '.';
  std::vector<std::string> names;
  for (const Setting& setting : settings()) {
    if (!setting.key.starts_with(prefix)) continue;
    const std::string rest = setting.key.substr(prefix.size());
    std::string name = rest.substr(0, rest.find('.'));
    if (names.empty() || names.back() != name) names.push_back(std::move(name));
  }
  return names;
}

// "cache:\n  size: ..." as one line, for a key that was written with its dots.
std::string nested_form(const std::string& key) {
  const auto dot = key.find('.');
  if (dot == std::string::npos) return key + ": ...";
  return key.substr(0, dot) + ": {" + nested_form(key.substr(dot + 1)) + '}';
}

std::string unknown_key_message(const std::string& section, const std::string& name) {
  const std::vector<std::string> here = names_in(section);
  for (const Setting& setting : settings()) {
    if (setting.key == name) return "is not nested; write " + nested_form(name);
  }
  if (name == "<<") return "merge keys are not supported; write the values out";
  std::string message = "is not a setting";
  if (const std::string meant = nearest(name, here); !meant.empty()) {
    return message + " (did you mean " + (section.empty() ? "" : section + '.') + meant + "?)";
  }
  std::vector<std::string> elsewhere;
  for (const Setting& setting : settings()) {
    if (last_part(setting.key) == name) elsewhere.push_back(setting.key);
  }
  if (!elsewhere.empty()) return message + " (did you mean " + join_words(elsewhere) + "?)";
  return message + "; allowed: " + join_words(here);
}

void read_section(const YamlNode& map, const std::string& section, Config& config,
                  ReadContext& context) {
  context.for_each_entry(
      map, section, [&](const std::string& name, const YamlNode& key_node, const YamlNode& value) {
        const std::string key = section.empty() ? name : section + '.' + name;
        const auto setting = std::ranges::find(settings(), key, &Setting::key);
        const bool written_with_dots = name.find('.') != std::string::npos;
        if (written_with_dots || (setting == settings().end() && names_in(key).empty())) {
          context.report(key_node.place, key, unknown_key_message(section, name));
        } else if (setting != settings().end()) {
          YamlNode placed = value;
          // An empty value has no place of its own.
          if (value.kind == YamlNode::Kind::null) placed.place = key_node.place;
          setting->read(placed, config, context);
        } else if (value.kind == YamlNode::Kind::map) {
          read_section(value, key, config, context);
        } else if (value.kind != YamlNode::Kind::null) {
          context.expect(value, YamlNode::Kind::map, key,
                         "a map of " + join_words(names_in(key), "and"));
        }
      });
}

// Nothing for what no file says.
std::string first_in_line(Place place) {
  return place.line == 0 ? "" : ", first in line " + std::to_string(place.line);
}

/// The rules that hold between settings.
class CrossChecks {
 public:
  CrossChecks(const Config& config, ReadContext& context) : config_(config), context_(context) {}

  void run() {
    not_longer("cache.min_ttl", config_.cache.min_ttl, "cache.max_ttl", config_.cache.max_ttl);
    not_longer("cache.negative.default_ttl", config_.cache.negative.default_ttl,
               "cache.negative.max_ttl", config_.cache.negative.max_ttl);
    not_longer("health.probe_interval", config_.health.probe_interval, "health.probe_interval_max",
               config_.health.probe_interval_max);
    if (config_.hedge.after)
      not_longer("hedge.after", *config_.hedge.after, "timeout", config_.timeout);
    if (config_.cache.serve_stale.enabled) {
      not_longer("cache.serve_stale.after", config_.cache.serve_stale.after, "timeout",
                 config_.timeout);
    }
    leaves_memory();
    listen_addresses_differ();
    check_group("upstreams", config_.upstreams);
    for (std::size_t i = 0; i < config_.routes.size(); ++i) {
      check_group("routes[" + std::to_string(i) + "].upstreams", config_.routes[i].upstreams);
    }
    zones_differ();
    if (config_.local.expand_hosts && !config_.local.domain) {
      const auto source = context_.source("local.expand_hosts");
      context_.report(source.place, source.key, "needs local.domain, the domain to expand to");
    }
    local_zones_differ();
    aliases_stand_alone();
    can_do_dnssec();
  }

 private:
  void not_longer(const std::string& shorter_key, std::chrono::milliseconds shorter,
                  const std::string& longer_key, std::chrono::milliseconds longer) {
    if (shorter <= longer) return;
    const auto shorter_source = context_.source(shorter_key);
    const auto longer_source = context_.source(longer_key);
    const auto text = [](const std::string& key, std::chrono::milliseconds value, Place place) {
      const auto setting = std::ranges::find(settings(), key, &Setting::key);
      const bool is_default =
          place.line == 0 && setting->default_value().text == print_duration(value);
      return key + " (" + print_duration(value) + (is_default ? ", the default)" : ")");
    };
    const bool at_shorter = shorter_source.place.line != 0;
    context_.report(at_shorter ? shorter_source.place : longer_source.place,
                    at_shorter ? shorter_key : longer_key,
                    text(shorter_key, shorter, shorter_source.place) + " is longer than " +
                        text(longer_key, longer, longer_source.place) +
                        "; allowed: at most the same");
  }

  void listen_addresses_differ() {
    std::set<Endpoint> seen;
    for (std::size_t i = 0; i < config_.listen.size(); ++i) {
      if (seen.insert(config_.listen[i]).second) continue;
      const auto source = context_.source("listen", i);
      context_.report(source.place, source.key, "duplicate " + config_.listen[i].to_text());
    }
  }

  void check_group(const std::string& list, const std::vector<UpstreamConfig>& upstreams) {
    std::set<std::pair<Endpoint, Protocol>> seen;
    for (std::size_t i = 0; i < upstreams.size(); ++i) {
      const UpstreamConfig& upstream = upstreams[i];
      const auto source = context_.source(list, i);
      if (!seen.insert({upstream.endpoint, upstream.protocol}).second) {
        context_.report(source.place, source.key, "duplicate " + print_upstream(upstream));
      }
      if (reaches_us(upstream.endpoint, config_.listen)) {
        context_.report(source.place, source.key,
                        upstream.endpoint.to_text() +
                            " is an address that the cache itself listens on: queries would loop; "
                            "allowed: addresses of other servers");
      }
    }
  }

  void zones_differ() {
    std::map<Name, std::size_t> seen;
    for (std::size_t i = 0; i < config_.routes.size(); ++i) {
      const Name& zone = config_.routes[i].zone;
      if (zone.is_root()) continue;  // stands for a zone that was reported
      const auto [first, is_new] = seen.emplace(zone, i);
      if (is_new) continue;
      const auto source = context_.source("routes", i);
      const auto first_source = context_.source("routes", first->second);
      context_.report(source.place, source.key,
                      "duplicate route for " + zone.to_text() + first_in_line(first_source.place));
    }
  }

  void local_zones_differ() {
    std::map<Name, std::size_t> seen;
    for (std::size_t i = 0; i < config_.local.zones.size(); ++i) {
      const auto [first, is_new] = seen.emplace(config_.local.zones[i].zone, i);
      if (is_new) continue;
      const auto source = context_.source("local.zones", i);
      const auto first_source = context_.source("local.zones", first->second);
      context_.report(
          source.place, source.key,
          "duplicate zone " + first->first.to_text() + first_in_line(first_source.place));
    }
  }

  // RFC 1034 section 3.6.2: a CNAME has no other data beside it.
  void aliases_stand_alone() {
    std::map<Name, std::size_t> count;
    for (const LocalRecord& record : config_.local.records) ++count[record.name];
    for (std::size_t i = 0; i < config_.local.records.size(); ++i) {
      const LocalRecord& record = config_.local.records[i];
      if (record.type != rr_type::cname || count[record.name] == 1) continue;
      const auto source = context_.source("local.records", i);
      context_.report(source.place, source.key,
                      record.name.to_text() +
                          " is a CNAME and has other records as well; keep one or the other");
    }
  }

  void leaves_memory() {
    if (config_.memory == 0 || config_.cache.size <= config_.memory / 4 * 3) return;
    const auto source = context_.source("cache.size");
    context_.report(source.place, source.key,
                    print_size(config_.cache.size) + " is more than three quarters of memory, " +
                        print_size(config_.memory) + "; set memory higher or leave it out");
  }

  void can_do_dnssec() {
    if (config_.dnssec.mode != DnssecMode::validate) return;
    if (!can_validate) {
      const auto source = context_.source("dnssec.mode");
      context_.report(source.place, source.key,
                      "validate needs libunbound, with which this program was not built; allowed: "
                      "off or passthrough");
    } else if (config_.dnssec.trust_anchors.empty()) {
      const auto source = context_.source("dnssec.trust_anchors");
      context_.report(source.place, "dnssec.trust_anchors",
                      "is empty, so that nothing could be validated; leave it out for the root's "
                      "keys of the package dns-root-data");
    }
  }

  const Config& config_;
  ReadContext& context_;
};

void sort_and_limit(std::vector<Problem>& problems, const std::string& file) {
  std::ranges::stable_sort(problems, [](const Problem& a, const Problem& b) {
    return std::pair(a.place.line, a.place.column) < std::pair(b.place.line, b.place.column);
  });
  if (problems.size() <= max_problems) return;
  const std::size_t more = problems.size() - max_problems;
  problems.resize(max_problems);
  problems.push_back({file, {}, "", "has " + std::to_string(more) + " more problems"});
}

std::string comment(const std::string& text, std::size_t indent) {
  constexpr std::size_t width = 98;
  const std::string margin = std::string(indent, ' ') + "# ";
  std::string result;
  for (const std::string& line : fold(text, width - indent)) result += margin + line + '\n';
  return result;
}

std::size_t depth_of(const std::string& key) {
  return static_cast<std::size_t>(std::ranges::count(key, '.'));
}

std::string origin_comments(const Origins& origins, const std::string& key, std::size_t indent) {
  const auto found = origins.find(key);
  if (found == origins.end()) return {};
  std::string text;
  for (const std::string& origin : found->second) {
    text += std::string(indent, ' ') + "# " + origin + '\n';
  }
  return text;
}

// The headings "cache:" and "  negative:" that `key` needs and `before` did not have.
std::string headings(const std::string& key, const std::string& before) {
  std::string text;
  for (auto dot = key.find('.'); dot != std::string::npos; dot = key.find('.', dot + 1)) {
    const std::string section = key.substr(0, dot + 1);
    if (before.starts_with(section)) continue;
    const std::string name = section.substr(0, dot);
    text += std::string(2 * depth_of(name), ' ') + last_part(name) + ":\n";
  }
  return text;
}

}  // namespace

void check_together(const Config& config, ReadContext& context) {
  CrossChecks(config, context).run();
}

ConfigReading read_config(std::string_view text, const std::string& file) {
  ConfigReading reading;
  ReadContext context(file, reading.problems);
  if (text.size() > max_text_file_size) {
    context.report({}, "",
                   "is larger than " + print_size(max_text_file_size) +
                       "; keep names in files of their own, under local.block.files or "
                       "local.hosts_files");
    return reading;
  }
  const YamlNode root = parse_yaml(text, file, reading.problems);
  if (root.kind == YamlNode::Kind::map) {
    read_section(root, "", reading.config, context);
  } else if (root.kind != YamlNode::Kind::null) {
    context.expect(root, YamlNode::Kind::map, "", "a map of settings, \"name: value\"");
  }
  check_together(reading.config, context);
  sort_and_limit(reading.problems, file);
  return reading;
}

ConfigReading read_config_file(const std::filesystem::path& path) {
  const auto text = read_text_file(path);
  if (text) return read_config(*text, path.string());
  ConfigReading reading;
  // The message begins with the path, which a problem has in a field of its own.
  reading.problems.push_back(
      {path.string(), {}, "", text.error().message.substr(path.string().size() + 2)});
  return reading;
}

ConfigReading read_config_file_or_default(const std::optional<std::filesystem::path>& named) {
  if (named) return read_config_file(*named);
  std::error_code ignored;  // a file that cannot be looked at is read, for the message
  const auto status = std::filesystem::symlink_status(default_config_path, ignored);
  if (status.type() == std::filesystem::file_type::not_found) return {};
  return read_config_file(default_config_path);
}

std::string print_config(const Config& config) {
  std::string text;
  std::string before;
  for (const Setting& setting : settings()) {
    const std::size_t indent = 2 * depth_of(setting.key);
    if (!text.empty()) text += '\n';
    text += headings(setting.key, before);
    text += comment(setting.help + ' ' + rules_in_words(setting), indent);
    const std::string value = write_yaml(setting.write(config), indent + 2);
    text += std::string(indent, ' ') + last_part(setting.key) + ':';
    text += (value.starts_with('\n') ? "" : " ") + value + '\n';
    before = setting.key;
  }
  return text;
}

std::string print_config(const Config& config, const Origins& origins) {
  std::string text;
  std::string before;
  for (const Setting& setting : settings()) {
    const YamlNode value = setting.write(config);
    const std::string first_element = setting.key + '[';
    const auto of_elements = origins.lower_bound(first_element);
    const bool has_origin =
        origins.contains(setting.key) ||
        (of_elements != origins.end() && of_elements->first.starts_with(first_element));
    const std::size_t indent = 2 * depth_of(setting.key);
    if (!has_origin && write_yaml(value, 0) == write_yaml(setting.default_value(), 0)) continue;
    text += headings(setting.key, before);
    text += origin_comments(origins, setting.key, indent);
    text += std::string(indent, ' ') + last_part(setting.key) + ':';
    if (value.kind == YamlNode::Kind::list && !value.items.empty()) {
      text += '\n';
      for (std::size_t i = 0; i < value.items.size(); ++i) {
        const std::string key = first_element + std::to_string(i) + ']';
        text += origin_comments(origins, key, indent + 2);
        text += std::string(indent + 2, ' ') + "- " + write_yaml(value.items[i], indent + 4) + '\n';
      }
    } else {
      text += ' ' + write_yaml(value, indent + 2) + '\n';
    }
    before = setting.key;
  }
  return text;
}

}  // namespace dnscache
