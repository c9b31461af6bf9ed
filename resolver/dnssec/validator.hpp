// Where answers are validated (RFC 4035 section 5): the seam to libunbound.
#pragma once

#include <asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "resolver/base/error.hpp"
#include "resolver/base/stats.hpp"
#include "resolver/upstream/race.hpp"

namespace dnscache {

/// Takes the outcome of a lookup to whoever asked for it.
using OutcomeFunction = std::function<void(Outcome)>;

/// Asks upstreams one question, with their signatures and without their verdict (DO and CD set).
/// Answers have their source.
using FetchFunction = std::function<void(const Question&, OutcomeFunction)>;

/// Looks questions up and checks the signatures of what comes. Used by one thread.
class Validator {
 public:
  virtual ~Validator() = default;
  /// Whether answers to this question are validated at all.
  virtual bool covers(const Question& question) const = 0;
  /// Looks a question up; `done` is called later, once, unless the validator goes before. An answer
  /// is authentic where it is secure; an outcome of kind `bogus` says why; when upstreams failed,
  /// it is their failure. There is no time limit.
  virtual void ask(const Question& question, OutcomeFunction done) = 0;
  /// Forgets the keys and proofs that were seen.
  virtual void forget() = 0;
};

/// A validator for this configuration that asks for everything it needs by `fetch`; null unless the
/// mode is `validate`. The error says which trust anchor is no good, or what is not installed.
Result<std::shared_ptr<Validator>> make_validator(asio::io_context& io, const Config& config,
                                                  FetchFunction fetch);

/// "libunbound 1.17.1", the one that the program was built with, or "not built in".
std::string dnssec_support();

/// What became of the questions that were to be validated.
struct ValidationStats {
  Counter secure;
  Counter insecure;  ///< proven to lie in a zone without signatures
  Counter bogus;
  Counter failed;  ///< the upstreams gave no answer
};

}  // namespace dnscache
