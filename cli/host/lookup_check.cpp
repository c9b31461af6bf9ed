#include "cli/host/lookup_check.hpp"

#include <sys/random.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <fmt/format.h>
#include <optional>
#include <thread>

#include "cli/ask/control_client.hpp"
#include "dbus/resolved.hpp"

namespace dnscache::cli {

namespace {

using namespace std::chrono_literals;

// Names in a link's own domain never come to the cache. So where that is all that a server answers
// for, a name outside of it is looked up, and its failure says nothing.
bool is_answer_expected(const ProbeQuestion& probe) { return probe.type == ns_t_a; }

std::string new_name(const ProbeQuestion& probe) {
  return new_name_in(is_answer_expected(probe) ? probe.name : "example");
}

// What the engine has in its cache after a lookup, it was asked for. An answer may be too
// short-lived to be kept.
bool is_kept(const std::filesystem::path& control, const std::string& name) {
  const auto told = ask_engine(control, {{"command", "explain"}, {"name", name}, {"type", "A"}});
  return told && told->value("answer", nlohmann::json::object()).value("origin", "") == "cache";
}

/// Whether a lookup has come to the engine, by the names that it counts while somebody looks.
class Watched {
 public:
  explicit Watched(const std::filesystem::path& control) : control_(control) {
    is_possible_ = bool(names());
    if (const auto now = engine_status(control_)) queries_before_ = now->queries;
  }

  bool has_come(const std::string& name) const {
    if (!is_possible_) return has_any_come();
    for (int i = 0; i < 20; ++i) {
      const auto seen = names();
      if (seen && seen->find(name) != seen->npos) return true;
      std::this_thread::sleep_for(50ms);
    }
    return false;
  }

 private:
  // Needs rights that `status` may not have.
  std::optional<std::string> names() const {
    const auto told = ask_engine(control_, {{"command", "top"}, {"limit", 1'000'000u}});
    if (!told) return {};
    return told->value("names", nlohmann::json::array()).dump();
  }

  bool has_any_come() const {
    const auto now = engine_status(control_);
    return now && now->queries > queries_before_;
  }

  std::filesystem::path control_;
  bool is_possible_ = false;
  std::uint64_t queries_before_ = 0;
};

template <class LookUp>
Result<void> check_way(const std::string& who, const ProbeQuestion& probe,
                       const std::filesystem::path& control, LookUp look_up) {
  if (const auto engine = engine_status(control); !engine) return engine.error();
  const auto name = new_name(probe);
  const Result<void> found = look_up(name);
  if (!found && is_answer_expected(probe)) return found;
  if (is_kept(control, name)) return {};
  const Watched watched(control);
  const auto other_name = new_name(probe);
  const Result<void> found_again = look_up(other_name);
  if (!found_again && is_answer_expected(probe)) return found_again;
  if (watched.has_come(other_name)) return {};
  return Error{fmt::format("{} not reach the cache", who), ExitCode::check_failed};
}

}  // namespace

std::string new_name_in(const std::string& zone) {
  std::uint64_t number = 0;
  (void)!::getrandom(&number, sizeof number, 0);
  return fmt::format("dnscachectl-check-{:016x}.{}", number, zone);
}

Result<void> check_way_of_glibc(StubResolver& resolver, const ProbeQuestion& probe,
                                const std::filesystem::path& control) {
  return check_way("lookups as programs make them do", probe, control,
                   [&](const std::string& name) -> Result<void> {
                     const auto lookup = resolver.ask(name, ns_t_a);
                     if (lookup.is_answer()) return {};
                     return Error{fmt::format("looking up {} as every program does failed: {}",
                                              name, to_text(lookup.outcome))};
                   });
}

Result<void> check_way_of_resolved(const ProbeQuestion& probe,
                                   const std::filesystem::path& control) {
  auto bus = dbus::Bus::connect();
  if (!bus) return bus.error();
  dbus::Resolved resolved(*bus);
  return check_way("lookups through systemd-resolved do", probe, control,
                   [&](const std::string& name) -> Result<void> {
                     const auto is_answered = resolved.is_answered(name);
                     return is_answered ? Result<void>() : is_answered.error();
                   });
}

}  // namespace dnscache::cli
