#include "dbus/bus.hpp"

#include <array>
#include <fmt/format.h>
#include <string_view>
#include <thread>

#include "dbus/call.hpp"
#include "dbus/org.freedesktop.DBus.proxy.hpp"

namespace dnscache::dbus {
namespace {

using DBusProxy = Proxy<org::freedesktop::DBus_proxy>;

template <std::size_t Size>
bool is_one_of(std::string_view name, const std::array<std::string_view, Size>& names) {
  for (auto candidate : names) {
    if (name == candidate) return true;
  }
  return false;
}

constexpr std::array<std::string_view, 3> missing_rights{
    "org.freedesktop.DBus.Error.AccessDenied",
    "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired",
    "org.freedesktop.DBus.Error.AuthFailed"};

// A service that is asked for and cannot be started; systemd names the reason of an activation.
constexpr std::array<std::string_view, 5> nobody_there{
    "org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NameHasNoOwner",
    "org.freedesktop.DBus.Error.Spawn.ServiceNotFound", "org.freedesktop.systemd1.NoSuchUnit",
    "org.freedesktop.systemd1.UnitMasked"};

constexpr std::array<std::string_view, 2> silence{"org.freedesktop.DBus.Error.Timeout",
                                                  "org.freedesktop.DBus.Error.NoReply"};

constexpr std::array<std::string_view, 4> too_old{
    "org.freedesktop.DBus.Error.UnknownMethod", "org.freedesktop.DBus.Error.UnknownProperty",
    "org.freedesktop.DBus.Error.UnknownInterface", "org.freedesktop.DBus.Error.UnknownObject"};

std::string seconds(std::chrono::milliseconds time) {
  return fmt::format("{:g} s", std::chrono::duration<double>(time).count());
}

// Local errors are "Failed to open bus (No such file or directory)": the reason is what counts.
std::string reason_of(const sdbus::Error& error) {
  auto text = error.getMessage();
  if (auto open = text.rfind('('); text.starts_with("Failed to ") && text.ends_with(')')) {
    text = text.substr(open + 1, text.size() - open - 2);
  }
  for (auto& character : text) {
    if (character == '\n') character = ' ';
  }
  while (!text.empty() && (text.back() == '.' || text.back() == ' ')) text.pop_back();
  return text;
}

}  // namespace

Error bus_error(const Service& service, std::chrono::milliseconds limit, const std::string& action,
                const sdbus::Error& error) {
  const auto& name = error.getName();
  auto message = reason_of(error);
  if (is_one_of(name, missing_rights)) {
    return {fmt::format("cannot {}: {}; run this as root", action, message), ExitCode::no_rights};
  }
  // NoReply also says that the service ended while it was asked; then its own words are better.
  if (is_one_of(name, silence) && message.find("disconnected") == std::string::npos) {
    return {fmt::format("cannot {}: {} did not answer within {}; see `systemctl status {}`", action,
                        service.title, seconds(limit), service.title)};
  }
  if (is_one_of(name, nobody_there) && &service != &systemd_service) {
    return {fmt::format("cannot {}: {} is not running ({})", action, service.title, message)};
  }
  if (is_one_of(name, too_old)) {
    return {fmt::format("cannot {}: this {} is too old or too new for that ({})", action,
                        service.title, message)};
  }
  return {fmt::format("cannot {}: {}", action, message.empty() ? name : message)};
}

bool has_owner(Bus::Connection& connection, const Service& service) {
  return DBusProxy(connection, bus_daemon).NameHasOwner(service.bus_name);
}

Result<void> require_running(Bus::Connection& connection, const Service& service,
                             const std::string& action) {
  auto owned =
      attempt(connection, bus_daemon, action, [&] { return has_owner(connection, service); });
  if (!owned) return owned.error();
  if (!*owned) return Error{fmt::format("cannot {}: {} is not running", action, service.title)};
  return {};
}

Result<void> wait_until_on_bus(Bus::Connection& connection, const Service& service,
                               std::chrono::milliseconds limit) {
  const auto action = fmt::format("reach {} after its start", service.title);
  const auto deadline = std::chrono::steady_clock::now() + limit;
  for (;;) {
    auto running = require_running(connection, service, action);
    if (running || std::chrono::steady_clock::now() >= deadline) return running;
    std::this_thread::sleep_for(10ms);
  }
}

Bus::Bus(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
Bus::Bus(Bus&&) noexcept = default;
Bus& Bus::operator=(Bus&&) noexcept = default;
Bus::~Bus() = default;

Result<Bus> Bus::connect(std::chrono::milliseconds call_limit) {
  try {
    auto connection = std::make_unique<Connection>();
    connection->bus = sdbus::createSystemBusConnection();
    connection->bus->setMethodCallTimeout(call_limit);
    connection->call_limit = call_limit;
    return Bus(std::move(connection));
  } catch (const sdbus::Error& error) {
    return Error{
        fmt::format("cannot reach the system bus: {}; is dbus running?", reason_of(error))};
  }
}

}  // namespace dnscache::dbus
