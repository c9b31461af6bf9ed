#!/bin/sh
# Reads from the program's ELF how it was hardened: tests/hardening.sh PROGRAM [optimized]
program=$1
is_optimized=${2:-}
failed=0

# expect WHAT PATTERN: the pattern is in standard input
expect() {
  grep -Eq "$2" || { echo "FAILED  $1 is missing"; failed=1; }
}

readelf -hW "$program" | expect "position-independent code (-pie)" 'Type: +DYN'
readelf -lW "$program" | expect "RELRO (-z relro)" 'GNU_RELRO'
readelf -lW "$program" | expect "a stack without code" 'GNU_STACK.* RW '
readelf -dW "$program" | expect "BIND_NOW (-z now)" 'BIND_NOW|FLAGS_1.*NOW'
if [ "$is_optimized" = optimized ]; then
  readelf -sW --dyn-syms "$program" | expect "the stack protector" '__stack_chk_fail'
  readelf -sW --dyn-syms "$program" | expect "FORTIFY_SOURCE" '__[a-z]+_chk(@|$)'
  case $(uname -m) in
    x86_64) objdump -d --disassemble=main "$program" | expect "CET" 'endbr64' ;;
    aarch64) objdump -d --disassemble=main "$program" | expect "BTI" 'paciasp|bti' ;;
  esac
fi
exit $failed
