#include "resolver/config/upstreams_from.hpp"

#include <algorithm>

#include "resolver/config/resolv_conf.hpp"
#include "resolver/config/text.hpp"
#include "resolver/config/values.hpp"

namespace dnscache {
namespace {

/// The name servers of one file, sorted by whether they can be asked.
struct Candidates {
  std::vector<UpstreamConfig> usable;
  bool has_own = false;
  bool has_stub = false;
};

// systemd-resolved listens on these two, and asks us as soon as it is told to.
bool is_systemd_stub(const IpAddress& address) {
  return address == IpAddress::v4(127, 0, 0, 53) || address == IpAddress::v4(127, 0, 0, 54);
}

// glibc takes 0.0.0.0 for the machine itself.
Endpoint as_asked(const Endpoint& nameserver) {
  const bool any = nameserver.address == IpAddress{};
  return any ? Endpoint{IpAddress::v4(127, 0, 0, 1), nameserver.port} : nameserver;
}

Candidates sort(const std::vector<Endpoint>& nameservers, const std::vector<Endpoint>& listen) {
  Candidates result;
  for (const Endpoint& nameserver : nameservers) {
    const UpstreamConfig upstream{as_asked(nameserver), Protocol::udp, ""};
    if (reaches_us(upstream.endpoint, listen)) {
      result.has_own = true;
    } else if (is_systemd_stub(upstream.endpoint.address)) {
      result.has_stub = true;
    } else if (std::ranges::count(result.usable, upstream) == 0) {
      result.usable.push_back(upstream);
    }
  }
  return result;
}

std::string found_text(const Candidates& found) {
  std::vector<std::string> parts;
  if (found.has_own) parts.push_back("the cache's own address");
  if (found.has_stub) parts.push_back("the stub of systemd-resolved");
  return parts.empty() ? "names no server" : "names only " + join_words(parts, "and");
}

}  // namespace

Result<std::vector<UpstreamConfig>> system_upstreams(const Config& config,
                                                     const std::filesystem::path& systemd_list) {
  const auto file = read_resolv_conf(config.upstreams_from);
  const std::string advice = "; name servers under upstreams: in the configuration";
  if (!file) return Error{file.error().message + advice, file.error().code};
  const Candidates found = sort(file->nameservers, config.listen);
  if (!found.usable.empty()) return found.usable;

  const std::string where = config.upstreams_from.string() + ' ' + found_text(found);
  const auto systemd_file = read_resolv_conf(systemd_list);
  if (!systemd_file) return Error{where + advice};
  const Candidates real = sort(systemd_file->nameservers, config.listen);
  if (!real.usable.empty()) return real.usable;
  return Error{where + " and " + systemd_list.string() + ' ' + found_text(real) + advice};
}

}  // namespace dnscache
