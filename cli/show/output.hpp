// What people and programs get to read: tables, colours, progress, and JSON from the same rows.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace dnscache::cli {

/// What the thing behind a file descriptor can show.
struct Terminal {
  bool is_tty = false;
  bool has_colors = false;   ///< a terminal, and NO_COLOR is not set (https://no-color.org)
  bool has_unicode = false;  ///< the locale's character set is UTF-8
  std::size_t width = 0;     ///< columns; 0: no limit

  static Terminal of(int file_descriptor);
};

/// How a piece of text is meant; colours never carry a meaning that the words don't.
enum class Style { plain, strong, good, warning, bad, dim };

/// The text in the style's colour where there are colours, else the text.
std::string styled(const Terminal& terminal, Style style, std::string_view text);

/// Columns that UTF-8 text takes on a terminal, one per code point.
std::size_t display_width(std::string_view text);

/// Shortened to `width` columns, with an ellipsis where something is missing.
std::string fit(const Terminal& terminal, std::string_view text, std::size_t width);

/// The text in lines that fit the terminal, all but the first behind `indent` blanks.
std::string wrapped(const Terminal& terminal, std::string_view text, std::size_t indent);

/// A bar of `width` columns filled to `share` (0 to 1): blocks with Unicode, else `#`.
std::string bar(const Terminal& terminal, double share, std::size_t width);

/// The last `width` values as a line of small columns, from nothing to the highest; a missing one
/// is a cross. Letters of ASCII without Unicode.
std::string sparkline(const Terminal& terminal, const std::vector<std::optional<double>>& values,
                      std::size_t width);

/// One column of a table: its heading for people and its key in JSON.
struct Column {
  std::string title;
  std::string key;  ///< empty: not in JSON
  bool is_right_aligned = false;
  bool may_shrink = false;  ///< shortened first when the terminal is too narrow
};

/// One value of a table: the text for people and the value in JSON.
struct Cell {
  Cell(std::string shown, nlohmann::json json_value = nullptr, Style meant = Style::plain)
      : text(std::move(shown)), value(std::move(json_value)), style(meant) {}

  std::string text;
  nlohmann::json value;
  Style style;
};

/// Rows under headings that print as aligned text or as a JSON array of objects.
class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  /// As many cells as there are columns.
  void add_row(std::vector<Cell> cells) { rows_.push_back(std::move(cells)); }
  bool is_empty() const { return rows_.empty(); }

  const std::vector<Column>& columns() const { return columns_; }
  const std::vector<std::vector<Cell>>& rows() const { return rows_; }

  std::string to_text(const Terminal& terminal) const;
  std::string to_markdown() const;
  nlohmann::json to_json() const;

 private:
  std::vector<std::size_t> widths(const Terminal& terminal) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

/// A line on stderr that shows that a long operation is alive: animated on a terminal, printed once
/// elsewhere. It appears only when the operation takes a while.
class Progress {
 public:
  explicit Progress(std::string text, bool is_quiet = false);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Shows a bar instead of a spinner; `done` of `total`.
  void set_done(std::size_t done, std::size_t total);
  /// Removes the line; nothing is shown after it.
  void finish();

 private:
  void run();
  std::string line(std::size_t tick) const;

  Terminal terminal_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string text_;
  std::size_t done_ = 0;
  std::size_t total_ = 0;
  bool is_finished_ = false;
  std::chrono::steady_clock::time_point start_;
  std::thread thread_;
};

/// "1,234,567"
std::string format_count(std::uint64_t number);
/// "1 answer", "1,234 answers"
std::string format_counted(std::uint64_t number, std::string_view noun);
/// "64 MiB", "1.5 KiB", "17 bytes"
std::string format_bytes(std::uint64_t bytes);
/// "0.043 ms", "12.3 ms", "5.01 s"
std::string format_milliseconds(double milliseconds);
/// "42 s", "3 min 12 s", "5 h 2 min", "12 d 3 h"
std::string format_uptime(double seconds);
/// "97.3 %"
std::string format_percent(double share);

/// Writes a document to stdout, indented, one newline at its end.
void print_json(const nlohmann::json& document);
/// Writes to stdout, through escaped() like everything here.
void print(std::string_view text);
/// The same to stderr.
void print_error_text(std::string_view text);
/// Writes what moves the cursor as it is; see frame_of().
void print_frame(std::string_view frame);
/// From then on neither progress nor notes are shown, only errors.
void set_quiet(bool is_quiet);
/// The same as a message, but left out where the user wants quiet.
void print_note(std::string_view text);
/// `dnscachectl: text` on stderr.
void print_message(std::string_view text);

}  // namespace dnscache::cli
