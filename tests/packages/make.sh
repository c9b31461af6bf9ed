#!/bin/sh
# make.sh SOURCE BUILD LATER-PROGRAM: the packages, and in BUILD/packages/later/ a .deb of a later
# version, of another build of the program.
set -eu
source=$1 build=$2 later_program=$3
cmake --build "$build" --target package_files dnscachectl_later
later=$(mktemp -d)
program=$build/package/deb/dnscachectl
mv "$program" "$later/program"
strip -o "$program" "$later_program"
sh "$source/templates/packages/make.sh" "$build" -G DEB -D CPACK_PACKAGE_VERSION=0.1.1
mv "$build"/packages/*.deb "$later/"
mv "$later/program" "$program"
sh "$source/templates/packages/make.sh" "$build"
mkdir -p "$build/packages/later"
mv "$later"/*.deb "$build/packages/later/"
rmdir "$later"
