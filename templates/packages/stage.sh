#!/bin/sh
# stage.sh SOURCE STAGE VERSION PROGRAM BUNDLED-PROGRAM LIBRARY...
#
# Makes the files of the packages that are not simply copied: compressed manuals, the licences, and
# the libraries that the .rpm brings along.
set -eu
source=$1 stage=$2 version=$3 program=$4 bundled=$5
shift 5
date=$(LC_ALL=C date -u -R -r "$source/CHANGELOG.md")

mkdir -p "$stage/completions" "$stage/debian" "$stage/deb" "$stage/rpm/lib" "$stage/rpm/licenses"
for page in dnscachectl.1 dnscachectl.yaml.5; do
  gzip -9nc "$source/man/$page" >"$stage/$page.gz"
done
cp "$source/completions/dnscachectl.bash" "$stage/completions/dnscachectl"

{
  printf 'dnscachectl (%s) stable; urgency=medium\n\n' "$version"
  printf '  * See CHANGELOG.md in the sources.\n\n'
  printf ' -- The dnscachectl authors <dnscachectl@example.org>  %s\n' "$date"
} | gzip -9nc >"$stage/debian/changelog.gz"
{
  echo 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/'
  echo 'Upstream-Name: dnscachectl'
  echo
  echo 'Files: *'
  echo 'Copyright: 2026 The dnscachectl authors'
  echo 'License: Apache-2.0'
  echo ' On Debian systems the full text of the Apache License, Version 2.0, is in'
  echo ' /usr/share/common-licenses/Apache-2.0.'
} >"$stage/debian/copyright"

{
  printf '* %s The dnscachectl authors <dnscachectl@example.org> - %s-1\n' \
    "$(LC_ALL=C date -u -r "$source/CHANGELOG.md" '+%a %b %d %Y')" "$version"
  echo '- See CHANGELOG.md.'
} >"$stage/rpm/changelog"
cp "$source/LICENSE" "$stage/rpm/licenses/LICENSE"
rm -f "$stage"/rpm/lib/*
for library in "$@"; do
  file=$(realpath "$library")
  name=$(LC_ALL=C readelf -d "$file" | sed -n 's/.*SONAME.*\[\(.*\)\].*/\1/p')
  cp "$file" "$stage/rpm/lib/$name"
  package=$(dpkg-query -S "$file" 2>/dev/null | sed 's/:.*//')
  # The licence of what comes along.
  [ -z "$package" ] || cp "/usr/share/doc/$package/copyright" "$stage/rpm/licenses/$package.copyright"
done
# The licences of the libraries that are headers only.
for package in libasio-dev libcli11-dev nlohmann-json3-dev; do
  copyright=/usr/share/doc/$package/copyright
  [ ! -e "$copyright" ] || cp "$copyright" "$stage/rpm/licenses/$package.copyright"
done
strip -o "$stage/deb/dnscachectl" "$program"
strip -o "$stage/rpm/dnscachectl" "$bundled"
find "$stage/rpm/lib" -type f -exec strip --strip-unneeded {} +
find "$stage/rpm/dnscachectl" "$stage/rpm/lib" -type f \
  -exec /usr/bin/python3 "$source/templates/packages/retarget.py" {} +
