#include <algorithm>

#include "resolver/base/text_file.hpp"
#include "resolver/local/block_list.hpp"
#include "resolver/local/hosts.hpp"
#include "resolver/local/local_data.hpp"

namespace dnscache {
namespace {

constexpr std::size_t max_file_size = 512u << 20;  // bytes

// Hidden files and editors' leftovers in a folder are not meant.
bool is_meant(const std::filesystem::path& file) {
  const std::string name = file.filename().string();
  return !name.empty() && name.front() != '.' && name.front() != '#' && name.back() != '~';
}

/// Reads files into local data and collects what is wrong with them.
class Loader {
 public:
  explicit Loader(const Config& config)
      : config_(config), data_(std::make_shared<LocalData>(config)) {}

  LoadedLocalData load() {
    for (const auto& path : config_.local.hosts_files) read_hosts_path(path);
    for (const auto& path : config_.local.block.files) read_block_file(path);
    data_->finish();
    warn_of_aliases_that_lead_elsewhere();
    return {std::move(data_), std::move(warnings_)};
  }

 private:
  void read_hosts_path(const std::filesystem::path& path) {
    std::error_code error;
    if (!std::filesystem::is_directory(path, error)) return read_hosts_file(path);
    std::vector<std::filesystem::path> files;
    auto entry = std::filesystem::directory_iterator(path, error);
    for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
      std::error_code unknown;
      if (entry->is_regular_file(unknown) && is_meant(entry->path())) {
        files.push_back(entry->path());
      }
    }
    if (error) warn(path.string() + ": cannot be read: " + error.message());
    std::ranges::sort(files);
    for (const auto& file : files) read_hosts_file(file);
  }

  void read_hosts_file(const std::filesystem::path& path) {
    read(path, [&](std::string_view text) {
      return read_hosts(text, [&](const IpAddress& address, const Name& name, bool is_first) {
        data_->add_host(address, name, is_first);
      });
    });
  }

  void read_block_file(const std::filesystem::path& path) {
    read(path, [&](std::string_view text) {
      return read_block_list(text, [&](const Name& name, bool with_subdomains) {
        data_->add_blocked(name, with_subdomains);
      });
    });
  }

  template <class Parse>
  void read(const std::filesystem::path& path, const Parse& parse) {
    const auto text = read_text_file(path, max_file_size);
    if (!text) return warn(text.error().message + "; its names are missing until it is there");
    const LineProblems problems = parse(*text);
    if (problems.count > 0) warn(left_out(path, problems));
  }

  // One message a file, however many lines it is about.
  static std::string left_out(const std::filesystem::path& path, const LineProblems& problems) {
    const LineProblem& first = problems.first.front();
    std::string text = path.string() + ':' + std::to_string(first.line) + ": " + first.message;
    if (problems.count == 1) return text + "; the line is left out";
    text += "; " + std::to_string(problems.count) + " of " + std::to_string(problems.lines) +
            " lines are left out: ";
    for (const LineProblem& problem : problems.first) {
      text += (&problem == &first ? "" : ", ") + std::to_string(problem.line);
    }
    return problems.count > problems.first.size() ? text + ", ..." : text;
  }

  // Whether the target has records is only known when everything was read.
  void warn_of_aliases_that_lead_elsewhere() {
    for (const LocalRecord& record : config_.local.records) {
      if (record.type != rr_type::cname) continue;
      std::size_t offset = 0;
      const auto target = Name::read(record.data, offset);
      if (!target || data_->decide({record.name, rr_type::a})) continue;
      warn("local.records: " + record.name.to_text() + " is an alias of " + target->to_text() +
           ", which is no local name: questions about its addresses go to the upstreams; give " +
           target->to_text() + " records of its own here, or leave the alias to the upstreams");
    }
  }

  void warn(std::string text) { warnings_.push_back(std::move(text)); }

  const Config& config_;
  std::shared_ptr<LocalData> data_;
  std::vector<std::string> warnings_;
};

}  // namespace

LoadedLocalData load_local_data(const Config& config) { return Loader(config).load(); }

std::vector<std::filesystem::path> local_data_files(const Config& config) {
  std::vector<std::filesystem::path> files = config.local.hosts_files;
  files.insert(files.end(), config.local.block.files.begin(), config.local.block.files.end());
  return files;
}

}  // namespace dnscache
