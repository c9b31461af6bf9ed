// `dnscachectl support`: what a bug report needs, in one file that may be shown to others.
#pragma once

#include <map>
#include <string>

namespace dnscache::cli {

/// Replaces names and addresses, each by the same stand-in wherever it stands: `private-ip-1`,
/// `public-ip-1`, `name-1.invalid`, and the owners of home folders by `user`. Loopback addresses,
/// the resolvers of EC2 and the endpoints of AWS itself stay, because they tell what kind of
/// machine it is.
class Redactor {
 public:
  /// Replaced by `stand_in` wherever it is a whole word; for the host's name.
  void hide(const std::string& word, const std::string& stand_in);
  /// A name that nothing tells from another word, such as a zone without a dot.
  void hide_name(const std::string& name);
  std::string redact(const std::string& text);

 private:
  std::string stand_in_for_address(const std::string& address);
  std::string stand_in_for_name(const std::string& name);

  std::map<std::string, std::string> words_;
  std::map<std::string, std::string> addresses_;
  std::map<std::string, std::string> names_;
};

/// One file of an archive in the format of tar (POSIX ustar), with its padding.
std::string tar_entry(const std::string& name, const std::string& content, long modified);

}  // namespace dnscache::cli
