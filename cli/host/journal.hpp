// The record on disk of what setup changed: written before each change, read to undo it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/host/file_state.hpp"
#include "resolver/base/endpoint.hpp"
#include "resolver/base/error.hpp"
#include "resolver/base/file_descriptor.hpp"

namespace dnscache::cli {

/// One change to the machine and what was there before it.
struct JournalEntry {
  /// link_servers: only in journals of version 0.1.0.
  enum class Kind { file, directory, engine, enabled_units, started_unit, link_servers, user };

  Kind kind = Kind::file;
  /// Without --root; of an engine: its configuration file; else the name of a unit, link or user.
  std::filesystem::path path;
  FileState before;                ///< of a file
  FileState after;                 ///< of a file: what setup writes
  std::vector<std::string> names;  ///< of enabled_units: those that were not enabled
  std::vector<IpAddress> servers;  ///< of link_servers: what resolved asked for the link
};

/// Where a journal lives, and what it restores from.
inline constexpr const char* state_directory = "/var/lib/dnscachectl";
inline constexpr const char* resolv_conf_path = "/etc/resolv.conf";

/// `path` below `root`; `path` itself when there is no root.
std::filesystem::path below(const std::filesystem::path& root, const std::filesystem::path& path);

/// The journal file, locked against a second setup while it is open. Entries up to the last commit
/// belong to a finished setup; later ones, or all while a removal is under way, wait to be undone.
class Journal {
 public:
  /// Makes the state directory if it is missing.
  static Result<Journal> open(const std::filesystem::path& root);
  /// The entries as they are now, without a lock and without making anything.
  static Result<Journal> peek(const std::filesystem::path& root);

  const std::vector<JournalEntry>& entries() const { return entries_; }
  std::size_t committed() const { return committed_; }
  bool is_removing() const { return is_removing_; }
  bool is_empty() const { return entries_.empty() && !is_removing_; }
  /// A run was cut off: the first entry that has to be undone, in reverse, to reach a sane state.
  std::optional<std::size_t> cut_off_at() const;
  /// The last committed entry of a path.
  const JournalEntry* committed_entry(const std::filesystem::path& path) const;

  /// Each of these is on disk when it returns.
  Result<void> append(const JournalEntry& entry);
  Result<void> commit();
  Result<void> begin_removal();
  /// Forgets the entries from `first` on and that a removal was begun.
  Result<void> truncate(std::size_t first);
  /// Removes the journal, and its directory if nothing else is in it.
  Result<void> remove();

 private:
  explicit Journal(const std::filesystem::path& root);
  Result<void> load();
  Result<void> append_line(const std::string& line);

  std::filesystem::path directory_;
  FileDescriptor lock_;
  std::vector<JournalEntry> entries_;
  std::size_t committed_ = 0;
  bool is_removing_ = false;
};

/// What /etc/resolv.conf said before setup, if setup changed it.
std::optional<std::string> original_resolv_conf(const std::filesystem::path& root);

}  // namespace dnscache::cli
