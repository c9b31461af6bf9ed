#!/usr/bin/env bash
# What a miss costs: distinct names against an upstream that answers at once; the server has one
# core for itself, the client and the upstream share another. See --help.

BENCH=misses
CASES="distinct"
PARALLEL_CASES=""
PEERS="ours dnsmasq unbound knot dnsdist resolved named pdns"
. "$(dirname "$0")/lib.sh"

case_distinct() {
  local count
  count=$(number 200000 40000)
  UPSTREAMS=192.0.2.1
  start_upstream 192.0.2.1
  start_server
  load --mode closed --count 2000 --distinct 2000 --prefix before >"$WORK/before"
  upstream_counters >"$WORK/ignored"
  load --mode closed --count "$count" --distinct "$count" --verify --max-seconds 120 >"$WORK/load"
  upstream_counters >"$WORK/upstream"
  jq -c --slurpfile up "$WORK/upstream" '{cpu_us: .server.cpu_us_per_query,
    user_us: .server.user_us_per_query, per_second, failed, wrong,
    asked_per_lookup: (([$up[0][].questions] | add) / .sent),
    source_ports: ([$up[0][].source_ports] | max)}' "$WORK/load"
}

bench_main "$@"; exit
