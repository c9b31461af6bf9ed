#!/bin/bash
# support_test.sh DNSCACHECTL: what `dnscachectl support` writes about a machine that is full of names
# and addresses, as root, as another user, with a dead engine; for `lab`. Each check prints a line.
# shellcheck disable=SC2016 # expanded by the inner shell
set -uo pipefail
# shellcheck source=tests/packages/check.sh
source "$(dirname "$0")/../../packages/check.sh"
export NO_COLOR=1
work=$(mktemp -d)
chmod 755 "$work"
mkdir -p /usr/local/bin /home/alice "$work/nobody"
cp "$1" /usr/local/bin/dnscachectl
chown 65534 "$work/nobody"
PATH=/usr/local/bin:$PATH
part() { tar -xOf "$1" "dnscachectl-support/$2"; }

hostname web17
echo 10.6.6.6 printer >/home/alice/hosts
sed -i '1i search fishbone' /etc/resolv.conf 2>/dev/null
dnscachectl setup --yes --upstream 10.0.0.2 --route quokka=10.0.0.3 --route wombat.network=10.0.0.3 >/dev/null
cat >>/etc/dnscachectl/config.yaml <<'CONFIG'
query_log: {level: all} # ask bob
local:
  hosts_files: [/home/alice/hosts]
  records: ["db.numbat.net A 10.7.7.7", "dingo AAAA 2001:db8:7::8"]
CONFIG
systemctl restart dnscachectl.service
for name in www.bilby.com echidna.us-east-1.rds.amazonaws.com emu x.wombat.network y.quokka web17 10.99.1.2; do
  timeout 10 getent ahosts "$name" >/dev/null
done
getent hosts 10.99.1.2 >/dev/null
sleep 0.3 # the query log is written by a thread of its own

check "support" dnscachectl support -o "$work/all.tar"
check "only its owner may read it" test "$(stat -c %a "$work/all.tar")" = 600
parts="version.txt status.json doctor.json plan.json check.txt config.yaml resolv.conf nsswitch.conf units.txt log.txt"
check "it has every part" test "$(tar -tf "$work/all.tar" | sed 's|.*/||' | tr '\n' ' ')" = "$parts "
mkdir "$work/files"
tar -xf "$work/all.tar" -C "$work/files"
check "no name, address, user or comment of this machine is in it" bash -c "! grep -rinE \
  'alice|bob|web17|printer|quokka|wombat|numbat|dingo|bilby|echidna|emu\\b|fishbone|10\\.[0-9]+\\.[0-9]+\\.|10[.-]99|2001:db8|ens5:.*10\\.' $work/files"
check "what tells the kind of machine is" bash -c \
  "grep -q bookworm $work/files/*/version.txt && grep -q 'nameserver 127.0.0.1' $work/files/*/resolv.conf && grep -q '\"running\": true' $work/files/*/status.json"
check "the JSON in it is JSON" bash -c "for f in $work/files/*/*.json; do /usr/bin/python3 -m json.tool \$f || exit; done"
check "queries are in the log, without their names" grep -Eq 'udp name-[0-9]+\.invalid A ' "$work/files/dnscachectl-support/log.txt"
check "an upstream has the same stand-in everywhere" bash -c \
  "s=\$(grep -o 'private-ip-[0-9]*:53' $work/files/*/config.yaml | head -n 1) && grep -q \"\$s\" $work/files/*/status.json"
dnscachectl support -o "$work/all.tar" >/dev/null 2>"$work/refused"
check "it overwrites nothing" test $? = 1
check "and says so" grep -qx 'dnscachectl: cannot write .*: File exists.*' "$work/refused"
dnscachectl support --no-redaction -o "$work/plain.tar" >/dev/null
check "unredacted it has them" bash -c "tar -xOf $work/plain.tar | grep -q x.wombat.network"

as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups -- "$@"; }
check "support without root" as_nobody dnscachectl support -o "$work/nobody/s.tar"
check "without root: the status is there" bash -c "tar -xOf $work/nobody/s.tar dnscachectl-support/status.json | grep -q '\"running\": true'"
check "without root: the log says what is missing" bash -c "tar -xOf $work/nobody/s.tar dnscachectl-support/log.txt | grep -qi 'insufficient permissions'"
as_nobody dnscachectl support -o "$work/s.tar" >/dev/null 2>"$work/refused"
check "without root: a folder that may not be written is one line" bash -c \
  "grep -qx 'dnscachectl: cannot write $work/s.tar: Permission denied.*' $work/refused"

echo '  recods: ["kakapo A 10.7.7.7"]' >>/etc/dnscachectl/config.yaml
check "support with a broken configuration" dnscachectl support -o "$work/broken.tar"
check "broken configuration: it is told, without names" bash -c \
  "tar -xOf $work/broken.tar | grep -q 'did you mean' && ! tar -xOf $work/broken.tar | grep -E 'kakapo|quokka|dingo'"
systemctl stop dnscachectl.socket dnscachectl.service
check "support with a dead engine" dnscachectl support -o "$work/dead.tar"
check "dead engine: the status says so" bash -c "tar -xOf $work/dead.tar dnscachectl-support/status.json | grep -q '\"running\": false'"
check "dead engine: doctor says what to do" bash -c "tar -xOf $work/dead.tar dnscachectl-support/doctor.json | grep -q '\"ok\": false'"
check "dead engine: the log is there" bash -c "tar -xOf $work/dead.tar dnscachectl-support/log.txt | grep -q 'dnscachectl.*stopped'"
rm -rf "$work"
exit $failed
