// Whom dnsmasq asks, and how.
#include "cli/import/dnsmasq/section.hpp"

namespace dnscache::cli::dnsmasq {
namespace {

class Servers : public Section {
 public:
  using Section::Section;

  Handlers handlers() override {
    return {{"server", call(this, &Servers::server)},
            {"local", call(this, &Servers::server)},
            {"resolv-file", call(this, &Servers::resolv_file)},
            {"no-resolv", call(this, &Servers::no_resolv)},
            {"all-servers", call(this, &Servers::all_servers)},
            {"no-0x20-encode", call(this, &Servers::no_0x20_encode)},
            {"strict-order", call(this, &Servers::strict_order)}};
  }

 private:
  void server(const std::string& value) {
    const auto server = parse_server(value);
    if (!server) return draft_.refuse(server.error().message);
    if (!server->upstream) return draft_.refuse("names no server");
    context_.servers.push_back({*server->upstream, draft_.current()});
    if (!server->lost.empty()) return draft_.refuse("upstreams; but " + server->lost);
    draft_.translate("upstreams");
  }
  void resolv_file(const std::string& value) {
    if (resolv_line_) {
      return draft_.refuse(
          "only one file can be followed; name the servers of both under upstreams");
    }
    if (!context_.has_resolv_file) context_.resolv_file = absolute_path(value);
    resolv_line_ = draft_.current();
    draft_.translate("upstreams_from: " + absolute_path(value).string());
  }
  void no_resolv(const std::string&) { take_once(no_resolv_line_); }
  void all_servers(const std::string&) { set_policy(SelectionPolicy::parallel, "parallel"); }
  void strict_order(const std::string&) {
    // With all-servers the order says nothing.
    if (config_.policy == SelectionPolicy::parallel) {
      return draft_.not_needed("all-servers asks all of them anyway");
    }
    set_policy(SelectionPolicy::ordered, "ordered");
  }
  void no_0x20_encode(const std::string&) {
    config_.randomize_case = false;
    draft_.note("randomize_case");
    draft_.translate("randomize_case: false");
  }
  void set_policy(SelectionPolicy policy, const char* word) {
    config_.policy = policy;
    draft_.origins()["policy"].clear();
    draft_.note("policy");
    draft_.translate(std::string("policy: ") + word);
  }

  void finish() override {
    context_.asks_nobody = no_resolv_line_ && context_.servers.empty();
    if (no_resolv_line_) {
      draft_.go_to(*no_resolv_line_);
      if (context_.servers.empty()) {
        draft_.refuse("without any server= nothing could be asked; name servers under upstreams");
      } else {
        draft_.not_needed("resolv.conf is not read when upstreams are named");
      }
      if (resolv_line_) {
        draft_.go_to(*resolv_line_);
        draft_.not_needed("no-resolv: the file is not read");
      }
    }
    for (const auto& [upstream, line] : context_.servers) {
      draft_.go_to(line);
      draft_.add_new(config_.upstreams, "upstreams", upstream);
    }
    const bool follows_file = context_.servers.empty() && !no_resolv_line_;
    if (follows_file) {
      // Without either, dnsmasq reads /etc/resolv.conf: what this machine uses.
      if (resolv_line_ || context_.has_resolv_file) config_.upstreams_from = context_.resolv_file;
      if (resolv_line_) draft_.note("upstreams_from", *resolv_line_);
      if (context_.has_resolv_file) {
        draft_.origins()["upstreams_from"].push_back("--resolv-file");
        if (resolv_line_) {
          draft_.line(*resolv_line_).explanation =
              "upstreams_from: " + context_.resolv_file.string() + ", as --resolv-file says";
        }
      }
    } else if (!no_resolv_line_) {
      add_servers_of_file();
    }
  }

  void add_servers_of_file() {
    const auto more = context_.servers_of_file();
    const Index line = resolv_line_.value_or(context_.servers.front().second);
    draft_.go_to(line);
    for (const UpstreamConfig& upstream : more) {
      draft_.add_new(config_.upstreams, "upstreams", upstream);
    }
    const std::string told =
        more.empty()
            ? "the servers of " + context_.resolv_file.string() + " cannot be read now: add them"
            : "upstreams, with the servers of " + context_.resolv_file.string() +
                  " as it is now; changes of the file are not followed";
    if (resolv_line_ || more.empty()) {
      draft_.finish_line(
          resolv_line_ && more.empty() ? LineResult::refused : LineResult::translated, told);
    } else {
      draft_.line(line).explanation = told;
    }
  }
  std::optional<Index> resolv_line_;
  std::optional<Index> no_resolv_line_;
};

}  // namespace

std::unique_ptr<Section> make_servers(Context& context) {
  return std::make_unique<Servers>(context);
}

}  // namespace dnscache::cli::dnsmasq
