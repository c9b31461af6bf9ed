// `dnscachectl import`: another program's configuration as one of ours.
#include "cli/import/import.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "cli/command.hpp"
#include "cli/import/programs.hpp"
#include "cli/show/output.hpp"
#include "resolver/base/file_descriptor.hpp"
#include "resolver/base/text_file.hpp"
#include "resolver/config/read.hpp"

namespace dnscache::cli {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t max_stdin_size = 512u << 20;  // bytes

/// What `import` was asked to do.
struct ImportOptions {
  std::filesystem::path file;       ///< empty: where `from` or else dnsmasq has it; "-": stdin
  std::string from;                 ///< the program; empty: by what is in the file
  std::vector<std::string> only{};  ///< results of the lines that are shown; empty: all
  std::optional<std::filesystem::path> resolv_file{};  ///< instead of the one that it names
  std::optional<std::filesystem::path> output{};       ///< none: stdout
  bool is_json = false;
};

Json to_json(const Translation& translation, const std::string& yaml,
             const std::vector<std::string>& only) {
  Json document;
  document["schema"] = 1;
  document["configuration"] = yaml;
  document["refused"] = translation.count(LineResult::refused);
  document["lines"] = Json::array();
  for (const TranslatedLine& line : translation.lines) {
    if (!is_shown(line, only)) continue;
    Json object;
    object["file"] = line.file;
    if (line.line != 0) object["line"] = line.line;
    object["text"] = line.text;
    object["result"] = result_words.print(line.result);
    object["explanation"] = line.explanation;
    document["lines"].push_back(std::move(object));
  }
  return document;
}

// Standard input stands for a file of this name, and what it includes for the machine's files.
constexpr const char* stdin_name = "stdin";

Result<ImportFiles> files_with_stdin() {
  auto text = read_text_file("/dev/stdin", max_stdin_size);
  if (!text) return text.error();
  ImportFiles files = real_files();
  const auto read = files.read;
  files.read = [read, text = std::move(*text)](const std::filesystem::path& path) {
    return path == stdin_name ? Result<std::string>(text) : read(path);
  };
  return files;
}

// Nothing that is there is overwritten.
Result<void> write_new_file(const std::filesystem::path& path, const std::string& text) {
  const FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (file.get() < 0 && errno == EEXIST) {
    return Error{path.string() + " is there already; move it away or name another file"};
  }
  if (file.get() < 0) return system_error("cannot create " + path.string(), errno);
  for (std::string_view rest = text; !rest.empty();) {
    const ssize_t written = ::write(file.get(), rest.data(), rest.size());
    if (written < 0) return system_error("cannot write " + path.string(), errno);
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

// Where the names go that are blocked, beside the configuration.
std::filesystem::path block_list_beside(const std::filesystem::path& config) {
  return config.parent_path() / (config.stem().string() + ".blocked");
}

// The names of the block list would be lost in the terminal, so they need a file.
Result<void> write_block_list(const ImportOptions& options, Translation& translation) {
  if (translation.block_list.empty()) return {};
  if (!options.output) {
    return Error{
        fmt::format("{} names are blocked, which go into a file beside the configuration: write "
                    "both with --output FILE",
                    std::ranges::count(translation.block_list, '\n'))};
  }
  const auto path = block_list_beside(std::filesystem::absolute(*options.output));
  translation.config.local.block.files.push_back(path);
  return write_new_file(path, translation.block_list);
}

// The configuration goes to stdout or the file, what became of every line to stderr; as JSON, both
// to stdout. Returns check_failed when a line was refused.
Result<ExitCode> run_import(const ImportOptions& options) {
  auto resolv_file = options.resolv_file;
  if (resolv_file) resolv_file = std::filesystem::absolute(*resolv_file).lexically_normal();
  const auto program = parse_program(options.from);
  const bool is_stdin = options.file == "-";
  std::filesystem::path file = is_stdin ? stdin_name : options.file;
  if (file.empty()) file = default_file(program.value_or(Program::dnsmasq));
  const auto files = is_stdin ? files_with_stdin() : Result<ImportFiles>(real_files());
  if (!files) return files.error();
  auto translation = import_file(file, program, resolv_file, *files);
  if (!translation) return translation.error();
  if (const auto written = write_block_list(options, *translation); !written) {
    return written.error();
  }
  const std::string yaml = imported_config(*translation, file);
  const ConfigReading reading = read_config(yaml, "the translation of " + file.string());
  // Lines that are fine each for themselves may still contradict each other.
  for (const Problem& problem : reading.problems) print_error_text(problem.to_text() + '\n');
  if (options.output) {
    if (const auto written = write_new_file(*options.output, yaml); !written) {
      return written.error();
    }
  }
  if (options.is_json) {
    print(to_json(*translation, yaml, options.only)
              .dump(2, ' ', false, Json::error_handler_t::replace) +
          '\n');
  } else {
    if (!options.output) print(yaml);
    std::ostringstream lines;
    print_lines(*translation, options.only, lines);
    print_error_text(lines.str());
  }
  const bool is_complete = reading && translation->count(LineResult::refused) == 0;
  return is_complete ? ExitCode::done : ExitCode::check_failed;
}

Run declare(Arguments& arguments) {
  const auto options = std::make_shared<ImportOptions>();
  arguments.add("file", options->file, "FILE",
                "The configuration file, - for standard input [/etc/dnsmasq.conf]");
  arguments.add_choice(
      "--from", options->from, {"dnsmasq", "unbound", "bind", "resolved"}, "PROGRAM",
      "Whose configuration it is: dnsmasq, unbound, bind or resolved [by its content]");
  arguments.add_choice("--only", options->only, {"refused", "translated", "kept", "not-needed"},
                       "RESULT",
                       "Show lines with this result only: refused, translated, kept or not-needed");
  arguments.add("--resolv-file", options->resolv_file, "FILE",
                "Take dnsmasq's servers from this file instead of the one that it names");
  arguments.add("-o,--output", options->output, "FILE", "Write the configuration to this new file");
  arguments.add_json(options->is_json);
  return [options](const Invocation&) { return run_import(*options); };
}

}  // namespace

extern const Command import_command = {
    "import", "Translate the configuration of dnsmasq, Unbound, BIND or systemd-resolved",
    "dnscachectl import /etc/dnsmasq.conf --output config.yaml", declare};

}  // namespace dnscache::cli
