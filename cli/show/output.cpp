#include "cli/show/output.hpp"

#include <langinfo.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <clocale>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fmt/format.h>

#include "cli/show/escape.hpp"
#include "resolver/base/text.hpp"

namespace dnscache::cli {

namespace {

constexpr std::size_t narrowest_column = 8;
constexpr auto progress_delay = std::chrono::milliseconds(400);
constexpr auto progress_tick = std::chrono::milliseconds(100);

bool wants_quiet = false;

bool is_continuation_byte(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

void write(std::FILE* file, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), file);
  std::fflush(file);
}

// A name or an error text may come from the network; it must not steer the terminal.
std::string for_terminal(int file_descriptor, std::string_view text) {
  return escaped(text, {true, Terminal::of(file_descriptor).has_colors});
}

const char* escape_code(Style style) {
  switch (style) {
    case Style::plain:
      return "";
    case Style::strong:
      return "\033[1m";
    case Style::good:
      return "\033[32m";
    case Style::warning:
      return "\033[33m";
    case Style::bad:
      return "\033[1;31m";
    case Style::dim:
      return "\033[2m";
  }
  return "";
}

std::string padded(const std::string& text, std::size_t text_width, std::size_t width,
                   bool is_right_aligned) {
  const std::string space(width > text_width ? width - text_width : 0, ' ');
  return is_right_aligned ? space + text : text + space;
}

void trim_end(std::string& text) {
  while (!text.empty() && text.back() == ' ') text.pop_back();
}

std::size_t width_of_terminal(int file_descriptor) {
  if (const char* columns = std::getenv("COLUMNS")) {
    if (const auto width = std::strtoul(columns, nullptr, 10); width > 0 && width < 10000) {
      return width;
    }
  }
  winsize size{};
  if (ioctl(file_descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

}  // namespace

Terminal Terminal::of(int file_descriptor) {
  Terminal terminal;
  terminal.is_tty = isatty(file_descriptor) == 1;
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  const bool is_dumb = term == nullptr || std::strcmp(term, "dumb") == 0;
  terminal.has_colors = terminal.is_tty && !is_dumb && (no_color == nullptr || *no_color == '\0');
  std::setlocale(LC_CTYPE, "");  // here, so that the engine, which prints nothing, maps no locale
  terminal.has_unicode = std::strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
  terminal.width = terminal.is_tty ? width_of_terminal(file_descriptor) : 0;
  return terminal;
}

std::string styled(const Terminal& terminal, Style style, std::string_view text) {
  if (!terminal.has_colors || style == Style::plain) return std::string(text);
  return fmt::format("{}{}\033[0m", escape_code(style), text);
}

std::size_t display_width(std::string_view text) {
  return text.size() - static_cast<std::size_t>(std::ranges::count_if(text, is_continuation_byte));
}

std::string fit(const Terminal& terminal, std::string_view text, std::size_t width) {
  if (display_width(text) <= width) return std::string(text);
  const std::string_view ellipsis = terminal.has_unicode ? "…" : "..";
  const auto ellipsis_width = display_width(ellipsis);
  if (width <= ellipsis_width) return std::string(text.substr(0, 0));
  std::size_t end = 0;
  for (std::size_t left = width - ellipsis_width; end < text.size(); ++end) {
    if (is_continuation_byte(text[end])) continue;
    if (left-- == 0) break;
  }
  return std::string(text.substr(0, end)).append(ellipsis);
}

std::string wrapped(const Terminal& terminal, std::string_view text, std::size_t indent) {
  if (terminal.width <= indent + narrowest_column) return std::string(text);
  const std::string margin = '\n' + std::string(indent, ' ');
  return fmt::format("{}", fmt::join(fold(text, terminal.width - indent), margin));
}

std::string bar(const Terminal& terminal, double share, std::size_t width) {
  share = std::isfinite(share) ? std::clamp(share, 0.0, 1.0) : 0.0;
  if (!terminal.has_unicode) {
    const auto filled = static_cast<std::size_t>(std::lround(share * static_cast<double>(width)));
    return std::string(filled, '#') + std::string(width - filled, '.');
  }
  static constexpr const char* eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const auto filled = static_cast<std::size_t>(std::lround(share * static_cast<double>(width * 8)));
  std::string out;
  for (std::size_t i = 0; i < filled / 8; ++i) out += "█";
  out += eighths[filled % 8];
  return padded(out, display_width(out), width, false);
}

std::string sparkline(const Terminal& terminal, const std::vector<std::optional<double>>& values,
                      std::size_t width) {
  static constexpr const char* columns[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  static constexpr const char* letters[] = {"_", ".", "-", "~", "=", "+", "*", "#"};
  constexpr std::size_t steps = std::size(columns);
  const auto first = values.size() - std::min(values.size(), width);
  double highest = 0;
  for (std::size_t i = first; i < values.size(); ++i) {
    if (values[i] && std::isfinite(*values[i])) highest = std::max(highest, *values[i]);
  }
  std::string out;
  for (std::size_t i = first; i < values.size(); ++i) {
    if (!values[i]) {
      out += terminal.has_unicode ? "×" : "x";
      continue;
    }
    const double share = highest > 0 ? std::clamp(*values[i] / highest, 0.0, 1.0) : 0;
    const auto step = std::min(static_cast<std::size_t>(share * steps), steps - 1);
    out += terminal.has_unicode ? columns[step] : letters[step];
  }
  return out;
}

static std::string in_one_line(const std::string& text) { return escaped(text, {false, false}); }

std::vector<std::size_t> Table::widths(const Terminal& terminal) const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t width = display_width(columns_[i].title);
    for (const auto& row : rows_) width = std::max(width, display_width(in_one_line(row[i].text)));
    widths.push_back(width);
  }
  if (terminal.width == 0) return widths;
  const auto total = [&] {
    std::size_t sum = 2 * (widths.size() - 1);
    for (const auto width : widths) sum += width;
    return sum;
  };
  for (auto excess = total(); excess > terminal.width; --excess) {
    std::size_t widest = widths.size();
    for (std::size_t i = 0; i < widths.size(); ++i) {
      if (!columns_[i].may_shrink || widths[i] <= narrowest_column) continue;
      if (widest == widths.size() || widths[i] > widths[widest]) widest = i;
    }
    if (widest == widths.size()) break;
    --widths[widest];
  }
  return widths;
}

std::string Table::to_text(const Terminal& terminal) const {
  const auto column_widths = widths(terminal);
  std::string out;
  const auto add_line = [&](const auto& text_of, const auto& style_of) {
    std::string line;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (i > 0) line += "  ";
      const auto text = fit(terminal, in_one_line(text_of(i)), column_widths[i]);
      const bool is_last = i + 1 == columns_.size();
      const auto width = is_last && !columns_[i].is_right_aligned ? 0 : column_widths[i];
      line += padded(styled(terminal, style_of(i), text), display_width(text), width,
                     columns_[i].is_right_aligned);
    }
    trim_end(line);
    out += line + '\n';
  };
  add_line([&](std::size_t i) { return columns_[i].title; },
           [](std::size_t) { return Style::strong; });
  for (const auto& row : rows_) {
    add_line([&](std::size_t i) { return row[i].text; },
             [&](std::size_t i) { return row[i].style; });
  }
  return out;
}

std::string Table::to_markdown() const {
  std::string out = "|";
  for (const auto& column : columns_) out += fmt::format(" {} |", column.title);
  out += "\n|";
  for (const auto& column : columns_) out += column.is_right_aligned ? " --: |" : " --- |";
  out += '\n';
  for (const auto& row : rows_) {
    out += '|';
    for (const auto& cell : row) out += fmt::format(" {} |", cell.text);
    out += '\n';
  }
  return out;
}

nlohmann::json Table::to_json() const {
  auto out = nlohmann::json::array();
  for (const auto& row : rows_) {
    auto object = nlohmann::json::object();
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      if (!columns_[i].key.empty()) object[columns_[i].key] = row[i].value;
    }
    out.push_back(std::move(object));
  }
  return out;
}

Progress::Progress(std::string text, bool is_quiet)
    : terminal_(Terminal::of(STDERR_FILENO)),
      text_(std::move(text)),
      start_(std::chrono::steady_clock::now()) {
  if (!is_quiet && !wants_quiet) thread_ = std::thread([this] { run(); });
}

Progress::~Progress() { finish(); }

void Progress::set_done(std::size_t done, std::size_t total) {
  const std::lock_guard lock(mutex_);
  done_ = done;
  total_ = total;
}

void Progress::finish() {
  {
    const std::lock_guard lock(mutex_);
    is_finished_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Progress::run() {
  std::unique_lock lock(mutex_);
  const auto is_finished = [this] { return is_finished_; };
  if (changed_.wait_for(lock, progress_delay, is_finished)) return;
  if (!terminal_.is_tty) {
    std::fputs(fmt::format("{} ...\n", escaped(text_, {})).c_str(), stderr);
    changed_.wait(lock, is_finished);
    return;
  }
  for (std::size_t tick = 0; !is_finished_; ++tick) {
    std::fputs(fmt::format("\r{}\033[K", line(tick)).c_str(), stderr);
    changed_.wait_for(lock, progress_tick, is_finished);
  }
  std::fputs("\r\033[K", stderr);
}

std::string Progress::line(std::size_t tick) const {
  static constexpr const char* spinner[] = {"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"};
  static constexpr const char* plain_spinner[] = {"-", "\\", "|", "/"};
  const char* sign = terminal_.has_unicode ? spinner[tick % std::size(spinner)]
                                           : plain_spinner[tick % std::size(plain_spinner)];
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start_;
  std::string counted;
  if (total_ > 0) {
    const auto share = static_cast<double>(done_) / static_cast<double>(total_);
    counted = fmt::format(" [{}] {} of {}", bar(terminal_, share, 20), done_, total_);
  }
  const auto text =
      fmt::format("{} {}{} {:.1f} s", sign, escaped(text_, {}), counted, elapsed.count());
  return fit(terminal_, text, terminal_.width > 1 ? terminal_.width - 1 : 1);
}

std::string format_count(std::uint64_t number) {
  auto text = std::to_string(number);
  for (auto position = static_cast<std::ptrdiff_t>(text.size()) - 3; position > 0; position -= 3) {
    text.insert(static_cast<std::size_t>(position), ",");
  }
  return text;
}

std::string format_counted(std::uint64_t number, std::string_view noun) {
  return fmt::format("{} {}{}", format_count(number), noun, number == 1 ? "" : "s");
}

std::string format_bytes(std::uint64_t bytes) {
  if (bytes < 1024) return format_counted(bytes, "byte");
  static constexpr const char* units[] = {"KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < std::size(units); ++unit) value /= 1024;
  const bool is_whole = value >= 100 || value == std::floor(value);
  return is_whole ? fmt::format("{:.0f} {}", value, units[unit])
                  : fmt::format("{:.1f} {}", value, units[unit]);
}

std::string format_milliseconds(double milliseconds) {
  if (milliseconds >= 1000) return fmt::format("{:.2f} s", milliseconds / 1000);
  if (milliseconds >= 10) return fmt::format("{:.1f} ms", milliseconds);
  if (milliseconds >= 1) return fmt::format("{:.2f} ms", milliseconds);
  return fmt::format("{:.3f} ms", milliseconds);
}

std::string format_uptime(double seconds) {
  const auto whole = static_cast<std::uint64_t>(std::max(0.0, seconds));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  if (whole < 86400) return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
  return fmt::format("{} d {} h", whole / 86400, whole % 86400 / 3600);
}

std::string format_percent(double share) { return fmt::format("{:.1f} %", share * 100); }

void print_json(const nlohmann::json& document) {
  print(document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + '\n');
}

void print(std::string_view text) { write(stdout, for_terminal(STDOUT_FILENO, text)); }

void print_error_text(std::string_view text) { write(stderr, for_terminal(STDERR_FILENO, text)); }

void print_frame(std::string_view frame) { write(stdout, frame); }

void set_quiet(bool is_quiet) { wants_quiet = is_quiet; }

void print_note(std::string_view text) {
  if (!wants_quiet) print_message(text);
}

void print_message(std::string_view text) {
  while (true) {
    const auto end = text.find('\n');
    print_error_text(fmt::format("dnscachectl: {}\n", text.substr(0, end)));
    if (end == text.npos) return;
    text.remove_prefix(end + 1);
  }
}

}  // namespace dnscache::cli
