// The program: parse, run, and one place where an error becomes a line on stderr and an exit code.
#include <CLI/Error.hpp>
#include <cerrno>
#include <cstdio>
#include <exception>

#include "cli/command_line.hpp"
#include "cli/show/output.hpp"
#include "cli/show/usage.hpp"

namespace dnscache::cli {

namespace {

// What could not be written was not done: a full disk, for example.
ExitCode end_output(ExitCode code) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
  print_message(system_error("cannot write the output", errno).message);
  return ExitCode::failure;
}

ExitCode main_program(std::vector<std::string> words) {
  CommandLine line;
  words = as_options(std::move(words));
  if (words.empty()) words = {"__overview"};
  try {
    line.parse(std::move(words));
  } catch (const CLI::ParseError& error) {
    return report_parse_error(line.app(), error);
  }
  set_quiet(line.is_quiet());
  const auto code = line.run();
  if (code) return *code;
  print_message(code.error().message);
  return code.error().code;
}

}  // namespace

}  // namespace dnscache::cli

int main(int argc, char** argv) {
  using namespace dnscache;
  try {
    return static_cast<int>(cli::end_output(cli::main_program({argv + 1, argv + argc})));
  } catch (const std::exception& error) {
    cli::print_message(std::string("unexpected: ") + error.what());
    return static_cast<int>(ExitCode::failure);
  }
}
