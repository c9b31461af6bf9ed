// Answers that were not in the cache, counted by type and response code.
#pragma once

#include <algorithm>
#include <array>

#include "resolver/base/stats.hpp"
#include "resolver/wire/protocol.hpp"

namespace dnscache {

/// Counted by one thread; read from others at any time.
class AnswerCounters {
 public:
  void count(std::uint16_t type, Rcode rcode) {
    const auto place = std::ranges::find(types, type) - types.begin();
    ++counters_[static_cast<std::size_t>(place)][static_cast<std::size_t>(rcode) % rcodes];
  }

  /// Calls `visit(type, rcode, count)` for what there was; type "other" stands for the rare ones.
  template <class Visit>
  void for_each(Visit visit) const {
    for (std::size_t i = 0; i < counters_.size(); ++i) {
      const std::string type = i == types.size() ? "other" : type_text(types[i]);
      for (std::size_t rcode = 0; rcode < rcodes; ++rcode) {
        const auto count = counters_[i][rcode].value();
        if (count != 0) visit(type, static_cast<Rcode>(rcode), count);
      }
    }
  }

 private:
  static constexpr std::size_t rcodes = 16;
  static constexpr std::array<std::uint16_t, 8> types{rr_type::a,   rr_type::aaaa, rr_type::https,
                                                      rr_type::ptr, rr_type::srv,  rr_type::mx,
                                                      rr_type::txt, rr_type::ns};
  std::array<std::array<Counter, rcodes>, types.size() + 1> counters_;
};

}  // namespace dnscache
