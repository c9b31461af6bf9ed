#!/bin/sh
# Reads every #include of the sources and fails when one goes against the architecture:
#   base <- wire <- config <- {cache, local, admission, upstream} <- dnssec <- resolve <- server;
#   cli -> everything
# Of the four in braces only upstream uses another, the entries of the cache. In cli/, show and
# settings stand below ask, import, follow and host, and those below bench and the commands, of
# which none includes another.
set -eu
cd "${1:-$(dirname "$0")/..}"

find resolver dbus cli -name '*.[ch]pp' -exec grep -nH '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' {} + 2>/dev/null |
awk '
  function stem(path) { sub(/\.[ch]pp$/, "", path); return path }
  # "status_text" is a part of the command "status".
  function is_part(a, b) { return index(a "_", b "_") == 1 || index(b "_", a "_") == 1 }
  # The layer that a file belongs to.
  function layer(path,   part, n) {
    n = split(path, part, "/")
    if (part[1] == "cli") return n > 2 ? "cli/" part[2] : "cli"
    if (part[1] != "resolver") return part[1]
    if (n > 2) return part[2]
    return "resolve"
  }
  BEGIN {
    may["base"]     = "base"
    may["wire"]     = "base wire"
    may["config"]   = may["wire"] " config"
    may["cache"]    = may["config"] " cache"
    may["local"]    = may["config"] " local"
    may["admission"] = may["config"] " admission"
    may["upstream"] = may["cache"] " upstream"
    may["dnssec"]   = may["upstream"] " local admission dnssec"
    may["resolve"]  = may["dnssec"] " resolve"
    may["server"]   = may["resolve"] " server"
    may["dbus"]     = may["config"] " dbus"
    may["cli/show"]     = may["config"] " cli/show"
    may["cli/settings"] = may["local"] " cli/settings"
    may["cli/import"]   = may["cli/show"] " cli/import"
    may["cli/ask"]      = may["cli/settings"] " cli/ask"
    may["cli/follow"]   = may["server"] " dbus cli/follow"
    may["cli/host"]     = may["cli/ask"] " dbus templates cli/show cli/follow cli/host"
    may["cli/bench"]    = may["cli/host"] " upstream cli/bench"
    may["cli"]          = may["dnssec"] " cli/show cli"
    may["cli/commands"] = may["server"] " " may["cli/bench"] " cli/import cli cli/commands"
  }
  {
    split($0, field, ":")
    file = field[1]; line = field[2]
    match($0, /"[^"]+"/)
    target = substr($0, RSTART + 1, RLENGTH - 2)
    read_count++
    if (target ~ /^\.\.?\// || target !~ /\//) {
      printf "%s:%s: includes \"%s\": write the path from the root of the repository\n", file, line, target
      bad++; next
    }
    from = layer(file); to = layer(target)
    if (!(from in may)) {
      printf "%s:%s: the layer \"%s\" is not known: add it to tests/dependency_direction.sh\n", file, line, from
      bad++; next
    }
    if (from == "cli/commands" && to == from && !is_part(stem(file), stem(target))) {
      printf "%s:%s: a command must not include another (\"%s\")\n", file, line, target
      bad++
    }
    if (index(" " may[from] " ", " " to " ") == 0) {
      printf "%s:%s: %s must not include %s (\"%s\")\n", file, line, from, to, target
      bad++
    }
  }
  END {
    if (read_count == 0) { print "no #include was found: wrong folder?"; exit 1 }
    if (bad) { printf "%d of %d includes go against the architecture\n", bad, read_count; exit 1 }
    printf "%d includes follow the architecture\n", read_count
  }'
