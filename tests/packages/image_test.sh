#!/bin/bash
# image_test.sh SOURCE BUILD PACKAGES: templates/Containerfile, built by buildah in a user namespace as
# someone without rights on this machine would, on a fresh Debian 12; then what it has is judged, and run.
set -uo pipefail
skip() { echo "SKIPPED: $*"; exit 77; }
# shellcheck source=tests/packages/check.sh
source "$(dirname "$0")/check.sh"
is() { [ "$1" = "$2" ] || { echo "it is '$1', not '$2'"; return 1; }; }

# The inner half, as root of the user namespace: everything is in the folder here.
if [ "${1:-}" = --build ]; then
  export BUILDAH_ISOLATION=chroot _CONTAINERS_USERNS_CONFIGURED=1 TMPDIR=$PWD/tmp HOME=$PWD
  export CONTAINERS_CONF=/dev/null CONTAINERS_REGISTRIES_CONF=/dev/null
  on() {
    local verb=$1
    shift
    ./buildah --root "$PWD/storage" --runroot "$PWD/run" --storage-driver vfs "$verb" "$@"
  }
  printf 'FROM scratch\nADD debian.tar /\n' >Base
  build=(build --quiet --format docker --pull-never --signature-policy policy.json)
  check "Debian 12 is a base" on "${build[@]}" -f Base -t docker.io/library/debian:12-slim .
  check "the image is built" on "${build[@]}" -f Containerfile -t localhost/dnscachectl context
  [ $failed = 0 ] || exit 1
  config() { on inspect --type image --format "{{.Docker.Config.$1}}" localhost/dnscachectl; }
  check "it runs as nobody" is "$(config User)" 65534:65534
  check "it starts the program" is "$(config Entrypoint)" '[/usr/bin/dnscachectl]'
  check "and the program serves" is "$(config Cmd)" '[serve]'
  check "it has a health check" grep -q 'dnscachectl.*query' <(config Healthcheck)
  check "it exposes DNS and metrics" is "$(config ExposedPorts)" 'map[53/tcp:{} 53/udp:{} 9153/tcp:{}]'
  check "it listens for the other containers" grep -q 'DNSCACHE_LISTEN=0.0.0.0' <(config Env)
  container=$(on from --pull-never --signature-policy policy.json localhost/dnscachectl)
  tar -C "$(on mount "$container")" -cf root.tar .
  exit $failed
fi

project=$1 binaries=$2 packages=$3
tools=$project/build/tools
buildah=$(command -v buildah) || buildah=$tools/buildah/usr/bin/buildah
[ -x "$buildah" ] && "$buildah" --version >/dev/null 2>&1 || skip "no buildah"
[ -s "$tools/debian-12.tar" ] || skip "no Debian 12 to build on: $tools/debian-12.tar"
if [ "$(id -u)" != 0 ] || ! unshare --user --mount true 2>/dev/null; then skip "namespaces are not permitted here"; fi
if [ -z "${HAS_OWN_MOUNTS:-}" ]; then
  HAS_OWN_MOUNTS=1 exec unshare --mount bash "$0" "$@"
fi

# In memory: a registry's layers are thousands of small files.
work=$(mktemp -d)
mount -t tmpfs -o mode=755 tmpfs "$work"
trap 'kill "${holder:-}" 2>/dev/null; umount -l "$work"; rmdir "$work"' EXIT
# The host's devices are the builder's as well, and must be everybody's.
mknod -m 666 "$work/null" c 1 3 && mount --bind "$work/null" /dev/null
mkdir "$work/context" "$work/tmp"
cp "$buildah" "$tools/debian-12.tar" "$project/templates/Containerfile" "$0" "${0%/*}/check.sh" "$work/"
mv "$work/debian-12.tar" "$work/debian.tar"
cp "$packages"/dnscachectl_*.deb "$project/templates/container-root" "$work/context/"
echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$work/policy.json"
chown -R 100000:100000 "$work"
# Users 0 to 65535 in there are 100000 and on out here, as newuidmap arranges it for a user with subuids.
unshare --user --mount sleep 600 &
holder=$!
until [ "$(readlink /proc/$holder/ns/mnt)" != "$(readlink /proc/self/ns/mnt)" ]; do sleep 0.01; done
echo 0 100000 65536 >"/proc/$holder/uid_map"
echo 0 100000 65536 >"/proc/$holder/gid_map"
nsenter --user --mount --target $holder --setuid 0 --setgid 0 --wd="$work" \
  unshare --pid --fork --kill-child bash "./${0##*/}" --build || exit 1

mkdir "$work/root"
tar -C "$work/root" -xf "$work/root.tar"
check "nobody can write to it, but to its two folders" \
  is "$(cd "$work/root" && find . -perm -o+w ! -type l | sort | tr '\n' ' ')" "./run/dnscachectl ./tmp "
check "nothing in it gives rights" is "$(find "$work/root" -perm /6000)" ""
check "there is no shell in it" bash -c "! ls $work/root/bin/*sh $work/root/usr/bin/*sh"
megabytes=$(du -sm "$work/root" | cut -f1)
check "it is small: $megabytes MB" test "$megabytes" -lt 40
bash "$project/tests/packages/container_test.sh" "$project" "$binaries" "$work/root" || failed=1
exit $failed
