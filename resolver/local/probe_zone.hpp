// Names that show whether a lookup has come to this engine.
#pragma once

#include <optional>

#include "resolver/wire/answer.hpp"
#include "resolver/wire/query.hpp"

namespace dnscache {

/// A zone below `test` (RFC 6761 section 6.2) that differs in each process: who gets an address for
/// a name in it has queried this engine and nobody else. Nothing of it may be cached.
class ProbeZone {
 public:
  ProbeZone();

  const Name& name() const { return name_; }
  /// 127.0.0.1 or a text, or that there is no other record; nothing for names outside of the zone.
  std::optional<Answer> answer(const Question& question) const;

 private:
  Name name_;
};

}  // namespace dnscache
