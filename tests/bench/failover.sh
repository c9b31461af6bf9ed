#!/usr/bin/env bash
# What a lookup costs while upstream servers are dead, dying, flapping, losing or slow: dnscachectl
# against Debian's resolvers. Two upstream servers, 2 ms each, names that are in no cache; a client
# that never repeats a question; over 6 s is failed. See --help.

BENCH=failover
CASES="first_dead dies_100 dies_5 late extra stale equal flap loss servfail slow quota"
PARALLEL_CASES="first_dead dies_100 dies_5 late stale flap loss servfail slow"
PEERS="ours ours-fastest dnsmasq dnsmasq-all dnsmasq-fast dnsmasq-strict unbound resolved knot dnsdist named pdns"
. "$(dirname "$0")/lib.sh"

A=192.0.2.1,delay=2
B=192.0.2.2,delay=2

# What most cases show, from dns_load's result on stdin.
summary='{failed, first_ms, p50_ms: .latency_ms.p50, p99_ms: .latency_ms.p99,
  max_ms: .latency_ms.max, wrong, client_late_ms: .client_lateness_ms}'

# steady RATE SECONDS: distinct names at a fixed rate.
steady() {
  load --mode open --rate "$1" --count $(($1 * $2)) --distinct $(($1 * $2)) --verify
}

case_first_dead() {
  start_upstream "$A,dead=0-" "$B"
  start_server
  load --mode open --rate 20 --count "$(number 200 60)" --distinct 200 --verify >"$WORK/load"
  upstream_counters >"$WORK/upstream"
  jq -c --slurpfile up "$WORK/upstream" "$summary +
    {later_max_ms: ([.timeline[1:][].max_ms] | max),
     asked_per_lookup: (([\$up[0][].questions] | add) / .sent)}" "$WORK/load"
}

# dies RATE KILL_AT BACK_AT SECONDS: the server in use dies and returns.
dies() {
  KILL="--kill-in-use $2 $3"
  start_upstream "$A" "$B"
  start_server
  start_clock
  steady "$1" "$4" >"$WORK/load"
  upstream_counters >"$WORK/upstream"
  # Full speed again: what is asked a second or more after the death, and after the return.
  jq -c --slurpfile up "$WORK/upstream" --argjson back "${3%.*}" --argjson kill "${2%.*}" "$summary +
    {later_max_ms: ([.timeline[\$kill + 2:\$back][].max_ms] | max),
     after_return_max_ms: ([.timeline[\$back + 1:][].max_ms] | max),
     after_return_failed: ([.timeline[\$back + 1:][].failed] | add),
     used_again_after_s: ([\$up[0][].back_after_s // empty] | max)}" "$WORK/load"
  kill "$SERVER_PID" "$UPSTREAM_PID"
  wait "$SERVER_PID" "$UPSTREAM_PID" || true
}

case_dies_100() { dies 100 3 8 "$(number 15 11)"; }

case_dies_5() {
  local moment
  for moment in $(number "2.9 3.0 3.07 3.13 3.25" "3.0 3.13"); do
    dies 5 "$moment" 8 12
  done >"$WORK/all"
  jq -cs '{failed: (map(.failed) | add), max_ms: (map(.max_ms) | max),
    p99_ms: (map(.p99_ms) | max), later_max_ms: (map(.later_max_ms) | max), after_return_max_ms: (map(.after_return_max_ms) | max),
    wrong: (map(.wrong) | add), client_late_ms: (map(.client_late_ms) | max)}' "$WORK/all"
}

# Those that ask the second server only when the first has failed.
applies_late() { case $1 in ours | dnsmasq-strict) return 0 ;; *) return 1 ;; esac; }

# Names that only the first server knows, whose answers are late at times: from_second are those
# that the second one has denied.
case_late() {
  local share lateness names
  names=$(number 2000 400)
  for share in 0 10 20 50; do
    for lateness in 30 60 150 300; do
      if [ "$share$lateness" != 030 ] && [ "$share" = 0 ]; then continue; fi
      start_upstream "$A,late=${share}x$lateness" "$B,rcode=3"
      start_server
      load --mode open --rate 500 --count "$names" --distinct "$names" --verify >"$WORK/load"
      jq -c --arg case "${share}x$lateness" '{case: $case, sent,
        from_second: (.rcodes["3"] // 0), failed}' "$WORK/load"
      kill "$SERVER_PID" "$UPSTREAM_PID"
      wait "$SERVER_PID" "$UPSTREAM_PID" || true
    done
  done >"$WORK/all"
  jq -cs '{names: (map(.sent) | add), from_second: (map(.from_second) | add),
    failed: (map(.failed) | add), worst: (max_by(.from_second).case)}' "$WORK/all"
}

case_extra() {
  start_upstream "$A" "$B"
  start_server
  steady 200 "$(number 20 8)" >"$WORK/load"
  upstream_counters >"$WORK/upstream"
  jq -c --slurpfile up "$WORK/upstream" "$summary +
    {extra_percent: ((([\$up[0][].questions] | add) / .sent - 1) * 100),
     packets: ([\$up[0][].received] | add)}" "$WORK/load"
}

applies_stale() { peer_has_stale "$1"; }

case_stale() {
  # What ours does by default the others must be told.
  STALE=yes
  start_upstream "$A,ttl=1,dead=3-" "$B,ttl=1,dead=3-"
  start_server
  start_clock
  load --mode closed --outstanding 5 --count 50 --distinct 50 >"$WORK/fill"
  sleep 4.5
  load --mode closed --outstanding 1 --count 50 --distinct 50 --verify --max-seconds 100 >"$WORK/load"
  jq -c --slurpfile fill "$WORK/fill" '{filled: ($fill[0].answered - $fill[0].failed), asked: .sent,
    failed, first_ms, rest_p50_ms: .latency_ms.p50, rest_max_ms: .after_first_max_ms, wrong}' "$WORK/load"
}

case_equal() {
  start_upstream 192.0.2.1,delay=50 192.0.2.2,delay=50
  start_server
  # The first question of all may go to every server: that is not what is measured here.
  load --mode closed --outstanding 1 --count 3 --distinct 3 --prefix before >"$WORK/before"
  upstream_counters >"$WORK/ignored"
  load --mode burst --count 500 --distinct 1 --verify >"$WORK/load"
  upstream_counters >"$WORK/upstream"
  jq -c --slurpfile up "$WORK/upstream" "$summary +
    {upstream_questions: ([\$up[0][].questions] | add)}" "$WORK/load"
}

# degraded FIRST: one server is ill, the other healthy.
degraded() {
  start_upstream "$1" "$B"
  start_server
  start_clock
  steady 100 "$(number 10 6)" >"$WORK/load"
  upstream_counters >"$WORK/upstream"
  jq -c --slurpfile up "$WORK/upstream" "$summary +
    {asked_per_lookup: (([\$up[0][].questions] | add) / .sent)}" "$WORK/load"
}

case_flap() { degraded "$A,flap=1"; }
case_loss() { degraded "$A,loss=30"; }
case_servfail() { degraded "$A,rcode=2"; }
case_slow() { degraded "192.0.2.1,delay=900"; }

applies_quota() { case $1 in ours | ours-fastest | dnsmasq | unbound) return 0 ;; *) return 1 ;; esac; }

case_quota() {
  UPSTREAMS=192.0.2.1 QUOTA=1024 STALE=yes
  local seconds
  seconds=$(number 10 5)
  start_upstream "$A,ttl=1"
  start_server
  load --mode open --rate 500 --count 1000 --distinct 1000 --prefix old >"$WORK/fill"
  sleep 2.2
  upstream_counters >"$WORK/ignored"
  load --mode open --rate 200 --count $((200 * seconds)) --distinct 1000 --prefix old --edns >"$WORK/old" &
  local old=$!
  load --mode open --rate 1800 --count $((1800 * seconds)) --distinct $((1800 * seconds)) --edns >"$WORK/new"
  wait $old
  upstream_counters >"$WORK/upstream"
  jq -cn --slurpfile old "$WORK/old" --slurpfile new "$WORK/new" --slurpfile up "$WORK/upstream" \
    '{peak_per_second: $up[0][0].peak_per_second,
      old_unanswered: $old[0].unanswered, old_failed: $old[0].failed,
      old_p99_ms: $old[0].latency_ms.p99,
      new_unanswered: $new[0].unanswered, new_servfail: ($new[0].rcodes["2"] // 0),
      new_answered: ($new[0].rcodes["0"] // 0),
      new_p99_ms: $new[0].latency_ms.p99,
      without_ede: (($new[0].rcodes["2"] // 0) - ([$new[0].extended_errors[]] | add // 0))}'
}

bench_main "$@"; exit
