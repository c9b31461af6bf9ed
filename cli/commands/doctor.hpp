// `dnscachectl doctor`: what is wrong with this machine's lookups, and the command that fixes it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/ask/stub_resolver.hpp"
#include "cli/ask/upstream_probe.hpp"
#include "cli/host/facts.hpp"
#include "cli/host/route_check.hpp"
#include "cli/show/output.hpp"
#include "resolver/base/error.hpp"

namespace dnscache::cli {

/// What `doctor` was asked to do.
struct DoctorOptions {
  std::filesystem::path control;  ///< empty: what the configuration says
  std::string name;               ///< looked up at each stage; empty: one that works here
  bool is_json = false;
};

/// One stage or property that was looked at.
struct Finding {
  std::string check;  ///< "engine", "path", ...
  bool is_good = true;
  std::string detail;  ///< one line
  std::string remedy;  ///< a command, or what to change; empty if good, or with a cause
  std::string cause;   ///< the check whose problem brings this one about; empty: none is known
};

/// A lookup at one stage, if that stage exists here.
struct Stages {
  std::optional<Lookup> cache;             ///< the engine's own address
  std::optional<Lookup> resolved;          ///< systemd-resolved over D-Bus
  std::optional<Lookup> program;           ///< as glibc does it
  std::optional<UpstreamProbe> upstreams;  ///< the engine's, asked by it
};

/// What doctor knows beside the facts.
struct Examination {
  Stages stages;
  std::vector<RouteFault> faults;            ///< names that are asked elsewhere than they should be
  std::vector<std::string> changed_files;    ///< since setup
  bool is_set_up = false;                    ///< there is a journal
  bool is_removing = false;                  ///< a removal was begun and not finished
  bool is_journal_lost = false;              ///< files of setup are there without it
  std::vector<Endpoint> lying_upstreams;     ///< they know a name that cannot exist
  std::vector<Endpoint> unsigned_upstreams;  ///< they leave DNSSEC's signatures out
  std::vector<Endpoint> dns64_upstreams;     ///< they make IPv6 addresses of IPv4 ones (RFC 6147)
  std::vector<Endpoint> no_aaaa;             ///< they are silent when asked for an IPv6 address
  bool has_ipv6 = true;                      ///< a route to the Internet over IPv6
  std::uint64_t dropped_packets = 0;  ///< by EC2, while doctor looked: more than 1,024 per second
  bool is_clock_behind = false;       ///< files from the future
  bool has_entropy = true;
};

/// Pure: everything that was looked at. Problems come first, each followed by those that it brings
/// about; within that, in the order that a lookup takes.
std::vector<Finding> diagnose(const Facts& facts, const Examination& examination);

}  // namespace dnscache::cli
