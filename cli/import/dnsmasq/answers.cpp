// Which answers dnsmasq lets pass, DNSSEC among them.
#include "cli/import/dnsmasq/section.hpp"
#include "resolver/wire/protocol.hpp"

namespace dnscache::cli::dnsmasq {
namespace {

class Answers : public Section {
 public:
  using Section::Section;

  Handlers handlers() override {
    return {{"bogus-priv", call(this, &Answers::bogus_priv)},
            {"domain-needed", call(this, &Answers::domain_needed)},
            {"filter-A", call(this, &Answers::filter_a)},
            {"filter-AAAA", call(this, &Answers::filter_aaaa)},
            {"filter-rr", call(this, &Answers::filter_rr)},
            {"no-round-robin", call(this, &Answers::no_round_robin)},
            {"stop-dns-rebind", call(this, &Answers::stop_dns_rebind)},
            {"rebind-domain-ok", call(this, &Answers::rebind_domain_ok)},
            {"rebind-localhost-ok", call(this, &Answers::rebind_localhost_ok)},
            {"dnssec", call(this, &Answers::dnssec)},
            {"dnssec-check-unsigned", call(this, &Answers::dnssec_check_unsigned)},
            {"trust-anchor", call(this, &Answers::trust_anchor)},
            {"bogus-nxdomain", call(this, &Answers::bogus_nxdomain)},
            {"ignore-address", call(this, &Answers::ignore_address)}};
  }

 private:
  void bogus_priv(const std::string&) {
    config_.bogus_priv = BogusPriv::always;
    draft_.keep("bogus_priv", "true");
  }
  void domain_needed(const std::string&) {
    config_.domain_needed = true;
    draft_.keep("domain_needed", "true");
  }
  void filter_a(const std::string&) {
    config_.filter_a = true;
    draft_.keep("filter_a", "true");
  }
  void no_round_robin(const std::string&) {
    config_.round_robin = false;
    draft_.keep("round_robin", "false");
  }
  void filter_aaaa(const std::string&) {
    config_.filter_aaaa = true;
    draft_.keep("filter_aaaa", "true");
  }
  void filter_rr(const std::string& value) {
    for (const std::string& type : split(value, ',')) {
      if (type_from_text(type) == rr_type::a) {
        filter_a({});
      } else if (type_from_text(type) == rr_type::aaaa) {
        filter_aaaa({});
      } else {
        return draft_.refuse("records of type " + in_quotes(type) +
                             " cannot be left out of answers");
      }
    }
    draft_.translate("filter_a, filter_aaaa");
  }
  void stop_dns_rebind(const std::string&) {
    RebindConfig& rebind = config_.rebind_protection;
    rebind.enabled = true;
    rebind.private_upstreams = false;
    draft_.note("rebind_protection.enabled");
    draft_.note("rebind_protection.private_upstreams");
    draft_.translate("rebind_protection: enabled, also for upstreams with private addresses");
  }
  void rebind_domain_ok(const std::string& value) {
    const Domains domains = split_domains(value);
    std::vector<std::string> texts = domains.domains;
    if (!domains.rest.empty()) texts.push_back(domains.rest);
    for (const std::string& text : texts) {
      const auto zone = name_of(text);
      if (!zone) return draft_.refuse(in_quotes(text) + " is not a domain name");
      draft_.add_new(config_.rebind_protection.allow, "rebind_protection.allow", *zone);
    }
    draft_.translate("rebind_protection.allow");
  }
  void rebind_localhost_ok(const std::string&) {
    config_.rebind_protection.allow_localhost = true;
    draft_.note("rebind_protection.allow_localhost");
    draft_.translate("rebind_protection.allow_localhost: true");
  }
  void add_networks(const std::string& value, const std::string& key, std::vector<Network>& list) {
    for (const std::string& text : split(value, ',')) {
      const auto network = Network::parse(text);
      if (!network) return draft_.refuse(in_quotes(text) + " is not an IP address");
      draft_.add_new(list, key, *network);
    }
    draft_.translate(key);
  }
  void bogus_nxdomain(const std::string& value) {
    add_networks(value, "bogus_nxdomain", config_.bogus_nxdomain);
  }
  void ignore_address(const std::string& value) {
    add_networks(value, "ignore_addresses", config_.ignore_addresses);
  }

  void dnssec(const std::string&) {
    if (!can_validate) return draft_.refuse("this program was built without libunbound");
    config_.dnssec.mode = DnssecMode::validate;
    draft_.note("dnssec.mode");
    draft_.translate("dnssec.mode: validate");
  }
  void dnssec_check_unsigned(const std::string& value) {
    if (value != "no") {
      return draft_.not_needed("unsigned answers are always checked when dnssec is on");
    }
    draft_.refuse(
        "an answer without the signatures that its zone must have counts as forged; name the "
        "zone in dnssec.negative_trust_anchors");
  }
  // trust-anchor=[<class>],<domain>,<key-tag>,<algorithm>,<digest-type>,<digest>
  void trust_anchor(const std::string& value) {
    auto parts = split(value, ',');
    if (!parts.empty() && (parts[0].empty() || parts[0] == "IN")) parts.erase(parts.begin());
    if (parts.size() == 2)
      return draft_.refuse("name the zone in dnssec.negative_trust_anchors instead");
    if (parts.size() != 5) return draft_.refuse("has not the form of a trust anchor");
    std::string record = (parts[0] == "." ? "." : parts[0] + '.') + " DS";
    for (std::size_t i = 1; i < parts.size(); ++i) record += ' ' + parts[i];
    const auto anchor = parse_trust_anchor(record);
    if (!anchor) return draft_.refuse(in_quotes(record) + ' ' + anchor.error().message);
    std::vector<std::string>& anchors = config_.dnssec.trust_anchors;
    if (!std::exchange(has_trust_anchor_, true)) anchors.clear();
    draft_.add_new(anchors, "dnssec.trust_anchors", *anchor);
    draft_.translate("dnssec.trust_anchors");
  }

  void finish() override {
    if (config_.bogus_priv == BogusPriv::always) return;
    config_.bogus_priv = BogusPriv::never;
    draft_.origins()["bogus_priv"] = {"dnsmasq without bogus-priv"};
  }

  bool has_trust_anchor_ = false;
};

}  // namespace

std::unique_ptr<Section> make_answers(Context& context) {
  return std::make_unique<Answers>(context);
}

}  // namespace dnscache::cli::dnsmasq
