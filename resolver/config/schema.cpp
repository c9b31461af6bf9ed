#include "resolver/config/schema.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <type_traits>
#include <utility>

#include "resolver/config/record.hpp"
#include "resolver/config/values.hpp"

namespace dnscache {
namespace {

// A field of Config is named by a function that returns a reference to it, const or not.
template <class Field>
using FieldType = std::remove_cvref_t<std::invoke_result_t<Field, Config&>>;

template <class T>
struct WithoutOptional {
  using type = T;
};
template <class T>
struct WithoutOptional<std::optional<T>> {
  using type = T;
};

/// What a field holds, std::optional looked through.
template <class Field>
using ValueType = typename WithoutOptional<FieldType<Field>>::type;

/// Fixed words and what the field becomes for each.
template <class Field>
using Words = std::vector<std::pair<std::string, FieldType<Field>>>;

/// How a single value is written.
template <class T>
struct Notation {
  std::string allowed;
  std::function<Result<T>(std::string_view)> parse;
  std::function<std::string(const T&)> print;
  bool quoted = false;
};

// What people write out of habit from other programs.
std::string habit(std::string_view text, const std::vector<std::string>& words) {
  using Habit = std::pair<std::string_view, std::string_view>;
  static constexpr std::array<Habit, 12> habits{{{"yes", "true"},
                                                 {"on", "true"},
                                                 {"1", "true"},
                                                 {"no", "false"},
                                                 {"off", "false"},
                                                 {"0", "false"},
                                                 {"off", "none"},
                                                 {"0", "none"},
                                                 {"unlimited", "none"},
                                                 {"default", "auto"},
                                                 {"0", "auto"},
                                                 {"err", "error"}}};
  for (const auto& [habitual, ours] : habits) {
    if (text == habitual && std::ranges::count(words, ours) > 0) return std::string(ours);
  }
  return {};
}

std::string suggestion(std::string_view text, const std::vector<std::string>& words) {
  std::string meant = habit(text, words);
  if (meant.empty()) meant = nearest(text, words);
  return meant.empty() ? "" : " (did you mean " + meant + "?)";
}

void report_value(ReadContext& context, const YamlNode& node, const std::string& key,
                  const std::string& wrong, const std::string& allowed) {
  context.report(node.place, key, in_quotes(node.text) + ' ' + wrong + "; allowed: " + allowed);
}

template <class T>
const T& unwrap(const T& value) {
  return value;
}
template <class T>
const T& unwrap(const std::optional<T>& value) {
  return *value;
}

template <class Field>
Setting single_value(std::string key, SettingType type, Field field,
                     Notation<ValueType<Field>> notation, Words<Field> words, std::string help) {
  std::vector<std::string> names;
  for (const auto& [name, value] : words) names.push_back(name);
  std::vector<std::string> alternatives = names;
  if (!notation.allowed.empty()) alternatives.insert(alternatives.begin(), notation.allowed);
  const std::string allowed = join_words(alternatives);

  const auto read = [=](const YamlNode& node, Config& config, ReadContext& context) {
    // YAML takes the word null for no value unless it is quoted.
    const bool is_word = std::ranges::count(names, node.text) > 0;
    const bool is_null_word = node.kind == YamlNode::Kind::null && is_word;
    if (!is_null_word && !context.expect(node, YamlNode::Kind::scalar, key, allowed)) return;
    const auto word = std::ranges::find(words, node.text, [](const auto& w) { return w.first; });
    if (word != words.end()) {
      field(config) = word->second;
    } else if (!notation.parse) {
      return report_value(context, node, key, "is unknown" + suggestion(node.text, names), allowed);
    } else {
      const auto value = notation.parse(node.text);
      if (!value) {
        const std::string wrong = value.error().message + suggestion(node.text, names);
        return report_value(context, node, key, wrong, allowed);
      }
      field(config) = *value;
    }
    context.remember(key, {key, node.place});
  };
  const auto write = [=](const Config& config) {
    const auto word =
        std::ranges::find_if(words, [&](const auto& w) { return w.second == field(config); });
    if (word != words.end()) return YamlNode::scalar(word->first);
    YamlNode node = YamlNode::scalar(notation.print(unwrap(field(config))));
    node.quoted = notation.quoted;
    return node;
  };
  return {key, type, names, allowed, std::move(help), read, write};
}

template <class Field>
Setting word(std::string key, Field field, Words<Field> words, std::string help) {
  return single_value(std::move(key), SettingType::word, field, {}, std::move(words),
                      std::move(help));
}

// The words of an enum.
template <class Field, class Table>
Setting word_of(std::string key, Field field, const Table& table, std::string help) {
  Words<Field> words;
  for (const auto& [value, name] : table.rows()) words.emplace_back(name, value);
  return word(std::move(key), field, std::move(words), std::move(help));
}

template <class Field>
Setting boolean(std::string key, Field field, std::string help) {
  return word(std::move(key), field, {{"true", true}, {"false", false}}, std::move(help));
}

// `parse`, and then what lies outside of the range is refused as well.
template <class T, class Parse>
auto within(T lowest, T highest, Parse parse) {
  return [=](std::string_view text) -> decltype(parse(text)) {
    auto value = parse(text);
    if (value && *value < lowest) return Error{"is too small"};
    if (value && *value > highest) return Error{"is too large"};
    return value;
  };
}

template <class Field>
Setting number(std::string key, Field field, std::uint64_t lowest, std::uint64_t highest,
               Words<Field> words, std::string help) {
  using Number = ValueType<Field>;
  const auto parse = within(lowest, highest, parse_number);
  return single_value(
      std::move(key), SettingType::number, field,
      {"a whole number from " + std::to_string(lowest) + " to " + std::to_string(highest),
       [=](std::string_view text) -> Result<Number> {
         const auto value = parse(text);
         if (!value) return value.error();
         return static_cast<Number>(*value);
       },
       [](const Number& value) { return std::to_string(value); }},
      std::move(words), std::move(help));
}

template <class Field>
Setting duration(std::string key, Field field, std::chrono::milliseconds lowest,
                 std::chrono::milliseconds highest, Words<Field> words, std::string help) {
  using Duration = ValueType<Field>;
  const bool in_seconds = std::is_same_v<Duration, std::chrono::seconds>;
  const auto parse = within(lowest, highest, parse_duration);
  return single_value(std::move(key), SettingType::duration, field,
                      {(in_seconds ? "a duration in whole seconds from " : "a duration from ") +
                           print_duration(lowest) + " to " + print_duration(highest),
                       [=](std::string_view text) -> Result<Duration> {
                         const auto value = parse(text);
                         if (!value) return value.error();
                         const auto rounded = std::chrono::duration_cast<Duration>(*value);
                         if (rounded != *value) return Error{"is not in whole seconds"};
                         return rounded;
                       },
                       [](const Duration& value) { return print_duration(value); }},
                      std::move(words), std::move(help));
}

template <class Field>
Setting size(std::string key, Field field, std::uint64_t lowest, std::uint64_t highest,
             Words<Field> words, std::string help) {
  return single_value(std::move(key), SettingType::size, field,
                      {"a size from " + print_size(lowest) + " to " + print_size(highest),
                       within(lowest, highest, parse_size), print_size},
                      std::move(words), std::move(help));
}

template <class Field>
Setting share(std::string key, Field field, std::string help) {
  return single_value(std::move(key), SettingType::share, field,
                      {"a share from 0% to 100%", parse_share, print_share}, {}, std::move(help));
}

template <class Field>
Setting path(std::string key, Field field, Words<Field> words, std::string help) {
  return single_value(std::move(key), SettingType::path, field,
                      {"an absolute path", parse_path,
                       [](const std::filesystem::path& value) { return value.string(); }, true},
                      std::move(words), std::move(help));
}

template <class Field>
Setting metrics_address(std::string key, Field field, Words<Field> words, std::string help) {
  return single_value(std::move(key), SettingType::address, field,
                      {"an IP address with an optional port", parse_metrics_listen,
                       [](const Endpoint& value) { return value.to_text(); }, true},
                      std::move(words), std::move(help));
}

std::string element_key(const std::string& list, std::size_t index) {
  return list + '[' + std::to_string(index) + ']';
}

constexpr std::string_view address_form =
    "an IP address with an optional port, such as \"192.0.2.1\", \"192.0.2.1:5353\" or "
    "\"[2001:db8::1]:53\"";

constexpr std::size_t max_listen_addresses = 64;

// An address that ends in a colon is a key without a value to YAML.
bool is_unquoted_address(const YamlNode& node) {
  return node.kind == YamlNode::Kind::map && node.items.size() == 1 &&
         node.items[0].kind == YamlNode::Kind::null &&
         IpAddress::parse(node.keys[0].text + ':').has_value();
}

bool expect_element(const YamlNode& node, const std::string& key, std::string_view allowed,
                    ReadContext& context) {
  if (!is_unquoted_address(node)) {
    return context.expect(node, YamlNode::Kind::scalar, key, allowed);
  }
  const std::string address = node.keys[0].text + ':';
  context.report(node.place, key, "needs quotes: write " + in_quotes(address));
  return false;
}

Setting listen_addresses(const std::string& key, std::string help) {
  const std::string allowed = "a list of 1 to " + std::to_string(max_listen_addresses) +
                              " IP addresses with optional ports";
  const auto read = [=](const YamlNode& node, Config& config, ReadContext& context) {
    if (!context.expect(node, YamlNode::Kind::list, key, allowed)) return;
    config.listen.clear();
    if (node.items.empty() || node.items.size() > max_listen_addresses) {
      const std::string wrong = node.items.empty() ? "is empty" : "has too many addresses";
      return context.report(node.place, key, wrong + "; allowed: " + allowed);
    }
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      const YamlNode& item = node.items[i];
      const std::string item_key = element_key(key, i);
      if (!expect_element(item, item_key, address_form, context)) continue;
      const auto endpoint = parse_listen(item.text);
      if (!endpoint) {
        report_value(context, item, item_key, endpoint.error().message, std::string(address_form));
        continue;
      }
      config.listen.push_back(*endpoint);
      context.remember(key, {item_key, item.place});
    }
  };
  const auto write = [](const Config& config) {
    std::vector<YamlNode> items;
    for (const Endpoint& endpoint : config.listen) {
      items.push_back(YamlNode::quoted_scalar(endpoint.to_text()));
    }
    return YamlNode::list(std::move(items));
  };
  return {key, SettingType::addresses, {}, allowed, std::move(help), read, write};
}

constexpr std::string_view upstream_form =
    "\"address\", \"address:port\", \"tcp://address\", \"tls://address#certificate.name\", or a "
    "map of address, protocol and tls_name";
constexpr std::string_view upstream_keys = "address, protocol or tls_name";

// Reads {address: 192.0.2.1, protocol: tls, tls_name: dns.example}.
std::optional<UpstreamConfig> read_upstream_map(const YamlNode& node, const std::string& key,
                                                ReadContext& context) {
  const YamlNode* address = nullptr;
  const YamlNode* tls_name = nullptr;
  UpstreamConfig upstream;
  bool good = true;
  const auto wrong = [&](const YamlNode& at, const std::string& name, const Error& error,
                         std::string_view allowed) {
    report_value(context, at, key + '.' + name, error.message, std::string(allowed));
    good = false;
  };
  const auto is_scalar = [&](const YamlNode& value, const std::string& name,
                             std::string_view allowed) {
    const bool scalar = context.expect(value, YamlNode::Kind::scalar, key + '.' + name, allowed);
    good = good && scalar;
    return scalar;
  };
  bool has_address = false;
  context.for_each_entry(
      node, key, [&](const std::string& name, const YamlNode& at, const YamlNode& value) {
        if (name == "address") {
          has_address = true;
          if (is_scalar(value, name, address_form)) address = &value;
        } else if (name == "protocol") {
          if (!is_scalar(value, name, "udp, tcp or tls")) return;
          const auto protocol = parse_protocol(value.text);
          if (!protocol) return wrong(value, name, protocol.error(), "udp, tcp or tls");
          upstream.protocol = *protocol;
        } else if (name == "tls_name") {
          if (is_scalar(value, name, "a host name")) tls_name = &value;
        } else {
          const std::string hint = suggestion(name, {"address", "protocol", "tls_name"});
          context.report(
              at.place, key + '.' + name,
              "is not a part of an upstream" + hint + "; allowed: " + std::string(upstream_keys));
          good = false;
        }
      });
  if (!has_address) {
    context.report(node.place, key, "has no address; allowed: " + std::string(upstream_form));
    good = false;
  }
  if (address != nullptr) {
    const auto read = parse_upstream_address(address->text, upstream);
    if (!read) wrong(*address, "address", read.error(), address_form);
  }
  if (tls_name != nullptr) {
    auto name = parse_tls_name(tls_name->text);
    if (!name) {
      wrong(*tls_name, "tls_name", name.error(), "a host name such as dns.example");
    } else if (good && upstream.protocol != Protocol::tls) {
      context.report(tls_name->place, key + ".tls_name",
                     "is given although only protocol: tls has certificates");
      good = false;
    } else {
      upstream.tls_name = *name;
    }
  }
  if (!good) return std::nullopt;
  return upstream;
}

std::optional<UpstreamConfig> read_upstream(const YamlNode& node, const std::string& key,
                                            ReadContext& context) {
  if (node.kind == YamlNode::Kind::map && !is_unquoted_address(node)) {
    return read_upstream_map(node, key, context);
  }
  if (!expect_element(node, key, upstream_form, context)) return std::nullopt;
  const auto upstream = parse_upstream(node.text);
  if (upstream) return *upstream;
  report_value(context, node, key, upstream.error().message, std::string(upstream_form));
  return std::nullopt;
}

// Whether the node is a list; its good elements go to `upstreams`.
bool read_upstreams(const YamlNode& node, const std::string& key, const std::string& remember_as,
                    std::vector<UpstreamConfig>& upstreams, ReadContext& context) {
  if (!context.expect(node, YamlNode::Kind::list, key, "a list of upstreams")) return false;
  upstreams.clear();
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    const std::string item_key = element_key(key, i);
    auto upstream = read_upstream(node.items[i], item_key, context);
    if (!upstream) continue;
    upstreams.push_back(std::move(*upstream));
    context.remember(remember_as, {item_key, node.items[i].place});
  }
  return true;
}

YamlNode write_upstreams(const std::vector<UpstreamConfig>& upstreams) {
  std::vector<YamlNode> items;
  for (const UpstreamConfig& upstream : upstreams) {
    items.push_back(YamlNode::quoted_scalar(print_upstream(upstream)));
  }
  return YamlNode::list(std::move(items));
}

Setting upstream_list(const std::string& key, std::string help) {
  const auto read = [=](const YamlNode& node, Config& config, ReadContext& context) {
    read_upstreams(node, key, key, config.upstreams, context);
  };
  const auto write = [](const Config& config) { return write_upstreams(config.upstreams); };
  return {key,
          SettingType::upstreams,
          {},
          "a list of upstreams, each " + std::string(upstream_form),
          std::move(help),
          read,
          write};
}

// Reads {zone: corp.example, upstreams: [10.0.0.2]} into the end of config.routes.
void read_route(const YamlNode& node, const std::string& key, const std::string& list_key,
                Config& config, ReadContext& context) {
  const std::string allowed = "a map of zone and upstreams";
  if (!context.expect(node, YamlNode::Kind::map, key, allowed)) return;
  const std::string upstreams_source = element_key(list_key, config.routes.size()) + ".upstreams";
  std::optional<Name> zone;
  Place zone_place;
  bool has_zone = false;
  bool has_upstreams = false;
  RouteConfig route;
  context.for_each_entry(
      node, key, [&](const std::string& name, const YamlNode& at, const YamlNode& value) {
        const std::string entry_key = key + '.' + name;
        if (name == "zone") {
          has_zone = true;
          zone_place = value.place;
          if (!context.expect(value, YamlNode::Kind::scalar, entry_key, "a domain name")) return;
          const auto parsed = parse_zone(value.text);
          if (parsed) {
            zone = *parsed;
          } else {
            report_value(context, value, entry_key, parsed.error().message,
                         "a domain name such as corp.example");
          }
        } else if (name == "upstreams") {
          has_upstreams = true;
          read_upstreams(value, entry_key, upstreams_source, route.upstreams, context);
        } else {
          context.report(at.place, entry_key,
                         "is not a part of a route" + suggestion(name, {"zone", "upstreams"}) +
                             "; allowed: zone or upstreams");
        }
      });
  if (!has_zone) context.report(node.place, key, "has no zone; allowed: " + allowed);
  if (!has_upstreams) {
    context.report(node.place, key,
                   "has no upstreams; write upstreams: [] if its names do not exist");
  }
  // A route without a good zone is kept for the checks of its upstreams; it is never used.
  route.zone = zone.value_or(Name());
  config.routes.push_back(std::move(route));
  context.remember(list_key, {key + ".zone", zone_place});
}

YamlNode write_route(const RouteConfig& route) {
  YamlNode node;
  node.kind = YamlNode::Kind::map;
  node.keys = {YamlNode::scalar("zone"), YamlNode::scalar("upstreams")};
  node.items = {YamlNode::quoted_scalar(route.zone.to_text()), write_upstreams(route.upstreams)};
  return node;
}

Setting route_list(const std::string& key, std::string help) {
  const std::string allowed = "a list of maps of zone and upstreams";
  const auto read = [=](const YamlNode& node, Config& config, ReadContext& context) {
    if (!context.expect(node, YamlNode::Kind::list, key, allowed)) return;
    config.routes.clear();
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      read_route(node.items[i], element_key(key, i), key, config, context);
    }
  };
  const auto write = [](const Config& config) {
    std::vector<YamlNode> items;
    for (const RouteConfig& route : config.routes) items.push_back(write_route(route));
    return YamlNode::list(std::move(items));
  };
  return {key, SettingType::routes, {}, allowed, std::move(help), read, write};
}

/// How the elements of a list of single values are written.
template <class Element>
struct ElementNotation {
  std::string allowed;  ///< of one element
  std::function<Result<Element>(std::string_view)> parse;
  std::function<std::string(const Element&)> print;
};

// A list of single values, none of them twice.
template <class Field, class Element = typename FieldType<Field>::value_type>
Setting value_list(std::string key, SettingType type, Field field,
                   ElementNotation<Element> notation, const std::string& plural, std::string help) {
  const std::string allowed = "a list of " + plural;
  const auto read = [=](const YamlNode& node, Config& config, ReadContext& context) {
    if (!context.expect(node, YamlNode::Kind::list, key, allowed)) return;
    field(config).clear();
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      const YamlNode& item = node.items[i];
      const std::string item_key = element_key(key, i);
      if (!expect_element(item, item_key, notation.allowed, context)) continue;
      auto value = notation.parse(item.text);
      if (!value) {
        report_value(context, item, item_key, value.error().message, notation.allowed);
        continue;
      }
      if (std::ranges::find(field(config), *value) != field(config).end()) {
        context.report(item.place, item_key, "duplicate " + in_quotes(item.text));
        continue;
      }
      field(config).push_back(std::move(*value));
      context.remember(key, {item_key, item.place});
    }
  };
  const auto write = [=](const Config& config) {
    std::vector<YamlNode> items;
    for (const Element& element : field(config)) {
      items.push_back(YamlNode::quoted_scalar(notation.print(element)));
    }
    return YamlNode::list(std::move(items));
  };
  return {key, type, {}, allowed, std::move(help), read, write};
}

template <class Field>
Setting zone_list(std::string key, Field field, std::string help) {
  return value_list(std::move(key), SettingType::zones, field,
                    {"a domain name such as corp.example", parse_zone,
                     [](const Name& zone) { return zone.to_text(); }},
                    "domain names", std::move(help));
}

template <class Field>
Setting network_list(std::string key, Field field, std::string help) {
  return value_list(std::move(key), SettingType::networks, field,
                    {"a range of addresses such as 10.0.0.0/8", parse_network,
                     [](const Network& network) { return network.to_text(); }},
                    "address ranges", std::move(help));
}

template <class Field>
Setting path_list(std::string key, Field field, std::string help) {
  return value_list(std::move(key), SettingType::paths, field,
                    {"an absolute path", parse_path,
                     [](const std::filesystem::path& value) { return value.string(); }},
                    "absolute paths", std::move(help));
}

template <class Field>
Setting trust_anchor_list(std::string key, Field field, std::string help) {
  return value_list(std::move(key), SettingType::trust_anchors, field,
                    {"an absolute path, or a record such as \". DS 20326 8 2 E06D…\"",
                     parse_trust_anchor, [](const std::string& anchor) { return anchor; }},
                    "absolute paths, or DS or DNSKEY records", std::move(help));
}

template <class Field>
Setting record_list(std::string key, Field field, std::string help) {
  return value_list(std::move(key), SettingType::records, field,
                    {"a record such as \"db.corp.example A 10.0.0.5\"", parse_record,
                     [](const LocalRecord& record) { return record.text; }},
                    "records", std::move(help));
}

Result<Name> parse_zone_or_root(std::string_view text) {
  if (text == ".") return Name();
  return parse_zone(text);
}

constexpr std::string_view zone_addresses_form = "a map of zone and addresses";

// Reads {zone: int.example, addresses: [10.0.0.1]}; nothing when a part is missing or wrong.
std::optional<LocalZoneConfig> read_local_zone(const YamlNode& node, const std::string& key,
                                               ReadContext& context) {
  if (!context.expect(node, YamlNode::Kind::map, key, zone_addresses_form)) return std::nullopt;
  std::optional<Name> zone;
  bool has_zone = false;
  bool has_addresses = false;
  bool good = true;
  LocalZoneConfig result;
  context.for_each_entry(
      node, key, [&](const std::string& name, const YamlNode& at, const YamlNode& value) {
        const std::string entry_key = key + '.' + name;
        if (name == "zone") {
          has_zone = true;
          if (!context.expect(value, YamlNode::Kind::scalar, entry_key, "a domain name")) return;
          const auto parsed = parse_zone_or_root(value.text);
          if (parsed) {
            zone = *parsed;
          } else {
            report_value(context, value, entry_key, parsed.error().message,
                         "a domain name such as int.example, or . for every name");
          }
        } else if (name == "addresses") {
          has_addresses = true;
          if (!context.expect(value, YamlNode::Kind::list, entry_key, "a list of IP addresses")) {
            good = false;
            return;
          }
          for (std::size_t i = 0; i < value.items.size(); ++i) {
            const YamlNode& item = value.items[i];
            const std::string item_key = element_key(entry_key, i);
            if (!expect_element(item, item_key, "an IP address", context)) {
              good = false;
              continue;
            }
            const auto address = IpAddress::parse(item.text);
            if (address && address->scope_id == 0) {
              result.addresses.push_back(*address);
            } else {
              report_value(context, item, item_key, "is not an IP address", "an IP address");
              good = false;
            }
          }
        } else {
          context.report(at.place, entry_key,
                         "is not a part of a zone" + suggestion(name, {"zone", "addresses"}) +
                             "; allowed: zone or addresses");
        }
      });
  if (!has_zone) {
    context.report(node.place, key, "has no zone; allowed: " + std::string(zone_addresses_form));
  }
  if (!has_addresses) {
    context.report(node.place, key,
                   "has no addresses; write addresses: [] if its names do not exist");
  }
  if (!zone || !has_addresses || !good) return std::nullopt;
  result.zone = *zone;
  return result;
}

YamlNode write_local_zone(const LocalZoneConfig& local) {
  YamlNode node;
  node.kind = YamlNode::Kind::map;
  node.keys = {YamlNode::scalar("zone"), YamlNode::scalar("addresses")};
  std::vector<YamlNode> addresses;
  for (const IpAddress& address : local.addresses) {
    addresses.push_back(YamlNode::quoted_scalar(address.to_text()));
  }
  node.items = {YamlNode::quoted_scalar(local.zone.to_text()), YamlNode::list(addresses)};
  return node;
}

Setting local_zone_list(const std::string& key, std::string help) {
  const std::string allowed = "a list of maps of zone and addresses";
  const auto read = [=](const YamlNode& node, Config& config, ReadContext& context) {
    if (!context.expect(node, YamlNode::Kind::list, key, allowed)) return;
    config.local.zones.clear();
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      const std::string item_key = element_key(key, i);
      auto zone = read_local_zone(node.items[i], item_key, context);
      if (!zone) continue;
      config.local.zones.push_back(std::move(*zone));
      context.remember(key, {item_key + ".zone", node.items[i].place});
    }
  };
  const auto write = [](const Config& config) {
    std::vector<YamlNode> items;
    for (const LocalZoneConfig& zone : config.local.zones) items.push_back(write_local_zone(zone));
    return YamlNode::list(std::move(items));
  };
  return {key, SettingType::addresses_of_zones, {}, allowed, std::move(help), read, write};
}

// The table's column of costs.
Setting rebuilds_routes(Setting setting) {
  setting.cost = ChangeCost::routes;
  return setting;
}
Setting flushes_cache(Setting setting) {
  setting.cost = ChangeCost::flush;
  return setting;
}
Setting needs_restart(Setting setting) {
  setting.cost = ChangeCost::restart;
  return setting;
}

constexpr SettingTypeTraits type_table[] = {
    {SettingType::word, "word", 0, {}},
    {SettingType::number, "number", 0, {}},
    {SettingType::duration, "duration", 0, {}},
    {SettingType::size, "size", 0, {}},
    {SettingType::share, "share", 0, {}},
    {SettingType::path, "path", 0, {}},
    {SettingType::address, "address", 0, {}},
    {SettingType::addresses, "addresses", ',', {}},
    {SettingType::upstreams, "upstreams", ',', {}},
    {SettingType::routes, "routes", ';', "upstreams"},
    {SettingType::zones, "zones", ',', {}},
    {SettingType::networks, "networks", ',', {}},
    {SettingType::paths, "paths", ',', {}},
    {SettingType::records, "records", ';', {}},
    {SettingType::addresses_of_zones, "zone addresses", ';', "addresses"},
    {SettingType::trust_anchors, "trust anchors", ';', {}},
};

std::vector<Setting> make_settings() {
  return {
      listen_addresses("listen", "Addresses to listen on, over UDP and TCP."),
      needs_restart(number(
          "workers", [](auto& c) -> auto& { return c.workers; }, 1, 256, {{"auto", 0u}},
          "Threads that answer queries; auto is one per processor, at most 4.")),
      needs_restart(size(
          "memory", [](auto& c) -> auto& { return c.memory; }, 16ull << 20, 1ull << 40,
          {{"auto", 0}},
          "Memory that the cache, the queries being resolved, the clients that wait for them, TCP "
          "replies, the validator and the query log may use together. Hosts files and blocklists "
          "are not counted. auto is 128MiB, or three quarters of what the cgroup or the machine "
          "has if that is less; if cache.size is set, it is added to half of that. When there is "
          "no room for another query, the oldest one of the client and zone that have most gives "
          "way.")),
      rebuilds_routes(
          upstream_list("upstreams", "Name servers to query; if empty, those of upstreams_from.")),
      rebuilds_routes(path(
          "upstreams_from", [](auto& c) -> auto& { return c.upstreams_from; },
          {{"system", std::filesystem::path()}},
          "Source of the name servers while upstreams is empty; changes are followed. system is "
          "what this machine uses (systemd-resolved, NetworkManager or /etc/resolv.conf, with the "
          "domains of single interfaces); a path is a file in the format of resolv.conf(5). The "
          "cache's own addresses are ignored.")),
      rebuilds_routes(word_of(
          "policy", [](auto& c) -> auto& { return c.policy; }, policy_words,
          "Which upstream is queried. ordered queries them in the listed order, the next one only "
          "when the one before has failed; fastest queries the one with the shortest round-trip "
          "time and is for servers that all know the same names; parallel queries all of them each "
          "time. auto is fastest for the addresses of Amazon's Route 53 Resolver and ordered for "
          "all others.")),
      rebuilds_routes(boolean(
          "randomize_case", [](auto& c) -> auto& { return c.randomize_case; },
          "Randomizes the letter case of the name in each query over UDP, so that a forger has to "
          "guess it as well (\"0x20\"). Turned off by itself for a server that does not support "
          "it.")),
      duration(
          "timeout", [](auto& c) -> auto& { return c.timeout; }, 100ms, 60s, {},
          "Total time limit for a query; stub resolvers commonly wait 5s."),
      rebuilds_routes(duration(
          "hedge.after", [](auto& c) -> auto& { return c.hedge.after; }, 1ms, 10s,
          {{"auto", std::nullopt}},
          "Time after which a second upstream is queried as well; auto derives it from the "
          "measured round-trip times.")),
      rebuilds_routes(share(
          "hedge.budget", [](auto& c) -> auto& { return c.hedge.budget; },
          "Share of queries that may be sent to a second upstream in this way.")),
      rebuilds_routes(duration(
          "health.probe_interval", [](auto& c) -> auto& { return c.health.probe_interval; }, 10ms,
          1h, {},
          "First interval at which an unresponsive upstream is probed; it doubles each time.")),
      rebuilds_routes(duration(
          "health.probe_interval_max", [](auto& c) -> auto& { return c.health.probe_interval_max; },
          10ms, 1h, {}, "Longest interval at which an unresponsive upstream is probed.")),
      rebuilds_routes(number(
          "quota.packets_per_second", [](auto& c) -> auto& { return c.quota.packets_per_second; },
          1, 10'000'000, {{"auto", std::nullopt}, {"none", 0u}},
          "Maximum number of packets sent to one upstream per second; auto is 1024 for the "
          "resolvers of an EC2 VPC and none for others.")),
      rebuilds_routes(route_list(
          "routes",
          "Zones with their own upstreams, for the zone's name and all names below it. With "
          "an empty list of upstreams these names do not exist (NXDOMAIN).")),
      boolean(
          "domain_needed", [](auto& c) -> auto& { return c.domain_needed; },
          "Address queries (A, AAAA) for names without a dot are not sent to upstreams: unless the "
          "name is local or has a route, it does not exist (NXDOMAIN)."),
      word_of(
          "bogus_priv", [](auto& c) -> auto& { return c.bogus_priv; }, bogus_priv_words,
          "Reverse mapping of private addresses (RFC 6303): names that are not local do not exist "
          "(NXDOMAIN), except in the zones of routes. auto queries the upstreams if one of them "
          "has a private or link-local address itself and so may know the names, as in a VPC."),
      boolean(
          "filter_a", [](auto& c) -> auto& { return c.filter_a; },
          "Do not query upstreams for IPv4 addresses: names that are not local have none."),
      boolean(
          "filter_aaaa", [](auto& c) -> auto& { return c.filter_aaaa; },
          "Do not query upstreams for IPv6 addresses: names that are not local have none."),
      boolean(
          "round_robin", [](auto& c) -> auto& { return c.round_robin; },
          "Rotate the addresses of a name (A, AAAA), from upstreams and hosts files, in each "
          "response, so that clients spread over them. false keeps their order."),
      flushes_cache(boolean(
          "rebind_protection.enabled", [](auto& c) -> auto& { return c.rebind_protection.enabled; },
          "Turn an upstream's answer with private addresses into an empty one (NODATA), so that a "
          "public name cannot lead a browser to an internal server.")),
      flushes_cache(zone_list(
          "rebind_protection.allow", [](auto& c) -> auto& { return c.rebind_protection.allow; },
          "Zones whose names may have private addresses, the zone's own name included.")),
      flushes_cache(boolean(
          "rebind_protection.allow_localhost",
          [](auto& c) -> auto& { return c.rebind_protection.allow_localhost; },
          "Allow addresses of this machine in answers: 127.0.0.0/8, 0.0.0.0/8, ::1 and ::.")),
      flushes_cache(boolean(
          "rebind_protection.private_upstreams",
          [](auto& c) -> auto& { return c.rebind_protection.private_upstreams; },
          "Allow private addresses in answers of upstreams that have a private or link-local "
          "address themselves.")),
      flushes_cache(network_list(
          "bogus_nxdomain", [](auto& c) -> auto& { return c.bogus_nxdomain; },
          "Treat an upstream's answer with one of these addresses as NXDOMAIN.")),
      flushes_cache(network_list(
          "ignore_addresses", [](auto& c) -> auto& { return c.ignore_addresses; },
          "Treat an upstream's answer with one of these addresses as a failure and query the next "
          "upstream.")),
      flushes_cache(word_of(
          "dnssec.mode", [](auto& c) -> auto& { return c.dnssec.mode; }, dnssec_mode_words,
          "DNSSEC: off neither requests signatures nor passes them on; passthrough passes on what "
          "clients and upstreams exchange; validate verifies signatures and rejects forged "
          "answers. See DNSSEC below.")),
      flushes_cache(trust_anchor_list(
          "dnssec.trust_anchors", [](auto& c) -> auto& { return c.dnssec.trust_anchors; },
          "Trust anchors: DS or DNSKEY records, or files of them. A file in unbound's format for "
          "RFC 5011 is kept up to date if the engine can write it.")),
      flushes_cache(zone_list(
          "dnssec.negative_trust_anchors",
          [](auto& c) -> auto& { return c.dnssec.negative_trust_anchors; },
          "Zones that are not validated, because their signatures are broken or their names are "
          "internal. The zones of routes and private names are never validated.")),
      path_list(
          "local.hosts_files", [](auto& c) -> auto& { return c.local.hosts_files; },
          "Files in the format of hosts(5), or directories of such files, whose names are answered "
          "locally. Changes are followed."),
      single_value(
          "local.domain", SettingType::word, [](auto& c) -> auto& { return c.local.domain; },
          Notation<Name>{"a domain name", parse_zone, [](const Name& n) { return n.to_text(); },
                         true},
          {{"none", std::nullopt}},
          "Domain of names without a dot in hosts files, for local.expand_hosts."),
      boolean(
          "local.expand_hosts", [](auto& c) -> auto& { return c.local.expand_hosts; },
          "Also answer names without a dot in hosts files with local.domain appended."),
      duration(
          "local.ttl", [](auto& c) -> auto& { return c.local.ttl; }, 0s, 7 * 24h, {},
          "TTL of local records, unless a record has its own, and of answers for blocked names."),
      record_list(
          "local.records", [](auto& c) -> auto& { return c.local.records; },
          "Records that are answered locally, with the reverse mapping of their addresses. A name "
          "has no other records."),
      local_zone_list("local.zones",
                      "Zones in which every name has these addresses, the zone's own name "
                      "included. With an empty list the names do not exist (NXDOMAIN)."),
      path_list(
          "local.block.files", [](auto& c) -> auto& { return c.local.block.files; },
          "Blocklists, in any of the formats under Block lists. Changes are followed."),
      zone_list(
          "local.block.allow", [](auto& c) -> auto& { return c.local.block.allow; },
          "Zones that are resolved even if a blocklist has them or a domain above them."),
      word_of(
          "local.block.answer", [](auto& c) -> auto& { return c.local.block.answer; },
          block_answer_words,
          "Response for a blocked name: NXDOMAIN, the addresses 0.0.0.0 and ::, or REFUSED."),
      network_list(
          "acl", [](auto& c) -> auto& { return c.acl; },
          "Clients to serve in addition to this machine, which is always served; all others get "
          "REFUSED."),
      number(
          "rate_limit.queries_per_second",
          [](auto& c) -> auto& { return c.rate_limit.queries_per_second; }, 1, 1'000'000,
          {{"none", 0u}},
          "Queries per second over UDP that a network of clients (IPv4 /24, IPv6 /56) may send. "
          "Those above the limit are answered with TC, which makes an honest client use TCP and "
          "gives a forged address nothing. This machine is not limited."),
      number(
          "rate_limit.burst", [](auto& c) -> auto& { return c.rate_limit.burst; }, 1, 10'000'000,
          {}, "Queries that a network may send at once after a pause."),
      needs_restart(size(
          "cache.size", [](auto& c) -> auto& { return c.cache.size; }, 1ull << 20, 1ull << 40,
          {{"auto", 0}},
          "Memory for answers, index included; auto is half of memory. 64MiB hold some 500,000 "
          "answers.")),
      duration(
          "cache.min_ttl", [](auto& c) -> auto& { return c.cache.min_ttl; }, 0s, 24h, {},
          "Minimum time an answer stays in the cache, even if its TTL is shorter."),
      duration(
          "cache.max_ttl", [](auto& c) -> auto& { return c.cache.max_ttl; }, 1s, 7 * 24h, {},
          "Maximum time an answer stays in the cache."),
      rebuilds_routes(duration(
          "cache.negative.default_ttl",
          [](auto& c) -> auto& { return c.cache.negative.default_ttl; }, 0s, 24h, {},
          "Time a negative response (NXDOMAIN, NODATA) without a SOA record stays in the cache.")),
      duration(
          "cache.negative.max_ttl", [](auto& c) -> auto& { return c.cache.negative.max_ttl; }, 0s,
          24h, {}, "Maximum time a negative response stays in the cache."),
      word_of(
          "cache.nxdomain_cut", [](auto& c) -> auto& { return c.cache.nxdomain_cut; },
          nxdomain_cut_words,
          "Whether names below one that does not exist are answered with NXDOMAIN without a query "
          "(RFC 8020): never; validated, if dnssec.mode is validate and the denial was proved; or "
          "always. Some servers deny names that have others below them; with always, those are "
          "lost. A route is never crossed, and local and cached names are answered as usual."),
      boolean(
          "cache.prefetch", [](auto& c) -> auto& { return c.cache.prefetch; },
          "Refresh an answer in the background if it is queried in the last tenth of its "
          "lifetime."),
      boolean(
          "cache.serve_stale.enabled", [](auto& c) -> auto& { return c.cache.serve_stale.enabled; },
          "Answer with expired data while no upstream responds (RFC 8767)."),
      duration(
          "cache.serve_stale.after", [](auto& c) -> auto& { return c.cache.serve_stale.after; }, 0s,
          60s, {}, "Time to wait for upstreams before expired data is used."),
      duration(
          "cache.serve_stale.max_age", [](auto& c) -> auto& { return c.cache.serve_stale.max_age; },
          1s, 30 * 24h, {}, "Maximum time since the data expired."),
      duration(
          "cache.serve_stale.ttl", [](auto& c) -> auto& { return c.cache.serve_stale.ttl; }, 1s, 1h,
          {}, "TTL of expired data in a response."),
      path(
          "cache.persist", [](auto& c) -> auto& { return c.cache.persist; },
          {{"none", std::filesystem::path()}}, "File that keeps the cache across restarts."),
      needs_restart(path(
          "control", [](auto& c) -> auto& { return c.control; },
          {{"none", std::filesystem::path()}}, "Unix socket for status, flush and reload.")),
      metrics_address(
          "metrics.listen", [](auto& c) -> auto& { return c.metrics.listen; },
          {{"none", std::nullopt}},
          "Address at which Prometheus can fetch /metrics, such as 127.0.0.1; the default port is "
          "9153."),
      word_of(
          "query_log.level", [](auto& c) -> auto& { return c.query_log.level; }, query_log_words,
          "Queries to log: none, those that failed, or all. Lines that cannot be written fast "
          "enough are dropped and counted; no lookup waits for them."),
      path(
          "query_log.file", [](auto& c) -> auto& { return c.query_log.file; },
          {{"stderr", std::filesystem::path()}},
          "File of the query log, reopened on SIGHUP; under systemd, standard error is the "
          "journal. The service can write to /var/log/dnscachectl."),
      word_of(
          "query_log.format", [](auto& c) -> auto& { return c.query_log.format; },
          query_log_format_words,
          "One line of words for each query, or one JSON object, as of dnscachectl monitor "
          "--json."),
      word_of(
          "log_level", [](auto& c) -> auto& { return c.log_level; }, log_level_words,
          "Messages below this level are not logged."),
  };
}

// Text lines of mdoc(7): each sentence begins a line, a backslash is written \e, and a dot or quote
// that begins a line is not a request.
std::string mdoc_text(std::string_view text) {
  constexpr std::size_t width = 78;
  if (const auto end = text.find(". "); end != std::string_view::npos) {
    return mdoc_text(text.substr(0, end + 1)) + mdoc_text(text.substr(end + 2));
  }
  std::string result;
  for (const std::string& line : fold(text, width)) {
    if (line.starts_with('.') || line.starts_with('\'')) result += "\\&";
    for (const char c : line) result += c == '\\' ? std::string("\\e") : std::string(1, c);
    result += '\n';
  }
  return result;
}

// A list on one line: "127.0.0.1:53 and [::1]:53".
std::string in_one_line(const YamlNode& node) {
  if (node.kind == YamlNode::Kind::scalar) return node.text;
  if (node.items.empty()) return "[]";
  std::vector<std::string> items;
  for (const YamlNode& item : node.items) items.push_back(item.text);
  return join_words(items, "and");
}

}  // namespace

bool ReadContext::expect(const YamlNode& node, YamlNode::Kind kind, const std::string& key,
                         std::string_view allowed) {
  if (node.kind == kind) return true;
  if (node.kind == YamlNode::Kind::refused) return false;  // reported by parse_yaml
  std::string message = node.kind == YamlNode::Kind::null ? std::string("has no value")
                                                          : "is " + std::string(node.kind_text());
  if (node.kind == YamlNode::Kind::scalar && kind == YamlNode::Kind::list) {
    message += "; write it in brackets: [" + in_quotes(node.text) + ']';
  }
  report(node.place, key, message + "; allowed: " + std::string(allowed));
  return false;
}

void ReadContext::for_each_entry(
    const YamlNode& map, const std::string& prefix,
    const std::function<void(const std::string&, const YamlNode&, const YamlNode&)>& visit) {
  std::map<std::string, Place> seen;
  for (std::size_t i = 0; i < map.items.size(); ++i) {
    const YamlNode& key = map.keys[i];
    if (key.kind == YamlNode::Kind::refused) continue;
    if (key.kind != YamlNode::Kind::scalar) {
      report(key.place, prefix,
             "has " + std::string(key.kind_text()) + " as a key; allowed: a name");
      continue;
    }
    const auto [first, is_new] = seen.emplace(key.text, key.place);
    if (is_new) {
      visit(key.text, key, map.items[i]);
    } else {
      report(key.place, prefix.empty() ? key.text : prefix + '.' + key.text,
             "duplicate key, first in line " + std::to_string(first->second.line));
    }
  }
}

ReadContext::Source ReadContext::source(std::string_view setting, std::size_t index) const {
  const auto found = sources_.find(setting);
  if (found != sources_.end() && index < found->second.size()) return found->second[index];
  return {std::string(setting), {}};
}

const std::vector<Setting>& settings() {
  static const std::vector<Setting> table = make_settings();
  return table;
}

const SettingTypeTraits& traits_of(SettingType type) {
  return *std::ranges::find(type_table, type, &SettingTypeTraits::type);
}

std::vector<const Setting*> changed_settings(const Config& before, const Config& after) {
  std::vector<const Setting*> changed;
  for (const Setting& setting : settings()) {
    const bool is_same =
        write_yaml(setting.write(before), 0) == write_yaml(setting.write(after), 0);
    if (!is_same) changed.push_back(&setting);
  }
  return changed;
}

bool has_change_of(ChangeCost cost, const Config& before, const Config& after) {
  return std::ranges::any_of(changed_settings(before, after),
                             [&](const Setting* setting) { return setting->cost == cost; });
}

std::string rules_in_words(const Setting& setting) {
  std::string text = "Allowed: " + setting.allowed + '.';
  if (setting.cost == ChangeCost::flush) text += " A change flushes the cache.";
  if (setting.cost == ChangeCost::restart) text += " A change takes effect after a restart.";
  return text;
}

std::string settings_as_mdoc() {
  std::string text = ".Bl -tag -width Ds\n";
  for (const Setting& setting : settings()) {
    text += ".It Ic " + setting.key + " : Ar " + std::string(traits_of(setting.type).word) + '\n';
    text += mdoc_text(setting.help);
    text += mdoc_text(rules_in_words(setting));
    text += mdoc_text("Default: " + in_one_line(setting.default_value()) + '.');
  }
  return text + ".El\n";
}

}  // namespace dnscache
