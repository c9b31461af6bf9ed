#!/bin/sh
# judge.sh PACKAGES: lintian and rpmlint; their errors are ours, their warnings are shown.
set -eu
here=$(dirname "$(realpath "$0")")
cd "$1"
bad=
for deb in *.deb; do
  [ -e "$deb" ] || continue  # a build from pinned sources makes none
  lintian --allow-root --fail-on error "$deb" || bad=yes
done
for rpm in *.rpm; do
  rpmlint --permissive --rpmlintrc "$here/rpm/rpmlintrc" "$rpm" >rpmlint.log 2>&1 || true
  grep -E ' [EW]: ' rpmlint.log || true
  if grep -E ' E: ' rpmlint.log >/dev/null; then bad=yes; fi
done
rm -f rpmlint.log
[ -z "$bad" ]
