// Which answers Unbound lets pass, DNSSEC among them.
#include <utility>

#include "cli/import/unbound/section.hpp"

namespace dnscache::cli::unbound {
namespace {

class Answers : public Section {
 public:
  using Section::Section;

  Handlers handlers() override {
    return {{"private-address", call(this, &Answers::private_address)},
            {"private-domain", call(this, &Answers::private_domain)},
            {"module-config", call(this, &Answers::module_config)},
            {"auto-trust-anchor-file", call(this, &Answers::auto_trust_anchor_file)},
            {"trust-anchor-file", call(this, &Answers::trust_anchor_file)},
            {"trust-anchor", call(this, &Answers::trust_anchor)},
            {"domain-insecure", call(this, &Answers::domain_insecure)},
            {"val-permissive-mode", call(this, &Answers::permissive)},
            {"use-caps-for-id", call(this, &Answers::use_caps_for_id)},
            {"rrset-roundrobin", call(this, &Answers::rrset_roundrobin)},
            {"ratelimit", call(this, &Answers::ratelimit)}};
  }

  void finish() override {
    if (!validates_ || is_permissive_) return;
    if (!can_validate) {
      draft_.go_to(*validates_);
      return draft_.refuse("this program was built without libunbound");
    }
    config_.dnssec.mode = DnssecMode::validate;
    draft_.note("dnssec.mode", *validates_);
  }

 private:
  void private_address(const Attribute& attribute) {
    const auto network = Network::parse(attribute.value());
    if (!network) return draft_.refuse(in_quotes(attribute.value()) + " is not a network");
    if (!network->address.is_private()) {
      return draft_.refuse(
          "rebind_protection knows private addresses only; use ignore_addresses or bogus_nxdomain");
    }
    RebindConfig& rebind = config_.rebind_protection;
    rebind.enabled = true;
    rebind.private_upstreams = false;
    draft_.note("rebind_protection.enabled");
    draft_.note("rebind_protection.private_upstreams");
    draft_.translate("rebind_protection.enabled, for all private addresses");
  }
  void private_domain(const Attribute& attribute) {
    const auto zone = name_of(attribute.value());
    if (!zone) return draft_.refuse(in_quotes(attribute.value()) + " is not a domain name");
    draft_.add_new(config_.rebind_protection.allow, "rebind_protection.allow", *zone);
    draft_.translate("rebind_protection.allow");
  }

  void module_config(const Attribute& attribute) {
    std::string modules = ' ' + attribute.value() + ' ';
    for (const std::string_view known : {"validator", "iterator"}) {
      const auto at = modules.find(' ' + std::string(known) + ' ');
      if (at != std::string::npos) modules.erase(at, known.size() + 1);
    }
    if (trim(modules).empty()) {
      return draft_.not_needed("dnssec.mode is validate when there is a trust anchor");
    }
    draft_.refuse("there are no modules " + in_quotes(trim(modules)) + "; leave them out");
  }
  void auto_trust_anchor_file(const Attribute&) {
    validates_ = draft_.current();
    draft_.translate("dnssec.mode: validate, with the root's keys of dns-root-data");
  }
  void trust_anchor_file(const Attribute& attribute) {
    validates_ = draft_.current();
    if (!std::exchange(has_anchor_, true)) config_.dnssec.trust_anchors.clear();
    draft_.add_new(config_.dnssec.trust_anchors, "dnssec.trust_anchors",
                   absolute_path(attribute.value()).string());
    draft_.translate("dnssec.mode: validate, and dnssec.trust_anchors");
  }
  void trust_anchor(const Attribute& attribute) {
    const auto anchor = parse_trust_anchor(attribute.value());
    if (!anchor) return draft_.refuse(in_quotes(attribute.value()) + ' ' + anchor.error().message);
    validates_ = draft_.current();
    if (!std::exchange(has_anchor_, true)) config_.dnssec.trust_anchors.clear();
    draft_.add_new(config_.dnssec.trust_anchors, "dnssec.trust_anchors", *anchor);
    draft_.translate("dnssec.mode: validate, and dnssec.trust_anchors");
  }
  void domain_insecure(const Attribute& attribute) {
    const auto zone = name_of(attribute.value());
    if (!zone) return draft_.refuse(in_quotes(attribute.value()) + " is not a domain name");
    draft_.add_new(config_.dnssec.negative_trust_anchors, "dnssec.negative_trust_anchors", *zone);
    draft_.translate("dnssec.negative_trust_anchors");
  }
  void permissive(const Attribute& attribute) {
    const auto value = yes_or_no(attribute);
    if (!value) return;
    is_permissive_ = *value;
    if (!*value) return draft_.not_needed("is so");
    draft_.refuse("dnssec.mode: passthrough; what is validated here is also enforced");
  }

  void use_caps_for_id(const Attribute& attribute) {
    const auto value = yes_or_no(attribute);
    if (!value) return;
    config_.randomize_case = *value;
    draft_.keep("randomize_case", *value ? "true" : "false");
  }
  void rrset_roundrobin(const Attribute& attribute) {
    const auto value = yes_or_no(attribute);
    if (!value) return;
    config_.round_robin = *value;
    draft_.keep("round_robin", *value ? "true" : "false");
  }
  void ratelimit(const Attribute& attribute) {
    if (attribute.value() == "0") return draft_.not_needed("zones have no limit");
    draft_.refuse("upstreams are limited by quota.packets_per_second, zones are not");
  }

  std::optional<Index> validates_;
  bool is_permissive_ = false;
  bool has_anchor_ = false;
};

}  // namespace

std::unique_ptr<Section> make_answers(Draft& draft) { return std::make_unique<Answers>(draft); }

}  // namespace dnscache::cli::unbound
