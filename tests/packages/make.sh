#!/bin/sh
# make.sh SOURCE BUILD: the packages, and a .deb of a later version in BUILD/packages/later/.
set -eu
source=$1 build=$2
cmake --build "$build" --target package_files
sh "$source/templates/packages/make.sh" "$build" -G DEB -D CPACK_PACKAGE_VERSION=0.1.1
later=$(mktemp -d)
mv "$build"/packages/*.deb "$later/"
sh "$source/templates/packages/make.sh" "$build"
mkdir -p "$build/packages/later"
mv "$later"/*.deb "$build/packages/later/"
rmdir "$later"
