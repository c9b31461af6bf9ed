#include "resolver/upstream/world.hpp"

#include <utility>

namespace dnscache {

World::Turn::~Turn() {
  // Those who run may wake others, who then run as well.
  while (world_.turns_ == 1 && !world_.woken_.empty()) {
    const std::vector<std::coroutine_handle<>> woken = std::exchange(world_.woken_, {});
    for (const std::coroutine_handle<> coroutine : woken) coroutine.resume();
  }
  --world_.turns_;
}

void World::wake(std::coroutine_handle<> coroutine) {
  if (turns_ == 0 && woken_.empty()) take_turn_soon();
  woken_.push_back(coroutine);
}

}  // namespace dnscache
