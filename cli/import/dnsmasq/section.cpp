#include "cli/import/dnsmasq/section.hpp"

#include "resolver/config/resolv_conf.hpp"

namespace dnscache::cli::dnsmasq {

std::vector<UpstreamConfig> Context::servers_of_file() const {
  const auto text = files.read(resolv_file);
  std::vector<UpstreamConfig> upstreams;
  if (!text) return upstreams;
  for (const Endpoint& endpoint : parse_resolv_conf(*text).nameservers) {
    const auto upstream = parse_upstream(endpoint.to_text());
    const bool is_us = reaches_us(endpoint, draft.config().listen);
    if (upstream && !is_us) upstreams.push_back(*upstream);
  }
  return upstreams;
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (;;) {
    const auto end = text.find(separator);
    std::string part(trim(text.substr(0, end)));
    std::ranges::replace(part, hidden_comma, ',');
    parts.push_back(std::move(part));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

Result<Server> parse_server(std::string_view text) {
  Server server;
  if (text == "#") return server;
  const auto at = text.find('@');
  if (at != std::string_view::npos) {
    server.lost = "the kernel chooses the source address, not " + in_quotes(text.substr(at + 1));
    text = text.substr(0, at);
  }
  std::uint16_t port = dns_port;
  if (const auto hash = text.find('#'); hash != std::string_view::npos) {
    const auto number = number_of(text.substr(hash + 1));
    if (!number || *number == 0 || *number > 65535) return Error{"has a wrong port"};
    port = static_cast<std::uint16_t>(*number);
    text = text.substr(0, hash);
  }
  const auto percent = text.find('%');
  auto address = IpAddress::parse(text.substr(0, percent));
  if (!address) {
    return Error{in_quotes(text) + " is not an IP address; upstreams are not looked up by name"};
  }
  if (address->is_link_local() && address->is_v6) {
    address = IpAddress::parse(text);
    if (!address || address->scope_id == 0) {
      return Error{in_quotes(text) + " needs an interface that this machine has"};
    }
  }
  const Endpoint endpoint{*address, port};
  const auto upstream = parse_upstream(endpoint.to_text());
  if (!upstream) return Error{in_quotes(text) + ' ' + upstream.error().message};
  server.upstream = *upstream;
  return server;
}

Domains split_domains(const std::string& value) {
  Domains result;
  if (!value.starts_with('/')) {
    result.rest = value;
    return result;
  }
  result.has = true;
  auto parts = split(value.substr(1), '/');
  result.rest = parts.size() > 1 ? parts.back() : "";
  if (parts.size() > 1) parts.pop_back();
  result.domains = std::move(parts);
  return result;
}

}  // namespace dnscache::cli::dnsmasq
