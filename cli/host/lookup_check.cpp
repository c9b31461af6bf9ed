#include "cli/host/lookup_check.hpp"

#include <sys/random.h>
#include <sys/socket.h>

#include <cstdint>
#include <fmt/format.h>

#include "cli/control_client.hpp"
#include "dbus/resolved.hpp"

namespace dnscache::cli {

namespace {

// Names in a link's own domain never come to the cache. So where that is all that a server answers
// for, a name outside of it is looked up, and its failure says nothing.
bool is_answer_expected(const ProbeQuestion& probe) { return probe.type == ns_t_a; }

std::string new_name(const ProbeQuestion& probe) {
  std::uint64_t number = 0;
  (void)!::getrandom(&number, sizeof number, 0);
  const auto label = fmt::format("dnscachectl-check-{:016x}", number);
  return label + "." + (is_answer_expected(probe) ? probe.name : "example");
}

// True: the engine has this name. Not every answer is kept, so its counter decides then.
bool has_come(const std::filesystem::path& control, const std::string& name,
              std::uint64_t queries_before) {
  const auto now = engine_status(control);
  if (!now || now->queries <= queries_before) return false;
  const auto told = ask_engine(control, {{"command", "explain"}, {"name", name}, {"type", "A"}});
  if (!told) return true;  // an older engine
  const auto& answer = told->value("answer", nlohmann::json::object());
  const bool is_kept = answer.value("origin", "") == "cache";
  const bool could_be_kept = answer.value("origin", "") == "upstream" &&
                             !answer.value("records", nlohmann::json()).empty();
  return is_kept || !could_be_kept;
}

template <class LookUp>
Result<void> check_way(const std::string& who, const ProbeQuestion& probe,
                       const std::filesystem::path& control, LookUp look_up) {
  const auto before = engine_status(control);
  if (!before) return before.error();
  const auto name = new_name(probe);
  const Result<void> found = look_up(name);
  if (!found && is_answer_expected(probe)) return found;
  if (has_come(control, name, before->queries)) return {};
  return Error{fmt::format("{} still not reach the cache; see 'resolvectl'", who)};
}

}  // namespace

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
  if (const auto flushed = resolved.flush_caches(); !flushed) return flushed;
  return check_way("lookups through systemd-resolved do", probe, control,
                   [&](const std::string& name) -> Result<void> {
                     const auto is_answered = resolved.is_answered(name);
                     return is_answered ? Result<void>() : is_answered.error();
                   });
}

}  // namespace dnscache::cli
