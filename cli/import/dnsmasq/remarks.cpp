// Options that say nothing about which answers are given, and those without a counterpart.
#include "cli/import/dnsmasq/remarks.hpp"

namespace dnscache::cli::dnsmasq {
namespace {

constexpr std::string_view out_of_scope_dhcp =
    "DHCP, router advertisements and TFTP are not part of a DNS cache; leave them to another "
    "server";
constexpr std::string_view out_of_scope_auth =
    "it is a cache, not an authoritative server for others; use one, and a route to it";

}  // namespace

const std::map<std::string_view, Remark>& remarks() {
  static const std::map<std::string_view, Remark> table{
      {"bind-interfaces", {LineResult::not_needed, "only the addresses in listen are bound"}},
      {"bind-dynamic", {LineResult::not_needed, "only the addresses in listen are bound"}},
      {"except-interface", {LineResult::not_needed, "only the addresses in listen are bound"}},
      {"no-dhcp-interface", {LineResult::not_needed, "there is no DHCP"}},
      {"no-dhcpv4-interface", {LineResult::not_needed, "there is no DHCP"}},
      {"no-dhcpv6-interface", {LineResult::not_needed, "there is no DHCP"}},
      {"user", {LineResult::not_needed, "the service runs as an unprivileged user of its own"}},
      {"group", {LineResult::not_needed, "the service runs as an unprivileged user of its own"}},
      {"pid-file", {LineResult::not_needed, "systemd knows the process"}},
      {"test", {LineResult::not_needed, "'dnscachectl check' tests a configuration"}},
      {"help", {LineResult::not_needed, "is for the command line"}},
      {"version", {LineResult::not_needed, "is for the command line"}},
      {"keep-in-foreground", {LineResult::not_needed, "serve always stays in the foreground"}},
      {"no-daemon", {LineResult::not_needed, "serve always stays in the foreground"}},
      {"clear-on-reload",
       {LineResult::not_needed, "names whose servers have all been replaced are flushed"}},
      {"no-poll",
       {LineResult::not_needed, "nothing polls: the kernel tells when a file has changed"}},
      {"dns-forward-max",
       {LineResult::not_needed, "10,000 questions can be asked at the same time"}},
      {"no-ident", {LineResult::not_needed, "version.bind and the like are always refused"}},
      {"log-async", {LineResult::not_needed, "a thread of its own writes the query log"}},
      {"fast-dns-retry",
       {LineResult::not_needed, "every try has its time-out from the measured times"}},
      {"edns-packet-max",
       {LineResult::not_needed,
        "1232 bytes are announced, which no path fragments; TCP brings the rest"}},
      {"min-port", {LineResult::not_needed, "every question leaves from a port of its own"}},
      {"max-port", {LineResult::not_needed, "every question leaves from a port of its own"}},
      {"port-limit", {LineResult::not_needed, "every question leaves from a port of its own"}},
      {"max-tcp-connections",
       {LineResult::not_needed, "512 connections for each thread and address"}},
      {"dns-loop-detect",
       {LineResult::not_needed, "an upstream that is one of the addresses in listen is refused"}},
      {"do-0x20-encode", {LineResult::not_needed, "randomize_case is the default"}},
      {"cache-rr", {LineResult::not_needed, "records of every type are cached"}},
      {"proxy-dnssec",
       {LineResult::not_needed,
        "the upstreams' AD bit is passed on unless dnssec.mode is validate or off"}},
      {"strip-mac", {LineResult::not_needed, "nothing about clients is sent to the upstreams"}},
      {"strip-subnet", {LineResult::not_needed, "nothing about clients is sent to the upstreams"}},
      {"enable-dbus",
       {LineResult::not_needed, "'dnscachectl' speaks to the cache by its own socket"}},
      {"enable-ubus",
       {LineResult::not_needed, "'dnscachectl' speaks to the cache by its own socket"}},
      {"conntrack",
       {LineResult::refused, "packets cannot carry a connection's mark; leave it out"}},
      {"query-port",
       {LineResult::refused, "a fixed port makes forged answers easy (RFC 5452); leave it out"}},
      {"localise-queries",
       {LineResult::refused,
        "answers do not depend on the interface: a name with several addresses gets all of them"}},
      {"filterwin2k",
       {LineResult::refused,
        "it would also stop SRV records that Kerberos, SIP and XMPP need; block single names with "
        "local.zones instead"}},
      {"alias", {LineResult::refused, "addresses in answers are not rewritten; use local.records"}},
      {"synth-domain",
       {LineResult::refused, "names are not made from addresses; use local.records"}},
      {"interface-name", {LineResult::refused, "use local.records with the address"}},
      {"dynamic-host", {LineResult::refused, "use local.records with the address"}},
      {"naptr-record",
       {LineResult::refused, "local.records has no NAPTR; ask a server that has, by routes"}},
      {"caa-record",
       {LineResult::refused, "local.records has no CAA; ask a server that has, by routes"}},
      {"dns-rr",
       {LineResult::refused, "local.records knows A, AAAA, CNAME, PTR, TXT, SRV and MX only"}},
      {"localmx", {LineResult::refused, "write the MX records into local.records"}},
      {"selfmx", {LineResult::refused, "write the MX records into local.records"}},
      {"ipset",
       {LineResult::refused,
        "sets of the firewall are not filled: the cache has no rights beyond DNS; leave this to "
        "dnsmasq"}},
      {"nftset",
       {LineResult::refused,
        "sets of the firewall are not filled: the cache has no rights beyond DNS; leave this to "
        "dnsmasq"}},
      {"connmark-allowlist",
       {LineResult::refused, "packets' marks are not looked at; use acl and local.block"}},
      {"connmark-allowlist-enable",
       {LineResult::refused, "packets' marks are not looked at; use acl and local.block"}},
      {"add-mac", {LineResult::refused, "nothing about clients is sent to the upstreams"}},
      {"add-subnet", {LineResult::refused, "nothing about clients is sent to the upstreams"}},
      {"add-cpe-id", {LineResult::refused, "nothing about clients is sent to the upstreams"}},
      {"umbrella", {LineResult::refused, "nothing about clients is sent to the upstreams"}},
      {"dumpfile", {LineResult::refused, "packets are not recorded; use tcpdump"}},
      {"dumpmask", {LineResult::refused, "packets are not recorded; use tcpdump"}},
      {"conf-script", {LineResult::refused, "no script is run; write its output to a file"}},
      {"dnssec-no-timecheck",
       {LineResult::refused,
        "the times in signatures are always checked; see that the clock is right before the "
        "service "
        "starts, as by After=time-sync.target"}},
      {"dnssec-timestamp",
       {LineResult::refused,
        "the times in signatures are always checked; see that the clock is right before the "
        "service "
        "starts, as by After=time-sync.target"}},
      {"dnssec-debug",
       {LineResult::refused, "bogus answers are never given; a client gets them by its CD bit"}},
      {"dnssec-limits",
       {LineResult::not_needed, "libunbound limits the work for one answer itself"}},
  };
  return table;
}

std::optional<Remark> remark_on_family(std::string_view option) {
  for (const std::string_view prefix :
       {"dhcp-", "tftp-", "pxe-", "quiet-", "enable-tftp", "enable-ra", "ra-param", "bootp-",
        "bridge-interface", "shared-network", "read-ethers", "leasefile-ro", "log-dhcp", "script-",
        "no-ping", "tag-if"}) {
    if (option.starts_with(prefix)) return Remark{LineResult::refused, out_of_scope_dhcp};
  }
  if (option.starts_with("auth-")) return Remark{LineResult::refused, out_of_scope_auth};
  return std::nullopt;
}

}  // namespace dnscache::cli::dnsmasq
