// What the sections of dnsmasq's options have in common. Each is a file that reads alone.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/import/draft.hpp"
#include "cli/import/files.hpp"
#include "resolver/base/text.hpp"
#include "resolver/config/values.hpp"

namespace dnscache::cli::dnsmasq {

/// Takes the value of an option.
using Handler = std::function<void(const std::string& value)>;
using Handlers = std::map<std::string, Handler>;

/// What all sections see.
struct Context {
  const ImportFiles& files;
  std::filesystem::path resolv_file = "/etc/resolv.conf";  ///< where the servers are
  bool has_resolv_file = false;                            ///< the user named it
  Draft draft{"dnsmasq"};
  bool asks_nobody = false;  ///< no-resolv without any server
  /// Those for every name, and the lines that name them.
  std::vector<std::pair<UpstreamConfig, Draft::Index>> servers{};

  /// The servers in resolv_file, without ourselves.
  std::vector<UpstreamConfig> servers_of_file() const;
};

/// Options that belong together.
class Section {
 public:
  explicit Section(Context& context)
      : context_(context), draft_(context.draft), config_(context.draft.config()) {}
  Section(const Section&) = delete;
  Section& operator=(const Section&) = delete;
  virtual ~Section() = default;

  /// By the option's name; one with a slash behind it takes values that begin with a slash.
  virtual Handlers handlers() = 0;
  /// Called when every line is read, for what lines mean together.
  virtual void finish() {}

 protected:
  using Index = Draft::Index;

  template <class S>
  static Handler call(S* section, void (S::*method)(const std::string&)) {
    return [section, method](const std::string& value) { (section->*method)(value); };
  }
  /// What the line means depends on those that are still to come.
  void take_once(std::optional<Index>& place) {
    if (place) return draft_.not_needed("is there already");
    place = draft_.current();
  }

  Context& context_;
  Draft& draft_;
  Config& config_;
};

std::unique_ptr<Section> make_listen(Context& context);
std::unique_ptr<Section> make_servers(Context& context);
std::unique_ptr<Section> make_zones(Context& context);
std::unique_ptr<Section> make_records(Context& context);
std::unique_ptr<Section> make_answers(Context& context);
std::unique_ptr<Section> make_cache(Context& context);
std::unique_ptr<Section> make_logging(Context& context);

/// The parts of a value, without the blanks around them; a comma that was in quotes separates
/// nothing.
std::vector<std::string> split(std::string_view text, char separator);
inline constexpr char hidden_comma = '\x01';  ///< how the reader of lines marks such a comma

/// "192.0.2.1#5353@eth0".
struct Server {
  std::optional<UpstreamConfig> upstream;  ///< none: the standard servers, "#"
  std::string lost;                        ///< what could not be taken over
};
Result<Server> parse_server(std::string_view text);

/// "/a.example/b.example/rest" gives the domains and the rest; no domains for a text without "/".
struct Domains {
  bool has = false;
  std::vector<std::string> domains;
  std::string rest;
};
Domains split_domains(const std::string& value);

}  // namespace dnscache::cli::dnsmasq
