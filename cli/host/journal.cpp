#include "cli/host/journal.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fmt/format.h>
#include <fstream>
#include <ranges>
#include <sstream>
#include <thread>

#include "resolver/base/file_descriptor.hpp"

namespace dnscache::cli {

namespace {

namespace fs = std::filesystem;

constexpr auto lock_patience = std::chrono::seconds(3);
constexpr const char* kind_names[] = {"file",         "directory",    "engine", "enabled_units",
                                      "started_unit", "link_servers", "user"};

std::vector<std::string> texts_of(const std::vector<IpAddress>& addresses) {
  std::vector<std::string> texts;
  for (const auto& address : addresses) texts.push_back(address.to_text());
  return texts;
}

std::string line_of(const JournalEntry& entry) {
  nlohmann::json object = {{"step", kind_names[static_cast<int>(entry.kind)]},
                           {"path", entry.path.string()}};
  if (entry.kind == JournalEntry::Kind::file) {
    object["before"] = to_json(entry.before);
    object["after"] = to_json(entry.after);
  }
  if (!entry.names.empty()) object["names"] = entry.names;
  if (!entry.servers.empty()) object["servers"] = texts_of(entry.servers);
  return object.dump();
}

Result<JournalEntry> entry_from_json(const nlohmann::json& object) {
  JournalEntry entry;
  const auto step = object.value("step", "");
  const auto* name = std::ranges::find(kind_names, step);
  if (name == std::end(kind_names)) return Error{"the journal is damaged: unknown step " + step};
  entry.kind = static_cast<JournalEntry::Kind>(name - kind_names);
  entry.path = object.value("path", "");
  entry.names = object.value("names", std::vector<std::string>{});
  for (const auto& text : object.value("servers", std::vector<std::string>{})) {
    if (const auto address = IpAddress::parse(text)) entry.servers.push_back(*address);
  }
  if (entry.kind != JournalEntry::Kind::file) return entry;
  for (const auto& [key, state] : {std::pair{"before", &entry.before}, {"after", &entry.after}}) {
    auto read = file_state_from_json(object.value(key, nlohmann::json::object()));
    if (!read) return read.error();
    *state = std::move(*read);
  }
  return entry;
}

// The directories that are missing on the way to `path`, so that fsync can follow.
Result<void> make_directories(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) return system_error(fmt::format("cannot make {}", path.string()), error.value());
  return {};
}

// The unit that repairs after a start holds the lock for a moment.
bool take_lock(int fd) {
  const auto deadline = std::chrono::steady_clock::now() + lock_patience;
  while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK || std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

bool is_same_file(int fd, const fs::path& path) {
  struct stat open {
  }, named{};
  return fd >= 0 && ::fstat(fd, &open) == 0 && ::stat(path.c_str(), &named) == 0 &&
         open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}

}  // namespace

fs::path below(const fs::path& root, const fs::path& path) {
  return root.empty() ? path : root / path.relative_path();
}

Journal::Journal(const fs::path& root) : directory_(below(root, state_directory)) {}

Result<Journal> Journal::open(const fs::path& root) {
  Journal journal(root);
  do {
    if (const auto made = make_directories(journal.directory_); !made) return made.error();
    journal.lock_ =
        FileDescriptor(::open(journal.directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!journal.lock_ && errno == ENOENT) continue;
    if (!journal.lock_) return system_error("cannot open " + journal.directory_.string(), errno);
    if (!take_lock(journal.lock_.get())) {
      return Error{"another 'dnscachectl setup' or 'remove' is under way; wait for it to end"};
    }
    // Whoever had the lock before may have removed the directory.
  } while (!is_same_file(journal.lock_.get(), journal.directory_));
  if (const auto loaded = journal.load(); !loaded) return loaded.error();
  return journal;
}

Result<Journal> Journal::peek(const fs::path& root) {
  Journal journal(root);
  if (const auto loaded = journal.load(); !loaded) return loaded.error();
  return journal;
}

Result<void> Journal::load() {
  const auto path = directory_ / "journal";
  std::ifstream file(path);
  if (!file) {
    std::error_code error;
    if (fs::exists(path, error)) return system_error("cannot read " + path.string(), EACCES);
    return {};
  }
  std::stringstream text;
  text << file.rdbuf();
  std::string line;
  while (std::getline(text, line)) {
    // The last line may be cut off by a kill; its step was not begun then.
    if (text.eof()) break;
    const auto object = nlohmann::json::parse(line, nullptr, false);
    if (!object.is_object()) return Error{"the journal is damaged: " + path.string()};
    if (object.contains("committed")) {
      committed_ = entries_.size();
    } else if (object.contains("removing")) {
      is_removing_ = true;
    } else {
      auto entry = entry_from_json(object);
      if (!entry) return entry.error();
      entries_.push_back(std::move(*entry));
    }
  }
  return {};
}

std::optional<std::size_t> Journal::cut_off_at() const {
  if (is_removing_) return 0;
  if (entries_.size() > committed_) return committed_;
  return std::nullopt;
}

const JournalEntry* Journal::committed_entry(const fs::path& path) const {
  for (auto i = committed_; i-- > 0;) {
    if (entries_[i].path == path) return &entries_[i];
  }
  return nullptr;
}

Result<void> Journal::append_line(const std::string& line) {
  const auto path = directory_ / "journal";
  const auto failed = [&] { return system_error("cannot write " + path.string(), errno); };
  const FileDescriptor fd(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!fd) return failed();
  const auto size = ::lseek(fd.get(), 0, SEEK_END);
  const auto text = line + '\n';
  const auto written = ::write(fd.get(), text.data(), text.size());
  if (written != static_cast<ssize_t>(text.size())) {
    const auto error =
        written < 0 ? failed() : system_error("cannot write " + path.string(), ENOSPC);
    (void)!::ftruncate(fd.get(), size);
    return error;
  }
  if (::fsync(fd.get()) != 0 || (lock_ && ::fsync(lock_.get()) != 0)) return failed();
  return {};
}

Result<void> Journal::append(const JournalEntry& entry) {
  const auto appended = append_line(line_of(entry));
  if (appended) entries_.push_back(entry);
  return appended;
}

Result<void> Journal::commit() {
  const auto appended = append_line(R"({"committed":true})");
  if (appended) committed_ = entries_.size();
  return appended;
}

Result<void> Journal::begin_removal() {
  const auto appended = append_line(R"({"removing":true})");
  if (appended) is_removing_ = true;
  return appended;
}

Result<void> Journal::truncate(std::size_t first) {
  std::string text;
  for (std::size_t i = 0; i < first && i < entries_.size(); ++i)
    text += line_of(entries_[i]) + '\n';
  if (first > 0) text += "{\"committed\":true}\n";
  const auto written = write_state(directory_ / "journal", FileState::regular(text));
  if (!written) return written;
  entries_.resize(std::min(first, entries_.size()));
  committed_ = entries_.size();
  is_removing_ = false;
  return {};
}

Result<void> Journal::remove() {
  const auto removed = write_state(directory_ / "journal", FileState{});
  if (!removed) return removed;
  entries_.clear();
  committed_ = 0;
  is_removing_ = false;
  (void)::rmdir(directory_.c_str());
  return {};
}

std::optional<std::string> original_resolv_conf(const fs::path& root) {
  const auto journal = Journal::peek(root);
  if (!journal) return {};
  const auto* entry = journal->committed_entry(resolv_conf_path);
  if (entry == nullptr || entry->before.kind == FileState::Kind::absent) return {};
  if (entry->before.kind == FileState::Kind::regular) return entry->before.content;
  const auto link = fs::path(resolv_conf_path).parent_path() / entry->before.content;
  const auto target = FileState::read(below(root, link.lexically_normal()));
  if (!target || target->kind != FileState::Kind::regular) return {};
  return target->content;
}

}  // namespace dnscache::cli
