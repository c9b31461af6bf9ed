#!/bin/bash
# cloud_init_test.sh DNSCACHECTL FILE.deb CLOUD-INIT: what `template cloud-init` prints, run by
# Debian's cloud-init (unpacked in the folder CLOUD-INIT) on a machine with systemd, for `lab`: first
# boot, second boot, everything once more, and each way to fail. Each check prints a line.
# shellcheck disable=SC2016,SC2317 # expanded by the inner shell; called by check
set -uo pipefail
program=$1 deb=$2 cloud_init=$3
[ -x "$cloud_init/usr/bin/cloud-init" ] || { echo "SKIPPED: no cloud-init in $cloud_init"; exit 77; }
# shellcheck source=tests/packages/lib.sh
source "$(dirname "$0")/lib.sh"
log=/var/log/cloud-init-output.log
seed=/var/lib/cloud/seed/nocloud
server=http://host.ec2.internal:8080
work=$(mktemp -d)

# cloud-init as the package has it; the modules are those that concern user data, because the others
# make the machine's users, keys and locales.
tar -C "$cloud_init" -c . | tar -C / -x --keep-directory-symlink --no-same-owner
cat >/etc/cloud/cloud.cfg.d/90_lab.cfg <<'CONFIG'
datasource_list: [NoCloud, None]
network: {config: disabled}
cloud_init_modules: [seed_random, bootcmd, write-files, set_hostname]
cloud_config_modules: [apt-configure, runcmd]
cloud_final_modules: [package-update-upgrade-install, scripts-per-once, scripts-per-boot,
  scripts-per-instance, scripts-user, final-message]
CONFIG
printf 'DPkg::Options { "--force-unsafe-io"; "--no-triggers"; };\n' >/etc/apt/apt.conf.d/90lab
for unit in local.service .service config.service final.service; do
  name=cloud-init-$unit
  case $unit in .service) name=cloud-init.service ;; config* | final*) name=cloud-$unit ;; esac
  systemctl -q enable "$name"
done

# A web server in the VPC, known there by its name.
mkdir -p "$work/www"
chmod 755 "$work"
cp "$deb" "$work/www/dnscachectl.deb"
ip -n vpc address add 10.0.0.77/24 dev vpc0
systemd-run -q --unit=www -p NetworkNamespacePath=/run/netns/vpc \
  /usr/bin/python3 -m http.server --bind 10.0.0.77 --directory "$work/www" 8080
for _ in $(seq 200); do
  curl -fso /dev/null "$server/" && break
  sleep 0.05
done

hash_of() { sha256sum "$1" | cut -d' ' -f1; }
# What systemd does at boot: the generator, which looks for a data source, then the units in order.
boot() {
  systemctl stop cloud-{final,config,init,init-local}.service cloud-{init,config}.target
  rm -rf /run/cloud-init
  systemctl daemon-reload
  systemctl start cloud-init.target
  timeout 120 cloud-init status --wait >"$work/status"
}
# An instance that never was there before, with the words of `template cloud-init`.
new_instance() {
  ! dpkg -s dnscachectl >/dev/null 2>&1 || apt_get purge dnscachectl >/dev/null 2>&1
  rm -rf /etc/dnscachectl
  cloud-init clean --logs >/dev/null 2>&1
  mkdir -p "$seed"
  printf 'instance-id: i-%s\nlocal-hostname: lab\n' "$((instances += 1))" >"$seed/meta-data"
  "$program" template cloud-init "$@" >"$seed/user-data" && boot
}
instances=0
lines() { grep -c "^install-dnscachectl: $1" "$log"; }
is_done() { grep -qx 'status: done' "$work/status" || { cat "$work/status"; false; }; }
asked() { grep -ic "query\[A\] $1 " /run/vpc/queries; }
goes_through_the_cache() { # NAME, which was never looked up before
  local name=$1.example.com i
  for i in 1 2 3 4; do [ "$(getent ahostsv4 "$name" | awk 'NR == 1 { print $1 }')" = 192.0.2.10 ] || return; done
  i=$(asked "$name")
  [ "$i" = 1 ] || { echo "$name was asked upstream $i times"; false; }
}
# Everything of ours, with the engine that runs.
ours() {
  find /etc /usr/bin /usr/local /var/lib/dnscachectl -path '*dnscachectl*' -printf '%p %y %m %T@ %l\n' | sort |
    grep -v /usr/local/sbin/install-dnscachectl
  systemctl show -P MainPID dnscachectl.service
  dpkg-query -W dnscachectl
  dns_settings
}
sum=$(hash_of "$deb")
dns_settings >"$work/dns.before"

new_instance --url "$server/dnscachectl.deb" --sha256 "$sum" --upstream 10.0.0.2
check "first boot: cloud-init took the seed" test "$(cloud-id)" = nocloud
check "first boot: it is done" is_done
check "first boot: the package is installed" dpkg-query -W dnscachectl
check "first boot: the configuration is written" grep -q 10.0.0.2 /etc/dnscachectl/config.yaml
check "first boot: the cache is set up" dnscachectl status
check "first boot: lookups go through the cache" goes_through_the_cache first
check "first boot: the log tells what was done" \
  bash -c "grep -qx 'install-dnscachectl: fetching $server/dnscachectl.deb' $log && grep -q '^changed=[1-9]' $log && grep -q '^Lookups on this machine go through the cache now' $log"
check "first boot: cloud-init finds no fault" bash -c '! grep -E "WARNING|ERROR|Traceback" /var/log/cloud-init.log'
check "no unit waits for itself at boot" bash -c '! systemd-analyze verify --man=no multi-user.target 2>&1 | grep -i "ordering cycle"'

ours >"$work/ours.first"
boot
ours >"$work/ours.second"
check "second boot: it is done" is_done
check "second boot: the script is not run again" test "$(lines fetching)" = 1
check "second boot: nothing changed" is_same "$work/ours.first" "$work/ours.second"
check "second boot: lookups go through the cache" goes_through_the_cache second

cloud-init clean --logs
boot
ours >"$work/ours.again"
check "after a clean: it is done" is_done
check "after a clean: the script ran again" test "$(lines fetching)" = 1
check "after a clean: nothing changed" is_same "$work/ours.first" "$work/ours.again"
check "after a clean: and the log says so" grep -q '^unchanged' "$log"

# A failure says so in one line, and leaves the machine as it was.
fails() { # "WHAT" "THE LINE" TEMPLATE-WORD...
  local what=$1 line=$2
  shift 2
  new_instance "$@"
  dns_settings >"$work/dns.after"
  check "$what: one line says what happened" test "$(lines "$line; this machine resolves names as it did before\$")" = 1
  [ "$failed" = 0 ] || sed 's/^/        /' "$log"
  check "$what: DNS is as it was" is_same "$work/dns.before" "$work/dns.after"
  check "$what: names resolve" getent ahostsv4 "failed$instances.example.com"
  check "$what: cloud-init goes on" is_done
}
zeros=$(printf '0%.0s' $(seq 64))
fails "wrong checksum" "$server/dnscachectl.deb has another checksum than $zeros and was not installed" \
  --url "$server/dnscachectl.deb" --sha256 "$zeros"
check "wrong checksum: nothing is installed" bash -c '! command -v dnscachectl'
fails "no such file" "cannot fetch $server/gone.deb" --url "$server/gone.deb?X-Amz-Signature=secret" --sha256 "$sum"
check "a secret in the address is not logged" bash -c "! grep -r secret $log /var/log/cloud-init.log"
fails "no such server" "cannot fetch http://10.0.0.77:81/x.deb" --url http://10.0.0.77:81/x.deb --sha256 "$sum"
echo nothing >"$work/www/broken.deb"
fails "broken package" "cannot install $server/broken.deb" --url "$server/broken.deb" --sha256 "$(hash_of "$work/www/broken.deb")"
fails "dead upstream" "setup failed, for the reason above" \
  --url "$server/dnscachectl.deb" --sha256 "$sum" --upstream 10.0.0.99
check "dead upstream: the reason is above" grep -q '^dnscachectl: nothing was changed, because no upstream answers (10.0.0.99' "$log"

# A configuration of one's own is there before the package's; a new instance has no lists of packages.
printf 'upstreams: [10.0.0.2]\ncache:\n  size: 8MiB\n' >"$work/given.yaml"
mkdir -p "$work/package" "$work/empty/DEBIAN" "$work/www/repository" /etc/apt/sources.list.d
printf 'Package: dnscachectl-lab\nVersion: 1\nArchitecture: all\nMaintainer: lab <lab@example.org>\nDescription: lab\n' >"$work/empty/DEBIAN/control"
dpkg-deb -b "$work/empty" "$work/www/repository/dnscachectl-lab.deb" >/dev/null
(cd "$work/www/repository" && dpkg-scanpackages -m . >Packages 2>/dev/null)
dpkg-deb -R "$deb" "$work/package"
sed -i 's/^Depends: /Depends: dnscachectl-lab, /' "$work/package/DEBIAN/control"
dpkg-deb -b "$work/package" "$work/www/wants.deb" >/dev/null
rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* /var/lib/apt/lists/*
echo "deb [trusted=yes] $server/repository ./" >/etc/apt/sources.list
new_instance --url "$server/wants.deb" --sha256 "$(hash_of "$work/www/wants.deb")" --config "$work/given.yaml"
check "own configuration, no lists of packages: it is done" is_done
check "own configuration: lookups go through the cache" goes_through_the_cache own
check "own configuration: it is kept" cmp "$work/given.yaml" /etc/dnscachectl/config.yaml
check "own configuration: it is in force" bash -c 'dnscachectl check --print | grep -q 8MiB'

# An image made of this instance has the cache from the start; new user data may configure it anew.
sed -i 's/8MiB/16MiB/' "$work/given.yaml"
printf 'instance-id: i-copy\nlocal-hostname: lab\n' >"$seed/meta-data"
"$program" template cloud-init --url "$server/wants.deb" --sha256 "$(hash_of "$work/www/wants.deb")" \
  --config "$work/given.yaml" >"$seed/user-data"
boot
check "a copy of the instance: it is done" is_done
check "a copy of the instance: its configuration is in force" bash -c 'dnscachectl status | grep "of 16 MiB"'
check "a copy of the instance: lookups go through the cache" goes_through_the_cache copy
[ "$failed" = 0 ] || sed 's/^/        /' "$log"
rm -rf "$work"
exit $failed
