# The servers that are compared: how each is fetched, configured and started.
# Sourced by lib.sh. Peers come from Debian's packages, unpacked into a cache folder and laid over
# /usr inside the benchmark's own mount namespace: nothing is installed, no service is started.

# Package of a peer; none for those that are built here.
peer_package() {
  case $1 in
    dnsmasq | dnsmasq-*) echo dnsmasq-base ;;
    unbound) echo unbound ;;
    knot) echo knot-resolver ;;
    dnsdist) echo dnsdist ;;
    resolved) echo systemd-resolved ;;
    named) echo bind9 ;;
    pdns) echo pdns-recursor ;;
  esac
}

peer_program() {
  case $1 in
    ours | ours-*) echo "$BUILD/dnscachectl" ;;
    bare) echo "$TOOLS/bare_responder" ;;
    dnsmasq*) echo /usr/sbin/dnsmasq ;;
    unbound) echo /usr/sbin/unbound ;;
    knot) echo /usr/sbin/kresd ;;
    dnsdist) echo /usr/bin/dnsdist ;;
    resolved) echo /usr/lib/systemd/systemd-resolved ;;
    named) echo /usr/sbin/named ;;
    pdns) echo /usr/sbin/pdns_recursor ;;
  esac
}

# Where the peer answers.
peer_address() {
  case $1 in
    resolved) echo 127.0.0.53 ;;
    *) echo 127.0.0.1 ;;
  esac
}

# Fetches what the peer's package and its missing dependencies hold; prints the reason if it cannot.
fetch_peer() {
  local package root
  package=$(peer_package "$1")
  [ -n "$package" ] || return 0
  root=$PACKAGES/$package
  [ -e "$root/.complete" ] && return 0
  rm -rf "$root"
  mkdir -p "$root/debs"
  local wanted
  wanted=$(apt-get install -s --no-install-recommends "$package" 2>/dev/null | awk '/^Inst/ {print $2}')
  # A peer that is installed already still needs its files only if this machine loses them later.
  if [ -z "$wanted" ]; then
    if [ -x "$(peer_program "$1")" ]; then
      mkdir -p "$root/root/usr" && touch "$root/.complete"
      return 0
    fi
    echo "no package $package (apt-get update?)"
    return 1
  fi
  if ! (cd "$root/debs" && timeout 300 apt-get download $wanted >apt.log 2>&1); then
    echo "apt-get download $package failed: $(tail -n 1 "$root/debs/apt.log")"
    return 1
  fi
  local deb
  for deb in "$root"/debs/*.deb; do
    dpkg-deb -x "$deb" "$root/root" || { echo "cannot unpack $deb"; return 1; }
  done
  merge_usr "$root/root"
  rm -rf "$root/debs"
  touch "$root/.complete"
}

# Packages may still hold /lib and /sbin, which are links into /usr on the machine.
merge_usr() {
  local folder
  for folder in bin sbin lib; do
    [ -d "$1/$folder" ] || continue
    mkdir -p "$1/usr/$folder"
    cp -a "$1/$folder/." "$1/usr/$folder/"
    rm -rf "${1:?}/$folder"
  done
}

# Lays the peer's files over /usr; only inside the benchmark's mount namespace.
mount_peer() {
  local root
  root=$PACKAGES/$(peer_package "$1")/root
  if [ -n "$(peer_package "$1")" ] && [ -n "$(ls "$root/usr" 2>/dev/null)" ]; then
    mount -t overlay overlay -o "lowerdir=$root/usr:/usr" /usr || return 1
  fi
}

# Writes the configuration of peer $1 into $WORK and sets COMMAND. Read are:
#   UPSTREAMS     addresses                     STALE    yes: answer with expired data if it can
#   CACHE_NAMES   names the cache must hold     WORKERS  threads
#   QUOTA         packets a second (ours only)
#   PERSIST       file of the snapshot (ours only)
configure_peer() {
  "configure_$(echo "$1" | sed 's/-.*//')" "$1"
}

configure_bare() { COMMAND=("$TOOLS/bare_responder" 127.0.0.1 53); }

configure_ours() {
  {
    echo "listen: [127.0.0.1:53]"
    echo "workers: $WORKERS"
    echo "upstreams: [$(echo "$UPSTREAMS" | sed 's/ /, /g')]"
    # "ours" has the default: these servers are asked in the order in which they are written.
    if [ "$1" = ours-fastest ]; then echo "policy: fastest"; fi
    if [ -n "$PERSIST" ]; then echo "cache: {persist: $PERSIST}"; fi
    if [ -n "$QUOTA" ]; then echo "quota: {packets_per_second: $QUOTA}"; fi
    echo "control: $WORK/control.sock"
  } >"$WORK/config.yaml"
  COMMAND=("$BUILD/dnscachectl" serve --config "$WORK/config.yaml")
}

configure_dnsmasq() {
  local address
  {
    echo "no-resolv"
    echo "no-hosts"
    echo "listen-address=127.0.0.1"
    echo "bind-interfaces"
    echo "port=53"
    echo "dns-forward-max=10000"
    echo "cache-size=$CACHE_NAMES"
    echo "user=root"
    for address in $UPSTREAMS; do echo "server=$address"; done
    case $1 in
      dnsmasq-all) echo "all-servers" ;;
      dnsmasq-fast) echo "fast-dns-retry" ;;
      dnsmasq-strict) echo "strict-order" ;;
    esac
    if [ "$STALE" = yes ]; then echo "use-stale-cache"; fi
  } >"$WORK/dnsmasq.conf"
  COMMAND=(/usr/sbin/dnsmasq --keep-in-foreground --conf-file="$WORK/dnsmasq.conf" --pid-file="$WORK/dnsmasq.pid")
}

configure_unbound() {
  local address
  {
    cat <<END
server:
  interface: 127.0.0.1
  port: 53
  username: ""
  chroot: ""
  directory: "$WORK"
  pidfile: "$WORK/unbound.pid"
  use-syslog: no
  logfile: ""
  verbosity: 0
  num-threads: $WORKERS
  so-reuseport: yes
  so-rcvbuf: 4m
  so-sndbuf: 4m
  do-not-query-localhost: no
  module-config: "iterator"
  msg-cache-size: $((CACHE_NAMES / 1000 + 8))m
  rrset-cache-size: $((CACHE_NAMES / 1000 + 8))m
  outgoing-range: 4096
  num-queries-per-thread: 4096
END
    if [ "$STALE" = yes ]; then
      echo "  serve-expired: yes"
      echo "  serve-expired-client-timeout: 1800"
    fi
    echo "remote-control:"
    echo "  control-enable: no"
    echo "forward-zone:"
    echo '  name: "."'
    for address in $UPSTREAMS; do echo "  forward-addr: $address"; done
  } >"$WORK/unbound.conf"
  COMMAND=(/usr/sbin/unbound -d -p -c "$WORK/unbound.conf")
}

configure_knot() {
  {
    echo "net.listen('127.0.0.1', 53, { kind = 'dns' })"
    echo "trust_anchors.remove('.')"
    echo "modules.unload('ta_signal_query')"
    echo "modules.unload('ta_update')"
    echo "modules.unload('priming')"
    echo "modules.unload('detect_time_skew')"
    echo "cache.size = $((CACHE_NAMES * 400 + 20000000))"
    echo "log_level('err')"
    if [ "$STALE" = yes ]; then echo "modules.load('serve_stale < cache')"; fi
    echo "policy.add(policy.all(policy.FORWARD({'$(echo "$UPSTREAMS" | sed "s/ /', '/g")'})))"
  } >"$WORK/kresd.conf"
  rm -rf "$WORK/kresd"  # its cache outlives the process
  mkdir -p "$WORK/kresd"
  COMMAND=(/usr/sbin/kresd -n -c "$WORK/kresd.conf" "$WORK/kresd")
}

configure_dnsdist() {
  local address
  {
    echo "setLocal('127.0.0.1:53')"
    echo "setACL('127.0.0.0/8')"
    echo "setSecurityPollSuffix('')"
    for address in $UPSTREAMS; do
      echo "newServer({address='$address', maxCheckFailures=1, checkInterval=1, checkTimeout=1000})"
    done
    local stale=
    if [ "$STALE" = yes ]; then stale=", staleTTL=30, keepStaleData=true"; fi
    echo "pc = newPacketCache($CACHE_NAMES, {maxTTL=86400, numberOfShards=20$stale})"
    echo "getPool(''):setCache(pc)"
    if [ "$STALE" = yes ]; then echo "setStaleCacheEntriesTTL(86400)"; fi
    echo "setMaxUDPOutstanding(65535)"
  } >"$WORK/dnsdist.conf"
  COMMAND=(/usr/bin/dnsdist --supervised --disable-syslog -C "$WORK/dnsdist.conf")
}

configure_resolved() {
  mkdir -p /run/systemd/resolved.conf.d "$WORK/etc"
  cat >/run/systemd/resolved.conf.d/bench.conf <<END
[Resolve]
DNS=$UPSTREAMS
FallbackDNS=
Domains=~.
DNSSEC=no
LLMNR=no
MulticastDNS=no
ReadEtcHosts=no
END
  if ! grep -q '^systemd-resolve:' /etc/passwd; then
    { cat /etc/passwd && echo "systemd-resolve:x:990:990::/:/usr/sbin/nologin"; } >"$WORK/etc/passwd"
    { cat /etc/group && echo "systemd-resolve:x:990:"; } >"$WORK/etc/group"
    mount --bind "$WORK/etc/passwd" /etc/passwd
    mount --bind "$WORK/etc/group" /etc/group
  fi
  COMMAND=(/usr/lib/systemd/systemd-resolved)
}

configure_named() {
  mkdir -p "$WORK/named"
  cat >"$WORK/named.conf" <<END
options {
  directory "$WORK/named";
  listen-on port 53 { 127.0.0.1; };
  listen-on-v6 { none; };
  pid-file "$WORK/named/pid";
  session-keyfile "$WORK/named/key";
  managed-keys-directory "$WORK/named";
  recursion yes;
  dnssec-validation no;
  empty-zones-enable no;
  qname-minimization off;
  max-cache-size 1g;
  recursive-clients 10000;
  stale-answer-enable $STALE;
  stale-cache-enable $STALE;
  forward only;
  forwarders { $(echo "$UPSTREAMS" | sed 's/ /; /g'); };
};
controls { };
END
  COMMAND=(/usr/sbin/named -f -n "$WORKERS" -c "$WORK/named.conf")
}

configure_pdns() {
  mkdir -p "$WORK/pdns"
  cat >"$WORK/pdns/recursor.conf" <<END
local-address=127.0.0.1
local-port=53
forward-zones-recurse=.=$(echo "$UPSTREAMS" | sed 's/ /;/g')
dnssec=off
daemon=no
setuid=
setgid=
socket-dir=$WORK/pdns
security-poll-suffix=
threads=$WORKERS
max-cache-entries=$((CACHE_NAMES + 1000))
max-packetcache-entries=$((CACHE_NAMES + 1000))
max-mthreads=4096
loglevel=3
quiet=yes
END
  if [ "$STALE" = yes ]; then echo "serve-stale-extensions=60" >>"$WORK/pdns/recursor.conf"; fi
  COMMAND=(/usr/sbin/pdns_recursor --config-dir="$WORK/pdns")
}

# yes if the peer can answer with expired data in the version of Debian 12.
peer_has_stale() {
  case $1 in
    ours | dnsmasq | unbound | knot | dnsdist | named | pdns) return 0 ;;
    *) return 1 ;;
  esac
}
