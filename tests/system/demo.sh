#!/bin/sh
# The experiment: a machine whose first resolver is dead, before and after `dnscachectl setup`.
# usage: demo.sh BUILD_FOLDER
# It runs inside network, mount and process namespaces of its own, so this machine stays as it is;
# where they are not permitted it shows the same over loopback ports.
set -eu

BUILD=$1
INSIDE=${2:-}
DEAD=192.168.1.100
ALIVE=172.31.0.2
NAMES="s3.amazonaws.com dynamodb.us-east-1.amazonaws.com sqs.us-east-1.amazonaws.com"
PATH=$BUILD:/usr/sbin:/sbin:$PATH
export PATH

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
  BOLD=$(printf '\033[1m') DIM=$(printf '\033[2m') RED=$(printf '\033[31m')
  GREEN=$(printf '\033[32m') RESET=$(printf '\033[0m')
else
  BOLD='' DIM='' RED='' GREEN='' RESET=''
fi

step() { printf '\n%s── %s%s\n' "$BOLD" "$*" "$RESET"; }
note() { printf '%s%s%s\n' "$DIM" "$*" "$RESET"; }
fail() {
  printf '\n%sdemo failed: %s%s\n' "$RED" "$*" "$RESET" >&2
  exit 1
}
# Shows a command as one would type it, and runs it.
run() {
  printf '\n%s$ %s%s\n' "$BOLD" "$*" "$RESET"
  "$@" || fail "\`$*\` ended with exit status $?"
}

milliseconds() { echo $(($(date +%s%N) / 1000000)); }
in_seconds() { printf '%d.%03d s' $(($1 / 1000)) $(($1 % 1000)); }

# lookup NAME: one real glibc lookup, measured. Leaves MS; shows a progress line on a terminal.
lookup() {
  printf '  getent ahosts %-34s ' "$1"
  rm -f "$WORK/done"
  started=$(milliseconds)
  {
    status=0
    timeout 40 getent ahosts "$1" >"$WORK/getent" || status=$?
    echo "$status $(milliseconds)" >"$WORK/ended"
    mv "$WORK/ended" "$WORK/done"
  } &
  lookup_pid=$!
  while [ -t 1 ] && [ ! -e "$WORK/done" ]; do
    passed=$(($(milliseconds) - started))
    if [ "$passed" -gt 300 ]; then
      printf '\r  getent ahosts %-34s %swaiting … %d s%s' "$1" "$DIM" $((passed / 1000)) "$RESET"
      sleep 0.2
    fi
  done
  wait "$lookup_pid"
  [ ! -t 1 ] || printf '\r\033[K  getent ahosts %-34s ' "$1"
  read -r status ended <"$WORK/done"
  MS=$((ended - started))
  [ "$status" = 0 ] || { printf 'failed\n'; fail "the lookup of $1 failed"; }
  printf '%s%s%s  %s\n' "$2" "$(in_seconds "$MS")" "$RESET" "$(awk '{ print $1; exit }' "$WORK/getent")"
}

# lookup_all COLOUR: leaves the mean of all lookups in MEAN, the slowest in SLOWEST.
lookup_all() {
  total=0 count=0 SLOWEST=0
  for name in $NAMES; do
    lookup "$name" "$1"
    total=$((total + MS)) count=$((count + 1))
    [ "$MS" -le "$SLOWEST" ] || SLOWEST=$MS
  done
  MEAN=$((total / count))
}

# start_upstream NAME ADDRESS BEHAVIOUR…: leaves its address in LISTENING.
start_upstream() {
  upstream=$1 address=$2
  shift 2
  "$BUILD/tests/test_upstream" --listen "$address" "$@" </dev/null >"$WORK/$upstream" 2>&1 &
  CHILDREN="$CHILDREN $!"
  tries=0
  until grep -q '^listening' "$WORK/$upstream"; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || fail "the $upstream resolver did not start: $(cat "$WORK/$upstream")"
    sleep 0.05
  done
  LISTENING=$(awk '/^listening/ { print $2; exit }' "$WORK/$upstream")
}

clean_up() {
  for child in $CHILDREN; do kill "$child" 2>/dev/null || true; done
  wait
  rm -rf "$WORK"
}

prepare() {
  WORK=$(mktemp -d)
  CHILDREN=''
  trap clean_up EXIT
  trap 'exit 130' INT TERM
}

# ---- inside the namespaces: the whole thing, /etc/resolv.conf included

private_filesystem() {
  mount --make-rprivate /
  # A copy, so that files can be renamed over; what this user may not read is left out.
  cp -a /etc "$WORK/etc" 2>/dev/null || true
  mount -t tmpfs none /etc
  umount /etc/resolv.conf 2>/dev/null || true
  cp -a "$WORK/etc/." /etc/ 2>/dev/null || true
  for folder in /run /var/lib /var/log; do mount -t tmpfs -o mode=755 none "$folder"; done
  rm -rf /etc/resolv.conf /etc/dnscachectl "${WORK:?}/etc"
  printf '# from DHCP\nnameserver %s\nnameserver %s\nsearch ec2.internal\n' "$DEAD" "$ALIVE" >/etc/resolv.conf
  echo 'hosts: files dns' >/etc/nsswitch.conf
}

private_network() {
  ip link set lo up
  ip address add "$DEAD/32" dev lo
  ip address add "$ALIVE/32" dev lo
}

inside() {
  prepare
  private_filesystem
  private_network
  start_upstream dead "$DEAD:53" drop
  start_upstream alive "$ALIVE:53" delay 2

  step "A machine with two resolvers: $DEAD is dead, $ALIVE answers in 2 ms"
  run cat /etc/resolv.conf
  cp -p /etc/resolv.conf "$WORK/resolv.conf"
  checksum=$(sha256sum </etc/resolv.conf)

  step "Before: every lookup waits for the dead resolver (glibc's time-out is 5 s)"
  lookup_all "$RED"
  before=$MEAN
  [ "$before" -ge 4000 ] || fail "lookups should take 5 s here; is /etc/resolv.conf not in use?"

  step "Install the cache in front of them"
  run dnscachectl setup --yes
  run cat /etc/resolv.conf
  grep -q '^nameserver 127\.0\.0\.1$' /etc/resolv.conf || fail "resolv.conf does not name the cache"
  run dnscachectl status

  step "After: the same lookups, first from the upstream that is still up, then from the cache"
  lookup_all "$GREEN"
  cold=$MEAN cold_slowest=$SLOWEST
  note "  again:"
  lookup_all "$GREEN"
  warm=$MEAN
  [ "$cold_slowest" -lt 2000 ] || fail "a lookup through the cache took $(in_seconds "$cold_slowest")"

  step "The same measured without starting a process for each lookup"
  run dnscachectl bench s3.amazonaws.com

  step "Remove it again"
  run dnscachectl remove --yes
  printf '\n%s$ sha256sum /etc/resolv.conf%s\n' "$BOLD" "$RESET"
  printf 'before setup  %s\nafter remove  %s\n' "${checksum%% *}" "$(sha256sum </etc/resolv.conf | cut -d' ' -f1)"
  cmp /etc/resolv.conf "$WORK/resolv.conf" || fail "/etc/resolv.conf is not what it was"
  echo "byte-identical: /etc/resolv.conf is what it was"

  step "Summary"
  printf 'before  %s%s%s per lookup, waiting for a dead resolver each time\n' "$RED" "$(in_seconds "$before")" "$RESET"
  printf 'after   %s%s%s cold, %s%s%s from the cache, starting getent included\n' \
    "$GREEN" "$(in_seconds "$cold")" "$RESET" "$GREEN" "$(in_seconds "$warm")" "$RESET"
}

# ---- where namespaces are not permitted: loopback ports, resolv.conf is not touched

over_ports() {
  prepare
  step "Namespaces are not permitted here: the same over loopback ports"
  note "/etc/resolv.conf is neither used nor changed; setup and remove are not shown."
  start_upstream dead 127.0.0.1 drop
  dead=$LISTENING
  start_upstream alive 127.0.0.1 delay 2
  alive=$LISTENING
  note "dead resolver: $dead   resolver that answers in 2 ms: $alive"

  step "Start the cache in front of them"
  # The kernel picks the port: a program that ends at once has just had it.
  start_upstream port 127.0.0.1 drop
  port_pid=${CHILDREN##* }
  cache=$LISTENING
  kill "$port_pid"
  wait "$port_pid" || true
  cat >"$WORK/config.yaml" <<YAML
listen: ["$cache"]
upstreams: ["$dead", "$alive"]
control: $WORK/control.sock
YAML
  run cat "$WORK/config.yaml"
  run dnscachectl check "$WORK/config.yaml"
  printf '\n%s$ dnscachectl serve --config %s &%s\n' "$BOLD" "$WORK/config.yaml" "$RESET"
  dnscachectl serve --config "$WORK/config.yaml" 2>"$WORK/serve.log" &
  CHILDREN="$CHILDREN $!"
  tries=0
  until dnscachectl query --short localhost --control "$WORK/control.sock" >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || fail "the cache did not start: $(cat "$WORK/serve.log")"
    sleep 0.1
  done
  step "Before and after, through the real glibc stub resolver"
  run dnscachectl bench s3.amazonaws.com --servers "$dead,$alive" --cache "$cache" --control "$WORK/control.sock"
  run dnscachectl status --control "$WORK/control.sock"
}

# ---- choose the way

# The words of unshare(1) that work for this user, or nothing.
way_in() {
  common="--net --mount --pid --fork --kill-child --mount-proc"
  for way in "$common" "--user --map-root-user $common"; do
    # shellcheck disable=SC2086
    if unshare $way sh -c 'mount -t tmpfs none /run && ip link set lo up' >/dev/null 2>&1; then
      echo "$way"
      return
    fi
  done
}

if [ "$INSIDE" = inside ]; then
  inside
  exit
fi
way=$(way_in)
if [ -n "$way" ]; then
  # shellcheck disable=SC2086
  exec unshare $way sh "$0" "$BUILD" inside
fi
over_ports
