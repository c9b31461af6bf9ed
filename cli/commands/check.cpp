#include "cli/commands/check.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/command.hpp"
#include "cli/follow/read.hpp"
#include "cli/show/output.hpp"
#include "resolver/base/text.hpp"
#include "resolver/config/memory.hpp"
#include "resolver/config/read.hpp"
#include "resolver/config/schema.hpp"
#include "resolver/config/values.hpp"
#include "resolver/dnssec/validator.hpp"

namespace dnscache::cli {
namespace {

using Json = nlohmann::ordered_json;

/// A file that was checked, and what it means on this machine.
struct Checked {
  std::string file;
  bool exists = true;
  ConfigReading reading;
  Result<std::vector<UpstreamConfig>> upstreams = std::vector<UpstreamConfig>{};
};

// Trust anchors are read, and libunbound is loaded, as the engine would.
std::optional<Problem> problem_of_validation(const std::string& file, const Config& config) {
  asio::io_context io;
  const auto validator = make_validator(io, config, {});
  if (validator) return std::nullopt;
  return Problem{file, {}, "", validator.error().message};
}

Checked check(const CheckOptions& options) {
  Checked checked;
  const std::filesystem::path path = options.file.value_or(default_config_path);
  checked.file = path.string();
  std::error_code ignored;
  const auto status = std::filesystem::symlink_status(path, ignored);
  checked.exists = options.file || status.type() != std::filesystem::file_type::not_found;
  checked.reading = read_config_file_or_default(options.file);
  const Config& config = checked.reading.config;
  if (!checked.reading) return checked;
  if (auto problem = problem_of_validation(checked.file, config)) {
    checked.reading.problems.push_back(std::move(*problem));
    return checked;
  }
  if (config.upstreams.empty()) {
    const MachineServers servers = read_servers(source_of(config)).servers;
    checked.upstreams = servers.upstreams;
    if (servers.upstreams.empty()) {
      checked.upstreams =
          Error{servers.problem + "; or name servers under upstreams: in the configuration"};
    }
  } else {
    checked.upstreams = config.upstreams;
  }
  return checked;
}

std::string counted(std::size_t count, const std::string& noun) {
  return std::to_string(count) + ' ' + noun + (count == 1 ? "" : "s");
}

std::string verdict(const Checked& checked) {
  return checked.exists ? checked.file + ": valid"
                        : checked.file + ": does not exist, so every setting has its default";
}

std::string listen_text(const Config& config) {
  std::vector<std::string> addresses;
  for (const Endpoint& endpoint : config.listen) addresses.push_back(endpoint.to_text());
  return join_words(addresses, "and");
}

std::string upstreams_text(const Checked& checked) {
  const Config& config = checked.reading.config;
  if (!checked.upstreams) return "no upstreams yet";
  std::vector<std::string> names;
  for (const UpstreamConfig& upstream : *checked.upstreams) {
    names.push_back(print_upstream(upstream));
  }
  std::string text = counted(names.size(), "upstream") + " (" + join_words(names, "and") + ')';
  if (config.upstreams.empty()) text += " from the system";
  return text;
}

// The DNS64 servers of Google and Cloudflare; of others, doctor finds out by asking.
bool is_known_dns64(const IpAddress& address) {
  static const auto known = [] {
    std::vector<IpAddress> addresses;
    for (const char* text : {"2001:4860:4860::64", "2001:4860:4860::6464", "2606:4700:4700::64",
                             "2606:4700:4700::6400"}) {
      addresses.push_back(*IpAddress::parse(text));
    }
    return addresses;
  }();
  return std::ranges::find(known, address) != known.end();
}

// What is allowed, but seldom meant.
std::vector<std::string> warnings(const Checked& checked) {
  std::vector<std::string> texts;
  if (!checked.upstreams) texts.push_back(checked.upstreams.error().message);
  const Config& config = checked.reading.config;
  for (const UpstreamConfig& upstream : config.upstreams) {
    if (upstream.interface.empty() || upstream.endpoint.address.scope_id != 0) continue;
    texts.push_back(print_upstream(upstream) + " is asked once this machine has the interface " +
                    upstream.interface);
  }
  if (config.dnssec.mode == DnssecMode::validate && checked.upstreams) {
    for (const UpstreamConfig& upstream : *checked.upstreams) {
      if (!is_known_dns64(upstream.endpoint.address)) continue;
      texts.push_back(print_upstream(upstream) +
                      " makes IPv6 addresses for names that have none (DNS64), which no signature "
                      "covers: with dnssec.mode: validate they are left out or fail");
    }
  }
  if (!config.acl.empty()) return texts;
  for (const Endpoint& endpoint : config.listen) {
    if (endpoint.address.is_loopback()) continue;
    texts.push_back(endpoint.to_text() +
                    " is open to other machines, but acl lists none: only this machine is served");
  }
  return texts;
}

std::string summary(const Checked& checked) {
  const Config& config = checked.reading.config;
  std::string text = "listens on " + listen_text(config) + ", " + upstreams_text(checked);
  if (!config.routes.empty()) text += ", " + counted(config.routes.size(), "route");
  return text + ", " + print_size(share_memory(config, memory_limit()).cache) + " of cache";
}

Json to_json(const Problem& problem) {
  Json json;
  json["file"] = problem.file;
  if (problem.place.line > 0) {
    json["line"] = problem.place.line;
    json["column"] = problem.place.column;
  }
  if (!problem.key.empty()) json["key"] = problem.key;
  json["message"] = problem.message;
  return json;
}

Json to_json(const YamlNode& node) {
  if (node.kind == YamlNode::Kind::scalar) return node.text;
  if (node.kind == YamlNode::Kind::map) {
    Json map = Json::object();
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      map[node.keys[i].text] = to_json(node.items[i]);
    }
    return map;
  }
  Json list = Json::array();
  for (const YamlNode& item : node.items) list.push_back(to_json(item));
  return list;
}

// The effective configuration, nested as in the file and every value as it would be written there.
Json to_json(const Config& config) {
  Json root = Json::object();
  for (const Setting& setting : settings()) {
    Json* place = &root;
    std::string_view key = setting.key;
    for (auto dot = key.find('.'); dot != std::string_view::npos; dot = key.find('.')) {
      place = &(*place)[std::string(key.substr(0, dot))];
      key.remove_prefix(dot + 1);
    }
    (*place)[std::string(key)] = to_json(setting.write(config));
  }
  return root;
}

Json to_json(const Checked& checked, bool with_configuration) {
  Json json;
  json["schema"] = 1;
  json["file"] = checked.file;
  json["exists"] = checked.exists;
  json["valid"] = static_cast<bool>(checked.reading);
  json["problems"] = Json::array();
  for (const Problem& problem : checked.reading.problems) {
    json["problems"].push_back(to_json(problem));
  }
  if (!checked.reading) return json;
  json["upstreams"] = Json::array();
  if (checked.upstreams) {
    for (const UpstreamConfig& upstream : *checked.upstreams) {
      json["upstreams"].push_back(print_upstream(upstream));
    }
  }
  json["warnings"] = warnings(checked);
  if (with_configuration) json["configuration"] = to_json(checked.reading.config);
  return json;
}

void print_for_people(const Checked& checked, bool print, std::ostream& out, std::ostream& err) {
  if (!checked.reading) {
    for (const Problem& problem : checked.reading.problems) err << problem.to_text() << '\n';
    return;
  }
  for (const std::string& text : warnings(checked)) err << "warning: " << text << '\n';
  // A comment in front keeps the output of --print a configuration file.
  out << (print ? "# " : "") << verdict(checked) << ": " << summary(checked) << '\n';
  if (print) out << '\n' << print_config(checked.reading.config);
}

}  // namespace

ExitCode run_check(const CheckOptions& options, std::ostream& out, std::ostream& err) {
  const Checked checked = check(options);
  if (options.json) {
    // Paths may be anything but UTF-8, which JSON must be.
    out << to_json(checked, options.print).dump(2, ' ', false, Json::error_handler_t::replace)
        << '\n';
  } else {
    print_for_people(checked, options.print, out, err);
  }
  return checked.reading ? ExitCode::done : ExitCode::check_failed;
}

namespace {

Run declare(Arguments& arguments) {
  const auto options = std::make_shared<CheckOptions>();
  arguments.add("file", options->file, "FILE", "Configuration file");
  arguments.add_flag("--print", options->print, "Print the effective configuration");
  arguments.add_json(options->json);
  return [options](const Invocation&) -> Result<ExitCode> {
    std::ostringstream out, err;
    const ExitCode code = run_check(*options, out, err);
    print_error_text(err.str());
    print(out.str());
    return code;
  };
}

}  // namespace

extern const Command check_command = {"check",
                                      "Check a configuration file and report every problem",
                                      "dnscachectl check /etc/dnscachectl/config.yaml", declare};

}  // namespace dnscache::cli
