#include "cli/import/resolved/resolved.hpp"

#include <functional>
#include <map>

#include "cli/import/remark.hpp"
#include "resolver/base/text.hpp"
#include "resolver/config/values.hpp"

namespace dnscache::cli {
namespace {

constexpr std::size_t max_lines = 100'000;  // in total

std::optional<bool> bool_of(std::string_view text) {
  for (const std::string_view yes : {"yes", "true", "on", "1", "y", "t"}) {
    if (text == yes) return true;
  }
  for (const std::string_view no : {"no", "false", "off", "0", "n", "f"}) {
    if (text == no) return false;
  }
  return std::nullopt;
}

/// "192.0.2.1:53%eth0#dns.example"
Result<UpstreamConfig> parse_server(std::string_view text) {
  const std::string written(text);
  UpstreamConfig server;
  if (const auto hash = text.find('#'); hash != std::string_view::npos) {
    server.tls_name = text.substr(hash + 1);
    text = text.substr(0, hash);
  }
  std::string address(text);
  if (const auto percent = address.find('%');
      percent != std::string::npos && !address.starts_with("fe80:")) {
    address.resize(percent);  // the kernel finds the interface
  }
  const auto endpoint = Endpoint::parse(address, 0);
  if (!endpoint) return Error{in_quotes(written) + " is not an IP address"};
  server.endpoint = *endpoint;
  return server;
}

/// Reads the files one after the other; a later line replaces what an earlier one said.
class Importer {
 public:
  explicit Importer(const ImportFiles& files) : files_(files), config_(draft_.config()) {
    handlers_ = {{"DNS", [this](auto& value) { dns(value); }},
                 {"FallbackDNS", [this](auto& value) { fallback_dns(value); }},
                 {"Domains", [this](auto& value) { domains(value); }},
                 {"DNSSEC", [this](auto& value) { dnssec(value); }},
                 {"DNSOverTLS", [this](auto& value) { dns_over_tls(value); }},
                 {"Cache", [this](auto& value) { cache(value); }},
                 {"CacheFromLocalhost", [this](auto&) { cache_from_localhost(); }},
                 {"DNSStubListener", [this](auto& value) { stub_listener(value); }},
                 {"DNSStubListenerExtra", [this](auto& value) { stub_listener_extra(value); }},
                 {"ReadEtcHosts", [this](auto& value) { read_etc_hosts(value); }},
                 {"ResolveUnicastSingleLabel", [this](auto& value) { single_label(value); }},
                 {"StaleRetentionSec", [this](auto& value) { stale_retention(value); }},
                 {"LLMNR", [this](auto& value) { link_protocol(value, "LLMNR"); }},
                 {"MulticastDNS", [this](auto& value) { link_protocol(value, "Multicast DNS"); }}};
  }

  Result<Translation> run(const std::filesystem::path& file) {
    const auto text = files_.read(file);
    const auto drop_ins = drop_ins_of(file);
    if (!text && drop_ins.empty()) return text.error();
    if (text) read_text(file, *text);
    for (const std::filesystem::path& drop_in : drop_ins) {
      if (const auto more = files_.read(drop_in)) {
        read_text(drop_in, *more);
      } else {
        draft_.add_line(
            {drop_in.string(), 0, drop_in.string(), LineResult::refused, more.error().message});
      }
    }
    finish();
    return draft_.take();
  }

 private:
  using Index = Draft::Index;

  // systemd.conf(5): sorted by name over all folders; one in /etc hides those of its name.
  std::vector<std::filesystem::path> drop_ins_of(const std::filesystem::path& file) const {
    std::vector<std::filesystem::path> folders{file.string() + ".d"};
    if (file.parent_path() == "/etc/systemd") {
      for (const char* root : {"/run/systemd", "/usr/lib/systemd"}) {
        folders.push_back(std::filesystem::path(root) / (file.filename().string() + ".d"));
      }
    }
    std::map<std::string, std::filesystem::path> by_name;
    for (const auto& folder : folders) {
      const auto names = files_.list(folder);
      if (!names) continue;  // most machines have none
      for (const std::string& name : *names) {
        if (name.ends_with(".conf")) by_name.emplace(name, folder / name);
      }
    }
    std::vector<std::filesystem::path> paths;
    for (const auto& [name, path] : by_name) paths.push_back(path);
    return paths;
  }

  void read_text(const std::filesystem::path& file, std::string_view text) {
    std::string section;
    for (int number = 1; !text.empty() && draft_.lines().size() < max_lines; ++number) {
      const auto end = std::min(text.find('\n'), text.size());
      const std::string_view line = trim(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
      if (line.empty() || line.front() == '#' || line.front() == ';') continue;
      if (line.front() == '[') {
        section = line;
        continue;
      }
      draft_.add_line({file.string(), number, std::string(line), LineResult::refused, ""});
      const auto equals = line.find('=');
      if (section != "[Resolve]") {
        draft_.refuse("stands outside [Resolve], where resolved does not read it");
      } else if (equals == std::string_view::npos) {
        draft_.refuse("is not of the form Option=value");
      } else {
        take(std::string(trim(line.substr(0, equals))), std::string(trim(line.substr(equals + 1))));
      }
    }
  }

  void take(const std::string& option, const std::string& value) {
    if (const auto handler = handlers_.find(option); handler != handlers_.end()) {
      return handler->second(value);
    }
    std::vector<std::string> known;
    for (const auto& [name, handler] : handlers_) known.push_back(name);
    refuse_unknown(draft_, option, "systemd-resolved", known);
  }
  void refuse_value(const std::string& value) {
    draft_.refuse(in_quotes(value) + " is not a value of this option");
  }

  void dns(const std::string& value) {
    draft_.translate(value.empty() ? "the servers above do not count" : "upstreams");
    if (value.empty()) servers_.clear();
    for (const std::string& word : words_of(value)) {
      const auto server = parse_server(word);
      if (!server) return draft_.refuse(server.error().message);
      servers_.push_back({*server, draft_.current()});
    }
  }
  void fallback_dns(const std::string& value) {
    if (value.empty()) return draft_.not_needed("there are no servers but those of upstreams");
    fallback_line_ = draft_.current();
  }
  void domains(const std::string& value) {
    std::vector<std::string> searched;
    draft_.not_needed("is empty");
    if (value.empty()) domains_.clear();
    for (const std::string& word : words_of(value)) {
      if (word == "~.") {
        draft_.not_needed("upstreams are asked for every name that has no route");
      } else if (!word.starts_with('~')) {
        searched.push_back(word);
      } else if (const auto zone = name_of(word.substr(1))) {
        domains_.push_back({*zone, draft_.current()});
        draft_.translate("routes");
      } else {
        return draft_.refuse(in_quotes(word) + " is not a domain name");
      }
    }
    if (searched.empty()) return;
    draft_.refuse("search domains are not a cache's: write \"search " + join_words(searched, "") +
                  "\" into /etc/resolv.conf");
  }

  void dnssec(const std::string& value) {
    const auto is_on = bool_of(value);
    if (value == "allow-downgrade") {
      return draft_.refuse(
          "dnssec.mode: passthrough; validate would not go on without signatures, so choose");
    }
    if (!is_on) return refuse_value(value);
    if (*is_on && !can_validate) return draft_.refuse("this program was built without libunbound");
    config_.dnssec.mode = *is_on ? DnssecMode::validate : DnssecMode::passthrough;
    draft_.note("dnssec.mode");
    draft_.translate(*is_on ? "dnssec.mode: validate" : "dnssec.mode: passthrough");
  }
  void dns_over_tls(const std::string& value) {
    const auto is_on = bool_of(value);
    if (value == "opportunistic") {
      return draft_.refuse("TLS is either used or not: write tls:// in front of the upstreams");
    }
    if (!is_on) return refuse_value(value);
    is_tls_ = *is_on;
    if (!*is_on) return draft_.not_needed("is so");
    draft_.translate("tls:// in front of the upstreams");
  }

  void cache(const std::string& value) {
    if (value == "no-negative") {
      config_.cache.negative = {0s, 0s};
      draft_.note("cache.negative.default_ttl");
      draft_.note("cache.negative.max_ttl");
      return draft_.translate("cache.negative: 0s");
    }
    const auto is_on = bool_of(value);
    if (!is_on) return refuse_value(value);
    if (*is_on) return draft_.not_needed("it is a cache");
    draft_.refuse("the cache cannot be switched off; cache.max_ttl: 1s keeps nothing for longer");
  }
  void cache_from_localhost() { draft_.not_needed("responses of every upstream are cached"); }
  void stale_retention(const std::string& value) {
    if (value == "0") {
      config_.cache.serve_stale.enabled = false;
      draft_.note("cache.serve_stale.enabled");
      return draft_.translate("cache.serve_stale.enabled: false");
    }
    const auto duration = number_of(value) ? parse_duration(value + 's') : parse_duration(value);
    if (!duration || *duration < 1s) return refuse_value(value);
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*duration);
    config_.cache.serve_stale.max_age = std::min<std::chrono::seconds>(seconds, 30 * 24h);
    draft_.note("cache.serve_stale.max_age");
    draft_.translate("cache.serve_stale.max_age: " +
                     print_duration(config_.cache.serve_stale.max_age));
  }

  void stub_listener(const std::string& value) {
    if (value != "udp" && value != "tcp" && !bool_of(value)) return refuse_value(value);
    draft_.not_needed("the cache listens on 127.0.0.1 and ::1, not on resolved's 127.0.0.53");
  }
  void stub_listener_extra(const std::string& value) {
    if (value.empty()) {
      listen_.clear();
      return draft_.not_needed("the addresses above do not count");
    }
    std::string_view text = value;
    const bool is_one = text.starts_with("udp:") || text.starts_with("tcp:");
    if (is_one) text.remove_prefix(4);
    const auto endpoint = Endpoint::parse(text, dns_port);
    if (!endpoint) return draft_.refuse(in_quotes(value) + " is not an IP address");
    listen_.push_back({*endpoint, draft_.current()});
    draft_.translate(is_one ? "listen, over UDP and TCP" : "listen");
  }
  void read_etc_hosts(const std::string& value) {
    const auto is_on = bool_of(value);
    if (!is_on) return refuse_value(value);
    if (*is_on) return draft_.not_needed("local.hosts_files has /etc/hosts");
    config_.local.hosts_files.clear();
    draft_.note("local.hosts_files");
    draft_.translate("local.hosts_files without /etc/hosts");
  }
  void single_label(const std::string& value) {
    const auto is_on = bool_of(value);
    if (!is_on) return refuse_value(value);
    config_.domain_needed = !*is_on;
    draft_.note("domain_needed");
    draft_.translate(*is_on ? "domain_needed: false" : "domain_needed: true");
    has_single_label_ = true;
  }
  void link_protocol(const std::string& value, const std::string& protocol) {
    if (bool_of(value) == false) return draft_.not_needed(protocol + " is not asked");
    draft_.refuse(protocol +
                  " is not asked: keep systemd-resolved for the names of the local link");
  }

  void finish() {
    finish_listen();
    const auto upstreams = finish_servers();
    for (const auto& [zone, line] : domains_) {
      draft_.go_to(line);
      const auto known = std::ranges::find(config_.routes, zone, &RouteConfig::zone);
      if (upstreams.empty()) {
        draft_.refuse("there is no DNS= whose servers know these names; write a route");
      } else if (known == config_.routes.end()) {
        draft_.add_new(config_.routes, "routes", RouteConfig{zone, upstreams});
      }
    }
    if (fallback_line_) {
      draft_.go_to(*fallback_line_);
      if (upstreams.empty()) {
        draft_.refuse(
            "the servers that the machine's links have are asked; name these under upstreams if "
            "there are no others");
      } else {
        draft_.not_needed("is used only where there is no DNS=");
      }
    }
    if (!has_single_label_) {
      config_.domain_needed = true;
      draft_.origins()["domain_needed"] = {"resolved without ResolveUnicastSingleLabel"};
    }
  }

  void finish_listen() {
    if (listen_.empty()) return;
    for (const auto& [endpoint, line] : listen_) {
      draft_.go_to(line);
      draft_.add_new(config_.listen, "listen", endpoint);
    }
    const auto other = std::ranges::find_if(
        listen_, [](const auto& listen) { return !listen.first.address.is_loopback(); });
    if (other == listen_.end()) return;
    config_.acl = private_networks();
    draft_.note("acl", other->second);
    draft_.line(other->second).explanation += "; acl: clients of private networks only";
  }

  std::vector<UpstreamConfig> finish_servers() {
    for (auto& [server, line] : servers_) {
      draft_.go_to(line);
      server.protocol = is_tls_ ? Protocol::tls : Protocol::udp;
      if (!is_tls_) server.tls_name.clear();
      if (server.endpoint.port == 0) server.endpoint.port = is_tls_ ? dns_over_tls_port : dns_port;
      const auto upstream = parse_upstream(print_upstream(server));
      if (!upstream) {
        draft_.refuse(in_quotes(print_upstream(server)) + ' ' + upstream.error().message);
      } else if (reaches_us(upstream->endpoint, config_.listen)) {
        draft_.refuse("the cache itself listens there; name the server that it hides");
      } else {
        draft_.add_new(config_.upstreams, "upstreams", *upstream);
      }
    }
    return config_.upstreams;
  }

  const ImportFiles& files_;
  Draft draft_{"resolved"};
  Config& config_;
  std::map<std::string, std::function<void(const std::string&)>> handlers_;
  std::vector<std::pair<UpstreamConfig, Index>> servers_;
  std::vector<std::pair<Name, Index>> domains_;  // that have a "~" in front
  std::vector<std::pair<Endpoint, Index>> listen_;
  std::optional<Index> fallback_line_;
  bool is_tls_ = false;
  bool has_single_label_ = false;
};

}  // namespace

Result<Translation> import_resolved(const std::filesystem::path& file, const ImportFiles& files) {
  return Importer(files).run(file);
}

}  // namespace dnscache::cli
