// What the sections of Unbound's options have in common. Each is a file that reads alone.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "cli/import/draft.hpp"
#include "cli/import/unbound/lines.hpp"
#include "resolver/base/text.hpp"
#include "resolver/config/values.hpp"

namespace dnscache::cli::unbound {

/// Takes an option of `server:`.
using Handler = std::function<void(const Attribute&)>;
using Handlers = std::map<std::string, Handler>;

/// Options that belong together.
class Section {
 public:
  explicit Section(Draft& draft) : draft_(draft), config_(draft.config()) {}
  Section(const Section&) = delete;
  Section& operator=(const Section&) = delete;
  virtual ~Section() = default;

  virtual Handlers handlers() = 0;
  /// Called when every line is read, for what lines mean together.
  virtual void finish() = 0;

 protected:
  using Index = Draft::Index;

  template <class S>
  static Handler call(S* section, void (S::*method)(const Attribute&)) {
    return [section, method](const Attribute& attribute) { (section->*method)(attribute); };
  }
  /// yes or no; else the line is refused.
  std::optional<bool> yes_or_no(const Attribute& attribute) {
    if (attribute.value() == "yes") return true;
    if (attribute.value() == "no") return false;
    draft_.refuse(in_quotes(attribute.value()) + " is neither yes nor no");
    return std::nullopt;
  }

  Draft& draft_;
  Config& config_;
};

std::unique_ptr<Section> make_listen(Draft& draft);
std::unique_ptr<Section> make_cache(Draft& draft);
std::unique_ptr<Section> make_local(Draft& draft);
std::unique_ptr<Section> make_answers(Draft& draft);
std::unique_ptr<Section> make_logging(Draft& draft);

/// "192.0.2.1@5353#dns.example": an address, and where a port and a name are allowed, those.
struct AddressText {
  Endpoint endpoint;
  std::string tls_name;
};
std::optional<AddressText> parse_address(std::string_view text, std::uint16_t default_port);

}  // namespace dnscache::cli::unbound
