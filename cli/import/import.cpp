#include "cli/import/import.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/import/programs.hpp"
#include "cli/show/output.hpp"
#include "cli/unique_fd.hpp"
#include "resolver/base/text_file.hpp"

namespace dnscache::cli {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t max_stdin_size = 512u << 20;  // bytes

Style style_of(LineResult result) {
  if (result == LineResult::refused) return Style::bad;
  return result == LineResult::not_needed ? Style::dim : Style::good;
}

std::string place_of(const TranslatedLine& line) {
  const std::string file = std::filesystem::path(line.file).filename().string();
  return line.line == 0 ? file : fmt::format("{}:{}", file, line.line);
}

std::string counted(const Translation& translation) {
  std::string text;
  for (const LineResult result :
       {LineResult::kept, LineResult::translated, LineResult::not_needed, LineResult::refused}) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", translation.count(result),
                        result_text(result));
  }
  return text;
}

// On the command line "not needed" is one word.
bool is_shown(const TranslatedLine& line, const std::vector<std::string>& only) {
  std::string word(result_text(line.result));
  std::ranges::replace(word, ' ', '-');
  return only.empty() || std::ranges::count(only, word) > 0;
}

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
    object["result"] = result_text(line.result);
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
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (file.get() < 0 && errno == EEXIST) {
    return Error{path.string() + " is there already; move it away or name another file"};
  }
  if (file.get() < 0) return system_error(path.string() + ": can't be made", errno);
  for (std::string_view rest = text; !rest.empty();) {
    const ssize_t written = ::write(file.get(), rest.data(), rest.size());
    if (written < 0) return system_error(path.string() + ": can't be written", errno);
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
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

}  // namespace

std::filesystem::path block_list_beside(const std::filesystem::path& config) {
  return config.parent_path() / (config.stem().string() + ".blocked");
}

std::string imported_config(const Translation& translation, const std::filesystem::path& file) {
  return fmt::format(
             "# Configuration of dnscachectl, made by 'dnscachectl import' from {}.\n"
             "# Each setting stands below the lines that it comes from.\n\n",
             file.string()) +
         print_config(translation.config, translation.origins);
}

void print_lines(const Translation& translation, const std::vector<std::string>& only,
                 std::ostream& out) {
  const Terminal terminal = Terminal::of(STDERR_FILENO);
  std::string program = translation.program;
  std::ranges::transform(program, program.begin(), [](unsigned char c) { return std::toupper(c); });
  Table table({{"LINE", "line"},
               {program, "text", false, true},
               {"RESULT", "result"},
               {"HERE", "explanation"}});
  for (const bool is_refused : {true, false}) {
    for (const TranslatedLine& line : translation.lines) {
      if ((line.result == LineResult::refused) != is_refused || !is_shown(line, only)) continue;
      table.add_row({Cell(place_of(line)), Cell(line.text),
                     Cell(std::string(result_text(line.result)), nullptr, style_of(line.result)),
                     Cell(line.explanation)});
    }
  }
  if (!table.is_empty()) out << table.to_text(terminal);
  out << "dnscachectl: " << counted(translation) << '\n';
}

Result<ExitCode> run_import(const ImportOptions& options, std::ostream& out, std::ostream& err) {
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
  for (const Problem& problem : reading.problems) err << problem.to_text() << '\n';
  if (options.output) {
    if (const auto written = write_new_file(*options.output, yaml); !written) {
      return written.error();
    }
  }
  if (options.is_json) {
    out << to_json(*translation, yaml, options.only)
               .dump(2, ' ', false, Json::error_handler_t::replace)
        << '\n';
  } else {
    if (!options.output) out << yaml;
    out.flush();
    print_lines(*translation, options.only, err);
  }
  const bool is_complete = reading && translation->count(LineResult::refused) == 0;
  return is_complete ? ExitCode::done : ExitCode::check_failed;
}

Result<ExitCode> run_import(const ImportOptions& options) {
  std::ostringstream out, err;
  auto code = run_import(options, out, err);
  print(out.str());
  print_error_text(err.str());
  return code;
}

}  // namespace dnscache::cli
