// `dnscachectl template`: files that bring the cache to clouds, containers and fleets.
#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "cli/command.hpp"
#include "cli/settings/endpoints.hpp"
#include "cli/show/fill.hpp"
#include "cli/show/output.hpp"
#include "resolver/base/error.hpp"
#include "resolver/base/text.hpp"
#include "resolver/base/version.hpp"
#include "resolver/config/read.hpp"
#include "resolver/config/values.hpp"
#include "templates/templates.hpp"

namespace dnscache::cli {

namespace {

/// What `template` was asked for; empty values have a default or leave their lines out.
struct TemplateOptions {
  std::string name;
  std::vector<std::string> upstreams;
  std::vector<std::string> routes;  ///< as --route of setup
  std::filesystem::path config;
  std::string url;
  std::string sha256;
  std::string image;
  std::string app;
  std::string form = "sidecar";
};

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

struct Template {
  std::string_view name;
  std::string_view text;
  const char* hint;  ///< what to do with it, for stderr
};

const std::vector<Template>& all_templates() {
  using namespace templates;
  static const std::vector<Template> table = {
      {"ansible", print_ansible_yaml, "ansible-playbook -i HOSTS FILE"},
      {"cloud-init", print_cloud_init_yaml, "pass it as the instance's user data"},
      {"docker-compose", print_docker_compose_yaml, "docker compose -f FILE up -d"},
      {"docker-daemon", print_docker_daemon_json,
       "write it to /etc/docker/daemon.json and restart Docker; the cache must listen on the "
       "bridge "
       "(172.17.0.1) and serve it: setup --listen 127.0.0.1,172.17.0.1, and acl: [172.16.0.0/12]"},
      {"ecs-fargate", print_ecs_fargate_sidecar_yaml,
       "aws ecs register-task-definition --cli-input-yaml file://FILE"},
      {"grafana", print_grafana_json, "import it in Grafana: Dashboards, New, Import"},
      {"kubernetes", print_kubernetes_yaml, "kubectl apply -f FILE"},
      {"prometheus-alerts", print_prometheus_alerts_yaml,
       "name the file under rule_files in prometheus.yml"},
      {"systemd", print_systemd_service,
       "write it to /etc/systemd/system/dnscachectl.service where setup may not run"},
  };
  return table;
}

struct Values {
  std::vector<UpstreamConfig> upstreams;
  std::vector<RouteConfig> routes;
  std::string config;  ///< YAML
};

std::string upstream_list(const std::vector<UpstreamConfig>& upstreams) {
  std::vector<std::string> words;
  for (const auto& upstream : upstreams) words.push_back(print_upstream(upstream));
  return fmt::format("{}", fmt::join(words, ","));
}

std::string route_list(const std::vector<RouteConfig>& routes) {
  std::vector<std::string> words;
  for (const auto& route : routes) {
    words.push_back(route.zone.to_text() + "=" + upstream_list(route.upstreams));
  }
  return fmt::format("{}", fmt::join(words, ";"));
}

std::string config_text(const Values& values) {
  std::string out;
  const auto add_servers = [&](const std::vector<UpstreamConfig>& upstreams,
                               std::string_view indent) {
    for (const auto& upstream : upstreams) {
      out += fmt::format("{}- \"{}\"\n", indent, print_upstream(upstream));
    }
  };
  if (!values.upstreams.empty()) {
    out += "upstreams:\n";
    add_servers(values.upstreams, "  ");
  }
  if (!values.routes.empty()) out += "routes:\n";
  for (const auto& route : values.routes) {
    out += fmt::format("  - zone: \"{}\"\n    upstreams:\n", route.zone.to_text());
    add_servers(route.upstreams, "      ");
  }
  return out;
}

Result<std::string> read_config_text(const std::filesystem::path& path) {
  const auto reading = read_config_file(path);
  if (!reading) return Error{reading.problems.front().to_text(), ExitCode::check_failed};
  std::ostringstream out;
  out << std::ifstream(path).rdbuf();
  auto text = out.str();
  if (text.starts_with(byte_order_mark)) text.erase(0, byte_order_mark.size());
  return text;
}

// The zones that only the cluster's own DNS knows, as NodeLocal DNSCache has them.
void add_cluster_routes(std::vector<RouteConfig>& routes) {
  const auto server_of = [&](const std::string& zone) {
    return std::ranges::find_if(
        routes, [&](const RouteConfig& route) { return route.zone == *Name::parse(zone); });
  };
  const auto cluster = server_of("cluster.local");
  const std::vector<UpstreamConfig> servers =
      cluster != routes.end() ? cluster->upstreams
                              : std::vector<UpstreamConfig>{*parse_upstream("10.96.0.10")};
  for (const auto* zone : {"cluster.local", "in-addr.arpa", "ip6.arpa"}) {
    if (server_of(zone) == routes.end()) routes.push_back({*Name::parse(zone), servers});
  }
}

bool is_made_of(std::string_view text, std::string_view more) {
  return std::ranges::all_of(text, [&](unsigned char c) {
    return std::isalnum(c) != 0 || more.find(static_cast<char>(c)) != more.npos;
  });
}

Result<void> check_words(const TemplateOptions& options) {
  const auto refuse = [](const char* flag, const std::string& text, const char* expected) {
    return Error{fmt::format("{}: {} is not {}", flag, in_quotes(text), expected), ExitCode::usage};
  };
  const bool is_hash = options.sha256.size() == 64 &&
                       options.sha256.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!options.sha256.empty() && !is_hash) {
    return refuse("--sha256", options.sha256,
                  "64 lower-case hexadecimal digits, as sha256sum says");
  }
  for (const auto& [flag, image] : {std::pair{"--image", options.image}, {"--app", options.app}}) {
    if (!is_made_of(image, "-_./:@")) return refuse(flag, image, "the name of an image");
  }
  const bool has_scheme = options.url.starts_with("https://") || options.url.starts_with("s3://") ||
                          options.url.starts_with("http://") || options.url.starts_with("file://");
  if (!options.url.empty() && (!has_scheme || !is_made_of(options.url, "-_./:@%+~?=&"))) {
    return refuse("--url", options.url, "an address as in https://… or s3://BUCKET/KEY");
  }
  return {};
}

// What stands in shell words, YAML and JSON as it is.
Result<void> check_servers(const Values& values) {
  const auto are_plain = [](const std::vector<UpstreamConfig>& upstreams) {
    return is_made_of(upstream_list(upstreams), "-_.:/[]#%,");
  };
  if (!are_plain(values.upstreams)) {
    return Error{"--upstream: a template takes names of letters, digits, - and _ only",
                 ExitCode::usage};
  }
  for (const auto& route : values.routes) {
    const auto zone = route.zone.to_text();
    if (is_made_of(zone, "-_.") && are_plain(route.upstreams)) continue;
    return Error{fmt::format("--route: {}: a template takes zones of letters, digits, - and _ "
                             "only; write an international name as xn--...",
                             in_quotes(zone)),
                 ExitCode::usage};
  }
  return {};
}

// A value without a place would be dropped in silence.
Result<void> check_places(const TemplateOptions& options, std::string_view text) {
  const auto has = [&](std::initializer_list<std::string_view> places) {
    return std::ranges::any_of(places, [&](auto place) { return text.find(place) != text.npos; });
  };
  const std::tuple<const char*, bool, bool> uses[] = {
      {"--config", !options.config.empty(), has({"@CONFIG@", "@CONFIG_FILE@"})},
      {"--upstream", !options.upstreams.empty(),
       has({"@UPSTREAMS@", "@SETUP_OPTIONS@", "@CONFIG@"})},
      {"--route", !options.routes.empty(), has({"@ROUTES@", "@SETUP_OPTIONS@", "@CONFIG@"})},
      {"--url", !options.url.empty(), has({"@URL@"})},
      {"--sha256", !options.sha256.empty(), has({"@SHA256@"})},
      {"--image", !options.image.empty(), has({"@IMAGE@"})},
      {"--app", !options.app.empty(), has({"@APP@"})},
  };
  for (const auto& [flag, is_given, has_place] : uses) {
    if (!is_given || has_place) continue;
    return Error{fmt::format("template {} has no place for {}", options.name, flag),
                 ExitCode::usage};
  }
  return {};
}

Result<Values> read_values(const TemplateOptions& options) {
  Values values;
  const auto upstreams = parse_upstreams(options.upstreams, "--upstream");
  if (!upstreams) return upstreams.error();
  values.upstreams = *upstreams;
  for (const auto& text : options.routes) {
    const auto route = parse_route(text);
    if (!route) return route.error();
    values.routes.push_back(*route);
  }
  if (const auto checked = check_servers(values); !checked) return checked.error();
  if (options.config.empty()) {
    if (options.name == "kubernetes") add_cluster_routes(values.routes);
    values.config = config_text(values);
    return values;
  }
  if (!values.upstreams.empty() || !values.routes.empty()) {
    return Error{"--config says it all; leave out --upstream and --route", ExitCode::usage};
  }
  auto text = read_config_text(options.config);
  if (!text) return text.error();
  values.config = std::move(*text);
  return values;
}

std::string setup_options(const Values& values) {
  std::string out;
  if (!values.upstreams.empty()) out += " --upstream '" + upstream_list(values.upstreams) + "'";
  for (const auto& route : values.routes) {
    out += " --route '" + route.zone.to_text() + "=" + upstream_list(route.upstreams) + "'";
  }
  return out;
}

std::string or_default(const std::string& text, const std::string& fallback) {
  return text.empty() ? fallback : text;
}

// systemd.unit(5): a literal % is written %%.
std::string without_specifiers(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '%' ? std::string("%%") : std::string(1, c);
  return out;
}

// Ansible renders every value of a play: this text stays as it is, "{%" in it included.
std::string raw_for_jinja(const std::string& text) {
  std::string out = "{% raw %}";
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool is_tag = text.compare(at, 2, "{%") == 0;
    out += is_tag ? "{% endraw %}{{ '{' }}{% raw %}" : std::string(1, text[at]);
  }
  return out + "{% endraw %}";
}

std::map<std::string, std::string> placeholders(const TemplateOptions& options,
                                                const Values& values) {
  const std::string version = dnscache::version();
  const bool has_file = !options.config.empty();
  const auto in_file = [&](const std::string& servers) {
    return options.name == "systemd" ? without_specifiers(servers) : servers;
  };
  const auto as_file = [&](const std::string& config) {
    return options.name == "ansible" ? raw_for_jinja(config) : config;
  };
  return {
      {"VERSION", version},
      {"IMAGE", or_default(options.image, "registry.example.com/dnscachectl:" + version)},
      {"APP", or_default(options.app, "registry.example.com/your-program:latest")},
      {"URL", or_default(options.url,
                         "https://downloads.example.com/dnscachectl-" + version + ".x86_64.rpm")},
      {"SHA256", or_default(options.sha256, std::string(64, '0'))},
      {"UPSTREAMS", in_file(upstream_list(values.upstreams))},
      {"ROUTES", in_file(route_list(values.routes))},
      {"SETUP_OPTIONS", has_file ? "" : setup_options(values)},
      {"CONFIG", values.config},
      {"CONFIG_FILE", has_file ? as_file(values.config) : ""},
      {"IF_CONFIG_FILE", has_file ? "yes" : ""},
      {"IF_NO_CONFIG_FILE", has_file ? "" : "yes"},
  };
}

// Each line of `text` behind the blanks that `line` begins with.
std::string indented(const std::string& line, const std::string& text) {
  const auto indent = line.substr(0, line.find_first_not_of(' '));
  std::istringstream in(text);
  std::string out;
  for (std::string part; std::getline(in, part);) out += part.empty() ? "\n" : indent + part + '\n';
  return out;
}

// A line whose value is empty is left out; SETUP_OPTIONS may be empty in its line.
std::string render(std::string_view text, const std::map<std::string, std::string>& values) {
  std::istringstream in{std::string(text)};
  std::string out;
  for (std::string line; std::getline(in, line);) {
    bool is_kept = true;
    bool is_block = false;
    for (auto place = find_place(line, 0); place && is_kept;) {
      const auto found = values.find(place->name);
      const std::string value = found == values.end() ? "" : found->second;
      if (place->name == "CONFIG" || place->name == "CONFIG_FILE") {
        out += indented(line, value);
        is_block = true;
        break;
      }
      is_kept = !value.empty() || place->name == "SETUP_OPTIONS";
      const auto shown = place->name.starts_with("IF_") ? "" : value;
      line.replace(place->begin, place->length, shown);
      place = find_place(line, place->begin + shown.size());
    }
    if (is_kept && !is_block) out += line + '\n';
  }
  return out;
}

const Template* find_template(const TemplateOptions& options) {
  static const Template wrapper = {"ecs-fargate", templates::print_ecs_fargate_wrapper_yaml,
                                   "aws ecs register-task-definition --cli-input-yaml file://FILE"};
  if (options.name == "ecs-fargate" && options.form == "wrapper") return &wrapper;
  const auto& all = all_templates();
  const auto found = std::ranges::find(all, options.name, &Template::name);
  return found == all.end() ? nullptr : &*found;
}

/// Every NAME there is, sorted.
const std::vector<std::string>& template_names() {
  static const auto names = [] {
    std::vector<std::string> out;
    for (const auto& row : all_templates()) out.emplace_back(row.name);
    return out;
  }();
  return names;
}

/// The file as text. The error says which value is wrong.
Result<std::string> render_template(const TemplateOptions& options) {
  const auto* chosen = find_template(options);
  if (chosen == nullptr) {
    return Error{fmt::format("there is no template {}; there are {}", in_quotes(options.name),
                             join_words(template_names(), "and")),
                 ExitCode::usage};
  }
  if (const auto checked = check_words(options); !checked) return checked.error();
  if (const auto checked = check_places(options, chosen->text); !checked) return checked.error();
  const auto values = read_values(options);
  if (!values) return values.error();
  return render(chosen->text, placeholders(options, *values));
}

Result<ExitCode> run_template(const TemplateOptions& options) {
  const auto text = render_template(options);
  if (!text) return text.error();
  print(*text);
  if (Terminal::of(2).is_tty) print_message(std::string("next: ") + find_template(options)->hint);
  return ExitCode::done;
}

Run declare(Arguments& arguments) {
  const auto options = std::make_shared<TemplateOptions>();
  arguments
      .add_choice("name", options->name, template_names(), "NAME",
                  "Deployment file: " + join_words(template_names()))
      ->required();
  arguments.add_list("--upstream", options->upstreams, "ADDRESS[:PORT]",
                     "Query these servers, not those in resolv.conf there");
  arguments.add_routes(options->routes);
  arguments.add("--config", options->config, "FILE", "Use this configuration file");
  arguments.add("--url", options->url, "URL",
                "Location of the package or program: https:// or s3://");
  arguments.add("--sha256", options->sha256, "HEX", "Checksum of the package or program");
  arguments.add("--image", options->image, "IMAGE", "Container image of the cache");
  arguments.add("--app", options->app, "IMAGE", "Container image of your program");
  arguments
      .add_choice("--form", options->form, {"sidecar", "wrapper"}, "FORM",
                  "For ecs-fargate: sidecar (a separate container) or wrapper (the first process "
                  "in yours)")
      ->capture_default_str();
  return [options](const Invocation&) { return run_template(*options); };
}

}  // namespace

extern const Command template_command = {
    "template", "Print a deployment file, with your values filled in",
    "dnscachectl template cloud-init --url s3://bucket/dnscachectl.deb > user-data", declare};

}  // namespace dnscache::cli
