#include "cli/host/resolved_conf.hpp"

#include <algorithm>
#include <map>
#include <sstream>

#include "cli/host/journal.hpp"
#include "resolver/base/text_file.hpp"

namespace dnscache::cli {

namespace {

namespace fs = std::filesystem;

// The first folder counts where several have a file of the same name.
constexpr const char* folders[] = {"/etc/systemd/resolved.conf.d", "/run/systemd/resolved.conf.d",
                                   "/usr/local/lib/systemd/resolved.conf.d",
                                   "/usr/lib/systemd/resolved.conf.d"};

void add_file(ResolvedConf& conf, const fs::path& path) {
  const auto before = conf.servers;
  if (const auto text = read_text_file(path)) add_resolved_conf(conf, *text);
  if (conf.servers != before) conf.servers_file = path;
}

// An empty value takes back those before it.
void add_words(std::vector<std::string>& list, const std::string& value) {
  std::istringstream words(value);
  std::string word;
  if (!(words >> word)) list.clear();
  for (; words; words >> word) list.push_back(word);
}

}  // namespace

void add_resolved_conf(ResolvedConf& conf, std::string_view text) {
  std::istringstream lines{std::string(text)};
  bool is_ours = false;  // in the section [Resolve]
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with('[')) is_ours = line.starts_with("[Resolve]");
    if (is_ours && line.starts_with("DNS=")) add_words(conf.servers, line.substr(4));
    if (is_ours && line.starts_with("Domains=")) add_words(conf.domains, line.substr(8));
  }
}

bool ResolvedConf::takes_all() const {
  return std::ranges::any_of(
      domains, [](const std::string& domain) { return domain == "~." || domain == "."; });
}

ResolvedConf read_resolved_conf(const fs::path& root) {
  ResolvedConf conf;
  add_file(conf, below(root, "/etc/systemd/resolved.conf"));
  std::map<std::string, fs::path> drop_ins;
  for (const auto* folder : folders) {
    std::error_code error;
    for (const auto& file : fs::directory_iterator(below(root, folder), error)) {
      if (file.path().extension() == ".conf" && file.path() != below(root, resolved_drop_in)) {
        drop_ins.emplace(file.path().filename().string(), file.path());
      }
    }
  }
  for (const auto& [name, path] : drop_ins) add_file(conf, path);
  return conf;
}

}  // namespace dnscache::cli
