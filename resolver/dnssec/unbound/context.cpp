#include "resolver/dnssec/unbound/context.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "resolver/base/file_descriptor.hpp"
#include "resolver/base/text_file.hpp"
#include "resolver/dnssec/anchor_algorithms.hpp"
#include "resolver/dnssec/autotrust.hpp"

namespace dnscache::unbound {
namespace {

constexpr std::size_t max_missed_keys = 256;  // zones

// What unbound.conf(5) calls these. It is to ask us once and believe our failures, for retries,
// other servers and time limits are our upstream selection's business; a retry after a bogus
// answer may reach another upstream. Keys alone are kept (the key cache), so that our own cache
// decides how long an answer is good, and flushing and refreshing it means something.
std::string config_text(std::uint16_t port) {
  return R"(server:
 module-config: "validator iterator"
 do-ip6: no
 do-not-query-localhost: no
 outgoing-range: 4096
 num-queries-per-thread: 8192
 edns-buffer-size: 65000
 msg-buffer-size: 65552
 msg-cache-size: 256k
 rrset-cache-size: 256k
 key-cache-size: 2m
 neg-cache-size: 256k
 aggressive-nsec: no
 trust-anchor-signaling: no
 root-key-sentinel: no
 qname-minimisation: no
 target-fetch-policy: "0 0 0 0 0"
 infra-cache-min-rtt: 30000
 outbound-msg-retry: 1
 val-max-restart: 2
 val-log-level: 2
 use-syslog: no
 log-servfail: no
forward-zone:
 name: "."
 forward-no-cache: yes
 forward-addr: 127.0.0.1@)" +
         std::to_string(port) + "\n";
}

// A file in memory, which has a name.
FileDescriptor memory_file(const std::string& text) {
  FileDescriptor file(::memfd_create("libunbound", MFD_CLOEXEC));
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    file.reset();
  }
  return file;
}

// Files that cannot be read are another error.
Result<void> check_anchors(const std::vector<std::string>& anchors) {
  std::vector<std::string> texts;
  for (const std::string& anchor : anchors) {
    if (!anchor.starts_with('/')) {
      texts.push_back(anchor);
    } else if (const auto text = read_text_file(anchor)) {
      texts.push_back(*text);
    }
  }
  return check_algorithms(texts);
}

bool may_replace(const std::filesystem::path& file) {
  return ::access(file.c_str(), W_OK) == 0 && ::access(file.parent_path().c_str(), W_OK) == 0;
}

}  // namespace

Result<std::shared_ptr<Context>> Context::open(const Library& library, EventBase& base,
                                               const std::vector<std::string>& trust_anchors,
                                               const std::vector<Name>& negative_anchors,
                                               std::uint16_t port) {
  ub_ctx* created = library.create(&base);
  if (created == nullptr) return Error{"libunbound cannot be set up: out of memory"};
  std::shared_ptr<Context> context(new Context(library, created));
  if (auto done = context->configure(negative_anchors, port); !done) return done.error();
  if (auto usable = check_anchors(trust_anchors); !usable) return usable.error();
  for (const std::string& anchor : trust_anchors) {
    if (auto added = context->add_trust_anchor(anchor); !added) return added.error();
  }
  // Any change to a local zone makes libunbound read what it was given.
  if (const int error = library.remove_local_zone(created, "localhost."); error != 0) {
    return Error{std::string("libunbound does not accept dnssec.trust_anchors (") +
                 library.error_text(error) + "): correct them"};
  }
  return context;
}

Context::~Context() { library_.destroy(context_); }

Result<void> Context::configure(const std::vector<Name>& negative_anchors, std::uint16_t port) {
  const FileDescriptor file = memory_file(config_text(port));
  const std::string name = "/proc/self/fd/" + std::to_string(file.get());
  if (const int error = library_.read_config(context_, name.c_str()); error != 0) {
    return Error{std::string("libunbound does not accept its settings: ") +
                 library_.error_text(error)};
  }
  for (const Name& zone : negative_anchors) {
    library_.set_option(context_, "domain-insecure:", zone.to_text().c_str());
  }
  return {};
}

Result<void> Context::add_trust_anchor(const std::string& anchor) {
  if (!anchor.starts_with('/')) {
    library_.add_anchor(context_, anchor.c_str());
    return {};
  }
  const auto text = read_text_file(anchor);
  if (!text) {
    return Error{"dnssec.trust_anchors: " + text.error().message +
                 "; install dns-root-data, or name another file"};
  }
  if (!is_autotrust(*text)) {
    library_.add_anchor_file(context_, anchor.c_str());
    return {};
  }
  if (may_replace(anchor)) {
    library_.add_anchor_file_kept(context_, anchor.c_str());
    return {};
  }
  const auto keys = trusted_keys(*text);
  if (keys.empty()) {
    return Error{"dnssec.trust_anchors: " + anchor +
                 " has no key in the state VALID or MISSING; run unbound-anchor, or name another "
                 "file"};
  }
  for (const std::string& key : keys) library_.add_anchor(context_, key.c_str());
  return {};
}

// Where there are too many to remember, any name's key may be among them.
void Context::note_missed_key(const Name& zone, Outcome::Kind how) {
  std::erase_if(missed_keys_, [&](const MissedKey& missed) { return missed.zone == zone; });
  if (missed_keys_.size() < max_missed_keys) {
    missed_keys_.push_back({zone, how});
  } else {
    missed_keys_.back() = {Name{}, how};
  }
}

std::optional<Outcome::Kind> Context::missed_key(const Name* name) const {
  const auto latest = std::find_if(
      missed_keys_.rbegin(), missed_keys_.rend(),
      [&](const MissedKey& missed) { return name == nullptr || name->is_within(missed.zone); });
  if (latest == missed_keys_.rend()) return std::nullopt;
  return latest->how;
}

bool Context::resolve(const Question& question, void* data, ub_event_callback_type callback) {
  return library_.resolve(context_, question.name.to_text().c_str(), question.type, class_in, data,
                          callback, nullptr) == 0;
}

}  // namespace dnscache::unbound
