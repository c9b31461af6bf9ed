// Preloaded into a program: fails its first D-Bus call of the method FAIL_BUS_CALL with the error
// FAIL_BUS_ERROR. What systemd, resolved and networkd never say of themselves can be tried that
// way.
#include <dlfcn.h>

#include <cstdlib>
#include <cstring>
#include <systemd/sd-bus.h>

extern "C" int sd_bus_call(sd_bus* bus, sd_bus_message* message, uint64_t limit,
                           sd_bus_error* error, sd_bus_message** reply) {
  static bool has_failed = false;
  const char* wanted = std::getenv("FAIL_BUS_CALL");
  const char* member = sd_bus_message_get_member(message);
  if (!has_failed && wanted != nullptr && member != nullptr && std::strcmp(member, wanted) == 0) {
    has_failed = true;
    return sd_bus_error_set(error, std::getenv("FAIL_BUS_ERROR"), "injected fault");
  }
  static auto* real = reinterpret_cast<decltype(&sd_bus_call)>(::dlsym(RTLD_NEXT, "sd_bus_call"));
  return real(bus, message, limit, error, reply);
}
