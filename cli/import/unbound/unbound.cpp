#include "cli/import/unbound/unbound.hpp"

#include <set>

#include "cli/import/unbound/options.hpp"
#include "cli/import/unbound/section.hpp"

namespace dnscache::cli {
namespace unbound {

std::optional<AddressText> parse_address(std::string_view text, std::uint16_t default_port) {
  AddressText result;
  if (const auto hash = text.find('#'); hash != std::string_view::npos) {
    result.tls_name = text.substr(hash + 1);
    text = text.substr(0, hash);
  }
  result.endpoint.port = default_port;
  if (const auto at = text.find('@'); at != std::string_view::npos) {
    const auto port = number_of(text.substr(at + 1));
    if (!port || *port == 0 || *port > 65535) return std::nullopt;
    result.endpoint.port = static_cast<std::uint16_t>(*port);
    text = text.substr(0, at);
  }
  const auto address = IpAddress::parse(text);
  if (!address) return std::nullopt;
  result.endpoint.address = *address;
  return result;
}

namespace {

/// Gives each line to whoever knows its section and option.
class Importer {
 public:
  explicit Importer(const ImportFiles& files) : files_(files) {
    for (const auto make : {make_listen, make_cache, make_local, make_answers, make_logging}) {
      sections_.push_back(make(draft_));
      handlers_.merge(sections_.back()->handlers());
    }
  }

  Result<Translation> run(const std::filesystem::path& file) {
    LineReader reader(draft_, files_, [this](const Attribute& attribute) { take(attribute); });
    if (const auto read = reader.read(file); !read) return read.error();
    for (const auto& section : sections_) section->finish();
    finish_forwarding(file);
    return draft_.take();
  }

 private:
  using Index = Draft::Index;

  /// A forward-zone:, whose lines may come in any order.
  struct Forward {
    std::optional<Name> zone;
    std::vector<std::pair<AddressText, Index>> servers;
    Protocol protocol = Protocol::udp;
    std::vector<Index> lines;
  };

  void take(const Attribute& attribute) {
    if (attribute.section == "forward-zone") return take_forward(attribute);
    if (const auto why = section_remark(attribute.section); !why.empty()) {
      if (attribute.section == "remote-control") return draft_.not_needed(std::string(why));
      return draft_.refuse(std::string(why));
    }
    if (attribute.section.empty()) return draft_.refuse("stands in no section");
    if (attribute.name == "tls-upstream" || attribute.name == "ssl-upstream" ||
        attribute.name == "tcp-upstream") {
      return set_protocol(attribute, protocol_);
    }
    const auto handler = handlers_.find(attribute.name);
    if (handler != handlers_.end()) return handler->second(attribute);
    if (apply_remark(draft_, server_remarks(), attribute.name)) return;
    std::vector<std::string> known{"tls-upstream", "tcp-upstream", "include"};
    for (const auto& [name, any] : handlers_) known.push_back(name);
    add_names(known, server_remarks());
    refuse_unknown(draft_, attribute.name, "unbound 1.17", known);
  }

  void set_protocol(const Attribute& attribute, Protocol& protocol) {
    if (attribute.value() == "no") return draft_.not_needed("is so");
    if (attribute.value() != "yes") return draft_.refuse("is neither yes nor no");
    const bool is_tcp = attribute.name.find("tcp") != std::string::npos;
    if (!is_tcp) {
      protocol = Protocol::tls;
    } else if (protocol == Protocol::udp) {
      protocol = Protocol::tcp;
    }
    draft_.translate(is_tcp ? "tcp:// in front of the upstreams"
                            : "tls:// in front of the upstreams");
  }

  void take_forward(const Attribute& attribute) {
    Forward& forward = forwards_[attribute.section_number];
    forward.lines.push_back(draft_.current());
    const std::string& name = attribute.name;
    if (name == "name") {
      forward.zone = attribute.value() == "." ? Name() : name_of(attribute.value());
      if (!forward.zone)
        return draft_.refuse(in_quotes(attribute.value()) + " is not a domain name");
      return draft_.translate(forward.zone->is_root() ? "upstreams" : "routes");
    }
    if (name == "forward-addr") {
      const auto address = parse_address(attribute.value(), 0);
      if (!address) return draft_.refuse(in_quotes(attribute.value()) + " is not an IP address");
      forward.servers.push_back({*address, draft_.current()});
      return draft_.translate("a server of the zone");
    }
    if (name == "forward-tls-upstream" || name == "forward-ssl-upstream" ||
        name == "forward-tcp-upstream") {
      return set_protocol(attribute, forward.protocol);
    }
    if (name == "forward-host") {
      return draft_.refuse("upstreams are not looked up by name; write the server's addresses");
    }
    if (name == "forward-first" && attribute.value() == "yes") {
      return draft_.refuse(
          "nothing is resolved from the root when the servers fail; name a second server");
    }
    if (name == "forward-no-cache" && attribute.value() == "yes") {
      return draft_.refuse("everything is cached for its TTL; leave it out");
    }
    if (name == "forward-first" || name == "forward-no-cache") return draft_.not_needed("is so");
    refuse_unknown(draft_, name, "unbound 1.17",
                   {"name", "forward-addr", "forward-host", "forward-first", "forward-no-cache",
                    "forward-tls-upstream", "forward-tcp-upstream"});
  }

  std::vector<UpstreamConfig> upstreams_of(const Forward& forward) {
    std::vector<UpstreamConfig> upstreams;
    const Protocol protocol = forward.protocol == Protocol::udp ? protocol_ : forward.protocol;
    for (const auto& [address, line] : forward.servers) {
      UpstreamConfig upstream;
      upstream.endpoint = address.endpoint;
      upstream.protocol = protocol;
      const bool is_tls = protocol == Protocol::tls;
      if (upstream.endpoint.port == 0) {
        upstream.endpoint.port = is_tls ? dns_over_tls_port : dns_port;
      }
      // The setting's own rules decide which servers can be asked.
      if (is_tls) upstream.tls_name = address.tls_name;
      const auto checked = parse_upstream(print_upstream(upstream));
      draft_.go_to(line);
      if (!checked) {
        draft_.refuse(in_quotes(print_upstream(upstream)) + ' ' + checked.error().message);
      } else if (reaches_us(upstream.endpoint, draft_.config().listen)) {
        draft_.refuse("the cache itself listens there; name the server that it hides");
      } else if (std::ranges::find(upstreams, *checked) == upstreams.end()) {
        upstreams.push_back(*checked);
      }
    }
    return upstreams;
  }

  void finish_forward(const Forward& forward) {
    if (!forward.zone) return;
    Config& config = draft_.config();
    const auto upstreams = upstreams_of(forward);
    draft_.go_to(forward.lines.front());
    if (forward.zone->is_root()) {
      for (const UpstreamConfig& upstream : upstreams) {
        draft_.add_new(config.upstreams, "upstreams", upstream);
      }
    } else if (upstreams.empty()) {
      draft_.refuse("the zone has no server that can be asked; write a route with one");
    } else if (!routed_.insert(*forward.zone).second) {
      draft_.refuse("the zone is there twice; the first one counts");
    } else {
      const std::string key = "routes[" + std::to_string(config.routes.size()) + ']';
      for (const Index line : forward.lines) draft_.note(key, line);
      config.routes.push_back({*forward.zone, upstreams});
    }
  }

  void finish_forwarding(const std::filesystem::path& file) {
    for (const auto& [number, forward] : forwards_) finish_forward(forward);
    if (!draft_.config().upstreams.empty()) return;
    draft_.add_line({file.string(), 0, "(no forward-zone for \".\")", LineResult::refused,
                     "unbound resolves from the root by itself; the cache asks other resolvers: "
                     "those of /etc/resolv.conf unless upstreams names some"});
  }

  const ImportFiles& files_;
  Draft draft_{"unbound"};
  std::vector<std::unique_ptr<Section>> sections_;
  Handlers handlers_;
  Protocol protocol_ = Protocol::udp;  // of all servers
  std::map<std::size_t, Forward> forwards_;
  std::set<Name> routed_;
};

}  // namespace
}  // namespace unbound

Result<Translation> import_unbound(const std::filesystem::path& file, const ImportFiles& files) {
  return unbound::Importer(files).run(file);
}

}  // namespace dnscache::cli
