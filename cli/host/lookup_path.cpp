#include "cli/host/lookup_path.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "resolver/base/text.hpp"
#include "resolver/config/resolv_conf.hpp"
#include "resolver/config/values.hpp"

namespace dnscache::cli {

namespace {

std::string servers_in_words(const std::vector<Endpoint>& servers, std::size_t first = 0) {
  std::vector<std::string> words;
  for (std::size_t i = first; i < servers.size(); ++i) {
    words.push_back(servers[i].port == dns_port ? servers[i].address.to_text()
                                                : servers[i].to_text());
  }
  return join_words(words, "and");
}

}  // namespace

std::string LookupPath::in_words() const {
  if (is_through_resolved && !servers.empty()) {
    const auto first =
        fmt::format("go through systemd-resolved to {}", servers.front().address.to_text());
    if (!is_through_cache) {
      return fmt::format("BYPASS this cache: they go through systemd-resolved to {}",
                         servers_in_words(servers));
    }
    if (servers.size() == 1) return first + " (this cache)";
    return fmt::format("{} (this cache), and to {} only if it fails", first,
                       servers_in_words(servers, 1));
  }
  if (servers.empty()) return "fail: /etc/resolv.conf names no server";
  if (!overwritten.empty())
    return fmt::format("go to {}: {}", servers_in_words(servers), overwritten);
  if (!is_through_cache) {
    return fmt::format("BYPASS this cache: /etc/resolv.conf names {}", servers_in_words(servers));
  }
  const auto first = servers.front().address.to_text();
  if (servers.size() == 1) return fmt::format("go to {} (this cache)", first);
  if (rotates) {
    return fmt::format("PARTLY BYPASS this cache: 'options rotate' spreads them over {}",
                       servers_in_words(servers));
  }
  return fmt::format("go to {} (this cache), and to {} only if it fails", first,
                     servers_in_words(servers, 1));
}

LookupPath lookup_path(std::string_view resolv_conf, const std::vector<Endpoint>& listen) {
  const auto parsed = parse_resolv_conf(resolv_conf);
  LookupPath path;
  path.servers = parsed.nameservers;
  path.rotates = std::ranges::find(parsed.options, "rotate") != parsed.options.end();
  path.is_through_cache = !path.servers.empty() && reaches_us(path.servers.front(), listen);
  return path;
}

void follow_stub(LookupPath& path, const SystemFacts& system, const std::vector<Endpoint>& listen) {
  const auto stub = IpAddress::v4(127, 0, 0, 53);
  if (path.servers.empty() || path.servers.front().address != stub || !system.resolved) return;
  path.is_through_resolved = true;
  path.servers.clear();
  const auto& resolved = *system.resolved;
  const auto add = [&](const Endpoint& server) {
    if (std::ranges::count(path.servers, server) == 0) path.servers.push_back(server);
  };
  const bool is_global = std::ranges::any_of(resolved.domains, [](const dbus::Domain& domain) {
    return domain.interface_index == 0 && domain.name == ".";
  });
  const auto& own = system.own_link;
  if (own && std::ranges::count(own->domains, ".", &dbus::Domain::name) > 0) {
    for (const auto& server : own->servers) add(server.endpoint);
  } else if (is_global || system.links.empty()) {
    for (const auto& server : resolved.servers) add(server.endpoint);
  }
  for (const auto& link : system.links) {
    if (!link.default_route || is_global) continue;
    for (const auto& address : link.servers) add({address, dns_port});
  }
  path.is_through_cache = !path.servers.empty() && reaches_us(path.servers.front(), listen);
}

Endpoint reachable(const Endpoint& listen) {
  if (!listen.address.is_unspecified()) return listen;
  auto out = listen;
  out.address = *IpAddress::parse(listen.address.is_v6 ? "::1" : "127.0.0.1");
  return out;
}

}  // namespace dnscache::cli
