#!/usr/bin/env bash
# The picture in README.md: what programs wait while a name server dies and comes back, with glibc
# alone and with each cache. Two upstream servers, 2 ms each; real getaddrinfo(3), ten lookups a
# second of names that no cache has; the server in use dies after 3 s and is back after 13 s.
# Writes the picture to tests/bench/timeline.svg. See --help.

BENCH=timeline
CASES="dies"
PARALLEL_CASES="dies"
PEERS="glibc resolved dnsmasq unbound ours"
. "$(dirname "$0")/lib.sh"

case_dies() {
  local servers=$ADDRESS
  KILL="--kill-in-use 3 13"
  start_upstream 192.0.2.1,delay=2 192.0.2.2,delay=2
  if [ "$PEER" = glibc ]; then servers=$UPSTREAMS; else start_server; fi
  printf 'nameserver %s\n' $servers >"$WORK/resolv.conf"
  echo "hosts: dns" >"$WORK/nsswitch.conf"
  mount --bind "$WORK/resolv.conf" /etc/resolv.conf
  mount --bind "$WORK/nsswitch.conf" /etc/nsswitch.conf
  taskset -c $CLIENT_CORE python3 "$HERE/timeline.py" lookups 20 "$UPSTREAM_PID"
}

bench_main "$@"
if [ -z "$INSIDE" ]; then
  grep '"metrics"' "$RESULTS" | python3 "$HERE/timeline.py" draw >"$HERE/timeline.svg"
fi
exit
