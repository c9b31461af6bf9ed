// The hidden `dnscachectl source`: what the units do to the machine.
#include "cli/host/source.hpp"

#include "cli/command.hpp"

namespace dnscache::cli {

namespace {

Run declare(Arguments& arguments) {
  const auto action = std::make_shared<std::string>();
  arguments.add_choice("action", *action, {"up", "withdraw", "down", "close"}, "ACTION", "")
      ->required();
  return [action](const Invocation&) { return change_source(*action); };
}

}  // namespace

extern const Command source_command = {"source", "What the units do to the machine", nullptr,
                                       declare};

}  // namespace dnscache::cli
