// Where in which file a setting or a name was written.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "resolver/base/endpoint.hpp"
#include "resolver/config/config.hpp"
#include "resolver/config/yaml.hpp"
#include "resolver/wire/name.hpp"

namespace dnscache::cli {

/// A line of a file.
struct Where {
  std::string file;
  int line = 0;  ///< from 1; 0: the file as a whole

  std::string to_text() const;  ///< "/etc/hosts:3"
};

/// A configuration file as lines: finds where settings stand.
class ConfigLines {
 public:
  ConfigLines() = default;
  /// Whatever cannot be read has no lines.
  explicit ConfigLines(const std::filesystem::path& file);
  ConfigLines(std::string file, std::string_view text);

  const Config& config() const { return config_; }

  /// "local.block.files"
  std::optional<Where> setting(std::string_view path) const;
  /// The element of the list that is about this zone: `zone: corp.example` or the zone alone.
  std::optional<Where> zone(std::string_view list, const Name& zone) const;
  /// The record of this name, or one with this address.
  std::optional<Where> record(const Name& name, const std::optional<IpAddress>& address) const;

 private:
  const YamlNode* find(std::string_view path) const;
  std::optional<Where> at(const YamlNode& node) const;

  std::string file_;
  YamlNode root_;
  Config config_;
};

/// The first line of a file in the form of hosts(5) that names it, or that is for this address.
std::optional<Where> find_in_hosts(const std::filesystem::path& file, const Name& name,
                                   const std::optional<IpAddress>& address = {});
/// The first line of one of these block lists that names it.
std::optional<Where> find_in_block_lists(const std::vector<std::filesystem::path>& files,
                                         const Name& name);

/// The address whose reverse name it is (RFC 1035 section 3.5, RFC 3596 section 2.5).
std::optional<IpAddress> address_of_reverse(const Name& name);

}  // namespace dnscache::cli
