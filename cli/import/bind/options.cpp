#include "cli/import/bind/options.hpp"

#include <array>

namespace dnscache::cli::bind {
namespace {

using enum LineResult;

constexpr std::array option_table{
    Remark{not_needed, "systemd runs the service as an unprivileged user, in a sandbox",
           "directory pid-file lock-file dump-file memstatistics-file memstatistics "
           "recursing-file secroots-file session-keyfile session-keyname session-keyalg "
           "statistics-file managed-keys-directory bindkeys-file key-directory geoip-directory "
           "new-zones-directory random-device coresize datasize files stacksize lmdb-mapsize "
           "flush-zones-on-shutdown check-names"},
    Remark{not_needed, "version.bind, hostname.bind and id.server are always refused",
           "version hostname server-id root-key-sentinel trust-anchor-telemetry"},
    Remark{not_needed, "the cache resizes its own tables and buffers",
           "recursive-clients tcp-clients tcp-listen-queue reserved-sockets reuseport "
           "tcp-receive-buffer tcp-send-buffer udp-receive-buffer udp-send-buffer "
           "clients-per-query max-clients-per-query attach-cache message-compression "
           "no-case-compress keep-response-order"},
    Remark{not_needed, "each upstream's timeouts follow its measured round-trip time",
           "resolver-query-timeout resolver-retry-interval resolver-nonbackoff-tries "
           "fetches-per-server fetches-per-zone fetch-quota-params max-recursion-depth "
           "max-recursion-queries max-query-restarts max-query-count servfail-ttl lame-ttl"},
    Remark{not_needed, "connections are kept open and reused as RFC 7766 says",
           "tcp-advertised-timeout tcp-idle-timeout tcp-initial-timeout tcp-keepalive-timeout"},
    Remark{not_needed, "1232 bytes are announced, which no path fragments; TCP brings the rest",
           "edns-udp-size max-udp-size nocookie-udp-size"},
    Remark{not_needed, "every query leaves from a random port that the kernel chooses",
           "avoid-v4-udp-ports avoid-v6-udp-ports use-v4-udp-ports use-v6-udp-ports"},
    Remark{not_needed, "upstreams are asked with cookies as RFC 7873 says",
           "send-cookie answer-cookie cookie-algorithm cookie-secret"},
    Remark{not_needed, "responses have the records that were asked for and no others",
           "minimal-responses minimal-any auth-nxdomain preferred-glue glue-cache"},
    Remark{not_needed, "only a resolver that starts at the root needs this",
           "qname-minimization root-delegation-only dual-stack-servers v6-bias "
           "nxdomain-redirect synth-from-dnssec"},
    Remark{not_needed, "libunbound validates with its own defaults",
           "nta-lifetime nta-recheck dnssec-accept-expired max-rsa-exponent-size "
           "disable-algorithms disable-ds-digests dnssec-must-be-secure"},
    Remark{not_needed, "private reverse zones are answered with an SOA record of their own",
           "empty-server empty-contact"},
    Remark{not_needed, "stale data is refreshed in the background", "stale-refresh-time"},
    Remark{not_needed, "'dnscachectl status' and metrics.listen show what is counted",
           "zone-statistics interface-interval automatic-interface-scan"},
    Remark{not_needed, "it serves no zones, so nothing is transferred or signed",
           "allow-transfer allow-notify allow-update allow-update-forwarding allow-new-zones "
           "also-notify notify notify-* transfer* max-transfer-* min-refresh-time "
           "max-refresh-time min-retry-time max-retry-time max-journal-size max-zone-ttl "
           "max-records max-records-per-type max-types-per-name ixfr-from-differences "
           "max-ixfr-ratio provide-ixfr request-ixfr request-expire serial-query-rate "
           "serial-update-method startup-notify-rate try-tcp-refresh multi-master "
           "masterfile-format masterfile-style catalog-zones check-dup-records check-integrity "
           "check-mx check-mx-cname check-sibling check-spf check-srv-cname check-wildcard "
           "dialup heartbeat-interval auto-dnssec dnskey-sig-validity dnssec-dnskey-kskonly "
           "dnssec-loadkeys-interval dnssec-policy dnssec-secure-to-insecure dnssec-update-mode "
           "sig-signing-* sig-validity-interval nsec3-test-zone update-check-ksk update-quota "
           "zero-no-soa-ttl zero-no-soa-ttl-cache alt-transfer-source alt-transfer-source-v6 "
           "use-alt-transfer-source parental-source parental-source-v6 suppress-initial-notify"},
    Remark{refused, "the kernel chooses the source address of queries",
           "query-source query-source-v6"},
    Remark{refused,
           "write the file of each zone under local.block.files: names with CNAME . in it are "
           "blocked; other policies are not there",
           "response-policy"},
    Remark{refused, "use rebind_protection for private addresses, or bogus_nxdomain",
           "deny-answer-addresses deny-answer-aliases"},
    Remark{refused, "use rate_limit.queries_per_second", "rate-limit"},
    Remark{refused, "round_robin says whether the addresses of a name change places",
           "rrset-order sortlist"},
    Remark{refused, "addresses are not made up: ask a DNS64 server", "dns64* ipv4only-*"},
    Remark{refused, "clients are served over UDP and TCP only; put a TLS proxy before the cache",
           "tls-port http-* https-port response-padding"},
    Remark{refused, "who is served does not depend on the address that is asked; see listen",
           "allow-query-on allow-query-cache-on allow-recursion-on match-mapped-addresses"},
    Remark{refused, "networks are only served by acl; use the firewall", "blackhole"},
    Remark{refused, "queries are not sent to dnstap; use query_log", "dnstap* fstrm-*"},
    Remark{refused, "sockets get no such option; leave it out", "dscp"},
    Remark{refused, "nothing is sent to the upstreams but the query",
           "request-nsid require-server-cookie"},
    Remark{refused, "is not part of a DNS cache; leave it out", "tkey-* dnsrps-*"},
};

constexpr std::array top_table{
    Remark{not_needed, "'dnscachectl' speaks to the cache by its own socket", "controls key"},
    Remark{refused, "use metrics.listen, which Prometheus reads", "statistics-channels"},
    Remark{refused, "all clients get the same answers; run a second cache for the others", "view"},
    Remark{refused, "what is known of a server is found out, not written; leave it out", "server"},
    Remark{refused, "no code is loaded into the cache", "plugin dlz dyndb"},
    Remark{refused, "clients are served over UDP and TCP only; put a TLS proxy before the cache",
           "tls http"},
    Remark{not_needed, "it serves no zones, so nothing is transferred or signed",
           "masters primaries parental-agents dnssec-policy keystore"},
    Remark{refused, "write the keys as DS or DNSKEY records to dnssec.trust_anchors",
           "trust-anchors trusted-keys managed-keys"},
};

}  // namespace

std::span<const Remark> option_remarks() { return option_table; }
std::span<const Remark> top_remarks() { return top_table; }

}  // namespace dnscache::cli::bind
