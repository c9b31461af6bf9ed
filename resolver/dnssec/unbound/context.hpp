// One resolving context of libunbound, set up to do nothing but validate.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "resolver/config/config.hpp"
#include "resolver/dnssec/unbound/event_base.hpp"
#include "resolver/dnssec/unbound/library.hpp"
#include "resolver/upstream/race.hpp"
#include "resolver/wire/query.hpp"

namespace dnscache::unbound {

/// A context that asks everything of 127.0.0.1 at one port and keeps nothing but keys and proofs.
class Context {
 public:
  /// The error names the trust anchor that is no good.
  static Result<std::shared_ptr<Context>> open(const Library& library, EventBase& base,
                                               const std::vector<std::string>& trust_anchors,
                                               const std::vector<Name>& negative_anchors,
                                               std::uint16_t port);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  /// Begins to resolve a question; `callback` may be called before this returns. False when that
  /// is impossible: it is then not called.
  bool resolve(const Question& question, void* data, ub_event_callback_type callback);

  unsigned pending = 0;  ///< questions whose callback is still to come
  /// Upstreams failed to answer for a zone's key or its absence: the context may take it for
  /// missing, and what it calls bogus there may be no more than that.
  void note_missed_key(const Name& zone, Outcome::Kind how);
  bool has_missed_keys() const { return !missed_keys_.empty(); }
  /// How upstreams failed for a zone that the name lies in, or, without a name, for any.
  std::optional<Outcome::Kind> missed_key(const Name* name) const;

 private:
  Context(const Library& library, ub_ctx* context) : library_(library), context_(context) {}
  Result<void> configure(const std::vector<Name>& negative_anchors, std::uint16_t port);
  Result<void> add_trust_anchor(const std::string& anchor);

  struct MissedKey {
    Name zone;
    Outcome::Kind how;
  };

  const Library& library_;
  ub_ctx* context_;
  std::vector<MissedKey> missed_keys_;  // the latest last
};

}  // namespace dnscache::unbound
