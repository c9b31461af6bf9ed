// A queue of entries of different sizes in one piece of memory.
#pragma once

#include <cstddef>
#include <cstdint>

#include "resolver/cache/entry.hpp"

namespace dnscache {

/// A first-in first-out queue of entries, laid end to end in a circle of bytes. No entry is split
/// by the end of the memory; what is left there is filled by a dead entry.
class Ring {
 public:
  /// `capacity` is in bytes and a multiple of Entry::alignment, as is the address of `memory`.
  Ring(std::uint8_t* memory, std::size_t capacity) : memory_(memory), capacity_(capacity) {}

  /// Room for an entry of `size` bytes at the young end; null when the oldest must go first.
  std::uint8_t* place(std::size_t size) {
    if (used_ == 0) head_ = tail_ = 0;
    if (head_ >= tail_ && used_ < capacity_ && capacity_ - head_ < size) fill_end();
    const std::size_t end = head_ < tail_ ? tail_ : capacity_;
    if (used_ == capacity_ || end - head_ < size) return nullptr;
    std::uint8_t* memory = memory_ + head_;
    advance(head_, size);
    used_ += size;
    return memory;
  }

  /// The oldest entry; the queue must not be empty.
  Entry* oldest() const { return entry_at(tail_); }
  void drop_oldest() {
    const std::size_t size = oldest()->size;
    advance(tail_, size);
    used_ -= size;
  }

  void clear() { head_ = tail_ = used_ = 0; }
  bool empty() const { return used_ == 0; }
  std::size_t used() const { return used_; }
  std::size_t capacity() const { return capacity_; }

 private:
  Entry* entry_at(std::size_t at) const { return reinterpret_cast<Entry*>(memory_ + at); }
  void advance(std::size_t& at, std::size_t size) const {
    at += size;
    if (at == capacity_) at = 0;
  }
  // The gap may be smaller than an Entry: only its first eight bytes, size and flags, are written.
  void fill_end() {
    const std::size_t gap = capacity_ - head_;
    Entry* filler = entry_at(head_);
    filler->size = static_cast<std::uint32_t>(gap);
    filler->dead = true;
    used_ += gap;
    head_ = 0;
  }

  std::uint8_t* memory_;
  std::size_t capacity_;
  std::size_t head_ = 0;  // where the next entry goes
  std::size_t tail_ = 0;  // where the oldest entry is
  std::size_t used_ = 0;
};

}  // namespace dnscache
