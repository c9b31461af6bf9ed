#!/usr/bin/env bash
# What an answer from the cache costs: CPU, throughput, latency, memory. One worker on its own core,
# the client on another. The limit is bare_responder, which only flips a bit: it waits on the same core
# as each server and takes turns with it, so that both see the same machine; *_of_bare is the median
# of the turns' ratios. See --help, and README.md for what was tried to lower the kernel's share.

BENCH=hits
CASES="warm ports single many start restart idle two_workers burst policy"
PARALLEL_CASES=""
PEERS="bare ours dnsmasq unbound knot dnsdist resolved named pdns"
. "$(dirname "$0")/lib.sh"

NAMES=1000

# check LOAD_ARGUMENTS...: the answers' addresses are checked, but for bare, which gives none.
check() {
  if [ "$PEER" = bare ]; then load "$@"; else load --verify "$@"; fi
}

BARE_ADDRESS=127.0.0.99

start_bare() {
  taskset -c $SERVER_CORE "$TOOLS/bare_responder" $BARE_ADDRESS 53 2>"$WORK/bare.log" &
  BARE_PID=$!
  sleep 0.1
}

# in_turns ROUNDS LOAD_ARGUMENTS...: load and bare's load one after the other, into two files. What
# checking the answers costs the client would count as the server's: that is a load of its own.
in_turns() {
  local round rounds=$1
  shift
  start_bare
  for round in $(seq 1 "$rounds"); do
    load "$@" >>"$WORK/load"
    taskset -c $CLIENT_CORE "$TOOLS/dns_load" --server $BARE_ADDRESS --pid "$BARE_PID" "$@" >>"$WORK/bare"
  done
  check "$@" >"$WORK/checked"
}

warm_up() {
  load --mode closed --outstanding 32 --count "$1" --distinct "$1" >"$WORK/warm-up"
  load --mode closed --outstanding 32 --count "$1" --distinct "$1" >"$WORK/warm-up"
}

MEDIAN='def median: sort | .[length / 2 | floor];
  def of_bare(figure): [$ours, $bare] | transpose | map((.[0] | figure) / (.[1] | figure)) | median;'

# in_throughput LOAD_ARGUMENTS...: the kernel counts user time in ticks of 1 to 10 ms, so that only the
# mean of many rounds tells it.
in_throughput() {
  start_upstream 192.0.2.1 192.0.2.2
  start_server
  warm_up $NAMES
  in_turns "$(number 15 5)" --mode closed --count "$(number 150000 50000)" --distinct $NAMES "$@"
  jq -cn --slurpfile ours "$WORK/load" --slurpfile bare "$WORK/bare" --slurpfile checked "$WORK/checked" \
    "$MEDIAN"'
    {cpu_us: ($ours | map(.server.cpu_us_per_query) | median),
     cpu_of_bare: of_bare(.server.cpu_us_per_query),
     user_us: ($ours | map(.server.user_us_per_query) | add / length),
     per_second: ($ours | map(.per_second) | median),
     per_second_of_bare: of_bare(.per_second),
     failed: ($ours | map(.failed) | add), wrong: $checked[0].wrong}'
}

# One source port, as forwarders and load generators have.
case_warm() { in_throughput; }

# A source port for each query on its way, as programs have.
case_ports() { in_throughput --ports 192; }

case_single() {
  start_upstream 192.0.2.1 192.0.2.2
  start_server
  warm_up 100
  in_turns "$(number 15 5)" --mode closed --outstanding 1 --count "$(number 5000 2000)" --distinct 100
  jq -cn --slurpfile ours "$WORK/load" --slurpfile bare "$WORK/bare" --slurpfile checked "$WORK/checked" \
    "$MEDIAN"'
    {p50_us: ($ours | map(.latency_ms.p50) | median * 1000), p50_of_bare: of_bare(.latency_ms.p50),
     p99_us: ($ours | map(.latency_ms.p99) | min * 1000),
     failed: ($ours | map(.failed) | add), wrong: $checked[0].wrong}'
}

applies_many() { [ "$1" != resolved ] && [ "$1" != bare ]; }  # resolved keeps 4,096 names at most

# Memory per name is against the same server with a small cache, so that memory taken in advance
# counts as well.
case_many() {
  local names idle_kb count
  names=$(number 500000 100000)
  count=$(number 1000000 200000)
  start_upstream 192.0.2.1 192.0.2.2
  CACHE_NAMES=1000
  start_server
  warm_up 10
  idle_kb=$(awk '/^Rss:/ {print $2}' "/proc/$SERVER_PID/smaps_rollup")
  stop_server
  CACHE_NAMES=$((names + names / 20))
  start_server
  load --mode closed --outstanding 128 --count "$names" --distinct "$names" --verify --max-seconds 120 >"$WORK/fill"
  upstream_counters >"$WORK/ignored"
  load --mode closed --count "$names" --distinct "$names" --verify --max-seconds 60 >"$WORK/second"
  upstream_counters >"$WORK/upstream"
  load --mode closed --count "$count" --distinct "$names" --order random --verify --max-seconds 60 >"$WORK/random"
  jq -cn --slurpfile fill "$WORK/fill" --slurpfile second "$WORK/second" --slurpfile up "$WORK/upstream" \
    --slurpfile random "$WORK/random" --argjson idle "$idle_kb" --argjson names "$names" \
    '{bytes_per_name: (($fill[0].server.rss_kb - $idle) * 1024 / $names), fill_failed: $fill[0].failed,
      kept_percent: (100 * (1 - ([$up[0][].questions] | add) / $names)),
      random_cpu_us: $random[0].server.cpu_us_per_query, random_user_us: $random[0].server.user_us_per_query,
      random_per_second: $random[0].per_second,
      failed: ($second[0].failed + $random[0].failed), wrong: ($second[0].wrong + $random[0].wrong)}'
}

case_start() {
  local round
  start_upstream 192.0.2.1 192.0.2.2
  configure_peer "$PEER"
  for round in $(seq 1 "$(number 9 3)"); do
    taskset -c $CLIENT_CORE "$TOOLS/dns_load" --server "$ADDRESS" --mode start --timeout 10 \
      --server-core $SERVER_CORE -- "${COMMAND[@]}"
  done >"$WORK/load"
  jq -cs '{first_answer_ms: (map(.first_answer_ms) | sort | .[length / 2 | floor]),
    ended_by_sigterm: all(.ended_by_sigterm)}' "$WORK/load"
}

applies_restart() { [ "$1" = ours ]; }

# From exec to the first answer with 100,000 answers in the snapshot.
case_restart() {
  local names round before
  names=$(number 100000 20000)
  start_upstream 192.0.2.1 192.0.2.2
  PERSIST=$WORK/snapshot
  start_server
  load --mode closed --outstanding 128 --count "$names" --distinct "$names" --max-seconds 120 >"$WORK/fill"
  before=$(date +%s%N)
  stop_server
  local stop_ms=$((($(date +%s%N) - before) / 1000000))
  for round in $(seq 1 "$(number 9 3)"); do
    taskset -c $CLIENT_CORE "$TOOLS/dns_load" --server "$ADDRESS" --mode start --timeout 10 \
      --server-core $SERVER_CORE -- "${COMMAND[@]}"
  done >"$WORK/load"
  start_server
  upstream_counters >"$WORK/ignored"
  load --mode closed --count "$names" --distinct "$names" --verify --max-seconds 60 >"$WORK/second"
  upstream_counters >"$WORK/upstream"
  jq -cs --slurpfile second "$WORK/second" --slurpfile up "$WORK/upstream" --argjson names "$names" \
    --argjson stop "$stop_ms" --argjson bytes "$(stat -c %s "$PERSIST")" \
    '{first_answer_ms: (map(.first_answer_ms) | sort | .[length / 2 | floor]),
      min_ms: (map(.first_answer_ms) | min), save_and_stop_ms: $stop, snapshot_bytes: $bytes,
      kept_percent: (100 * (1 - ([$up[0][].questions] | add) / $names)),
      failed: $second[0].failed, wrong: $second[0].wrong}' "$WORK/load"
}

case_idle() {
  start_upstream 192.0.2.1 192.0.2.2
  start_server
  load --mode closed --outstanding 1 --count 10 --distinct 10 >"$WORK/load"
  sleep 1
  jq -c '{rss_kb: .server.rss_kb, pss_kb: .server.pss_kb, failed}' "$WORK/load"
}

applies_two_workers() {
  case $1 in ours | unbound | named | pdns) return 0 ;; *) return 1 ;; esac
}

# With two cores the client takes a share of what two workers could use: then only what a query
# costs with one and with two workers tells what they could do.
case_two_workers() {
  local workers
  start_upstream 192.0.2.1 192.0.2.2
  for workers in 1 2; do
    WORKERS=$workers SERVER_CORES=0,1
    start_server
    warm_up $NAMES
    load --mode closed --ports 16 --count "$(number 500000 100000)" --distinct $NAMES >"$WORK/load$workers"
    stop_server
  done
  jq -cn --slurpfile one "$WORK/load1" --slurpfile two "$WORK/load2" --argjson cores "$(nproc)" \
    '{one_per_second: $one[0].per_second, two_per_second: $two[0].per_second,
      gain: (if $cores > 2 then $two[0].per_second / $one[0].per_second else null end),
      gain_by_cost: (2 * $one[0].server.cpu_us_per_query / $two[0].server.cpu_us_per_query),
      failed: ($one[0].failed + $two[0].failed)}'
}

case_burst() {
  local round
  start_upstream 192.0.2.1 192.0.2.2
  start_server
  warm_up $NAMES
  for round in $(seq 1 "$(number 20 5)"); do
    check --mode burst --count 500 --distinct $NAMES --timeout 0.5
  done >"$WORK/load"
  jq -cs '{lost: (map(.unanswered) | add), lost_percent: (100 * (map(.unanswered) | add) / (map(.sent) | add)),
    max_ms: (map(.latency_ms.max) | max), wrong: (map(.wrong) | add)}' "$WORK/load"
}

applies_policy() { [ "$1" = ours ]; }

case_policy() { "$TOOLS/cache_policy" --requests "$(number 4000000 1000000)"; }

bench_main "$@"; exit
