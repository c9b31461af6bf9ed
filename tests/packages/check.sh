# Read by tests that are scripts.
# shellcheck shell=bash disable=SC2034 # failed is their exit status
failed=0
check() { # "WHAT" COMMAND...
  local what=$1 output
  shift
  if output=$("$@" 2>&1); then echo "ok      $what (at $SECONDS s)"; else
    echo "FAILED  $what: $output"
    failed=1
  fi
}
