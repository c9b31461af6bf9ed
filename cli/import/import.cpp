#include "cli/import/import.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <fmt/format.h>
#include <iostream>
#include <nlohmann/json.hpp>

#include "cli/import/dnsmasq/dnsmasq.hpp"
#include "cli/output.hpp"
#include "cli/unique_fd.hpp"

namespace dnscache::cli {

namespace {

using Json = nlohmann::ordered_json;

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

Json to_json(const Translation& translation, const std::string& yaml) {
  Json document;
  document["schema"] = 1;
  document["configuration"] = yaml;
  document["refused"] = translation.count(LineResult::refused);
  document["lines"] = Json::array();
  for (const TranslatedLine& line : translation.lines) {
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

}  // namespace

std::string imported_config(const Translation& translation, const std::filesystem::path& file) {
  return fmt::format(
             "# Configuration of dnscachectl, made by 'dnscachectl import' from {}.\n"
             "# Each setting stands below the lines that it comes from.\n\n",
             file.string()) +
         print_config(translation.config, translation.origins);
}

void print_lines(const Translation& translation, std::ostream& out) {
  const Terminal terminal = Terminal::of(STDERR_FILENO);
  Table table({{"LINE", "line"},
               {"DNSMASQ", "text", false, true},
               {"RESULT", "result"},
               {"HERE", "explanation"}});
  for (const TranslatedLine& line : translation.lines) {
    table.add_row({Cell(place_of(line)), Cell(line.text),
                   Cell(std::string(result_text(line.result)), nullptr, style_of(line.result)),
                   Cell(line.explanation)});
  }
  if (!table.is_empty()) out << table.to_text(terminal);
  out << "dnscachectl: " << counted(translation) << '\n';
}

Result<ExitCode> run_import(const ImportOptions& options, std::ostream& out, std::ostream& err) {
  auto resolv_file = options.resolv_file;
  if (resolv_file) resolv_file = std::filesystem::absolute(*resolv_file).lexically_normal();
  const auto translation = import_dnsmasq(options.file, resolv_file, real_files());
  if (!translation) return translation.error();
  const std::string yaml = imported_config(*translation, options.file);
  const ConfigReading reading = read_config(yaml, "the result");
  // Lines that are fine each for themselves may still contradict each other.
  for (const Problem& problem : reading.problems) err << problem.to_text() << '\n';
  if (options.output) {
    if (const auto written = write_new_file(*options.output, yaml); !written) {
      return written.error();
    }
  }
  if (options.is_json) {
    out << to_json(*translation, yaml).dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
  } else {
    if (!options.output) out << yaml;
    out.flush();
    print_lines(*translation, err);
  }
  const bool is_complete = reading && translation->count(LineResult::refused) == 0;
  return is_complete ? ExitCode::done : ExitCode::check_failed;
}

Result<ExitCode> run_import(const ImportOptions& options) {
  return run_import(options, std::cout, std::cerr);
}

}  // namespace dnscache::cli
