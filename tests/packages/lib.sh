# Read by the tests that run on the lab's machine: checks, and what is looked at before and after.
# shellcheck shell=bash disable=SC2317 # called by check
# shellcheck source=tests/packages/check.sh
source "$(dirname "${BASH_SOURCE[0]}")/check.sh"
export DEBIAN_FRONTEND=noninteractive NO_COLOR=1
ulimit -n 1024 # apt and dpkg close every descriptor that there could be
dns_settings() {
  stat -c '%N %a %u %g' /etc/resolv.conf
  cat /etc/resolv.conf
  resolvectl dns
  systemctl list-unit-files --no-legend 'dnscachectl*' | awk '$2 == "enabled"'
}
is_same() { [ "$(cat "$1")" = "$(cat "$2")" ] || diff "$1" "$2"; }
# Without what costs minutes on a busy disk and says nothing about the package.
apt_get() {
  apt-get -y -q -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-unsafe-io \
    -o Dpkg::Options::=--no-triggers "$@"
}
