#!/bin/bash
# container_test.sh SOURCE BUILD [ROOT]: the image's root file system, ROOT or assembled here by
# templates/container-root, in namespaces of its own: read-only, user 65534, no capability, configured by the environment.
set -uo pipefail
source=$1 build=$2
if [ -z "${IN_NAMESPACE:-}" ]; then
  if [ "$(id -u)" != 0 ] || ! unshare --mount --net --pid --fork true 2>/dev/null; then
    echo "SKIPPED: namespaces are not permitted here"
    exit 77
  fi
  IN_NAMESPACE=1 exec unshare --mount --mount-proc --net --pid --fork --kill-child bash "$0" "$@"
fi
# shellcheck source=tests/packages/check.sh
source "$(dirname "$0")/check.sh"
work=$(mktemp -d)
trap 'umount -R -l "$work/root" 2>/dev/null; rm -rf "$work"' EXIT
root=$work/root
if [ $# = 3 ]; then
  check "the image's root file system is there" cp -a "$3" "$root"
else
  mkdir "$root"
  check "the root file system is assembled" sh "$source/templates/container-root" "$root" "$build/dnscachectl"
fi
echo "        $(find "$root" -type f | wc -l) files"
check "there is no shell in it" test ! -e "$root/bin/sh"

ip link set lo up
ip address add 10.9.0.2/32 dev lo
"$build/tests/test_upstream" --listen 10.9.0.2:53 >"$work/upstream.log" 2>&1 &
for _ in $(seq 100); do
  dig +short +time=1 +tries=1 @10.9.0.2 www.example.com | grep -q . && break
  sleep 0.02
done
echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start
mount --bind "$root" "$root"
mkdir -p "$root/proc"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=1777 tmpfs "$root/run/dnscachectl"
mount -o remount,bind,ro "$root"

# What chroot itself needs stays in the bounding set; the process has none of it (CapPrm, CapEff).
in_container=(setpriv --bounding-set="-all,+sys_chroot,+setuid,+setgid" --inh-caps=-all --no-new-privs
  chroot --userspec=65534:65534 --groups= "$root" /usr/bin/dnscachectl)
export DNSCACHE_UPSTREAMS=10.9.0.2 DNSCACHE_LISTEN=127.0.0.1 DNSCACHE_WORKERS=1
"${in_container[@]}" serve >"$work/engine.log" 2>&1 &
engine=$!
for _ in $(seq 100); do
  "${in_container[@]}" query --short localhost >/dev/null 2>&1 && break
  sleep 0.02
done
check "it answers" "${in_container[@]}" query --short www.example.com
check "it answers" bash -c 'dig +short @127.0.0.1 www.example.com | grep -q .'
check "it runs without root and capabilities" bash -c "
  grep -q '^Uid:[[:space:]]65534' /proc/$engine/status && grep -q '^CapPrm:[[:space:]]0*\$' /proc/$engine/status &&
  grep -q '^CapEff:[[:space:]]0*\$' /proc/$engine/status"
check "its root is read-only" bash -c "! touch $root/etc/x"
kill -TERM $engine
wait $engine
check "it ends orderly" test $? = 0
[ $failed = 0 ] || cat "$work/engine.log"
exit $failed
