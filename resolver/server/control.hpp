// The control socket: one JSON object a line, answered by one.
#pragma once

#include <asio/io_context.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "resolver/error.hpp"

namespace dnscache {

/// Who sent a command.
struct ControlPeer {
  bool may_change = false;  ///< root or the engine's own user; others may only look
};

/// Answers one line (without its newline) with one line of JSON.
using ControlHandler = std::function<std::string(const std::string& line, const ControlPeer& peer)>;

/// A Unix stream socket at a path, which it removes at its end.
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
