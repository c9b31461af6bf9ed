#include "resolver/cache/cache.hpp"

#include <sys/mman.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <new>
#include <utility>

#include "resolver/cache/ring.hpp"
#include "resolver/wire/copy.hpp"
#include "resolver/wire/records.hpp"

namespace dnscache {
namespace {

constexpr std::size_t shard_size = 2u << 20;  // bytes; smaller caches have one shard
constexpr std::size_t max_shards = 16;        // enough that workers rarely meet
constexpr std::size_t smallest_size = 4096;  // bytes; with less there would be no room for an entry
constexpr std::size_t bytes_per_slot = 48;   // of the rings; a small entry has 64 or more
constexpr std::size_t first_slots = 512;     // of a shard; they double as answers come
constexpr std::size_t slots_per_ghost = 2;
constexpr std::size_t cache_line = 64;                 // bytes, of the processor's own caches
constexpr unsigned small_share = 10;                   // per cent of the rings, as in S3-FIFO
constexpr unsigned max_second_chances = 64;            // bounds the work of one insertion
constexpr std::uint32_t shortest_prefetched_ttl = 10;  // seconds

/// Zero-filled memory from the kernel, resident only where it was touched.
class Mapping {
 public:
  explicit Mapping(std::size_t size) : size_(size) {
    void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    memory_ = static_cast<std::uint8_t*>(memory);
  }
  ~Mapping() { ::munmap(memory_, size_); }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  std::uint8_t* at(std::size_t offset) const { return memory_ + offset; }
  void clear() { ::madvise(memory_, size_, MADV_DONTNEED); }

 private:
  std::uint8_t* memory_;
  std::size_t size_;
};

constexpr std::size_t round_up(std::size_t value) {
  return (value + Entry::alignment - 1) / Entry::alignment * Entry::alignment;
}

/// How the bytes of one shard are divided.
struct Layout {
  std::size_t slots, ghosts, small_bytes, main_bytes;

  explicit Layout(std::size_t bytes) {
    const std::size_t per_slot =
        bytes_per_slot + sizeof(std::uint64_t) + sizeof(std::uint32_t) / slots_per_ghost;
    slots = bytes / per_slot;
    ghosts = slots / slots_per_ghost;
    const std::size_t ring_bytes = slots * bytes_per_slot;
    small_bytes = round_up(ring_bytes * small_share / 100);
    main_bytes = round_up(ring_bytes) - small_bytes;
  }
  std::size_t rings_at() const {
    return round_up(slots * sizeof(std::uint64_t) + ghosts * sizeof(std::uint32_t));
  }
  std::size_t total() const { return rings_at() + small_bytes + main_bytes; }
};

CachedAnswer read_cached(const Entry& entry, CacheSeconds now) {
  const std::uint32_t age = entry.age(now);
  return {read_entry(entry), age, age >= entry.ttl ? age - entry.ttl + 1 : 0, entry.hits};
}

}  // namespace

CacheSeconds cache_clock() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<CacheSeconds>(now.tv_sec);
}

/// One part of the cache with its own lock: an index of slots over two rings of entries.
class Cache::Shard {
 public:
  Shard(std::size_t bytes, const HashKey& key)
      : layout_(bytes),
        memory_(layout_.total()),
        slots_(reinterpret_cast<std::uint64_t*>(memory_.at(0))),
        ghosts_(
            reinterpret_cast<std::uint32_t*>(memory_.at(layout_.slots * sizeof(std::uint64_t)))),
        rings_(memory_.at(layout_.rings_at())),
        small_(rings_, layout_.small_bytes),
        main_(rings_ + layout_.small_bytes, layout_.main_bytes),
        key_(key) {}

  void prefetch(std::uint64_t hash) const {
    __builtin_prefetch(&slots_[home_of(static_cast<std::uint32_t>(hash))]);
  }

  void prefetch_entry(std::uint64_t hash) const {
    const std::lock_guard lock(mutex_);
    const auto tag = static_cast<std::uint32_t>(hash);
    std::size_t slot = home_of(tag);
    while (slots_[slot] != 0 && tag_of(slots_[slot]) != tag) slot = next(slot);
    if (slots_[slot] == 0) return;
    const auto* entry = reinterpret_cast<const std::uint8_t*>(&entry_of(slots_[slot]));
    __builtin_prefetch(entry, 1);
    __builtin_prefetch(entry + cache_line);
  }

  CacheReply reply(std::uint64_t hash, const Query& query, bool rotates, CacheSeconds now,
                   std::size_t limit, std::uint8_t* out) {
    const std::lock_guard lock(mutex_);
    Entry* entry = find_entry(hash, query.question);
    if (entry == nullptr || !entry->is_fresh(now)) return {};
    count_hit(*entry);
    const std::uint32_t age = entry->age(now);
    CacheReply result;
    // Each hit has its turn; the client's id is as good once they are no longer counted.
    std::uint32_t turn = 0;
    if (entry->can_rotate && rotates) turn = entry->hits < UINT16_MAX ? entry->hits : query.id;
    result.size = write_reply(query, entry->view(), {age, turn}, limit, out);
    const bool due = entry->ttl - age <= entry->ttl / 10 && entry->ttl >= shortest_prefetched_ttl;
    if (due && entry->has_data && !entry->refreshing) entry->refreshing = result.refresh = true;
    return result;
  }

  void allow_refresh(std::uint64_t hash, const Question& question) {
    const std::lock_guard lock(mutex_);
    if (Entry* entry = find_entry(hash, question)) entry->refreshing = false;
  }

  std::optional<CachedAnswer> find(std::uint64_t hash, const Question& question,
                                   CacheSeconds now) const {
    const std::lock_guard lock(mutex_);
    const Entry* entry = find_entry(hash, question);
    if (entry == nullptr) return std::nullopt;
    return read_cached(*entry, now);
  }

  /// Calls `use` with the question's entry if it is fresh; what that returns, or false.
  template <class Use>
  bool look(std::uint64_t hash, const Question& question, CacheSeconds now, const Use& use) const {
    const std::lock_guard lock(mutex_);
    Entry* entry = find_entry(hash, question);
    return entry != nullptr && entry->is_fresh(now) && use(*entry);
  }

  void forget(std::uint64_t hash, const Question& question) {
    const std::lock_guard lock(mutex_);
    const std::size_t slot =
        find_slot(hash, question.name.bytes(), question.type, key_bits(question));
    if (slots_[slot] != 0) remove(slot);
  }

  void store(std::uint64_t hash, const Question& question, const Answer& answer, CacheSeconds now) {
    // What is as big as a quarter of a queue would push too many others out of it.
    const std::size_t size = entry_size(question, answer);
    if (size > main_.capacity() / 4) return;
    const std::lock_guard lock(mutex_);
    bool to_main = size > small_.capacity() / 4;
    const std::size_t slot =
        find_slot(hash, question.name.bytes(), question.type, key_bits(question));
    if (slots_[slot] != 0) {
      Entry& old = entry_of(slots_[slot]);
      if (old.size == size) return overwrite(old, question, answer, now);
      to_main = to_main || old.in_main;
      remove(slot);
    } else {
      to_main = to_main || take_ghost(hash);  // wanted again soon after it went
    }
    // Linear probing is quick only while an eighth of the slots is free.
    while (entries_ >= layout_.slots / 8 * 7) evict();
    std::uint8_t* memory = to_main ? room_in_main(size) : room_in_small(size);
    Entry* entry = write_entry(memory, question, answer, now);
    entry->in_main = to_main;
    if (entries_ >= slot_count() / 4 * 3 && slot_count() < layout_.slots) grow();
    insert(hash, *entry);
    ++insertions_;
  }

  bool copy_some(std::uint64_t& from, std::size_t slots, std::vector<std::uint64_t>& copies) const {
    const std::lock_guard lock(mutex_);
    return walk(from, slots, [&](std::size_t slot) {
      const Entry& entry = entry_of(slots_[slot]);
      const auto* words = reinterpret_cast<const std::uint64_t*>(&entry);
      copies.insert(copies.end(), words, words + entry.size / sizeof *words);
      return false;
    });
  }

  bool flush_some(std::uint64_t& from, std::size_t slots, const EntryTest& matches,
                  std::uint64_t& count) {
    const std::lock_guard lock(mutex_);
    return walk(from, slots, [&](std::size_t slot) {
      const bool is_note = entry_of(slots_[slot]).is_note();
      if (!matches(entry_of(slots_[slot]))) return false;
      remove(slot);
      if (!is_note) ++count;
      return true;
    });
  }

  std::uint64_t flush_all() {
    const std::lock_guard lock(mutex_);
    memory_.clear();
    slot_count_ = std::min(first_slots, layout_.slots);
    small_.clear();
    main_.clear();
    ghosts_left_ = 0;
    return std::exchange(entries_, 0);
  }

  void add_stats(CacheStats& stats) const {
    const std::lock_guard lock(mutex_);
    stats.entries += entries_;
    stats.bytes += small_.used() + main_.used() + entries_ * sizeof(std::uint64_t) +
                   ghosts_left_ * sizeof(std::uint32_t);
    stats.insertions += insertions_;
    stats.evictions += evictions_;
  }

 private:
  // A slot holds 32 bits of the hash above the entry's place in the rings, in units of 8 bytes and
  // counted from 1; a slot of 0 is free. Collisions go to the next slot (linear probing).
  static std::uint32_t tag_of(std::uint64_t slot) { return static_cast<std::uint32_t>(slot >> 32); }
  // Slots are in the order of the 32 bits, however many there are.
  std::size_t home_of(std::uint64_t tag) const {
    return static_cast<std::size_t>((tag * slot_count()) >> 32);
  }
  std::uint64_t lowest_tag_of(std::size_t slot) const {
    return ((static_cast<std::uint64_t>(slot) << 32) + slot_count() - 1) / slot_count();
  }
  std::size_t next(std::size_t slot) const { return slot + 1 == slot_count() ? 0 : slot + 1; }
  std::size_t slot_count() const { return slot_count_.load(std::memory_order_relaxed); }
  Entry& entry_of(std::uint64_t slot) const {
    const std::size_t unit = static_cast<std::uint32_t>(slot) - 1;
    return *reinterpret_cast<Entry*>(rings_ + unit * Entry::alignment);
  }
  std::uint64_t slot_value(std::uint32_t tag, const Entry& entry) const {
    const auto offset = reinterpret_cast<const std::uint8_t*>(&entry) - rings_;
    return std::uint64_t{tag} << 32 | (static_cast<std::uint64_t>(offset) / Entry::alignment + 1);
  }

  // The slot of the question's entry, or the free one where it would go.
  std::size_t find_slot(std::uint64_t hash, ByteView name, std::uint16_t type,
                        std::uint8_t bits) const {
    const auto tag = static_cast<std::uint32_t>(hash);
    std::size_t slot = home_of(tag);
    for (; slots_[slot] != 0; slot = next(slot)) {
      if (tag_of(slots_[slot]) == tag && entry_of(slots_[slot]).is_for(name, type, bits)) break;
    }
    return slot;
  }

  Entry* find_entry(std::uint64_t hash, const Question& question) const {
    const std::size_t slot =
        find_slot(hash, question.name.bytes(), question.type, key_bits(question));
    return slots_[slot] != 0 ? &entry_of(slots_[slot]) : nullptr;
  }

  std::uint64_t hash_of(const Entry& entry) const {
    return hash_question(key_, entry.name(), entry.type, entry.key_bits);
  }
  std::size_t slot_of(const Entry& entry) const {
    return find_slot(hash_of(entry), entry.name(), entry.type, entry.key_bits);
  }

  void insert(std::uint64_t hash, const Entry& entry) {
    place(slot_value(static_cast<std::uint32_t>(hash), entry));
    ++entries_;
  }
  void place(std::uint64_t value) {
    std::size_t slot = home_of(tag_of(value));
    while (slots_[slot] != 0) slot = next(slot);
    slots_[slot] = value;
  }

  // Few answers take few pages so, of memory and of the processor's table of pages.
  void grow() {
    const std::vector<std::uint64_t> old(slots_, slots_ + slot_count());
    std::fill_n(slots_, old.size(), 0);
    slot_count_ = std::min(old.size() * 2, layout_.slots);
    for (const std::uint64_t value : old) {
      if (value != 0) place(value);
    }
  }

  // Calls `use` with each slot that holds an entry, from the one of the hash `from` on; it returns
  // whether it removed the entry, for then the slot holds another. False at the end, else `from` is
  // where to go on. A step ends at a free slot: closing a gap never moves an entry across one, so
  // none can slip behind the walk between two steps. What the end of the table has pushed round to
  // its beginning comes last.
  template <class Use>
  bool walk(std::uint64_t& from, std::size_t slots, const Use& use) const {
    std::size_t slot = home_of(from);
    for (std::size_t seen = 0; slot < slot_count(); ++seen) {
      if (slots_[slot] == 0 && seen >= slots) {
        from = lowest_tag_of(slot);
        return true;
      }
      if (slots_[slot] == 0 || is_pushed_round(slot) || !use(slot)) ++slot;
    }
    for (slot = 0; slots_[slot] != 0;) {
      if (!is_pushed_round(slot) || !use(slot)) ++slot;
    }
    return false;
  }
  bool is_pushed_round(std::size_t slot) const { return home_of(tag_of(slots_[slot])) > slot; }

  // The entry stays in its queue as a dead one, whose room comes free in turn.
  void remove(std::size_t slot) {
    entry_of(slots_[slot]).dead = true;
    --entries_;
    // Close the gap, so that a probe may stop at the first free slot.
    for (std::size_t at = next(slot); slots_[at] != 0; at = next(at)) {
      const std::size_t home = home_of(tag_of(slots_[at]));
      if (distance(home, at) < distance(slot, at)) continue;
      slots_[slot] = slots_[at];
      slot = at;
    }
    slots_[slot] = 0;
  }
  std::size_t distance(std::size_t from, std::size_t to) const {
    return to >= from ? to - from : to + slot_count() - from;
  }

  static void count_hit(Entry& entry) {
    if (entry.visits < 3) ++entry.visits;
    if (entry.hits < UINT16_MAX) ++entry.hits;
  }

  // In its place in the queue, so that renewing an answer moves nothing.
  static void overwrite(Entry& old, const Question& question, const Answer& answer,
                        CacheSeconds now) {
    const Entry kept = old;
    Entry* entry = write_entry(&old, question, answer, now);
    entry->in_main = kept.in_main;
    entry->visits = kept.visits;
    entry->hits = kept.hits;
  }

  // Both end, because each turn takes an entry out of the queue or one of its second chances.
  std::uint8_t* room_in_small(std::size_t size) {
    for (;;) {
      if (std::uint8_t* memory = small_.place(size)) return memory;
      advance_small();
    }
  }

  std::uint8_t* room_in_main(std::size_t size) {
    for (unsigned chances = max_second_chances;;) {
      if (std::uint8_t* memory = main_.place(size)) return memory;
      advance_main(chances);
    }
  }

  void evict() {
    unsigned no_second_chances = 0;
    if (!main_.empty()) return advance_main(no_second_chances);
    advance_small();
  }

  // Takes the oldest answer out of the small queue: into the main one when it was asked for again
  // or there is room anyway, else out of the cache, remembered for a while as a ghost.
  void advance_small() {
    Entry& oldest = *small_.oldest();
    if (!oldest.dead) {
      std::uint8_t* memory = main_.place(oldest.size);
      if (memory == nullptr && oldest.visits > 0) memory = room_in_main(oldest.size);
      const std::size_t slot = slot_of(oldest);
      if (memory != nullptr) {
        move(oldest, memory, slot);
      } else {
        leave_ghost(hash_of(oldest));
        remove(slot);
        ++evictions_;
      }
    }
    small_.drop_oldest();
  }

  // Takes the oldest answer out of the main queue; one that was asked for since goes round again.
  void advance_main(unsigned& second_chances) {
    Entry& oldest = *main_.oldest();
    const bool again = !oldest.dead && oldest.visits > 0 && second_chances > 0;
    if (!again) {
      if (!oldest.dead) {
        remove(slot_of(oldest));
        ++evictions_;
      }
      main_.drop_oldest();
      return;
    }
    --second_chances;
    // Out of the ring before its room is given away, which it may itself be part of.
    const std::size_t slot = slot_of(oldest);
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&oldest);
    scratch_.assign(bytes, bytes + oldest.size);
    main_.drop_oldest();
    std::uint8_t* memory = main_.place(scratch_.size());
    if (memory == nullptr) {  // it would have to be split by the end of the ring
      remove(slot);
      ++evictions_;
      return;
    }
    auto& copy = *reinterpret_cast<Entry*>(scratch_.data());
    const auto visits = static_cast<std::uint8_t>(copy.visits - 1);
    move(copy, memory, slot);
    reinterpret_cast<Entry*>(memory)->visits = visits & 3;
  }

  void move(const Entry& entry, std::uint8_t* memory, std::size_t slot) {
    std::memcpy(memory, &entry, entry.size);
    auto& moved = *reinterpret_cast<Entry*>(memory);
    moved.in_main = true;
    moved.visits = 0;
    slots_[slot] = slot_value(tag_of(slots_[slot]), moved);
  }

  // Ghosts are hashes of what the small queue let go; a newer one takes the place of an older.
  std::uint32_t& ghost_place(std::uint64_t hash) const {
    return ghosts_[(static_cast<std::uint32_t>(hash) * std::uint64_t{layout_.ghosts}) >> 32];
  }
  static std::uint32_t ghost_tag(std::uint64_t hash) {
    return static_cast<std::uint32_t>(hash >> 32) | 1;
  }
  void leave_ghost(std::uint64_t hash) {
    if (std::exchange(ghost_place(hash), ghost_tag(hash)) == 0) ++ghosts_left_;
  }
  bool take_ghost(std::uint64_t hash) {
    std::uint32_t& ghost = ghost_place(hash);
    if (ghost != ghost_tag(hash)) return false;
    ghost = 0;
    --ghosts_left_;
    return true;
  }

  mutable std::mutex mutex_;
  Layout layout_;
  Mapping memory_;
  std::uint64_t* slots_;
  std::atomic<std::size_t> slot_count_ = std::min(first_slots, layout_.slots);
  std::uint32_t* ghosts_;
  std::uint8_t* rings_;
  Ring small_;
  Ring main_;
  const HashKey& key_;
  std::vector<std::uint8_t> scratch_;
  std::uint64_t entries_ = 0;
  std::uint64_t ghosts_left_ = 0;
  std::uint64_t insertions_ = 0;
  std::uint64_t evictions_ = 0;
};

Cache::Cache(std::uint64_t size_bytes, HashKey key)
    : key_(key), size_bytes_(std::max<std::uint64_t>(size_bytes, smallest_size)) {
  const std::size_t count = std::clamp<std::size_t>(size_bytes_ / shard_size, 1, max_shards);
  for (std::size_t i = 0; i < count; ++i) {
    shards_.push_back(std::make_unique<Shard>(size_bytes_ / count, key_));
  }
}

Cache::~Cache() = default;

Cache::Shard& Cache::shard_of(std::uint64_t hash) const {
  return *shards_[(hash >> 48) * shards_.size() >> 16];
}

std::uint64_t Cache::prepare(const Question& question) const {
  const std::uint64_t hash = hash_of(question);
  shard_of(hash).prefetch(hash);
  return hash;
}

void Cache::prefetch_entry(std::uint64_t hash) const { shard_of(hash).prefetch_entry(hash); }

CacheReply Cache::reply(const Query& query, std::uint64_t hash, CacheSeconds now, std::size_t limit,
                        std::uint8_t* out) {
  return shard_of(hash).reply(hash, query, rotates(), now, limit, out);
}

std::uint64_t Cache::hash_of(const Question& question) const {
  return hash_question(key_, question.name.bytes(), question.type, key_bits(question));
}

void Cache::allow_refresh(const Question& question, std::uint64_t hash) {
  shard_of(hash).allow_refresh(hash, question);
}

std::optional<CachedAnswer> Cache::find(const Question& question, std::uint64_t hash,
                                        CacheSeconds now) const {
  return shard_of(hash).find(hash, question, now);
}

void Cache::configure(const Config& config) {
  NxdomainCut cut = config.cache.nxdomain_cut;
  // Another's word that it has validated is no proof (RFC 4035 section 3.2.3).
  const bool proves = config.dnssec.mode == DnssecMode::validate;
  if (cut == NxdomainCut::validated && !proves) cut = NxdomainCut::never;
  nxdomain_cut_ = cut;
  rotates_ = config.round_robin;
}

namespace {

Question of_type(Question question, std::uint16_t type) {
  question.type = type;
  return question;
}

// An SOA record makes a denial one of the zone's (RFC 2308 section 5). The name of a denial behind
// aliases is where these lead (RFC 6604 section 3), not the question's.
bool denies_name(const Answer& answer) {
  if (answer.rcode != Rcode::nx_domain || answer.answer_count != 0) return false;
  const AnswerView view = answer.view();
  for (std::size_t i = 0; i < view.authority_count; ++i) {
    if (record_at(view, i).type == rr_type::soa) return true;
  }
  return false;
}

}  // namespace

bool Cache::has_address_answer(const Question& question, CacheSeconds now) const {
  return std::ranges::any_of(std::array{rr_type::a, rr_type::aaaa}, [&](std::uint16_t type) {
    if (type == question.type) return false;
    const Question other = of_type(question, type);
    const std::uint64_t hash = hash_of(other);
    return shard_of(hash).look(hash, other, now, [](const Entry& entry) {
      return static_cast<Rcode>(entry.rcode) == Rcode::no_error;
    });
  });
}

std::optional<CachedAnswer> Cache::find_nxdomain(const Question& question, CacheSeconds now) const {
  if (has_address_answer(question, now)) return std::nullopt;
  std::optional<CachedAnswer> denial;
  for (const std::uint16_t type : {rr_type::a, Entry::no_type}) {
    if (type == question.type) continue;
    const Question other = of_type(question, type);
    const std::uint64_t hash = hash_of(other);
    const bool is_denied = shard_of(hash).look(hash, other, now, [&](const Entry& entry) {
      if (entry.denies_all_types) denial = read_cached(entry, now);
      return static_cast<bool>(entry.denies_all_types);
    });
    if (is_denied) return denial;
  }
  return std::nullopt;
}

std::optional<CachedAnswer> Cache::find_nxdomain_above(const Question& question,
                                                       unsigned zone_labels,
                                                       CacheSeconds now) const {
  if (!has_nxdomain_cut() || has_address_answer(question, now)) return std::nullopt;
  std::optional<CachedAnswer> denial;
  Question above = of_type(question, Entry::no_type);
  for (unsigned left = question.name.label_count(); left > std::max(zone_labels, 1u); --left) {
    above.name = above.name.parent();
    const std::uint64_t hash = hash_of(above);
    const bool is_denied = shard_of(hash).look(hash, above, now, [&](const Entry& entry) {
      if (entry.denies_below) denial = read_cached(entry, now);
      return static_cast<bool>(entry.denies_below);
    });
    if (!is_denied) continue;
    if (!move_below(above.name, question.name, denial->answer)) return std::nullopt;
    return denial;
  }
  return std::nullopt;
}

void Cache::store(const Question& question, std::uint64_t hash, const Answer& answer,
                  CacheSeconds now) {
  if (answer.ttl == 0) {
    shard_of(hash).forget(hash, question);
  } else {
    shard_of(hash).store(hash, question, answer, now);
  }
  if (answer.rcode == Rcode::no_error) {
    note_existence(question, now);
  } else if (answer.ttl != 0 && denies_name(answer)) {
    note_denial(question, answer, now);
  }
}

// Some servers deny a name for one type that has records of another: then neither says anything
// about the name as a whole.
void Cache::note_existence(const Question& question, CacheSeconds now) {
  const Question note = of_type(question, Entry::no_type);
  const std::uint64_t note_hash = hash_of(note);
  shard_of(note_hash).forget(note_hash, note);
  if (question.type == rr_type::a) return;
  const Question address = of_type(question, rr_type::a);
  const std::uint64_t hash = hash_of(address);
  shard_of(hash).look(hash, address, now, [](Entry& entry) {
    entry.denies_all_types = false;
    return true;
  });
}

// The entry of type A speaks for the whole name, as nearly every denial is of this type. For others
// and for a cut there is a copy under no type at all.
void Cache::note_denial(const Question& question, const Answer& answer, CacheSeconds now) {
  if (has_address_answer(question, now)) return;
  const NxdomainCut cut = nxdomain_cut_.load(std::memory_order_relaxed);
  const bool cuts =
      cut == NxdomainCut::always || (cut == NxdomainCut::validated && answer.authentic);
  const Question address = of_type(question, rr_type::a);
  const std::uint64_t hash = hash_of(address);
  const bool is_noted = shard_of(hash).look(hash, address, now, [&](Entry& entry) {
    if (question.type == rr_type::a) entry.denies_all_types = true;
    return static_cast<bool>(entry.denies_all_types);
  });
  if (is_noted && !cuts) return;
  const Question note = of_type(question, Entry::no_type);
  const std::uint64_t note_hash = hash_of(note);
  shard_of(note_hash).store(note_hash, note, answer, now);
  shard_of(note_hash).look(note_hash, note, now, [&](Entry& entry) {
    entry.denies_all_types = true;
    entry.denies_below = cuts;
    return true;
  });
}

bool Cache::visit(CachePosition& position, std::size_t slots,
                  const std::function<void(const Entry&)>& use) const {
  if (position.shard == shards_.size()) return false;
  std::vector<std::uint64_t> copies;
  if (!shards_[position.shard]->copy_some(position.hash, slots, copies)) {
    position = {position.shard + 1, 0};
  }
  for (std::size_t at = 0; at < copies.size();) {
    const auto& entry = *reinterpret_cast<const Entry*>(&copies[at]);
    if (!entry.is_note()) use(entry);
    at += entry.size / sizeof copies[at];
  }
  return position.shard < shards_.size();
}

bool Cache::flush_some(CachePosition& position, std::size_t slots, const EntryTest& matches,
                       std::uint64_t& count) {
  if (position.shard == shards_.size()) return false;
  if (!shards_[position.shard]->flush_some(position.hash, slots, matches, count)) {
    position = {position.shard + 1, 0};
  }
  return position.shard < shards_.size();
}

std::uint64_t Cache::flush_all() {
  std::uint64_t count = 0;
  for (const auto& shard : shards_) count += shard->flush_all();
  return count;
}

CacheStats Cache::stats() const {
  CacheStats stats;
  stats.size_bytes = size_bytes_;
  for (const auto& shard : shards_) shard->add_stats(stats);
  return stats;
}

}  // namespace dnscache
