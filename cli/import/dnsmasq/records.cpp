// Names that dnsmasq knows itself: hosts files and records.
#include "cli/import/dnsmasq/section.hpp"
#include "resolver/config/record.hpp"

namespace dnscache::cli::dnsmasq {
namespace {

class Records : public Section {
 public:
  using Section::Section;

  Handlers handlers() override {
    return {{"addn-hosts", call(this, &Records::add_hosts)},
            {"hostsdir", call(this, &Records::add_hosts)},
            {"no-hosts", call(this, &Records::no_hosts)},
            {"expand-hosts", call(this, &Records::expand_hosts)},
            {"domain", call(this, &Records::domain)},
            {"local-ttl", call(this, &Records::local_ttl)},
            {"host-record", call(this, &Records::host_record)},
            {"cname", call(this, &Records::cname)},
            {"ptr-record", call(this, &Records::ptr_record)},
            {"txt-record", call(this, &Records::txt_record)},
            {"srv-host", call(this, &Records::srv_host)},
            {"mx-host", call(this, &Records::mx_host)},
            {"mx-target", call(this, &Records::mx_target)}};
  }

 private:
  void add_hosts(const std::string& value) {
    if (value.empty()) return draft_.refuse("names no file");
    const std::filesystem::path path = absolute_path(value);
    more_hosts_.push_back({path, draft_.current()});
    draft_.translate("local.hosts_files: " + path.string());
  }
  void no_hosts(const std::string&) {
    no_hosts_line_ = draft_.current();
    draft_.translate("local.hosts_files without /etc/hosts");
  }
  void expand_hosts(const std::string&) { take_once(expand_line_); }
  void domain(const std::string& value) {
    const auto parts = split(value, ',');
    const auto name = name_of(parts[0]);
    if (parts.size() > 1)
      return draft_.refuse("domains of address ranges are made for DHCP; leave it out");
    if (!name) return draft_.refuse(in_quotes(parts[0]) + " is not a domain name; write it out");
    config_.local.domain = *name;
    draft_.keep("local.domain", name->to_text());
  }
  void local_ttl(const std::string& value) {
    draft_.set_seconds(value, "local.ttl", config_.local.ttl, 7 * 86400);
    has_local_ttl_ = true;
  }

  void finish() override {
    std::vector<std::filesystem::path>& files = config_.local.hosts_files;
    if (no_hosts_line_) {
      files.clear();
      draft_.note("local.hosts_files", *no_hosts_line_);
    }
    for (const auto& [path, line] : more_hosts_) {
      draft_.go_to(line);
      draft_.add_new(files, "local.hosts_files", path);
    }
    if (expand_line_) {
      draft_.go_to(*expand_line_);
      if (config_.local.domain) {
        config_.local.expand_hosts = true;
        draft_.keep("local.expand_hosts", "true");
      } else {
        draft_.not_needed("has no effect without domain=");
      }
    }
    for (const auto& [name, preference, line] : mail_without_host_) {
      draft_.go_to(line);
      if (mail_target_.empty()) {
        draft_.refuse("names no mail server; write \"" + name + " MX " + preference +
                      " its.name\" into local.records");
      } else {
        record(name + " MX " + preference + ' ' + mail_target_);
      }
    }
    if (!has_local_ttl_) {
      config_.local.ttl = 0s;
      draft_.origins()["local.ttl"] = {"dnsmasq without local-ttl"};
    }
  }

  // Adds one record, or refuses the line.
  bool record(const std::string& text) {
    auto parsed = parse_record(text);
    if (!parsed) {
      draft_.refuse("the record " + in_quotes(text) + ' ' + parsed.error().message);
      return false;
    }
    draft_.add_new(config_.local.records, "local.records", std::move(*parsed));
    draft_.translate("local.records");
    return true;
  }
  static std::string ttl_words(const std::optional<std::uint32_t>& ttl) {
    return ttl ? ' ' + std::to_string(*ttl) : std::string();
  }

  // name,[name,]address[,address][,ttl]
  void host_record(const std::string& value) {
    auto parts = split(value, ',');
    std::vector<std::string> names;
    std::vector<IpAddress> addresses;
    std::optional<std::uint32_t> ttl;
    for (const std::string& part : parts) {
      if (const auto address = IpAddress::parse(part)) {
        addresses.push_back(*address);
      } else if (const auto number = number_of(part); number && !names.empty()) {
        ttl = number;
      } else {
        names.push_back(part);
      }
    }
    if (names.empty() || addresses.empty()) return draft_.refuse("needs a name and an address");
    for (const std::string& name : names) {
      for (const IpAddress& address : addresses) {
        const std::string type = address.is_v6 ? " AAAA " : " A ";
        if (!record(name + ttl_words(ttl) + type + address.to_text())) return;
      }
    }
  }
  // alias,[alias,]target[,ttl]
  void cname(const std::string& value) {
    auto parts = split(value, ',');
    std::optional<std::uint32_t> ttl;
    if (parts.size() > 2) ttl = number_of(parts.back());
    if (ttl) parts.pop_back();
    if (parts.size() < 2) return draft_.refuse("needs an alias and a name");
    for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
      if (parts[i].starts_with('*')) {
        return draft_.refuse(
            "aliases of every name in a domain are not there; write them one by one");
      }
      if (!record(parts[i] + ttl_words(ttl) + " CNAME " + parts.back())) return;
    }
  }
  void ptr_record(const std::string& value) {
    const auto parts = split(value, ',');
    if (parts.size() != 2) return draft_.refuse("needs a name and where it points to");
    record(parts[0] + " PTR " + parts[1]);
  }
  void txt_record(const std::string& value) {
    const auto parts = split(value, ',');
    std::string text = parts[0] + " TXT";
    for (std::size_t i = 1; i < parts.size() || i == 1; ++i) {
      text += " \"";
      for (const char c : i < parts.size() ? parts[i] : std::string()) {
        if (c == '"' || c == '\\') text += '\\';
        text += c;
      }
      text += '"';
    }
    record(text);
  }
  // _service._protocol[.domain][,target[,port[,priority[,weight]]]]
  void srv_host(const std::string& value) {
    auto parts = split(value, ',');
    std::string name = parts[0];
    const bool lacks_domain = std::ranges::count(name, '.') == 1;
    if (lacks_domain && !config_.local.domain) {
      return draft_.refuse("needs the domain behind service and protocol");
    }
    if (lacks_domain) name += '.' + config_.local.domain->to_text();
    parts.resize(5);
    const auto or_else = [&](std::size_t i, const char* other) {
      return parts[i].empty() ? std::string(other) : parts[i];
    };
    record(name + " SRV " + or_else(3, "0") + ' ' + or_else(4, "0") + ' ' + or_else(2, "1") + ' ' +
           or_else(1, "."));
  }
  // name[,host][,preference]
  void mx_host(const std::string& value) {
    auto parts = split(value, ',');
    std::string preference = "1";
    if (parts.size() > 1 && number_of(parts.back())) {
      preference = parts.back();
      parts.pop_back();
    }
    if (parts.size() > 1) {
      record(parts[0] + " MX " + preference + ' ' + parts[1]);
    } else {
      mail_without_host_.emplace_back(parts[0], preference, draft_.current());
    }
  }
  void mx_target(const std::string& value) {
    mail_target_ = value;
    draft_.translate("the mail server of mx-host lines that name none");
  }

  std::vector<std::pair<std::filesystem::path, Index>> more_hosts_;
  std::optional<Index> no_hosts_line_;
  std::optional<Index> expand_line_;
  std::vector<std::tuple<std::string, std::string, Index>> mail_without_host_;
  std::string mail_target_;
  bool has_local_ttl_ = false;
};

}  // namespace

std::unique_ptr<Section> make_records(Context& context) {
  return std::make_unique<Records>(context);
}

}  // namespace dnscache::cli::dnsmasq
