#include "cli/import/unbound/options.hpp"

#include <array>
#include <utility>

namespace dnscache::cli::unbound {
namespace {

using enum LineResult;

constexpr std::array server_table{
    Remark{
        not_needed, "the cache resizes its own tables and buffers",
        "outgoing-range num-queries-per-thread outgoing-num-tcp incoming-num-tcp stream-wait-size "
        "msg-buffer-size msg-cache-slabs rrset-cache-slabs infra-cache-slabs key-cache-slabs "
        "key-cache-size neg-cache-size ratelimit-size ratelimit-slabs ip-ratelimit-size "
        "ip-ratelimit-slabs so-rcvbuf so-sndbuf so-reuseport infra-cache-numhosts "
        "tcp-connection-limit jostle-timeout"},
    Remark{not_needed, "'dnscachectl status' and metrics.listen show what is counted",
           "statistics-interval statistics-cumulative extended-statistics "
           "statistics-inhibit-zero shm-enable shm-key"},
    Remark{not_needed, "each upstream's timeouts follow its measured round-trip time",
           "infra-host-ttl infra-cache-min-rtt infra-cache-max-rtt infra-keep-probing "
           "unknown-server-time-limit outbound-msg-retry max-sent-count max-query-restarts "
           "fast-server-permil fast-server-num udp-connect delay-close discard-timeout "
           "wait-limit wait-limit-netblock tcp-auth-query-timeout"},
    Remark{not_needed, "1232 bytes are announced, which no path fragments; TCP brings the rest",
           "edns-buffer-size max-udp-size"},
    Remark{not_needed, "connections are kept open and reused as RFC 7766 says",
           "tcp-idle-timeout tcp-reuse-timeout max-reuse-tcp-queries edns-tcp-keepalive "
           "edns-tcp-keepalive-timeout tcp-mss outgoing-tcp-mss"},
    Remark{not_needed, "every query leaves from a random port that the kernel chooses",
           "outgoing-port-permit outgoing-port-avoid"},
    Remark{refused, "the kernel chooses the source address of queries", "outgoing-interface"},
    Remark{not_needed, "systemd runs the service as an unprivileged user, in a sandbox",
           "chroot username directory pidfile do-daemonize use-systemd"},
    Remark{not_needed, "messages go to standard error, which systemd keeps in the journal",
           "use-syslog log-identity log-time-ascii log-tag-queryreply log-local-actions "
           "log-destaddr log-thread-id"},
    Remark{not_needed, "version.bind, hostname.bind and id.server are always refused",
           "hide-identity hide-version identity version nsid hide-trustanchor "
           "hide-http-user-agent http-user-agent trust-anchor-signaling root-key-sentinel"},
    Remark{not_needed, "only a resolver that starts at the root needs this",
           "root-hints target-fetch-policy harden-short-bufsize harden-large-queries harden-glue "
           "harden-referral-path qname-minimisation qname-minimisation-strict "
           "do-not-query-address do-not-query-localhost disable-dnssec-lame-check prefer-ip4 "
           "prefer-ip6 harden-unverified-glue harden-unknown-additional iter-scrub-* "
           "delegation-answer"},
    Remark{not_needed, "libunbound validates with its own defaults",
           "harden-dnssec-stripped harden-algo-downgrade val-sig-skew-min val-sig-skew-max "
           "val-max-restart val-bogus-ttl val-clean-additional val-nsec3-keysize-iterations "
           "add-holddown del-holddown keep-missing permit-small-holddown val-log-level "
           "prefetch-key zonemd-permissive-mode"},
    Remark{not_needed, "cache.nxdomain_cut says when names below a missing one are missing",
           "harden-below-nxdomain aggressive-nsec"},
    Remark{not_needed, "ANY is answered with RFC 8482's record", "deny-any"},
    Remark{not_needed, "responses have the records that were asked for and no others",
           "minimal-responses"},
    Remark{not_needed, "extended errors (RFC 8914) are always sent", "ede ede-serve-expired"},
    Remark{not_needed, "a route stands above the private reverse zones", "insecure-lan-zones"},
    Remark{not_needed, "certificates are checked with those of the system",
           "tls-cert-bundle ssl-cert-bundle tls-system-cert tls-win-cert tls-use-sni"},
    Remark{refused, "TLS to upstreams has OpenSSL's ciphers and no padding; leave it out",
           "tls-ciphers tls-ciphersuites pad-queries pad-queries-block-size"},
    Remark{refused, "clients are served over UDP and TCP only; put a TLS proxy before the cache",
           "tls-service-key ssl-service-key tls-service-pem ssl-service-pem tls-port ssl-port "
           "tls-additional-port tls-session-ticket-keys pad-responses pad-responses-block-size "
           "https-port http-* proxy-protocol-port dnscrypt*"},
    Remark{refused, "addresses are listened on, not interfaces: write them under listen",
           "interface-automatic interface-automatic-ports"},
    Remark{not_needed, "the service starts when the network is there", "ip-freebind"},
    Remark{refused, "sockets get no such option; leave it out", "ip-transparent ip-dscp"},
    Remark{refused, "all clients get the same answers; run a second cache for the others",
           "define-tag access-control-tag access-control-tag-action access-control-tag-data "
           "access-control-view interface-action interface-tag interface-tag-action "
           "interface-tag-data interface-view local-zone-tag local-zone-override response-ip*"},
    Remark{refused, "randomize_case has no exceptions; zones that answer in another case are found",
           "caps-exempt caps-whitelist caps-for-id-exempt"},
    Remark{refused, "forged responses are counted, not acted on; leave it out",
           "unwanted-reply-threshold"},
    Remark{refused, "the times in signatures are always checked", "val-override-date"},
    Remark{refused, "trust anchors are DS or DNSKEY records: write them to dnssec.trust_anchors",
           "trusted-keys-file"},
    Remark{refused, "clients that set CD get what is bogus; leave it out", "ignore-cd-flag"},
    Remark{refused, "TTLs count down in the cache; leave it out", "serve-original-ttl"},
    Remark{refused, "max_age counts since the data expired; leave it out",
           "serve-expired-ttl-reset"},
    Remark{refused, "upstreams are limited by quota.packets_per_second, zones are not",
           "ratelimit-for-domain ratelimit-below-domain ratelimit-factor ratelimit-backoff "
           "ip-ratelimit-factor ip-ratelimit-backoff ip-ratelimit-cookie"},
    Remark{refused, "nothing about clients is sent to the upstreams",
           "edns-client-string edns-client-string-opcode send-client-subnet client-subnet-* "
           "max-client-subnet-* min-client-subnet-* max-ecs-*"},
    Remark{refused, "addresses are not made up: ask a DNS64 server", "dns64-*"},
    Remark{refused, "is not part of a DNS cache; leave it out", "ipsecmod-* nat64-prefix do-nat64"},
    Remark{refused, "queries go over UDP, and over TCP when they must; use tls:// for all of them",
           "udp-upstream-without-downstream"},
    Remark{not_needed, "the service answers with cookies as RFC 7873 says",
           "answer-cookie cookie-secret"},
};

constexpr std::pair<std::string_view, std::string_view> sections[] = {
    {"stub-zone",
     "stub zones have authoritative servers, which are asked without recursion: if they also "
     "answer recursive queries, write a route with their addresses; else ask a resolver that has "
     "the stub zone"},
    {"remote-control", "'dnscachectl' speaks to the cache by its own socket"},
    {"auth-zone",
     "it is a cache, not an authoritative server; serve the zone elsewhere and write a route to "
     "it"},
    {"rpz",
     "write the zone's file under local.block.files: names with CNAME . in it are blocked; other "
     "policies are not there"},
    {"view", "all clients get the same answers; run a second cache for the others"},
    {"python", "no script is run in the cache"},
    {"dynlib", "no code is loaded into the cache"},
    {"dnscrypt", "clients are served over UDP and TCP only"},
    {"cachedb", "the cache is in memory; cache.persist keeps it over a restart"},
    {"dnstap", "queries are not sent to dnstap; use query_log"},
    {"ipset", "sets of the firewall are not filled: the cache has no rights beyond DNS"},
};

}  // namespace

std::span<const Remark> server_remarks() { return server_table; }

std::string_view section_remark(std::string_view section) {
  for (const auto& [name, why] : sections) {
    if (name == section) return why;
  }
  return {};
}

}  // namespace dnscache::cli::unbound
