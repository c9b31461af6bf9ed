// Where a coroutine waits for what becomes of its queries.
#pragma once

#include <coroutine>
#include <memory>
#include <optional>
#include <system_error>
#include <vector>

#include "resolver/base/task.hpp"
#include "resolver/upstream/world.hpp"
#include "resolver/wire/answer.hpp"

namespace dnscache {

class Attempt;

/// How a query is put to a server.
struct QueryForm {
  Protocol protocol = Protocol::udp;
  bool edns = true;
  bool cookie = true;
  bool mixed_case = true;
};

/// What a race has to react to.
struct Event {
  enum class Kind {
    response,         ///< of an attempt, which is over
    failure,          ///< of an attempt, which is over; see `error`
    wrong_case,       ///< a response with the name in other letter case was discarded
    no_cookie,        ///< a response without the expected cookie was discarded
    suspected,        ///< the server of an attempt is taken for dead from now on
    moment,           ///< the time has come
    room,             ///< the quota has room again
    servers_changed,  ///< the servers for this question are others now
    given_up,         ///< end at once
    done,             ///< something else that was awaited has happened
  };

  Event(Kind what) : kind(what) {}  // NOLINT(google-explicit-constructor)

  Kind kind;
  unsigned attempt = 0;    ///< its number in the race
  unsigned candidate = 0;  ///< the server's number in the race
  QueryForm form;
  Response response;
  bool has_question = true;  ///< false: a bare header, which anybody can forge
  std::error_code error;
};

/// The events of one coroutine, and the attempts that may still bring some.
class Inbox {
 public:
  explicit Inbox(World& world);
  ~Inbox() { detach_all(); }
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  void put(Event event);

  /// To be used as `co_await inbox.next(until);`: afterwards take() gives the next event, or
  /// `moment` when `until` came first.
  struct Next {
    Inbox& inbox;
    bool await_ready() const { return !inbox.events_.empty(); }
    void await_suspend(std::coroutine_handle<> waiter) { inbox.waiter_ = waiter; }
    void await_resume() const {}
  };
  Next next(TimePoint until);
  Event take();

  bool is_past(TimePoint when) const { return world_.now() >= when; }

  /// An attempt is underway, or no longer.
  void add(Attempt& attempt) { attempts_.push_back(&attempt); }
  void remove(Attempt& attempt) { std::erase(attempts_, &attempt); }
  /// The response to this attempt is no longer waited for, though still welcome.
  void give_up(unsigned attempt);
  /// It is given up already, and its response is no longer welcome either.
  void free(unsigned attempt);
  /// Another query takes its place.
  void abandon(unsigned attempt);
  /// Attempts that are still underway go on only to show how their server fares; see
  /// Attempt::detach().
  void detach_all(bool another_responded = false);

 private:
  World& world_;
  Timer timer_;
  std::coroutine_handle<> waiter_;  // null: nobody waits, or who waited was woken
  std::vector<Event> events_;       // the oldest first
  std::vector<Attempt*> attempts_;
};

/// What a coroutine waits for that somebody else finds out, perhaps when nobody waits any more.
template <typename T>
struct Finding {
  explicit Finding(Inbox& waiting) : inbox(&waiting) {}
  void put(T what) {
    content.emplace(std::move(what));
    if (inbox != nullptr) inbox->put(Event::Kind::done);
  }

  Inbox* inbox;  ///< null: too late
  std::optional<T> content;
};

/// What is found; nothing when the deadline, or an event that ends the wait, comes before.
template <typename T>
Async<std::optional<T>> wait_for(std::shared_ptr<Finding<T>> finding, TimePoint deadline) {
  bool is_over = false;
  while (!finding->content && !is_over) {
    co_await finding->inbox->next(deadline);
    const bool is_given_up = finding->inbox->take().kind == Event::Kind::given_up;
    is_over = is_given_up || finding->inbox->is_past(deadline);
  }
  finding->inbox = nullptr;
  co_return std::move(finding->content);
}

}  // namespace dnscache
