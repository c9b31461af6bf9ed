// The one table of settings: everything that knows about settings is made from it.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "resolver/base/text.hpp"
#include "resolver/config/config.hpp"
#include "resolver/config/problem.hpp"
#include "resolver/config/yaml.hpp"

namespace dnscache {

/// What kind of value a setting has.
enum class SettingType {
  word,                ///< one of Setting::words, nothing else
  number,              ///< whole number
  duration,            ///< "10s"
  size,                ///< "64MiB"
  share,               ///< "5%"
  path,                ///< absolute file name
  address,             ///< one address with a port
  addresses,           ///< list of addresses with ports
  upstreams,           ///< list of upstreams, each a text or a map
  routes,              ///< list of maps of zone and upstreams
  zones,               ///< list of domain names
  networks,            ///< list of address ranges
  paths,               ///< list of absolute file names
  records,             ///< list of records as texts
  addresses_of_zones,  ///< list of maps of zone and addresses
  trust_anchors,       ///< list of absolute file names and records
};

/// What all settings of a type have in common.
struct SettingTypeTraits {
  SettingType type;
  std::string_view word;     ///< in the manual
  char separator;            ///< of a list's elements in an environment variable; 0: no list
  std::string_view map_key;  ///< of elements that are maps: what a zone is mapped to
};
const SettingTypeTraits& traits_of(SettingType type);

/// What a change of a setting costs when the configuration is loaded anew.
enum class ChangeCost {
  nothing,
  routes,   ///< what is known of the upstreams, and answers of those that are replaced
  flush,    ///< the cache
  restart,  ///< it is not in force before the next start
};

/// Where the reader collects problems and remembers the places of what it has accepted.
class ReadContext {
 public:
  ReadContext(std::string file, std::vector<Problem>& problems)
      : file_(std::move(file)), problems_(problems) {}

  void report(Place place, std::string_view key, std::string message) {
    problems_.push_back({file_, place, printable(key), std::move(message)});
  }

  /// Reports a problem unless the node is an expected kind of value; "has no value" for null.
  bool expect(const YamlNode& node, YamlNode::Kind kind, const std::string& key,
              std::string_view allowed);

  /// Calls `visit(name, key node, value)` for each entry of a map, in order; entries whose key is
  /// not a plain word or was there before are reported instead.
  void for_each_entry(
      const YamlNode& map, const std::string& prefix,
      const std::function<void(const std::string&, const YamlNode&, const YamlNode&)>& visit);

  /// A value that was accepted.
  struct Source {
    std::string key;  ///< as the user knows it, "upstreams[1]"
    Place place;
  };
  /// Adds the source of a setting, or of the next element of a list, in the order of Config.
  void remember(const std::string& setting, Source source) {
    sources_[setting].push_back(std::move(source));
  }
  /// The source of a setting or of a list's n-th element in Config; line 0 if it was not written.
  Source source(std::string_view setting, std::size_t index = 0) const;

 private:
  std::string file_;
  std::vector<Problem>& problems_;
  std::map<std::string, std::vector<Source>, std::less<>> sources_;
};

/// One setting: a row of the table.
struct Setting {
  std::string key;  ///< dotted, "cache.negative.max_ttl"
  SettingType type;
  std::vector<std::string> words;  ///< fixed words that are accepted
  std::string allowed;             ///< reads on after "allowed: "
  std::string help;                ///< one sentence with its full stop

  /// Reads the value into its place in Config, or reports what is wrong.
  std::function<void(const YamlNode&, Config&, ReadContext&)> read;
  /// The value in Config, as it would be written in a file.
  std::function<YamlNode(const Config&)> write;

  ChangeCost cost = ChangeCost::nothing;

  YamlNode default_value() const { return write(Config{}); }
};

/// The table, in the order of the manual; the settings of a section stand together.
const std::vector<Setting>& settings();

/// The settings whose values differ, in the order of the table.
std::vector<const Setting*> changed_settings(const Config& before, const Config& after);

/// Whether a setting of this cost differs.
bool has_change_of(ChangeCost cost, const Config& before, const Config& after);

/// "Allowed: …", and what a change costs where a user would notice.
std::string rules_in_words(const Setting& setting);

/// The settings part of dnscachectl.yaml(5), a list in mdoc(7).
std::string settings_as_mdoc();

}  // namespace dnscache
