#!/bin/bash
# ansible_test.sh DNSCACHECTL FILE.deb ANSIBLE: what `template ansible` prints, played by Debian's
# Ansible (unpacked in the folder ANSIBLE) on a machine with systemd, for `lab`: the exit status of
# `setup --detailed-exitcode` becomes changed, ok or failed. Each check prints a line.
# shellcheck disable=SC2016,SC2317 # expanded by the inner shell; called by check
set -uo pipefail
program=$1 deb=$2 ansible=$3
[ -x "$ansible/usr/bin/ansible-playbook" ] || { echo "SKIPPED: no ansible-core in $ansible"; exit 77; }
# shellcheck source=tests/packages/lib.sh
source "$(dirname "$0")/lib.sh"
work=$(mktemp -d)
export HOME=$work PYTHONPATH=$ansible/usr/lib/python3/dist-packages LC_ALL=C.UTF-8 ANSIBLE_NOCOLOR=1
export ANSIBLE_PYTHON_INTERPRETER=/usr/bin/python3 ANSIBLE_LOCALHOST_WARNING=False
printf 'DPkg::Options { "--force-unsafe-io"; "--no-triggers"; };\n' >/etc/apt/apt.conf.d/90lab

# TEMPLATE-WORD...: the play, as it says how many tasks did what.
play() {
  "$program" template ansible --url "file://$deb" --sha256 "$(sha256sum "$deb" | cut -d' ' -f1)" "$@" >"$work/play.yaml" &&
    /usr/bin/python3 "$ansible/usr/bin/ansible-playbook" -i localhost, -c local "$work/play.yaml" >"$work/output" 2>&1
  status=$?
}
recap() { grep -Eq "localhost .*$1" "$work/output" || { cat "$work/output"; false; }; }
setup_code() { dnscachectl setup --yes --detailed-exitcode "$@" >/dev/null 2>&1; code=$?; }

play --upstream 10.0.0.2
check "the first play changes the machine" recap 'ok=[0-9]+ +changed=3 .*failed=0'
check "it sets the cache up" dnscachectl status
setup_code --upstream 10.0.0.2
check "setup then changes nothing: exit status 0" test $code = 0
play --upstream 10.0.0.2
check "the second play changes nothing" recap 'changed=0 .*failed=0'

printf 'upstreams: [10.0.0.2]\ncache: {size: 8MiB, max_ttl: 1h}\n' >"$work/given.yaml"
play --config "$work/given.yaml"
check "another configuration is one change" recap 'changed=[12] .*failed=0'
check "and is there" cmp "$work/given.yaml" /etc/dnscachectl/config.yaml
check "and in force" bash -c 'dnscachectl status | grep "of 8 MiB"'
play --config "$work/given.yaml"
check "and none the next time" recap 'changed=0 .*failed=0'

dnscachectl remove --yes >/dev/null
dns_settings >"$work/dns.before"
setup_code --upstream 10.0.0.99
check "setup with a dead upstream: exit status 1" test $code = 1
rm -f /etc/dnscachectl/config.yaml
play --upstream 10.0.0.99
check "with a dead upstream the play fails" recap 'failed=1'
check "with exit status 2" test $status = 2
check "and says why" grep -q 'no upstream answers (10.0.0.99' "$work/output"
dns_settings >"$work/dns.after"
check "DNS is as it was" is_same "$work/dns.before" "$work/dns.after"
setup_code --upstream 10.0.0.2
check "setup that changes something: exit status 10" test $code = 10
dnscachectl setup --dry-run --detailed-exitcode --upstream 10.0.0.2 >/dev/null
check "a dry run afterwards: exit status 0" test $? = 0
setpriv --reuid=65534 --clear-groups dnscachectl setup --yes --detailed-exitcode >/dev/null 2>&1
check "without root: exit status 4" test $? = 4
dnscachectl setup --detailed-exitcode --upstrem 10.0.0.2 >/dev/null 2>&1
check "a wrong word: exit status 2" test $? = 2
rm -rf "$work"
exit $failed
