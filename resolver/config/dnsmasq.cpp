#include "resolver/config/dnsmasq.hpp"

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include "resolver/config/record.hpp"
#include "resolver/config/resolv_conf.hpp"
#include "resolver/config/text.hpp"
#include "resolver/config/text_file.hpp"
#include "resolver/config/values.hpp"
#include "resolver/wire/protocol.hpp"

namespace dnscache {
namespace {

constexpr unsigned max_depth = 8;             // of files that include others
constexpr std::size_t max_lines = 1'000'000;  // in total
constexpr char hidden_comma = '\x01';         // a comma in quotes separates nothing
constexpr std::uint64_t names_in_default_cache = 500'000;
constexpr std::uint64_t bytes_per_name = 128;

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

// A line without its comment; quotes are taken away, and what was in them loses its meaning.
std::string without_comment(std::string_view line) {
  std::string result;
  bool quoted = false;
  bool after_blank = true;
  for (std::size_t i = 0; i < line.size(); ++i) {
    char c = line[i];
    if (c == '"') {
      quoted = !quoted;
      continue;
    }
    if (quoted && c == '\\' && i + 1 < line.size()) c = line[++i];
    if (!quoted && c == '#' && after_blank) break;
    after_blank = !quoted && (c == ' ' || c == '\t');
    result += quoted && c == ',' ? hidden_comma : c;
  }
  return std::string(trim(result));
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

std::optional<std::uint32_t> number_of(std::string_view text) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

std::optional<Name> name_of(std::string_view text) {
  if (text.starts_with('.')) text.remove_prefix(1);
  const auto name = parse_zone(text);
  if (!name) return std::nullopt;
  return *name;
}

std::filesystem::path absolute(const std::string& text) {
  std::filesystem::path path = std::filesystem::path("/") / text;  // dnsmasq runs in /
  path = path.lexically_normal();
  return path.has_filename() ? path : path.parent_path();
}

// The zones whose names are the reverse names of a network.
std::vector<Name> reverse_zones(const Network& network) {
  const unsigned step = network.address.is_v6 ? 4 : 8;  // bits of a label
  const unsigned whole = (network.prefix_length + step - 1) / step;
  const unsigned open = whole * step - network.prefix_length;
  const unsigned labels = network.address.is_v6 ? 32 : 4;
  std::vector<Name> zones;
  for (unsigned i = 0; i < 1u << open; ++i) {
    IpAddress address = network.address;
    const unsigned last = whole * step - step;
    const unsigned shift = 8 - step - last % 8;
    address.bytes[last / 8] = static_cast<std::uint8_t>(address.bytes[last / 8] | i << shift);
    Name zone = reverse_name(address);
    for (unsigned cut = whole; cut < labels; ++cut) zone = zone.parent();
    zones.push_back(zone);
  }
  return zones;
}

/// Options that say nothing about which answers are given.
struct Remark {
  Fate fate;
  std::string_view why;
};

constexpr std::string_view out_of_scope_dhcp =
    "DHCP, router advertisements and TFTP are not part of a DNS cache; leave them to another "
    "server";
constexpr std::string_view out_of_scope_auth =
    "it is a cache, not an authoritative server for others; use one, and a route to it";

const std::map<std::string_view, Remark>& remarks() {
  static const std::map<std::string_view, Remark> table{
      {"bind-interfaces", {Fate::not_needed, "only the addresses in listen are bound"}},
      {"bind-dynamic", {Fate::not_needed, "only the addresses in listen are bound"}},
      {"except-interface", {Fate::not_needed, "only the addresses in listen are bound"}},
      {"no-dhcp-interface", {Fate::not_needed, "there is no DHCP"}},
      {"no-dhcpv4-interface", {Fate::not_needed, "there is no DHCP"}},
      {"no-dhcpv6-interface", {Fate::not_needed, "there is no DHCP"}},
      {"user", {Fate::not_needed, "the service runs as an unprivileged user of its own"}},
      {"group", {Fate::not_needed, "the service runs as an unprivileged user of its own"}},
      {"pid-file", {Fate::not_needed, "systemd knows the process"}},
      {"test", {Fate::not_needed, "'dnscachectl check' tests a configuration"}},
      {"help", {Fate::not_needed, "is for the command line"}},
      {"version", {Fate::not_needed, "is for the command line"}},
      {"keep-in-foreground", {Fate::not_needed, "serve always stays in the foreground"}},
      {"no-daemon", {Fate::not_needed, "serve always stays in the foreground"}},
      {"clear-on-reload",
       {Fate::not_needed, "names whose servers have all been replaced are flushed"}},
      {"no-poll", {Fate::not_needed, "nothing polls: the kernel tells when a file has changed"}},
      {"dns-forward-max", {Fate::not_needed, "10,000 questions can be asked at the same time"}},
      {"no-ident", {Fate::not_needed, "version.bind and the like are always refused"}},
      {"log-async", {Fate::not_needed, "a thread of its own writes the query log"}},
      {"fast-dns-retry", {Fate::not_needed, "every try has its time-out from the measured times"}},
      {"edns-packet-max",
       {Fate::not_needed,
        "1232 bytes are announced, which no path fragments; TCP brings the rest"}},
      {"min-port", {Fate::not_needed, "every question leaves from a port of its own"}},
      {"max-port", {Fate::not_needed, "every question leaves from a port of its own"}},
      {"port-limit", {Fate::not_needed, "every question leaves from a port of its own"}},
      {"max-tcp-connections", {Fate::not_needed, "512 connections for each thread and address"}},
      {"dns-loop-detect",
       {Fate::not_needed, "an upstream that is one of the addresses in listen is refused"}},
      {"do-0x20-encode", {Fate::not_needed, "randomize_case is the default"}},
      {"cache-rr", {Fate::not_needed, "records of every type are cached"}},
      {"proxy-dnssec",
       {Fate::not_needed,
        "the upstreams' AD bit is passed on unless dnssec.mode is validate or off"}},
      {"strip-mac", {Fate::not_needed, "nothing about clients is sent to the upstreams"}},
      {"strip-subnet", {Fate::not_needed, "nothing about clients is sent to the upstreams"}},
      {"enable-dbus", {Fate::not_needed, "'dnscachectl' speaks to the cache by its own socket"}},
      {"enable-ubus", {Fate::not_needed, "'dnscachectl' speaks to the cache by its own socket"}},
      {"conntrack", {Fate::refused, "packets can't carry a connection's mark; leave it out"}},
      {"query-port",
       {Fate::refused, "a fixed port makes forged answers easy (RFC 5452); leave it out"}},
      {"localise-queries",
       {Fate::refused,
        "answers do not depend on the interface: a name with several addresses gets all of them"}},
      {"filterwin2k",
       {Fate::refused,
        "it would also stop SRV records that Kerberos, SIP and XMPP need; block single names with "
        "local.zones instead"}},
      {"alias", {Fate::refused, "addresses in answers are not rewritten; use local.records"}},
      {"synth-domain", {Fate::refused, "names are not made from addresses; use local.records"}},
      {"interface-name", {Fate::refused, "use local.records with the address"}},
      {"dynamic-host", {Fate::refused, "use local.records with the address"}},
      {"naptr-record",
       {Fate::refused, "local.records has no NAPTR; ask a server that has, by routes"}},
      {"caa-record", {Fate::refused, "local.records has no CAA; ask a server that has, by routes"}},
      {"dns-rr", {Fate::refused, "local.records knows A, AAAA, CNAME, PTR, TXT, SRV and MX only"}},
      {"localmx", {Fate::refused, "write the MX records into local.records"}},
      {"selfmx", {Fate::refused, "write the MX records into local.records"}},
      {"ipset",
       {Fate::refused,
        "sets of the firewall are not filled: the cache has no rights beyond DNS; leave this to "
        "dnsmasq"}},
      {"nftset",
       {Fate::refused,
        "sets of the firewall are not filled: the cache has no rights beyond DNS; leave this to "
        "dnsmasq"}},
      {"connmark-allowlist",
       {Fate::refused, "packets' marks are not looked at; use acl and local.block"}},
      {"connmark-allowlist-enable",
       {Fate::refused, "packets' marks are not looked at; use acl and local.block"}},
      {"add-mac", {Fate::refused, "nothing about clients is sent to the upstreams"}},
      {"add-subnet", {Fate::refused, "nothing about clients is sent to the upstreams"}},
      {"add-cpe-id", {Fate::refused, "nothing about clients is sent to the upstreams"}},
      {"umbrella", {Fate::refused, "nothing about clients is sent to the upstreams"}},
      {"dumpfile", {Fate::refused, "packets are not recorded; use tcpdump"}},
      {"dumpmask", {Fate::refused, "packets are not recorded; use tcpdump"}},
      {"conf-script", {Fate::refused, "no script is run; write its output to a file"}},
      {"dnssec-no-timecheck",
       {Fate::refused,
        "the times in signatures are always checked; see that the clock is right before the "
        "service "
        "starts, as by After=time-sync.target"}},
      {"dnssec-timestamp",
       {Fate::refused,
        "the times in signatures are always checked; see that the clock is right before the "
        "service "
        "starts, as by After=time-sync.target"}},
      {"dnssec-debug",
       {Fate::refused, "bogus answers are never given; a client gets them by its CD bit"}},
      {"dnssec-limits", {Fate::not_needed, "libunbound limits the work for one answer itself"}},
  };
  return table;
}

// What belongs to the other services in dnsmasq.
std::optional<Remark> remark_on_family(std::string_view option) {
  for (const std::string_view prefix :
       {"dhcp-", "tftp-", "pxe-", "quiet-", "enable-tftp", "enable-ra", "ra-param", "bootp-",
        "bridge-interface", "shared-network", "read-ethers", "leasefile-ro", "log-dhcp", "script-",
        "no-ping", "tag-if"}) {
    if (option.starts_with(prefix)) return Remark{Fate::refused, out_of_scope_dhcp};
  }
  if (option.starts_with("auth-")) return Remark{Fate::refused, out_of_scope_auth};
  return std::nullopt;
}

/// Reads lines one after the other and collects what they mean together.
class Importer {
 public:
  Importer(const std::optional<std::filesystem::path>& resolv_file, const DnsmasqFiles& files)
      : resolv_override_(resolv_file), files_(files) {}

  Result<DnsmasqImport> run(const std::filesystem::path& file) {
    const auto text = files_.read(file);
    if (!text) return text.error();
    read_ = {file};
    read_lines(file, *text, 0);
    if (is_too_long_) {
      return Error{file.string() + ": has more than " + std::to_string(max_lines) +
                   " lines with its includes; keep hosts and block lists in files of their own"};
    }
    finish_listen();
    finish_negative();
    finish_servers();
    finish_zones();
    finish_records();
    finish_policy();
    finish_log();
    return std::move(result_);
  }

 private:
  using Index = std::size_t;  // of a line in result_.lines
  using Handler = void (Importer::*)(const std::string& value);

  // ---- reading

  void read_lines(const std::filesystem::path& file, std::string_view text, unsigned depth) {
    for (int number = 1; !text.empty(); ++number) {
      const auto end = std::min(text.find('\n'), text.size());
      const std::string line = without_comment(text.substr(0, end));
      const std::string as_written(trim(text.substr(0, end)));
      text.remove_prefix(std::min(end + 1, text.size()));
      if (line.empty()) continue;
      is_too_long_ = result_.lines.size() >= max_lines;
      if (is_too_long_) return;
      result_.lines.push_back({file.string(), number, as_written, Fate::refused, ""});
      line_ = result_.lines.size() - 1;
      const auto equals = line.find('=');
      const std::string option(trim(std::string_view(line).substr(0, equals)));
      const std::string value(
          equals == std::string::npos ? "" : trim(std::string_view(line).substr(equals + 1)));
      depth_ = depth;
      take(option, value);
    }
  }

  void take(const std::string& option, const std::string& value) {
    if (const auto handler = handlers().find(option); handler != handlers().end()) {
      return (this->*handler->second)(value);
    }
    if (const auto remark = remarks().find(option); remark != remarks().end()) {
      return tell(remark->second.fate, std::string(remark->second.why));
    }
    if (const auto remark = remark_on_family(option)) {
      return tell(remark->fate, std::string(remark->why));
    }
    std::vector<std::string> known;
    for (const auto& [name, handler] : handlers()) known.emplace_back(name);
    for (const auto& [name, remark] : remarks()) known.emplace_back(name);
    const std::string meant = nearest(option, known);
    refuse("is not an option of dnsmasq 2.90" + (meant.empty() ? "" : "; is " + meant + " meant?"));
  }

  static const std::map<std::string_view, Handler>& handlers();

  void tell(Fate fate, std::string explanation) {
    result_.lines[line_].fate = fate;
    result_.lines[line_].explanation = std::move(explanation);
  }
  void refuse(std::string why) { tell(Fate::refused, std::move(why)); }
  void translate(const std::string& to) { tell(Fate::translated, to); }
  // The setting was made of the present line, or of that one.
  void note(const std::string& setting) { note(setting, line_); }
  void note(const std::string& setting, Index line) {
    auto& origins = result_.origins[setting];
    const std::string origin = result_.lines[line].origin();
    if (std::ranges::find(origins, origin) == origins.end()) origins.push_back(origin);
  }
  void keep(const std::string& setting, const std::string& value) {
    note(setting);
    tell(Fate::kept, setting + ": " + value);
  }
  template <class T>
  bool add_new(std::vector<T>& list, const std::string& key, T value) {
    const auto found = std::ranges::find(list, value);
    const auto index = static_cast<std::size_t>(found - list.begin());
    if (found == list.end()) list.push_back(std::move(value));
    note(key + '[' + std::to_string(index) + ']');
    return true;
  }

  // What the line means depends on those that are still to come.
  void take_once(std::optional<Index>& place) {
    if (place) return tell(Fate::not_needed, "is there already");
    place = line_;
  }

  // ---- files that are read as well

  void include(const std::filesystem::path& file) {
    if (depth_ >= max_depth) return refuse("files include each other more than 8 levels deep");
    if (!read_.insert(file).second) return tell(Fate::not_needed, "was read already");
    const auto text = files_.read(file);
    if (!text) return refuse(text.error().message);
    translate("its lines follow");
    const Index line = line_;
    const unsigned depth = depth_;
    read_lines(file, *text, depth + 1);
    line_ = line;
    depth_ = depth;
  }
  void conf_file(const std::string& value) {
    if (value.empty()) return refuse("names no file");
    include(value);
  }
  // "/etc/dnsmasq.d,.bak" leaves files of an ending out, "/etc/dnsmasq.d/,*.conf" reads only some.
  void conf_dir(const std::string& value) {
    auto parts = split(value, ',');
    const std::filesystem::path folder = absolute(parts[0]);
    const auto names = files_.list(folder);
    if (!names) return refuse(names.error().message);
    std::vector<std::string> only, without;
    for (std::size_t i = 1; i < parts.size(); ++i) {
      if (parts[i].empty()) continue;
      const bool is_wanted = parts[i][0] == '*';
      auto& endings = is_wanted ? only : without;
      if (is_wanted) parts[i].erase(0, 1);
      if (!parts[i].empty()) endings.push_back(parts[i]);
    }
    std::vector<std::string> chosen;
    for (const std::string& name : *names) {
      const auto ends = [&](const std::string& ending) { return name.ends_with(ending); };
      const bool is_leftover = name.empty() || name.back() == '~' || name[0] == '.' ||
                               (name[0] == '#' && name.back() == '#');
      if (is_leftover || std::ranges::any_of(without, ends)) continue;
      if (only.empty() || std::ranges::any_of(only, ends)) chosen.push_back(name);
    }
    std::ranges::sort(chosen);
    const Index line = line_;
    translate(chosen.empty() ? "no file there is meant"
                             : "the lines of " + join_words(chosen, "and") + " follow");
    for (const std::string& name : chosen) {
      const std::filesystem::path file = folder / name;
      const auto text = files_.read(file);
      line_ = line;
      if (!text) {
        refuse(text.error().message);
      } else if (read_.insert(file).second) {
        const unsigned depth = depth_;
        if (depth < max_depth) read_lines(file, *text, depth + 1);
        depth_ = depth;
      }
    }
    line_ = line;
  }

  // ---- where it listens

  void listen_address(const std::string& value) {
    for (const std::string& text : split(value, ',')) {
      const auto address = IpAddress::parse(text);
      if (!address) return refuse(in_quotes(text) + " is not an IP address of this machine");
      listen_.push_back({*address, line_});
    }
    tell(Fate::kept, "listen");
  }
  void interface(const std::string& value) {
    std::vector<std::string> others;
    for (const std::string& name : split(value, ',')) {
      if (name == "lo") {
        loopback_lines_.push_back(line_);
      } else {
        others.push_back(name);
      }
    }
    has_interface_ = true;
    if (others.empty()) return translate("listen: 127.0.0.1 and ::1");
    refuse("addresses are listened on, not interfaces: write those of " +
           join_words(others, "and") + " under listen, and its networks under acl");
  }
  void port(const std::string& value) {
    const auto number = number_of(value);
    if (!number || *number > 65535) return refuse(in_quotes(value) + " is not a port");
    if (*number == 0) return refuse("switches DNS off; then no cache is needed");
    port_ = static_cast<std::uint16_t>(*number);
    port_line_ = line_;
    tell(Fate::kept, "the port in listen");
  }
  void local_service(const std::string&) {
    only_local_clients_ = true;
    translate("acl: other machines than this one are served when acl has their networks");
  }

  void finish_listen() {
    Config& config = result_.config;
    const bool is_everywhere = listen_.empty() && !has_interface_;
    if (is_everywhere) {
      result_.lines.push_back(
          {result_.lines.empty() ? "dnsmasq" : result_.lines[0].file, 0,
           "(no listen-address, no interface)",
           only_local_clients_ ? Fate::translated : Fate::refused,
           "dnsmasq answers at every address then; here only 127.0.0.1 and ::1 do: write others "
           "under listen, and the networks of their clients under acl"});
    }
    for (const Index line : loopback_lines_) {
      for (const Endpoint& endpoint : default_listen()) listen_.push_back({endpoint.address, line});
    }
    const std::uint16_t port = port_.value_or(dns_port);
    std::vector<std::pair<Endpoint, std::vector<Index>>> endpoints;
    if (listen_.empty()) {
      for (const Endpoint& own : default_listen()) endpoints.push_back({{own.address, port}, {}});
    }
    for (const auto& [address, line] : listen_) {
      const Endpoint endpoint{address, port};
      const auto known =
          std::ranges::find(endpoints, endpoint, [](const auto& e) { return e.first; });
      if (known == endpoints.end()) {
        endpoints.push_back({endpoint, {line}});
      } else {
        known->second.push_back(line);
      }
    }
    config.listen.clear();
    for (const auto& [endpoint, lines] : endpoints) {
      const std::string key = "listen[" + std::to_string(config.listen.size()) + ']';
      for (const Index line : lines) note(key, line);
      if (port_line_) note(key, *port_line_);
      config.listen.push_back(endpoint);
    }
    const auto other = std::ranges::find_if(
        listen_, [](const auto& listen) { return !listen.first.is_loopback(); });
    if (other == listen_.end()) return;
    for (const char* network : {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16",
                                "100.64.0.0/10", "fc00::/7", "fe80::/10"}) {
      config.acl.push_back(*Network::parse(network));
    }
    note("acl", other->second);
    DnsmasqLine& line = result_.lines[other->second];
    line.explanation += "; acl: clients of private networks only, not those of the whole Internet";
  }

  // ---- whom it asks

  struct Server {
    std::optional<UpstreamConfig> upstream;  // none: the standard servers
    std::string lost;                        // what could not be taken over
  };

  // "192.0.2.1#5353@eth0", "fd00::1%eth0", "#"
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

  // "/a.example/b.example/rest" gives the domains and the rest; no domains for a text without "/".
  struct Domains {
    bool has = false;
    std::vector<std::string> domains;
    std::string rest;
  };
  static Domains split_domains(const std::string& value) {
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

  std::optional<std::vector<Name>> zones_of(const Domains& domains, bool may_be_any) {
    std::vector<Name> zones;
    for (const std::string& text : domains.domains) {
      if (text == "#" && may_be_any) {
        zones.emplace_back();
        continue;
      }
      if (text.empty()) {
        refuse("means names without a dot only, which have no routes; see domain_needed");
        return std::nullopt;
      }
      const auto name = name_of(text);
      if (!name || text[0] == '*') {
        refuse(in_quotes(text) + (text[0] == '*' ? " is a pattern; name the domains one by one"
                                                 : " is not a domain name"));
        return std::nullopt;
      }
      zones.push_back(*name);
    }
    return zones;
  }

  void server(const std::string& value) {
    const Domains domains = split_domains(value);
    if (!domains.has) {
      const auto server = parse_server(domains.rest);
      if (!server) return refuse(server.error().message);
      if (!server->upstream) return refuse("names no server");
      servers_.push_back({*server->upstream, line_});
      if (!server->lost.empty()) return refuse("upstreams; but " + server->lost);
      return translate("upstreams");
    }
    const auto zones = zones_of(domains, false);
    if (!zones) return;
    if (domains.rest.empty()) {
      for (const Name& zone : *zones) nowhere_[zone].push_back(line_);
      return translate("local.zones without addresses: only what is known here exists there");
    }
    add_routes(*zones, domains.rest);
  }
  void add_routes(const std::vector<Name>& zones, const std::string& text) {
    const auto server = parse_server(text);
    if (!server) return refuse(server.error().message);
    for (const Name& zone : zones) {
      Route& route = routes_[zone];
      route.lines.push_back(line_);
      if (!server->upstream) {
        route.has_standard = true;
      } else if (std::ranges::find(route.upstreams, *server->upstream) == route.upstreams.end()) {
        route.upstreams.push_back(*server->upstream);
      }
    }
    if (!server->lost.empty()) return refuse("routes; but " + server->lost);
    translate("routes");
  }
  void rev_server(const std::string& value) {
    const auto comma = value.find(',');
    const auto network = Network::parse(value.substr(0, comma));
    if (!network || network->prefix_length == 0) return refuse("is not a network and a server");
    const auto zones = reverse_zones(*network);
    if (comma == std::string::npos) {
      for (const Name& zone : zones) nowhere_[zone].push_back(line_);
      return translate("local.zones without addresses");
    }
    add_routes(zones, std::string(trim(std::string_view(value).substr(comma + 1))));
  }
  void resolv_file(const std::string& value) {
    if (resolv_line_) {
      return refuse("only one file can be followed; name the servers of both under upstreams");
    }
    resolv_file_ = absolute(value);
    resolv_line_ = line_;
    translate("upstreams_from: " + resolv_file_.string());
  }
  void no_resolv(const std::string&) { take_once(no_resolv_line_); }
  void all_servers(const std::string&) { set_policy(SelectionPolicy::parallel, "parallel"); }
  void strict_order(const std::string&) {
    // With all-servers the order says nothing.
    if (result_.config.policy == SelectionPolicy::parallel) {
      return tell(Fate::not_needed, "all-servers asks all of them anyway");
    }
    set_policy(SelectionPolicy::ordered, "ordered");
  }
  void no_0x20_encode(const std::string&) {
    result_.config.randomize_case = false;
    note("randomize_case");
    translate("randomize_case: false");
  }
  void set_policy(SelectionPolicy policy, const char* word) {
    result_.config.policy = policy;
    result_.origins["policy"].clear();
    note("policy");
    translate(std::string("policy: ") + word);
  }

  void finish_servers() {
    Config& config = result_.config;
    if (resolv_override_) resolv_file_ = *resolv_override_;
    if (no_resolv_line_) {
      line_ = *no_resolv_line_;
      if (servers_.empty()) {
        refuse("without any server= nothing could be asked; name servers under upstreams");
      } else {
        tell(Fate::not_needed, "resolv.conf is not read when upstreams are named");
      }
      if (resolv_line_) {
        line_ = *resolv_line_;
        tell(Fate::not_needed, "no-resolv: the file is not read");
      }
    }
    for (const auto& [upstream, line] : servers_) {
      line_ = line;
      add_new(config.upstreams, "upstreams", upstream);
    }
    const bool follows_file = servers_.empty() && !no_resolv_line_;
    if (follows_file) {
      // Without either, dnsmasq reads /etc/resolv.conf: what this machine uses.
      if (resolv_line_ || resolv_override_) config.upstreams_from = resolv_file_;
      if (resolv_line_) note("upstreams_from", *resolv_line_);
      if (resolv_override_) {
        result_.origins["upstreams_from"].push_back("--resolv-file");
        if (resolv_line_) {
          result_.lines[*resolv_line_].explanation =
              "upstreams_from: " + resolv_file_.string() + ", as --resolv-file says";
        }
      }
    } else if (!no_resolv_line_) {
      add_servers_of_file();
    }
    finish_routes();
  }

  std::vector<UpstreamConfig> servers_of_file() {
    const auto text = files_.read(resolv_file_);
    std::vector<UpstreamConfig> upstreams;
    if (!text) return upstreams;
    for (const Endpoint& endpoint : parse_resolv_conf(*text).nameservers) {
      const auto upstream = parse_upstream(endpoint.to_text());
      if (upstream && !reaches_us(endpoint, result_.config.listen)) upstreams.push_back(*upstream);
    }
    return upstreams;
  }

  // dnsmasq asks both those in its configuration and those in the file.
  void add_servers_of_file() {
    const auto more = servers_of_file();
    const Index line = resolv_line_.value_or(servers_.front().second);
    line_ = line;
    for (const UpstreamConfig& upstream : more) {
      add_new(result_.config.upstreams, "upstreams", upstream);
    }
    const std::string told =
        more.empty() ? "the servers of " + resolv_file_.string() + " can't be read now: add them"
                     : "upstreams, with the servers of " + resolv_file_.string() +
                           " as it is now; changes of the file are not followed";
    if (resolv_line_ || more.empty()) {
      tell(resolv_line_ && more.empty() ? Fate::refused : Fate::translated, told);
    } else {
      result_.lines[line].explanation = told;
    }
  }

  void finish_routes() {
    Config& config = result_.config;
    for (auto& [zone, route] : routes_) {
      if (route.has_standard) {
        const auto standard = config.upstreams.empty() ? servers_of_file() : config.upstreams;
        for (const UpstreamConfig& upstream : standard) {
          if (std::ranges::find(route.upstreams, upstream) == route.upstreams.end()) {
            route.upstreams.push_back(upstream);
          }
        }
        if (standard.empty()) {
          line_ = route.lines.front();
          refuse("the standard servers are not known; name them in a route for " + zone.to_text());
          continue;
        }
      }
      const std::string key = "routes[" + std::to_string(config.routes.size()) + ']';
      for (const Index line : route.lines) note(key, line);
      config.routes.push_back({zone, route.upstreams});
      nowhere_.erase(zone);
    }
  }

  // ---- what it knows itself

  void address(const std::string& value) {
    const Domains domains = split_domains(value);
    if (!domains.has) return refuse("names no domain");
    const auto zones = zones_of(domains, true);
    if (!zones) return;
    std::vector<IpAddress> addresses;
    if (domains.rest == "#") {
      addresses = {*IpAddress::parse("0.0.0.0"), *IpAddress::parse("::")};
    } else if (!domains.rest.empty()) {
      const auto address = IpAddress::parse(domains.rest);
      if (!address || address->scope_id != 0) {
        return refuse(in_quotes(domains.rest) + " is not an IP address");
      }
      addresses = {*address};
    }
    for (const Name& zone : *zones) {
      Zone& known = zones_[zone];
      known.lines.push_back(line_);
      for (const IpAddress& one : addresses) {
        if (std::ranges::find(known.addresses, one) == known.addresses.end()) {
          known.addresses.push_back(one);
        }
      }
    }
    translate(addresses.empty() ? "local.zones without addresses: NXDOMAIN" : "local.zones");
  }

  void finish_zones() {
    Config& config = result_.config;
    for (const auto& [zone, lines] : nowhere_) {
      auto& known = zones_[zone].lines;
      known.insert(known.end(), lines.begin(), lines.end());
    }
    for (const auto& [zone, known] : zones_) {
      const std::string key = "local.zones[" + std::to_string(config.local.zones.size()) + ']';
      for (const Index line : known.lines) note(key, line);
      config.local.zones.push_back({zone, known.addresses});
    }
  }

  void add_hosts(const std::string& value) {
    if (value.empty()) return refuse("names no file");
    const std::filesystem::path path = absolute(value);
    more_hosts_.push_back({path, line_});
    translate("local.hosts_files: " + path.string());
  }
  void no_hosts(const std::string&) {
    no_hosts_line_ = line_;
    translate("local.hosts_files without /etc/hosts");
  }
  void expand_hosts(const std::string&) { take_once(expand_line_); }
  void domain(const std::string& value) {
    const auto parts = split(value, ',');
    const auto name = name_of(parts[0]);
    if (parts.size() > 1)
      return refuse("domains of address ranges are made for DHCP; leave it out");
    if (!name) return refuse(in_quotes(parts[0]) + " is not a domain name; write it out");
    result_.config.local.domain = *name;
    keep("local.domain", name->to_text());
  }
  void local_ttl(const std::string& value) {
    set_seconds(value, "local.ttl", result_.config.local.ttl, 7 * 86400);
    has_local_ttl_ = true;
  }

  void finish_records() {
    Config& config = result_.config;
    std::vector<std::filesystem::path>& files = config.local.hosts_files;
    if (no_hosts_line_) {
      files.clear();
      note("local.hosts_files", *no_hosts_line_);
    }
    for (const auto& [path, line] : more_hosts_) {
      line_ = line;
      add_new(files, "local.hosts_files", path);
    }
    if (expand_line_) {
      line_ = *expand_line_;
      if (config.local.domain) {
        config.local.expand_hosts = true;
        keep("local.expand_hosts", "true");
      } else {
        tell(Fate::not_needed, "has no effect without domain=");
      }
    }
    for (const auto& [name, preference, line] : mail_without_host_) {
      line_ = line;
      if (mail_target_.empty()) {
        refuse("names no mail server; write \"" + name + " MX " + preference +
               " its.name\" into local.records");
      } else {
        record(name + " MX " + preference + ' ' + mail_target_);
      }
    }
    if (!has_local_ttl_) {
      config.local.ttl = 0s;
      result_.origins["local.ttl"] = {"dnsmasq without local-ttl"};
    }
  }

  // Adds one record, or refuses the line.
  bool record(const std::string& text) {
    auto parsed = parse_record(text);
    if (!parsed) {
      refuse("the record " + in_quotes(text) + ' ' + parsed.error().message);
      return false;
    }
    add_new(result_.config.local.records, "local.records", std::move(*parsed));
    translate("local.records");
    return true;
  }
  static std::string ttl_words(const std::optional<std::uint32_t>& ttl) {
    return ttl ? ' ' + std::to_string(*ttl) : std::string();
  }

  // name,[name,]address[,address][,ttl]
  void host_record(const std::string& value) {
    auto parts = split(value, ',');
    std::vector<std::string> names;
    std::vector<IpAddress> addresses;
    std::optional<std::uint32_t> ttl;
    for (const std::string& part : parts) {
      if (const auto address = IpAddress::parse(part)) {
        addresses.push_back(*address);
      } else if (const auto number = number_of(part); number && !names.empty()) {
        ttl = number;
      } else {
        names.push_back(part);
      }
    }
    if (names.empty() || addresses.empty()) return refuse("needs a name and an address");
    for (const std::string& name : names) {
      for (const IpAddress& address : addresses) {
        const std::string type = address.is_v6 ? " AAAA " : " A ";
        if (!record(name + ttl_words(ttl) + type + address.to_text())) return;
      }
    }
  }
  // alias,[alias,]target[,ttl]
  void cname(const std::string& value) {
    auto parts = split(value, ',');
    std::optional<std::uint32_t> ttl;
    if (parts.size() > 2) ttl = number_of(parts.back());
    if (ttl) parts.pop_back();
    if (parts.size() < 2) return refuse("needs an alias and a name");
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
      if (parts[i].starts_with('*')) {
        return refuse("aliases of every name in a domain are not there; write them one by one");
      }
      if (!record(parts[i] + ttl_words(ttl) + " CNAME " + parts.back())) return;
    }
  }
  void ptr_record(const std::string& value) {
    const auto parts = split(value, ',');
    if (parts.size() != 2) return refuse("needs a name and where it points to");
    record(parts[0] + " PTR " + parts[1]);
  }
  void txt_record(const std::string& value) {
    const auto parts = split(value, ',');
    std::string text = parts[0] + " TXT";
    for (std::size_t i = 1; i < parts.size() || i == 1; ++i) {
      text += " \"";
      for (const char c : i < parts.size() ? parts[i] : std::string()) {
        if (c == '"' || c == '\\') text += '\\';
        text += c;
      }
      text += '"';
    }
    record(text);
  }
  // _service._protocol[.domain][,target[,port[,priority[,weight]]]]
  void srv_host(const std::string& value) {
    auto parts = split(value, ',');
    std::string name = parts[0];
    const bool lacks_domain = std::ranges::count(name, '.') == 1;
    if (lacks_domain && !result_.config.local.domain) {
      return refuse("needs the domain behind service and protocol");
    }
    if (lacks_domain) name += '.' + result_.config.local.domain->to_text();
    parts.resize(5);
    const auto or_else = [&](std::size_t i, const char* other) {
      return parts[i].empty() ? std::string(other) : parts[i];
    };
    record(name + " SRV " + or_else(3, "0") + ' ' + or_else(4, "0") + ' ' + or_else(2, "1") + ' ' +
           or_else(1, "."));
  }
  // name[,host][,preference]
  void mx_host(const std::string& value) {
    auto parts = split(value, ',');
    std::string preference = "1";
    if (parts.size() > 1 && number_of(parts.back())) {
      preference = parts.back();
      parts.pop_back();
    }
    if (parts.size() > 1) {
      record(parts[0] + " MX " + preference + ' ' + parts[1]);
    } else {
      mail_without_host_.emplace_back(parts[0], preference, line_);
    }
  }
  void mx_target(const std::string& value) {
    mail_target_ = value;
    translate("the mail server of mx-host lines that name none");
  }

  // ---- what it lets pass

  void bogus_priv(const std::string&) {
    result_.config.bogus_priv = BogusPriv::always;
    keep("bogus_priv", "true");
  }
  void domain_needed(const std::string&) {
    result_.config.domain_needed = true;
    keep("domain_needed", "true");
  }
  void filter_a(const std::string&) {
    result_.config.filter_a = true;
    keep("filter_a", "true");
  }
  void no_round_robin(const std::string&) {
    result_.config.round_robin = false;
    keep("round_robin", "false");
  }
  void filter_aaaa(const std::string&) {
    result_.config.filter_aaaa = true;
    keep("filter_aaaa", "true");
  }
  void filter_rr(const std::string& value) {
    for (const std::string& type : split(value, ',')) {
      if (type_from_text(type) == rr_type::a) {
        filter_a({});
      } else if (type_from_text(type) == rr_type::aaaa) {
        filter_aaaa({});
      } else {
        return refuse("records of type " + in_quotes(type) + " can't be left out of answers");
      }
    }
    translate("filter_a, filter_aaaa");
  }
  void stop_dns_rebind(const std::string&) {
    RebindConfig& rebind = result_.config.rebind_protection;
    rebind.enabled = true;
    rebind.private_upstreams = false;
    note("rebind_protection.enabled");
    note("rebind_protection.private_upstreams");
    translate("rebind_protection: enabled, also for upstreams with private addresses");
  }
  void rebind_domain_ok(const std::string& value) {
    const Domains domains = split_domains(value);
    std::vector<std::string> texts = domains.domains;
    if (!domains.rest.empty()) texts.push_back(domains.rest);
    for (const std::string& text : texts) {
      const auto zone = name_of(text);
      if (!zone) return refuse(in_quotes(text) + " is not a domain name");
      add_new(result_.config.rebind_protection.allow, "rebind_protection.allow", *zone);
    }
    translate("rebind_protection.allow");
  }
  void rebind_localhost_ok(const std::string&) {
    result_.config.rebind_protection.allow_localhost = true;
    note("rebind_protection.allow_localhost");
    translate("rebind_protection.allow_localhost: true");
  }
  void add_networks(const std::string& value, const std::string& key, std::vector<Network>& list) {
    for (const std::string& text : split(value, ',')) {
      const auto network = Network::parse(text);
      if (!network) return refuse(in_quotes(text) + " is not an IP address");
      add_new(list, key, *network);
    }
    translate(key);
  }
  void bogus_nxdomain(const std::string& value) {
    add_networks(value, "bogus_nxdomain", result_.config.bogus_nxdomain);
  }
  void ignore_address(const std::string& value) {
    add_networks(value, "ignore_addresses", result_.config.ignore_addresses);
  }

  // ---- DNSSEC

  void dnssec(const std::string&) {
    if (!can_validate) return refuse("this program was built without libunbound");
    result_.config.dnssec.mode = DnssecMode::validate;
    note("dnssec.mode");
    translate("dnssec.mode: validate");
  }
  void dnssec_check_unsigned(const std::string& value) {
    if (value != "no") {
      return tell(Fate::not_needed, "unsigned answers are always checked when dnssec is on");
    }
    refuse(
        "an answer without the signatures that its zone must have counts as forged; name the "
        "zone in dnssec.negative_trust_anchors");
  }
  // trust-anchor=[<class>],<domain>,<key-tag>,<algorithm>,<digest-type>,<digest>
  void trust_anchor(const std::string& value) {
    auto parts = split(value, ',');
    if (!parts.empty() && (parts[0].empty() || parts[0] == "IN")) parts.erase(parts.begin());
    if (parts.size() == 2) return refuse("name the zone in dnssec.negative_trust_anchors instead");
    if (parts.size() != 5) return refuse("has not the form of a trust anchor");
    std::string record = (parts[0] == "." ? "." : parts[0] + '.') + " DS";
    for (std::size_t i = 1; i < parts.size(); ++i) record += ' ' + parts[i];
    const auto anchor = parse_trust_anchor(record);
    if (!anchor) return refuse(in_quotes(record) + ' ' + anchor.error().message);
    std::vector<std::string>& anchors = result_.config.dnssec.trust_anchors;
    if (!std::exchange(has_trust_anchor_, true)) anchors.clear();
    add_new(anchors, "dnssec.trust_anchors", *anchor);
    translate("dnssec.trust_anchors");
  }

  void finish_policy() {
    if (result_.config.bogus_priv == BogusPriv::always) return;
    result_.config.bogus_priv = BogusPriv::never;
    result_.origins["bogus_priv"] = {"dnsmasq without bogus-priv"};
  }

  // ---- how long it remembers

  bool set_seconds(const std::string& value, const std::string& key, std::chrono::seconds& setting,
                   std::uint32_t highest, std::uint32_t lowest = 0) {
    const auto number = number_of(value);
    if (!number || *number < lowest) {
      refuse(in_quotes(value) + " is not a number of seconds that can be");
      return false;
    }
    setting = std::chrono::seconds(std::min(*number, highest));
    note(key);
    const std::string text = key + ": " + print_duration(setting);
    tell(Fate::translated, *number > highest ? text + ", the most that is possible" : text);
    return true;
  }
  void cache_size(const std::string& value) {
    const auto number = number_of(value);
    if (!number) return refuse(in_quotes(value) + " is not a number of names");
    if (*number == 0) {
      return refuse("the cache can't be switched off; cache.max_ttl: 1s keeps nothing for longer");
    }
    if (*number <= names_in_default_cache) {
      return tell(Fate::not_needed, "cache.size is in bytes; its 64MiB hold some 500,000 answers");
    }
    const std::uint64_t mebibytes = (*number * bytes_per_name >> 20) + 1;
    result_.config.cache.size = mebibytes << 20;
    note("cache.size");
    translate("cache.size: " + print_size(result_.config.cache.size));
  }
  void no_negcache(const std::string&) {
    no_negative_line_ = line_;
    translate("cache.negative: 0s");
  }
  void neg_ttl(const std::string& value) {
    auto& negative = result_.config.cache.negative;
    if (!set_seconds(value, "cache.negative.default_ttl", negative.default_ttl, 86400)) return;
    has_negative_ttl_ = true;
    if (negative.default_ttl <= negative.max_ttl) return;
    negative.max_ttl = negative.default_ttl;
    note("cache.negative.max_ttl");
  }
  void max_ttl(const std::string& value) {
    std::chrono::seconds highest = result_.config.cache.max_ttl;
    if (!set_seconds(value, "cache.max_ttl", highest, 7 * 86400, 1)) return;
    // Both what clients see and what is kept has the one limit.
    if (has_max_ttl_) highest = std::min(highest, result_.config.cache.max_ttl);
    result_.config.cache.max_ttl = highest;
    has_max_ttl_ = true;
  }
  void min_cache_ttl(const std::string& value) {
    set_seconds(value, "cache.min_ttl", result_.config.cache.min_ttl, 3600);  // dnsmasq's own limit
  }
  void use_stale_cache(const std::string& value) {
    auto& stale = result_.config.cache.serve_stale;
    stale.enabled = true;
    if (value.empty() || value == "0") {
      stale.max_age = value.empty() ? std::chrono::seconds(24h) : std::chrono::seconds(30 * 24h);
      note("cache.serve_stale.max_age");
    } else if (!set_seconds(value, "cache.serve_stale.max_age", stale.max_age, 30 * 86400, 1)) {
      return;
    }
    translate("cache.serve_stale: while no upstream answers, for " + print_duration(stale.max_age));
  }

  void finish_negative() {
    auto& cache = result_.config.cache;
    if (no_negative_line_) {
      cache.negative = {0s, 0s};
      note("cache.negative.default_ttl", *no_negative_line_);
      note("cache.negative.max_ttl", *no_negative_line_);
    } else if (!has_negative_ttl_) {
      cache.negative.default_ttl = 0s;
      result_.origins["cache.negative.default_ttl"] = {"dnsmasq without neg-ttl"};
    }
    if (cache.min_ttl > cache.max_ttl) cache.min_ttl = cache.max_ttl;
  }

  void log_debug(const std::string&) {
    result_.config.log_level = LogLevel::debug;
    note("log_level");
    translate("log_level: debug");
  }

  void log_queries(const std::string&) {
    result_.config.query_log.level = QueryLogLevel::all;
    note("query_log.level");
    translate("query_log.level: all");
  }
  void log_facility(const std::string& value) {
    if (value.starts_with('/')) {
      take_once(log_file_line_);
    } else {
      tell(Fate::not_needed, "messages go to standard error, which systemd keeps in the journal");
    }
  }
  void finish_log() {
    if (!log_file_line_) return;
    line_ = *log_file_line_;
    QueryLogConfig& log = result_.config.query_log;
    if (log.level == QueryLogLevel::off) {
      return tell(Fate::not_needed, "without log-queries only a few messages go to the journal");
    }
    log.file = "/var/log/dnscachectl/queries.log";
    note("query_log.file");
    translate("query_log.file: " + log.file.string() + ", where the service may write");
  }

  /// A zone with servers of its own.
  struct Route {
    std::vector<UpstreamConfig> upstreams;
    bool has_standard = false;
    std::vector<Index> lines;
  };
  struct Zone {
    std::vector<IpAddress> addresses;
    std::vector<Index> lines;
  };

  bool is_too_long_ = false;
  std::optional<std::filesystem::path> resolv_override_;
  const DnsmasqFiles& files_;
  DnsmasqImport result_;
  Index line_ = 0;  // the one that is being translated
  unsigned depth_ = 0;
  std::set<std::filesystem::path> read_;

  std::vector<std::pair<IpAddress, Index>> listen_;
  std::vector<Index> loopback_lines_;
  bool has_interface_ = false;
  bool only_local_clients_ = false;
  std::optional<std::uint16_t> port_;
  std::optional<Index> port_line_;
  std::vector<std::pair<UpstreamConfig, Index>> servers_;
  std::filesystem::path resolv_file_ = "/etc/resolv.conf";
  std::optional<Index> resolv_line_;
  std::optional<Index> no_resolv_line_;
  std::map<Name, Route> routes_;
  std::map<Name, std::vector<Index>> nowhere_;
  std::map<Name, Zone> zones_;
  std::vector<std::pair<std::filesystem::path, Index>> more_hosts_;
  std::optional<Index> no_hosts_line_;
  std::optional<Index> expand_line_;
  std::vector<std::tuple<std::string, std::string, Index>> mail_without_host_;
  std::string mail_target_;
  bool has_trust_anchor_ = false;
  bool has_local_ttl_ = false;
  bool has_negative_ttl_ = false;
  bool has_max_ttl_ = false;
  std::optional<Index> no_negative_line_;
  std::optional<Index> log_file_line_;
};

const std::map<std::string_view, Importer::Handler>& Importer::handlers() {
  static const std::map<std::string_view, Handler> table{
      {"conf-file", &Importer::conf_file},
      {"servers-file", &Importer::conf_file},
      {"conf-dir", &Importer::conf_dir},
      {"listen-address", &Importer::listen_address},
      {"interface", &Importer::interface},
      {"port", &Importer::port},
      {"local-service", &Importer::local_service},
      {"server", &Importer::server},
      {"local", &Importer::server},
      {"rev-server", &Importer::rev_server},
      {"resolv-file", &Importer::resolv_file},
      {"no-resolv", &Importer::no_resolv},
      {"all-servers", &Importer::all_servers},
      {"no-0x20-encode", &Importer::no_0x20_encode},
      {"strict-order", &Importer::strict_order},
      {"address", &Importer::address},
      {"addn-hosts", &Importer::add_hosts},
      {"hostsdir", &Importer::add_hosts},
      {"no-hosts", &Importer::no_hosts},
      {"expand-hosts", &Importer::expand_hosts},
      {"domain", &Importer::domain},
      {"local-ttl", &Importer::local_ttl},
      {"host-record", &Importer::host_record},
      {"cname", &Importer::cname},
      {"ptr-record", &Importer::ptr_record},
      {"txt-record", &Importer::txt_record},
      {"srv-host", &Importer::srv_host},
      {"mx-host", &Importer::mx_host},
      {"mx-target", &Importer::mx_target},
      {"bogus-priv", &Importer::bogus_priv},
      {"domain-needed", &Importer::domain_needed},
      {"filter-A", &Importer::filter_a},
      {"filter-AAAA", &Importer::filter_aaaa},
      {"filter-rr", &Importer::filter_rr},
      {"no-round-robin", &Importer::no_round_robin},
      {"stop-dns-rebind", &Importer::stop_dns_rebind},
      {"rebind-domain-ok", &Importer::rebind_domain_ok},
      {"rebind-localhost-ok", &Importer::rebind_localhost_ok},
      {"dnssec", &Importer::dnssec},
      {"dnssec-check-unsigned", &Importer::dnssec_check_unsigned},
      {"trust-anchor", &Importer::trust_anchor},
      {"bogus-nxdomain", &Importer::bogus_nxdomain},
      {"ignore-address", &Importer::ignore_address},
      {"cache-size", &Importer::cache_size},
      {"no-negcache", &Importer::no_negcache},
      {"neg-ttl", &Importer::neg_ttl},
      {"max-ttl", &Importer::max_ttl},
      {"max-cache-ttl", &Importer::max_ttl},
      {"min-cache-ttl", &Importer::min_cache_ttl},
      {"use-stale-cache", &Importer::use_stale_cache},
      {"log-debug", &Importer::log_debug},
      {"log-queries", &Importer::log_queries},
      {"log-facility", &Importer::log_facility},
  };
  return table;
}

}  // namespace

std::string_view fate_text(Fate fate) {
  switch (fate) {
    case Fate::kept:
      return "kept";
    case Fate::translated:
      return "translated";
    case Fate::not_needed:
      return "not needed";
    case Fate::refused:
      return "refused";
  }
  return "refused";
}

std::string DnsmasqLine::origin() const {
  return std::filesystem::path(file).filename().string() + ':' + std::to_string(line) + ": " +
         printable(text);
}

std::size_t DnsmasqImport::refused() const {
  return static_cast<std::size_t>(std::ranges::count(lines, Fate::refused, &DnsmasqLine::fate));
}

DnsmasqFiles real_files() {
  const auto list = [](const std::filesystem::path& folder) -> Result<std::vector<std::string>> {
    std::error_code error;
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
      std::error_code unknown;
      if (entry.is_regular_file(unknown)) names.push_back(entry.path().filename().string());
    }
    if (error) return Error{folder.string() + ": can't be read: " + error.message()};
    return names;
  };
  return {[](const std::filesystem::path& path) { return read_text_file(path); }, list};
}

Result<DnsmasqImport> import_dnsmasq(const std::filesystem::path& file,
                                     const std::optional<std::filesystem::path>& resolv_file,
                                     const DnsmasqFiles& files) {
  return Importer(resolv_file, files).run(file);
}

}  // namespace dnscache
