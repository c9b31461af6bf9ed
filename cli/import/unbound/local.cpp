// Names that Unbound knows itself: local-zone and local-data.
#include <set>

#include "cli/import/unbound/section.hpp"
#include "resolver/config/record.hpp"
#include "resolver/wire/protocol.hpp"

namespace dnscache::cli::unbound {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::vector<IpAddress> null_addresses() {
  return {*IpAddress::parse("0.0.0.0"), *IpAddress::parse("::")};
}

class Local : public Section {
 public:
  using Section::Section;

  Handlers handlers() override {
    return {{"local-zone", call(this, &Local::local_zone)},
            {"local-data", call(this, &Local::local_data)},
            {"local-data-ptr", call(this, &Local::local_data_ptr)},
            {"unblock-lan-zones", call(this, &Local::unblock_lan_zones)}};
  }

  void finish() override {
    finish_records();
    finish_zones();
    config_.local.hosts_files.clear();
    draft_.origins()["local.hosts_files"] = {"unbound reads no hosts file"};
    config_.local.ttl = 1h;
    draft_.origins()["local.ttl"] = {"unbound's default for local-data"};
    if (config_.bogus_priv == BogusPriv::automatic) {
      config_.bogus_priv = BogusPriv::always;
      draft_.origins()["bogus_priv"] = {"unbound without unblock-lan-zones"};
    }
  }

 private:
  struct Zone {
    std::string type;
    Index line;
  };

  void local_zone(const Attribute& attribute) {
    const auto name = attribute.value() == "." ? Name() : name_of(attribute.value());
    const std::string& type = attribute.value(1);
    if (!name) return draft_.refuse(in_quotes(attribute.value()) + " is not a domain name");
    static const std::map<std::string_view, std::pair<LineResult, std::string_view>> types{
        {"static", {LineResult::translated, "local.zones without addresses, and local.records"}},
        {"always_nxdomain", {LineResult::translated, "local.zones without addresses: NXDOMAIN"}},
        {"always_null", {LineResult::translated, "local.zones: 0.0.0.0 and ::"}},
        {"redirect", {LineResult::translated, "local.zones with the addresses of its local-data"}},
        {"deny", {LineResult::refused, "local.zones: NXDOMAIN; queries are not dropped"}},
        {"always_deny", {LineResult::refused, "local.zones: NXDOMAIN; queries are not dropped"}},
        {"refuse", {LineResult::refused, "local.zones: NXDOMAIN instead of REFUSED"}},
        {"always_refuse", {LineResult::refused, "local.zones: NXDOMAIN instead of REFUSED"}},
        {"transparent", {LineResult::not_needed, "names without local-data are resolved anyway"}},
        {"always_transparent",
         {LineResult::refused, "local.records are always answered; leave the local-data out"}},
        {"typetransparent",
         {LineResult::refused, "a name in local.records has no records but those"}},
        {"inform", {LineResult::refused, "use query_log; the zone is resolved"}},
        {"nodefault", {LineResult::not_needed, "a route stands above the private reverse zones"}}};
    const auto known = types.find(type);
    if (known == types.end()) {
      return draft_.refuse("there is no such zone; block its names by local.block.files instead");
    }
    draft_.finish_line(known->second.first, std::string(known->second.second));
    zones_[*name] = {type, draft_.current()};
  }

  // "name [ttl] [IN] TYPE data"
  void local_data(const Attribute& attribute) {
    // Several words are meant as one where somebody has left the quotes out.
    auto words = words_of(joined(attribute.values));
    if (words.size() > 2) {
      const std::size_t at = number_of(words[1]) ? 2 : 1;
      if (words[at] == "IN" || words[at] == "in") {
        words.erase(words.begin() + static_cast<std::ptrdiff_t>(at));
      }
    }
    for (std::size_t i = 1; i < words.size() && i < 3; ++i) {
      if (words[i] == "SOA" || words[i] == "NS") {
        return draft_.not_needed("negative responses have an SOA record of their own");
      }
    }
    add_record(joined(words));
  }
  // "192.0.2.3 [ttl] name"
  void local_data_ptr(const Attribute& attribute) {
    const auto words = words_of(joined(attribute.values));
    const auto address = words.empty() ? std::nullopt : IpAddress::parse(words.front());
    if (!address || words.size() < 2) return draft_.refuse("needs an address and a name");
    const std::string ttl = words.size() > 2 ? words[1] + ' ' : std::string();
    add_record(reverse_name(*address).to_text() + ' ' + ttl + "PTR " + words.back());
  }
  void add_record(const std::string& text) {
    auto record = parse_record(text);
    if (!record) {
      return draft_.refuse("the record " + in_quotes(text) + ' ' + record.error().message);
    }
    records_.push_back({std::move(*record), draft_.current()});
    draft_.translate("local.records");
  }
  void unblock_lan_zones(const Attribute& attribute) {
    const auto value = yes_or_no(attribute);
    if (!value) return;
    config_.bogus_priv = *value ? BogusPriv::never : BogusPriv::always;
    draft_.note("bogus_priv");
    draft_.translate(std::string("bogus_priv: ") + (*value ? "false" : "true"));
  }

  bool is_redirected(const Name& name) const {
    const auto zone = zones_.find(name);
    return zone != zones_.end() && zone->second.type == "redirect";
  }

  // The addresses of a zone that redirects are the zone's; other records are the configuration's.
  void finish_records() {
    for (auto& [record, line] : records_) {
      draft_.go_to(line);
      const bool is_address = record.type == rr_type::a || record.type == rr_type::aaaa;
      if (!is_redirected(record.name)) {
        draft_.add_new(config_.local.records, "local.records", record);
      } else if (is_address) {
        addresses_[record.name].push_back({IpAddress::from_bytes(record.data), line});
        draft_.translate("local.zones");
      } else {
        draft_.refuse("a zone has addresses for all its names, and nothing else");
      }
    }
  }

  void finish_zones() {
    static const std::set<std::string_view> without_effect{
        "transparent", "always_transparent", "typetransparent", "inform", "nodefault"};
    for (const auto& [name, zone] : zones_) {
      if (without_effect.contains(zone.type)) continue;
      draft_.go_to(zone.line);
      LocalZoneConfig local{name, {}};
      const std::string key = "local.zones[" + std::to_string(config_.local.zones.size()) + ']';
      draft_.note(key);
      if (zone.type == "always_null") local.addresses = null_addresses();
      for (const auto& [address, line] : addresses_[name]) {
        draft_.note(key, line);
        if (std::ranges::find(local.addresses, address) == local.addresses.end()) {
          local.addresses.push_back(address);
        }
      }
      config_.local.zones.push_back(std::move(local));
    }
  }

  std::map<Name, Zone> zones_;
  std::map<Name, std::vector<std::pair<IpAddress, Index>>> addresses_;
  std::vector<std::pair<LocalRecord, Index>> records_;
};

}  // namespace

std::unique_ptr<Section> make_local(Draft& draft) { return std::make_unique<Local>(draft); }

}  // namespace dnscache::cli::unbound
