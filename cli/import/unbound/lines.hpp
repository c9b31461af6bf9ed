// The form of unbound.conf(5): "name: value" in sections, with files that are included.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "cli/import/draft.hpp"
#include "cli/import/files.hpp"

namespace dnscache::cli::unbound {

/// "local-zone: "example.net." redirect".
struct Attribute {
  std::string section;              ///< "server"
  std::size_t section_number = 0;   ///< counts the sections of the file: two zones differ
  std::string name;                 ///< "local-zone"
  std::vector<std::string> values;  ///< without quotes

  const std::string& value(std::size_t index = 0) const;
};

/// Reads a file and those that it includes. Each attribute becomes the draft's current line before
/// `use` is called with it; the name of a section gets no line.
class LineReader {
 public:
  using Use = std::function<void(const Attribute&)>;

  LineReader(Draft& draft, const ImportFiles& files, Use use)
      : draft_(draft), files_(files), use_(std::move(use)) {}
  Result<void> read(const std::filesystem::path& file);

 private:
  void read_text(const std::filesystem::path& file, std::string_view text);
  void read_line(const std::filesystem::path& file, int number, std::string_view line);
  void include(const std::string& pattern, bool is_toplevel);

  Draft& draft_;
  const ImportFiles& files_;
  Use use_;
  std::string section_;
  std::size_t section_number_ = 0;
  unsigned depth_ = 0;
  std::set<std::filesystem::path> open_;
};

}  // namespace dnscache::cli::unbound
