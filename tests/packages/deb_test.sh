#!/bin/bash
# deb_test.sh FIRST.deb SECOND.deb: the life of the package on a machine with systemd, for `lab`:
# install, setup, status, bench, upgrade under load, remove, purge. Each check prints a line.
# shellcheck disable=SC2002,SC2016,SC2317 # expanded by the inner shell; called by check
set -uo pipefail
first=$1 second=$2
# shellcheck source=tests/packages/lib.sh
source "$(dirname "$0")/lib.sh"

install_deb() { apt_get install "$1"; }
# Whatever of ours is left anywhere that a package or setup may write to.
remains() {
  find /etc /usr/bin /usr/lib /lib /usr/share /var/lib /var/cache /var/log /run -xdev \
    -iname '*dnscachectl*' -not -path '/var/cache/dnscachectl-lab*' -not -path '*/invocation:*' \
    -not -path '/usr/share/doc/*/examples/*' -not -path '/run/systemd/units/*' \
    -not -path '/var/lib/apt/*' -not -path '/var/cache/apt/*' 2>/dev/null
}

build_id() { readelf -n /usr/bin/dnscachectl | sed -n 's/.*Build ID: //p'; }
# As the running engine says.
engine_version() { dnscachectl status --json | sed -n 's/^ *"version": "\(.*\)".*/\1/p'; }

work=$(mktemp -d)
remains >"$work/remains.before" # the builder's machine may have some
dns_settings >"$work/dns.before"
check "the package installs" install_deb "$first"
dns_settings >"$work/dns.installed"
check "installing changes no DNS setting" is_same "$work/dns.before" "$work/dns.installed"
check "no unit was started" bash -c '! systemctl is-active dnscachectl.socket dnscachectl.service'
check "the manual is there" test -s /usr/share/man/man1/dnscachectl.1.gz
check "no file that setup writes is a conffile" test -z "$(dpkg-query -W -f='${Conffiles}' dnscachectl)"
check "there is an example of a configuration" dnscachectl check /usr/share/doc/dnscachectl/examples/config.yaml
check "the package adds the user" getent passwd dnscachectl
check "the default configuration is valid" dnscachectl check
check "setup" dnscachectl setup --yes --upstream 10.0.0.2
check "setup takes the package's units" bash -c '[ "$(systemctl show -P FragmentPath dnscachectl.service)" = /lib/systemd/system/dnscachectl.service ] && [ ! -e /etc/systemd/system/dnscachectl.service ]'
dnscachectl setup --yes --upstream 10.0.0.2 --detailed-exitcode >/dev/null
check "a second setup changes nothing" test $? = 0
check "status" dnscachectl status
check "the service runs as this user" bash -c '[ "$(stat -c %u /proc/"$(systemctl show -P MainPID dnscachectl.service)")" = "$(id -u dnscachectl)" ]'
check "bench" dnscachectl bench -n 20 www.example.com

# Lookups as programs make them, while the package is upgraded; names that no cache knows yet.
lookups() {
  local i=0
  until [ -e "$work/stop" ]; do
    i=$((i + 1))
    getent ahostsv4 "n$1-$i.example.com" >/dev/null || echo "n$1-$i" >>"$work/lost"
  done
  echo $i >>"$work/counts"
}
for n in 1 2 3; do lookups $n & done
engine_before=$(systemctl show -P MainPID dnscachectl.service)
build_before=$(build_id)
check "the first build runs" test "$(engine_version)" = 0.1.0
sleep 0.5
# With local changes, which an upgrade must not ask about.
echo '# by the administrator' >>/etc/dnscachectl/config.yaml
check "the upgrade" install_deb "$second"
sleep 0.5
touch "$work/stop"
wait
engine_after=$(systemctl show -P MainPID dnscachectl.service)
echo "        $(awk '{ n += $1 } END { print n }' "$work/counts") lookups during the upgrade, $(cat "$work/lost" 2>/dev/null | wc -l) lost"
check "the upgrade loses no lookup" test ! -e "$work/lost"
check "the upgraded engine runs" bash -c "[ $engine_before != $engine_after ] && [ $engine_after != 0 ]"
check "it is another build" test "$(build_id)" != "$build_before"
check "the engine is of the new build" cmp "/proc/$engine_after/exe" /usr/bin/dnscachectl
check "and says so" test "$(engine_version)" = 0.1.1
check "the new version is there" bash -c "dpkg-query -W -f='\${Version}' dnscachectl | grep -qx 0.1.1"
check "the configuration outlives the upgrade" bash -c 'grep -q 10.0.0.2 /etc/dnscachectl/config.yaml && grep -q administrator /etc/dnscachectl/config.yaml'
check "status after the upgrade" dnscachectl status

check "removal" apt_get remove dnscachectl
check "names resolve after the removal" getent ahostsv4 after.example.com
dns_settings >"$work/dns.removed"
check "the removal puts DNS back" is_same "$work/dns.before" "$work/dns.removed"
check "purge" apt_get purge dnscachectl
remains >"$work/remains.after"
check "purge leaves nothing" is_same "$work/remains.before" "$work/remains.after"
rm -rf "$work"
exit $failed
