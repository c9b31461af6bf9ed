// A snapshot is a header and blocks, all numbers in network order:
//   header: "dnscache", version (4 bytes), upstream set (8), time written (4), checksum (8)
//   block: size of its entries in bytes (4), their number (4), checksum (8), entries
// A block without entries is the last. Each checksum is keyed with the one before it, so that a
// block that is missing or comes from another file is noticed as well as a changed byte.
//   entry: type (2), flags (1), rcode (1), record counts (3 x 2), extended error (2), size of the
//     records (2), time stored (4), TTL (4), size of the name (1), name, records
#include "resolver/cache/persist.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <string_view>

#include "resolver/base/file_descriptor.hpp"
#include "resolver/base/text_file.hpp"
#include "resolver/cache/restore.hpp"

namespace dnscache {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::string_view magic = "dnscache";
constexpr std::uint32_t version = 1;
constexpr std::size_t header_bytes = 32;
constexpr std::size_t block_header_bytes = 16;
constexpr std::size_t entry_fixed_bytes = 23;
constexpr std::size_t block_bytes = 256u << 10;  // a block is closed when it has as many
constexpr std::size_t max_block_bytes = block_bytes + entry_fixed_bytes + 255 + 65535;
constexpr std::size_t step = 1024;                     // slots: about 0.1 ms under a lock
constexpr HashKey header_key{0x68636163, 0x736e6170};  // any: a checksum, not a secret
constexpr std::uint8_t authentic_flag = 4;             // above the question's key_bits

std::uint64_t load64(const std::uint8_t* at) {
  return static_cast<std::uint64_t>(load32(at)) << 32 | load32(at + 4);
}
void store64(std::uint8_t* at, std::uint64_t value) {
  store32(at, static_cast<std::uint32_t>(value >> 32));
  store32(at + 4, static_cast<std::uint32_t>(value));
}

std::uint64_t block_checksum(std::uint64_t previous, const std::uint8_t* block_header,
                             ByteView entries) {
  return hash_bytes({previous, load64(block_header)}, entries);
}

bool write_all(int file, ByteView bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return true;
}

/// Writes header and blocks, each with its checksum.
class SnapshotWriter {
 public:
  SnapshotWriter(int file, std::uint64_t upstreams, Moment now) : file_(file), now_(now) {
    Bytes header(header_bytes);
    std::ranges::copy(magic, header.begin());
    store32(&header[8], version);
    store64(&header[12], upstreams);
    store32(&header[20], now.wall);
    checksum_ = hash_bytes(header_key, ByteView(header).first(header_bytes - 8));
    store64(&header[24], checksum_);
    good_ = write_all(file_, header);
    begin_block();
  }

  void add(const Entry& entry) {
    const std::size_t start = block_.size();
    block_.resize(start + entry_fixed_bytes);
    std::uint8_t* at = &block_[start];
    store16(at, entry.type);
    at[2] = static_cast<std::uint8_t>(entry.key_bits | (entry.authentic ? authentic_flag : 0));
    at[3] = static_cast<std::uint8_t>(entry.rcode);  // failures are left out
    store16(at + 4, entry.answer_count);
    store16(at + 6, entry.authority_count);
    store16(at + 8, entry.additional_count);
    store16(at + 10, entry.extended_error);
    store16(at + 12, entry.records_size);
    store32(at + 14, now_.wall - entry.age(now_.cache));
    store32(at + 18, entry.ttl);
    at[22] = entry.name_size;
    const ByteView name = entry.name(), records = entry.records();
    block_.insert(block_.end(), name.begin(), name.end());
    block_.insert(block_.end(), records.begin(), records.end());
    ++block_entries_;
    ++entries_;
    if (block_.size() >= block_header_bytes + block_bytes) end_block();
  }

  // False, with errno set, when anything could not be written.
  bool finish() {
    if (block_entries_ != 0) end_block();
    end_block();
    return good_ && ::fsync(file_) == 0;
  }

  std::uint64_t entries() const { return entries_; }

 private:
  void begin_block() {
    block_.assign(block_header_bytes, 0);
    block_entries_ = 0;
  }
  void end_block() {
    store32(&block_[0], static_cast<std::uint32_t>(block_.size() - block_header_bytes));
    store32(&block_[4], block_entries_);
    checksum_ =
        block_checksum(checksum_, block_.data(), ByteView(block_).subspan(block_header_bytes));
    store64(&block_[8], checksum_);
    good_ = good_ && write_all(file_, block_);
    begin_block();
  }

  int file_;
  Moment now_;
  Bytes block_;
  std::uint32_t block_entries_ = 0;
  std::uint64_t entries_ = 0;
  std::uint64_t checksum_ = 0;
  bool good_ = false;
};

/// Reads a snapshot block by block and believes nothing in it.
class SnapshotReader {
 public:
  explicit SnapshotReader(int file) : file_(file) {}

  // What is wrong with the file's header, or null.
  const char* read_header(std::optional<std::uint64_t> upstreams) {
    offset_ = 0;
    std::uint8_t header[header_bytes];
    const std::size_t size = read(header, header_bytes);
    if (size < magic.size() || std::memcmp(header, magic.data(), magic.size()) != 0) {
      return "is no snapshot of a cache";
    }
    if (size < header_bytes) return "is cut off";
    if (load32(header + 8) != version) return "was written by another version";
    checksum_ = hash_bytes(header_key, {header, header_bytes - 8});
    if (checksum_ != load64(header + 24)) return "is damaged";
    if (upstreams && load64(header + 12) != *upstreams)
      return "holds the answers of other upstreams";
    written_at_ = load32(header + 20);
    return nullptr;
  }

  // The next block, until block() is empty.
  const char* read_block() {
    std::uint8_t header[block_header_bytes];
    if (read(header, block_header_bytes) < block_header_bytes) return "is cut off";
    const std::size_t size = load32(header);
    if (size > max_block_bytes) return "is damaged";
    block_.resize(size);
    if (read(block_.data(), size) < size) return "is cut off";
    checksum_ = block_checksum(checksum_, header, block_);
    if (checksum_ != load64(header + 8)) return "is damaged";
    std::uint8_t more = 0;
    if (size == 0 && read(&more, 1) != 0) return "has data after its end";
    return nullptr;
  }

  ByteView block() const { return block_; }
  std::uint32_t written_at() const { return written_at_; }

 private:
  std::size_t read(std::uint8_t* out, std::size_t size) {
    std::size_t done = 0;
    while (done < size) {
      const ssize_t got = ::pread(file_, out + done, size - done, offset_);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) break;
      done += static_cast<std::size_t>(got);
      offset_ += got;
    }
    return done;
  }

  int file_;
  off_t offset_ = 0;
  std::uint64_t checksum_ = 0;
  std::uint32_t written_at_ = 0;
  Bytes block_;
};

/// Stores the entries of sound blocks.
class EntryLoader {
 public:
  EntryLoader(Cache& cache, const CacheConfig& config, Moment now, std::uint32_t written_at)
      : cache_(cache), config_(config), now_(now), written_at_(written_at) {}

  // False when the bytes are no entries, which a right checksum does not exclude.
  bool load(ByteView entries) {
    while (!entries.empty()) {
      if (entries.size() < entry_fixed_bytes) return false;
      const std::size_t size = entry_fixed_bytes + entries[22] + load16(&entries[12]);
      if (entries.size() < size || !load_entry(entries.first(size))) return false;
      entries = entries.subspan(size);
    }
    return true;
  }

  std::uint64_t loaded() const { return loaded_; }

 private:
  bool load_entry(ByteView bytes) {
    Question question;
    std::size_t at = 0;
    // A pointer cannot lead in front of the name, so the name is alone in its own message.
    const ByteView name_bytes = bytes.subspan(entry_fixed_bytes, bytes[22]);
    const auto name = Name::read(name_bytes, at);
    if (!name || at != name_bytes.size()) return false;
    question.name = *name;
    question.type = load16(&bytes[0]);
    question.dnssec_ok = (bytes[2] & 1) != 0;
    question.checking_disabled = (bytes[2] & 2) != 0;

    AnswerView kept;
    kept.rcode = static_cast<Rcode>(bytes[3]);
    kept.authentic = (bytes[2] & authentic_flag) != 0;
    kept.answer_count = load16(&bytes[4]);
    kept.authority_count = load16(&bytes[6]);
    kept.additional_count = load16(&bytes[8]);
    kept.extended_error = static_cast<ExtendedError>(load16(&bytes[10]));
    kept.records = bytes.subspan(entry_fixed_bytes + name_bytes.size());
    auto answer = restorer_.restore(question, kept, load32(&bytes[18]));
    if (!answer) return false;
    shorten_lifetime(*answer, config_);
    store(question, *answer, load32(&bytes[14]));
    return true;
  }

  // From the same upstreams an answer is as good as if we had never been down: what has not expired
  // meanwhile is fresh. When the clock was set back nobody knows, and everything counts as expired.
  void store(const Question& question, const Answer& answer, std::uint32_t stored_at) {
    const bool is_clock_right = now_.wall >= written_at_ && now_.wall >= stored_at;
    const std::uint32_t age = is_clock_right ? now_.wall - stored_at : answer.ttl;
    const std::uint64_t stale =
        config_.serve_stale.enabled ? config_.serve_stale.max_age.count() : 0;
    if (age >= answer.ttl + stale) return;
    cache_.store(question, answer, now_.cache - age);
    ++loaded_;
  }

  Cache& cache_;
  const CacheConfig& config_;
  Moment now_;
  std::uint32_t written_at_;
  Restorer restorer_;
  std::uint64_t loaded_ = 0;
};

Error refusal(const std::filesystem::path& path, const char* why) {
  return Error{fmt::format("the snapshot {} {}: starting with an empty cache", path.string(), why)};
}

void append(std::string& text, const std::vector<UpstreamConfig>& upstreams) {
  std::vector<std::string> lines;
  for (const UpstreamConfig& upstream : upstreams) {
    lines.push_back(fmt::format("{} {} {}\n", upstream.endpoint.to_text(),
                                static_cast<int>(upstream.protocol), upstream.tls_name));
  }
  std::ranges::sort(lines);
  for (const std::string& line : lines) text += line;
}

// A trust anchor, with the records if it is a file: without remarks, which change at each visit.
std::string anchor_text(const std::string& anchor) {
  std::string text = "trust " + anchor + '\n';
  if (!anchor.starts_with('/')) return text;
  const auto content = read_text_file(anchor);
  if (!content) return text;
  bool is_remark = false;
  for (const char c : *content) {
    if (c == ';' || c == '\n') is_remark = c == ';';
    if (!is_remark) text += c;
  }
  return text;
}

// The rules for upstreams' answers: under others, other answers would have been stored.
std::string rules_text(const Config& config) {
  std::string text;
  const RebindConfig& rebind = config.rebind_protection;
  if (rebind.enabled) {
    text += rebind.allow_localhost ? "rebind, localhost allowed" : "rebind";
    text += rebind.private_upstreams ? ", private upstreams allowed\n" : "\n";
    for (const Name& zone : rebind.allow) text += "allow " + zone.to_text() + '\n';
  }
  for (const Network& network : config.bogus_nxdomain) {
    text += "bogus " + network.to_text() + '\n';
  }
  for (const Network& network : config.ignore_addresses) {
    text += "ignore " + network.to_text() + '\n';
  }
  if (config.dnssec.mode == DnssecMode::off) text += "no dnssec\n";
  if (config.dnssec.mode == DnssecMode::validate) {
    text += "validated\n";
    for (const std::string& anchor : config.dnssec.trust_anchors) text += anchor_text(anchor);
    for (const Name& zone : config.dnssec.negative_trust_anchors) {
      text += "no trust " + zone.to_text() + '\n';
    }
  }
  return text;
}

bool sync_directory(const std::filesystem::path& path) {
  const auto directory = path.has_parent_path() ? path.parent_path() : ".";
  const FileDescriptor opened(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return opened.get() >= 0 && ::fsync(opened.get()) == 0;
}

}  // namespace

Moment moment_now() { return {static_cast<std::uint32_t>(::time(nullptr)), cache_clock()}; }

std::uint64_t upstream_set(const Config& config) {
  std::vector<std::string> routes;
  for (const RouteConfig& route : config.routes) {
    routes.push_back("zone " + route.zone.to_text() + '\n');
    append(routes.back(), route.upstreams);
  }
  std::ranges::sort(routes);
  std::string text;
  append(text, config.upstreams);
  for (const std::string& route : routes) text += route;
  text += rules_text(config);
  return hash_bytes(header_key, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

Result<std::uint64_t> write_snapshot(const Cache& cache, const std::filesystem::path& path,
                                     std::uint64_t upstreams, Moment now,
                                     const std::function<bool()>& is_wanted) {
  // Beside the old one, which a crash or a full disk leaves whole: rename(2) replaces it at once.
  const std::filesystem::path fresh = path.string() + ".new";
  const auto failed = [&](int number) {
    ::unlink(fresh.c_str());
    return system_error("cannot write the snapshot " + fresh.string(), number);
  };
  ::unlink(fresh.c_str());  // left by a crash
  const FileDescriptor file(
      ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.get() < 0) return system_error("cannot write the snapshot " + fresh.string(), errno);
  SnapshotWriter writer(file.get(), upstreams, now);
  for (CachePosition position; cache.visit(position, step, [&](const Entry& entry) {
         // What was stored during the walk has no age yet on the clock of its beginning.
         const bool is_known = static_cast<std::int32_t>(now.cache - entry.stored_at) >= 0;
         if (is_known && !entry.is_failure()) writer.add(entry);
       });) {
  }
  if (!writer.finish()) return failed(errno);
  if (!is_wanted()) {
    ::unlink(fresh.c_str());
    return std::uint64_t{0};
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return failed(errno);
  if (!sync_directory(path))
    return system_error("cannot write the folder of " + path.string(), errno);
  return writer.entries();
}

Result<std::uint64_t> load_snapshot(int file, const std::filesystem::path& path,
                                    std::optional<std::uint64_t> upstreams,
                                    const CacheConfig& config, Moment now, Cache& cache) {
  SnapshotReader reader(file);
  if (const char* why = reader.read_header(upstreams)) return refusal(path, why);
  // The whole file is checked before the first answer is believed.
  do {
    if (const char* why = reader.read_block()) return refusal(path, why);
  } while (!reader.block().empty());
  if (const char* why = reader.read_header(upstreams)) return refusal(path, why);
  EntryLoader loader(cache, config, now, reader.written_at());
  // Read again: a file that somebody changed meanwhile is refused as a whole.
  do {
    const char* why = reader.read_block();
    if (why == nullptr && !loader.load(reader.block())) why = "holds what is no answer";
    if (why != nullptr) {
      cache.flush_all();
      return refusal(path, why);
    }
  } while (!reader.block().empty());
  return loader.loaded();
}

Result<std::uint64_t> load_snapshot(const std::filesystem::path& path,
                                    std::optional<std::uint64_t> upstreams,
                                    const CacheConfig& config, Moment now, Cache& cache) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (file.get() < 0 && errno == ENOENT) return std::uint64_t{0};
  if (file.get() < 0) return system_error("cannot read the snapshot " + path.string(), errno);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return refusal(path, "is no regular file");
  }
  const bool is_ours = status.st_uid == ::geteuid() || status.st_uid == 0;
  if (!is_ours || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return refusal(path, "can be written by others");
  }
  return load_snapshot(file.get(), path, upstreams, config, now, cache);
}

}  // namespace dnscache
