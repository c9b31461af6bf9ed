// `dnscachectl explain`: the whole story of one lookup on this machine.
#pragma once

#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/ask/control_client.hpp"
#include "cli/ask/glibc_lookup.hpp"
#include "cli/ask/stub_resolver.hpp"
#include "cli/host/lookup_path.hpp"
#include "cli/settings/decision.hpp"
#include "cli/show/output.hpp"

namespace dnscache::cli {

/// What `explain` was asked.
struct ExplainOptions {
  std::filesystem::path control;  ///< empty: what the configuration says
  std::string name;
  std::string type;  ///< empty: the addresses
  bool is_json = false;
};

/// A service of nsswitch.conf and what it said.
struct ServiceStep {
  NssService service;
  bool is_asked = false;
  AddressLookup lookup;
  std::optional<Where> where;  ///< in /etc/hosts
};

/// What glibc was told about one candidate by one server.
struct CandidateLookup {
  std::string type;
  Endpoint server;
  Lookup lookup;
};

/// One name that is asked for, as glibc and the engine see it.
struct CandidateStep {
  SearchCandidate candidate;
  bool is_asked = false;
  std::vector<CandidateLookup> lookups;  ///< through resolv.conf
  std::vector<nlohmann::json> engine;    ///< its replies, one for each type

  bool has_data() const;
};

/// Everything that `explain` shows, in the order in which it happens.
struct Story {
  std::string name;
  std::vector<std::string> types;
  bool is_for_addresses = true;  ///< else nsswitch.conf has no say
  NssHosts nss;
  std::vector<ServiceStep> services;
  std::string decides;  ///< the service that ended the lookup; empty: none did
  ResolvConf resolv_conf;
  SearchRules rules;
  LookupPath path;
  std::vector<CandidateStep> candidates;
  EngineStatus status;         ///< before the lookup
  std::string engine_problem;  ///< why it says nothing; empty: it does
  std::optional<AddressLookup> result;
};

/// What is told together, in this order.
enum class Stage { files, engine, services, names, result };
inline constexpr std::array stages{Stage::files, Stage::engine, Stage::services, Stage::names,
                                   Stage::result};

/// Pure: what became of the lookup, and why, in one sentence.
std::string conclusion_of(const Story& story);

std::string to_text(const Story& story, Stage stage, const Terminal& terminal);
nlohmann::json to_json(const Story& story);

}  // namespace dnscache::cli
