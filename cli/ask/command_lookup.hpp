// Any command that looks a name up, with name servers of our choice.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "cli/ask/stub_resolver.hpp"
#include "resolver/base/file_descriptor.hpp"

namespace dnscache::cli {

/// Runs it by /bin/sh in a mount namespace of its own, where resolv.conf names the servers and the
/// hosts line of nsswitch.conf is "files dns".
class CommandLookup {
 public:
  /// {} in the command is the name. The servers must be on port 53.
  static Result<std::shared_ptr<CommandLookup>> with_servers(const std::string& command,
                                                             const std::vector<Endpoint>& servers,
                                                             Patience patience);
  /// The name means nothing to a shell.
  static bool takes(const std::string& name);

  /// Answered if the command exits with 0, else failed.
  Lookup ask(const std::string& name);
  /// Ends the command that runs now, if any; from another thread than ask().
  void abandon() const;

 private:
  /// What the command finds at a path instead of what is there.
  struct Overlay {
    std::string target;
    std::string text;
  };
  CommandLookup(std::string command, std::vector<Overlay> overlays);
  bool run(const std::string& text);
  [[noreturn]] void become(const char* text) const;
  bool lay_over() const;
  std::string last_error() const;

  std::string command_;
  std::vector<Overlay> overlays_;
  std::string uid_map_;
  std::string gid_map_;
  FileDescriptor errors_;  // stderr of the commands
  std::atomic<pid_t> running_ = -1;
};

}  // namespace dnscache::cli
