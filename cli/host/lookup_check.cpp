#include "cli/host/lookup_check.hpp"

#include <sys/random.h>
#include <sys/socket.h>

#include <cstdint>
#include <fmt/format.h>

#include "cli/ask/control_client.hpp"
#include "dbus/resolved.hpp"

namespace dnscache::cli {

namespace {

// `look_up` says whether there was an answer that says "there is such a name".
template <class LookUp>
Result<void> check_way(const std::string& who, const std::filesystem::path& control,
                       LookUp look_up) {
  const auto engine = engine_status(control);
  if (!engine) return engine.error();
  if (engine->probe_zone.empty()) {
    return Error{
        fmt::format("the running engine is version {}; restart it first", engine->version)};
  }
  const Result<bool> is_known = look_up(new_name_in(engine->probe_zone));
  if (!is_known) return is_known.error();
  if (*is_known) return {};
  return Error{fmt::format("{} not reach the cache", who), ExitCode::check_failed};
}

}  // namespace

std::string new_name_in(const std::string& zone) {
  std::uint64_t number = 0;
  (void)!::getrandom(&number, sizeof number, 0);
  return fmt::format("dnscachectl-check-{:016x}.{}", number, zone);
}

// A server that makes up addresses for names that do not exist makes up no TXT records.
Result<void> check_way_of_glibc(StubResolver& resolver, const std::filesystem::path& control) {
  return check_way("lookups as programs make them do", control,
                   [&](const std::string& name) -> Result<bool> {
                     const auto lookup = resolver.ask(name, ns_t_txt);
                     if (lookup.is_answer()) return lookup.outcome == Outcome::answered;
                     return Error{fmt::format("looking up {} as every program does failed: {}",
                                              name, to_text(lookup.outcome))};
                   });
}

Result<void> check_way_of_resolved(const std::filesystem::path& control) {
  auto bus = dbus::Bus::connect();
  if (!bus) return bus.error();
  dbus::Resolved resolved(*bus);
  return check_way("lookups through systemd-resolved do", control, [&](const std::string& name) {
    return resolved.has_address(name, IpAddress::v4(127, 0, 0, 1));
  });
}

}  // namespace dnscache::cli
