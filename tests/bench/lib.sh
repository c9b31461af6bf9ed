# What the benchmarks share: options, a namespace for each run, servers, results.
# Sourced by failover.sh, misses.sh and hits.sh, which define BENCH, CASES, PEERS, PARALLEL_CASES
# and one function case_NAME per case; that prints the metrics as one JSON object.

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$HERE/../.." && pwd)
BUILD=${BUILD:-$ROOT/build}
TOOLS=${TOOLS:-$BUILD/tests}
PACKAGES=${XDG_CACHE_HOME:-$HOME/.cache}/dnscachectl-bench
SERVER_CORE=0
CLIENT_CORE=1
. "$HERE/peers.sh"

usage() {
  cat <<END
usage: $BENCH.sh [--quick] [--strict] [--realtime] [--case NAME]... [--peer NAME]... [--results FILE]
--quick     shorter runs
--strict    exit with 1 when a target is missed
--realtime  SCHED_RR, for a machine that has other things to do meanwhile
cases: $CASES
peers: $PEERS
END
}

fail() {
  echo "$BENCH: $*" >&2
  exit 1
}

bench_main() {
  QUICK=no STRICT=no RESULTS='' INSIDE=''
  PRIORITY=(nice -n -10)
  local cases='' peers=''
  while [ $# -gt 0 ]; do
    case $1 in
      --quick) QUICK=yes ;;
      --strict) STRICT=yes ;;
      --realtime) PRIORITY=(chrt --rr 2) ;;
      --case) cases="$cases $2"; shift ;;
      --peer) peers="$peers $2"; shift ;;
      --results) RESULTS=$2; shift ;;
      --inside) INSIDE=yes QUICK=$2 CASE=$3 PEER=$4; shift 3 ;;
      -h | --help) usage; exit 0 ;;
      *) usage >&2; exit 2 ;;
    esac
    shift
  done
  if [ -n "$INSIDE" ]; then
    run_inside
    return
  fi
  check_machine
  mkdir -p "$PACKAGES"
  exec 9>"$PACKAGES/lock"
  flock -n 9 || fail "another benchmark is running; they would disturb each other"
  CASES=${cases:-$CASES} PEERS=${peers:-$PEERS}
  RESULTS=${RESULTS:-$BUILD/bench-$BENCH.jsonl}
  : >"$RESULTS"
  SCRATCH=$(mktemp -d)
  trap 'rm -rf "$SCRATCH"' EXIT
  fetch_peers
  local name
  for name in $CASES; do
    run_case "$name"
  done
  echo "results: $RESULTS" >&2
  "$TOOLS/bench_table" "$RESULTS" "$([ "$STRICT" = yes ] && echo --strict || echo --lenient)"
}

check_machine() {
  [ "$(id -u)" = 0 ] || fail "needs root, to make namespaces"
  local tool
  for tool in jq ip unshare taskset timeout flock; do
    command -v $tool >/dev/null || fail "needs the program $tool"
  done
  for tool in dns_load bench_upstream bare_responder bench_table; do
    [ -x "$TOOLS/$tool" ] || fail "$TOOLS/$tool is not built"
  done
  if [ "${PRIORITY[0]}" != chrt ] && awk '{exit $1 < 0.7}' /proc/loadavg; then
    echo "$BENCH: the load average is $(cut -d ' ' -f 1 /proc/loadavg): what else runs here disturbs the figures; wait, or try --realtime" >&2
  fi
  [ "$(nproc)" -ge 2 ] || fail "needs two processors: one for the server, one for the client"
}

# Leaves in PEERS those that can be run and says why the others cannot.
fetch_peers() {
  local peer reason kept=''
  for peer in $PEERS; do
    if ! reason=$(fetch_peer "$peer"); then
      skip "*" "$peer" "$reason"
    elif [ "${peer#ours}" != "$peer" ] && [ ! -x "$BUILD/dnscachectl" ]; then
      skip "*" "$peer" "$BUILD/dnscachectl is not built"
    else
      kept="$kept $peer"
    fi
  done
  PEERS=$kept
}

skip() {
  echo "skipped: $2 ($1): $3" >&2
  jq -cn --arg bench "$BENCH" --arg case "$1" --arg peer "$2" --arg reason "$3" \
    '{bench: $bench, case: $case, peer: $peer, skipped: $reason}' >>"$RESULTS"
}

# Cases that mostly wait run for three peers at a time.
run_case() {
  local peer running=0
  for peer in $PEERS; do
    if [ "$(type -t "applies_$1")" = function ] && ! "applies_$1" "$peer"; then continue; fi
    case " $PARALLEL_CASES " in
      *" $1 "*)
        run_one "$1" "$peer" &
        running=$((running + 1))
        if [ $running -ge 3 ]; then wait -n; running=$((running - 1)); fi
        ;;
      *) run_one "$1" "$peer" ;;
    esac
  done
  wait
}

# One case for one peer: everything that it starts dies with the process namespace.
run_one() {
  local out=$SCRATCH/$1.$2
  echo "$BENCH: $1: $2" >&2
  if timeout -k 5 400 unshare --net --mount --pid --fork --mount-proc --kill-child \
    "${PRIORITY[@]}" bash "$0" --inside "$QUICK" "$1" "$2" >"$out.json" 2>"$out.log" </dev/null 9>&- &&
    jq -e . "$out.json" >/dev/null 2>&1; then
    jq -c --arg bench "$BENCH" --arg case "$1" --arg peer "$2" \
      '{bench: $bench, case: $case, peer: $peer, metrics: .}' "$out.json" >"$out.row"
    cat "$out.row" >>"$RESULTS"
  else
    skip "$1" "$2" "$(tail -n 1 "$out.log" | cut -c 1-200)"
    [ -z "${KEEP_LOGS:-}" ] || cp "$out.log" "$KEEP_LOGS/$BENCH.$1.$2.log"
  fi
}

run_inside() {
  set -e
  mount -t tmpfs tmpfs /run
  WORK=/run/bench
  mkdir -p "$WORK" /run/lock
  ip link set lo up
  ip address add 192.0.2.1/32 dev lo
  ip address add 192.0.2.2/32 dev lo
  # systemd-resolved calls the network down while there is only lo.
  ip link add outside0 type veth peer name outside1
  ip link set outside0 up
  ip link set outside1 up
  ip address add 198.51.100.1/24 dev outside0
  mount_peer "$PEER"
  UPSTREAMS="192.0.2.1 192.0.2.2" STALE=no CACHE_NAMES=10000 WORKERS=1 QUOTA='' PERSIST='' KILL=''
  ADDRESS=$(peer_address "$PEER")
  SERVER_CORES=$SERVER_CORE
  "case_$CASE" "$PEER"
}

# Each argument is one server, as in bench_upstream --server.
start_upstream() {
  local server arguments=()
  for server in "$@"; do arguments+=(--server "$server"); done
  taskset -c $CLIENT_CORE "$TOOLS/bench_upstream" "${arguments[@]}" $KILL \
    >"$WORK/upstream.json" 2>"$WORK/upstream.log" &
  UPSTREAM_PID=$!
  wait_for "the upstream's socket" grep -q ready "$WORK/upstream.log"
}

start_clock() { kill -USR1 "$UPSTREAM_PID"; }

# Prints the upstream's counters since the last call.
upstream_counters() {
  local before
  before=$(wc -l <"$WORK/upstream.json")
  kill -USR2 "$UPSTREAM_PID"
  wait_for "the upstream's counters" more_lines "$WORK/upstream.json" "$before"
  tail -n 1 "$WORK/upstream.json"
}

more_lines() { [ "$(wc -l <"$1")" -gt "$2" ]; }

start_server() {
  configure_peer "$PEER"
  taskset -c "$SERVER_CORES" "${COMMAND[@]}" >"$WORK/server.log" 2>&1 &
  SERVER_PID=$!
  wait_for "the server's socket" is_listening
  sleep 0.7
}

stop_server() {
  kill "$SERVER_PID"
  wait "$SERVER_PID" || true
}

is_listening() {
  kill -0 "$SERVER_PID" 2>/dev/null || {
    echo "the server ended: $(tail -n 1 "$WORK/server.log")" >&2
    exit 1
  }
  local hex
  hex=$(printf '%02X%02X%02X%02X:0035' $(echo "$ADDRESS" | awk -F. '{print $4, $3, $2, $1}'))
  grep -q "$hex" /proc/net/udp
}

wait_for() {
  local what=$1 try
  shift
  for try in $(seq 1 200); do
    if "$@"; then return 0; fi
    sleep 0.05
  done
  echo "waited 10 s in vain for $what" >&2
  [ ! -e "$WORK/server.log" ] || tail -n 1 "$WORK/server.log" >&2
  exit 1
}

load() {
  taskset -c $CLIENT_CORE "$TOOLS/dns_load" --server "$ADDRESS" --pid "$SERVER_PID" "$@"
}

# number FULL QUICK
number() { if [ "$QUICK" = yes ]; then echo "$2"; else echo "$1"; fi; }
