// The cache: answers by question, bounded in bytes, shared by all workers.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "resolver/cache/entry.hpp"
#include "resolver/cache/hash.hpp"
#include "resolver/config/config.hpp"

namespace dnscache {

/// Seconds on the clock that the cache counts by, CLOCK_BOOTTIME.
CacheSeconds cache_clock();

/// What the cache holds, and what it had to let go.
struct CacheStats {
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;       ///< in use by entries, index and memory of evicted ones included
  std::uint64_t size_bytes = 0;  ///< the bound
  std::uint64_t insertions = 0;
  std::uint64_t evictions = 0;  ///< entries that went for want of room
};

/// The outcome of asking the cache for a reply.
struct CacheReply {
  std::size_t size = 0;  ///< bytes written; 0: no fresh answer is there
  bool refresh = false;  ///< the answer will expire soon: have it fetched anew, once
};

/// A cached answer as a value, with how old it is.
struct CachedAnswer {
  Answer answer;
  std::uint32_t age = 0;          ///< seconds since it was stored
  std::uint32_t expired_for = 0;  ///< seconds; 0: it is fresh
  std::uint32_t hits = 0;
};

/// Where a walk through the cache has come to; a fresh one is at its beginning.
struct CachePosition {
  std::size_t shard = 0;
  std::uint64_t hash = 0;  ///< of 32 bits: shards are walked in the order of their hashes
};

/// Answers by question in a fixed number of bytes, safe to use from any thread.
///
/// Eviction is S3-FIFO (Yang et al., SOSP 2023): new answers pass a small queue and reach the main
/// one only when they were asked for again, so a scan of names that nobody repeats cannot push out
/// what is in use. Both queues are rings of bytes: nothing is fragmented and each eviction is O(1).
class Cache {
 public:
  /// At least 4096 bytes.
  explicit Cache(std::uint64_t size_bytes, HashKey key = random_hash_key());
  ~Cache();
  Cache(const Cache&) = delete;
  Cache& operator=(const Cache&) = delete;

  /// Hashes a question, and has the processor begin to fetch its slot of the index: with a few
  /// hundred thousand slots each lookup waits for memory, and so the waits of several overlap.
  std::uint64_t prepare(const Question& question) const;

  /// The next step for the same question: has the processor begin to fetch its answer.
  void prefetch_entry(std::uint64_t hash) const;

  /// Writes the reply to `query` from a fresh answer, as write_reply() does; `hash` is what
  /// prepare() gave for its question. Never allocates.
  CacheReply reply(const Query& query, std::uint64_t hash, CacheSeconds now, std::size_t limit,
                   std::uint8_t* out);

  /// A refresh came to nothing: a later hit asks for it again.
  void allow_refresh(const Question& question, std::uint64_t hash);

  /// The answer to `question`, fresh or expired. Here and in store(), `hash` is what prepare()
  /// gave.
  std::optional<CachedAnswer> find(const Question& question, std::uint64_t hash,
                                   CacheSeconds now) const;
  std::optional<CachedAnswer> find(const Question& question, CacheSeconds now) const {
    return find(question, hash_of(question), now);
  }

  /// What a fresh NXDOMAIN about the same name, but another type, says to `question`; nothing when
  /// an answer about the name's addresses says that it exists (RFC 2308 section 5).
  std::optional<CachedAnswer> find_nxdomain(const Question& question, CacheSeconds now) const;
  /// The same of a name above it (RFC 8020), as far as `nxdomain_cut` allows. The names above are
  /// those of at least `zone_labels` labels: beyond are other upstreams' names.
  std::optional<CachedAnswer> find_nxdomain_above(const Question& question, unsigned zone_labels,
                                                  CacheSeconds now) const;

  /// Keeps an answer in place of an older one to the same question. One without a lifetime is not
  /// kept, but the older one goes as well: it is no longer true, not even as stale data. What it
  /// says about the whole name is noted: a denial holds for all types until another answer
  /// contradicts it.
  void store(const Question& question, std::uint64_t hash, const Answer& answer, CacheSeconds now);
  void store(const Question& question, const Answer& answer, CacheSeconds now) {
    store(question, hash_of(question), answer, now);
  }

  /// Takes over the settings that replies and denials go by.
  void configure(const Config& config);
  /// Replies have the addresses of a name in another order each time.
  bool rotates() const { return rotates_.load(std::memory_order_relaxed); }
  bool has_nxdomain_cut() const {
    return nxdomain_cut_.load(std::memory_order_relaxed) != NxdomainCut::never;
  }

  /// Returns how many answers it removed.
  std::uint64_t flush_all();

  using EntryTest = std::function<bool(const Entry&)>;
  /// A walk in steps of about `slots` slots of the index, of which each may hold an answer; false
  /// when the step was the last. What is in the cache during the whole walk is met, at times twice,
  /// whatever others do between the steps. visit() copies a step's entries under the lock and calls
  /// `use` without it; flush_some() removes the entries that match and adds their number to
  /// `count`. Notes on whole names are not visited; they are flushed with what matches their name
  /// and whatever type, and not counted.
  bool visit(CachePosition& position, std::size_t slots,
             const std::function<void(const Entry&)>& use) const;
  bool flush_some(CachePosition& position, std::size_t slots, const EntryTest& matches,
                  std::uint64_t& count);

  CacheStats stats() const;

 private:
  class Shard;
  Shard& shard_of(std::uint64_t hash) const;
  std::uint64_t hash_of(const Question& question) const;
  void note_existence(const Question& question, CacheSeconds now);
  void note_denial(const Question& question, const Answer& answer, CacheSeconds now);
  bool has_address_answer(const Question& question, CacheSeconds now) const;

  HashKey key_;
  std::atomic<bool> rotates_ = true;
  std::atomic<NxdomainCut> nxdomain_cut_ = NxdomainCut::never;
  std::uint64_t size_bytes_;
  std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace dnscache
