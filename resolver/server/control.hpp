// The control socket: one JSON object a line, answered by one or more, of which the last says "ok".
#pragma once

#include <asio/io_context.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "resolver/base/error.hpp"

namespace dnscache {

/// Who sent a command.
struct ControlPeer {
  bool may_change = false;  ///< root or the engine's own user; others may only ask for the status
  bool is_root = false;
};

/// A reply in parts: appends the next lines to `out`, or none yet; false when it was the last part.
/// Clients are served between the parts, so each should take a millisecond at most.
class ControlReply {
 public:
  template <class Next>
  requires std::is_invocable_r_v<bool, Next&, std::string&> ControlReply(Next next)
      : next_(std::move(next)) {}  // NOLINT: implicit on purpose

  bool operator()(std::string& out) const { return next_(out); }

  /// What is to be said depends on others: where there is nothing yet, it is asked again after a
  /// millisecond and not at once.
  ControlReply&& that_waits() && {
    waits_ = true;
    return std::move(*this);
  }
  bool waits() const { return waits_; }

 private:
  std::function<bool(std::string& out)> next_;
  bool waits_ = false;
};

/// A reply of one line, given without its newline.
ControlReply one_line(std::string line);

/// Answers one line (without its newline) with lines of JSON, of which only the last has the member
/// "ok".
using ControlHandler =
    std::function<ControlReply(const std::string& line, const ControlPeer& peer)>;

/// A Unix stream socket at a path, which it removes at its end. A user has 8 connections at most
/// and all users together 32; root always gets in.
class ControlSocket {
 public:
  /// Takes the place of a socket that nobody listens on any more; an error when somebody does.
  static Result<std::unique_ptr<ControlSocket>> open(asio::io_context& io,
                                                     const std::filesystem::path& path,
                                                     ControlHandler handler);
  ~ControlSocket();

 private:
  struct State;
  explicit ControlSocket(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace dnscache
