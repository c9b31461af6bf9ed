#!/bin/sh
# make.sh BUILD [CPACK-OPTION...]: the packages of a build in BUILD/packages/, in place of older ones.
set -eu
build=$1
shift
rm -rf "$build/packages"
# Files in packages are 0644 and 0755 whatever the umask here.
umask 022
(cd "$build" && cpack "$@" >package/cpack.log 2>&1) || { cat "$build/package/cpack.log" >&2; exit 1; }
rm -rf "$build/packages/_CPack_Packages"
ls "$build/packages"
