#include "resolver/config/upstreams_from.hpp"

#include <algorithm>

#include "resolver/base/text.hpp"
#include "resolver/config/values.hpp"

namespace dnscache {
namespace {

// systemd-resolved listens on these two, and asks us as soon as it is told to.
bool is_systemd_stub(const IpAddress& address) {
  return address == IpAddress::v4(127, 0, 0, 53) || address == IpAddress::v4(127, 0, 0, 54);
}

// glibc takes 0.0.0.0 for the machine itself.
Endpoint as_asked(const Endpoint& nameserver) {
  const bool any = nameserver.address == IpAddress{};
  return any ? Endpoint{IpAddress::v4(127, 0, 0, 1), nameserver.port} : nameserver;
}

// "10.0.0.2 (eth0) and tls://10.0.0.3".
std::string in_words(const std::vector<UpstreamConfig>& upstreams) {
  std::vector<std::string> words;
  for (const UpstreamConfig& upstream : upstreams) {
    const std::string server = print_upstream(upstream);
    words.push_back(upstream.link.empty() ? server : server + " (" + upstream.link + ')');
  }
  return words.empty() ? "none" : join_words(words, "and");
}

}  // namespace

std::string servers_in_words(const Config& config) {
  std::string text = in_words(config.upstreams);
  for (const RouteConfig& route : config.routes) {
    text += "; for " + route.zone.to_text() + ' ' + in_words(route.upstreams);
  }
  return text;
}

Nameservers sort_nameservers(const std::vector<Endpoint>& list,
                             const std::vector<Endpoint>& listen) {
  Nameservers result;
  for (const Endpoint& nameserver : list) {
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

std::string to_text(const Nameservers& found) {
  std::vector<std::string> parts;
  if (found.has_own) parts.push_back("the cache's own address");
  if (found.has_stub) parts.push_back("the stub of systemd-resolved");
  return parts.empty() ? "names no server" : "names only " + join_words(parts, "and");
}

}  // namespace dnscache
