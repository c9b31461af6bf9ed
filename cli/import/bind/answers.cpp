// Which answers BIND lets pass, DNSSEC among them, and what it logs.
#include "cli/import/bind/section.hpp"

namespace dnscache::cli::bind {
namespace {

class Answers : public Section {
 public:
  using Section::Section;

  Handlers options() override {
    return {{"dnssec-validation", call(this, &Answers::dnssec_validation)},
            {"dnssec-enable", call(this, &Answers::dnssec_enable)},
            {"validate-except", call(this, &Answers::validate_except)},
            {"querylog", call(this, &Answers::querylog)}};
  }
  Handlers statements() override { return {{"logging", call(this, &Answers::logging)}}; }

  void finish() override {
    config_.local.hosts_files.clear();
    draft_.origins()["local.hosts_files"] = {"named reads no hosts file"};
    if (has_validation_ || !can_validate) return;
    config_.dnssec.mode = DnssecMode::validate;
    draft_.origins()["dnssec.mode"] = {"named without dnssec-validation"};
  }

 private:
  void dnssec_validation(const Statement& statement) {
    has_validation_ = true;
    const std::string& value = statement.word(1);
    const bool is_on = value == "auto" || bool_of(value).value_or(false);
    if (!is_on && !bool_of(value)) return refuse_value(statement);
    if (is_on && !can_validate) return draft_.refuse("this program was built without libunbound");
    config_.dnssec.mode = is_on ? DnssecMode::validate : DnssecMode::passthrough;
    draft_.note("dnssec.mode");
    draft_.translate(is_on ? "dnssec.mode: validate" : "dnssec.mode: passthrough");
  }
  void dnssec_enable(const Statement&) { draft_.not_needed("dnssec.mode says what is done"); }
  void validate_except(const Statement& statement) {
    for (const Statement& one : statement.block) {
      const auto zone = name_of(one.word(0));
      if (!zone) return draft_.refuse(in_quotes(one.word(0)) + " is not a domain name");
      draft_.add_new(config_.dnssec.negative_trust_anchors, "dnssec.negative_trust_anchors", *zone);
    }
    draft_.translate("dnssec.negative_trust_anchors");
  }
  void querylog(const Statement& statement) {
    const auto value = bool_of(statement.word(1));
    if (!value) return refuse_value(statement);
    config_.query_log.level = *value ? QueryLogLevel::all : QueryLogLevel::off;
    draft_.note("query_log.level");
    draft_.translate(*value ? "query_log.level: all" : "query_log.level: off");
  }
  void logging(const Statement& statement) {
    for (const Statement& one : statement.block) {
      if (one.word(0) != "category" || one.word(1) != "queries") continue;
      const bool is_off = one.block.size() == 1 && one.block[0].word(0) == "null";
      if (is_off) continue;
      config_.query_log.level = QueryLogLevel::all;
      draft_.note("query_log.level");
      return draft_.translate("query_log.level: all; messages go to the journal");
    }
    draft_.not_needed("messages go to the journal");
  }

  bool has_validation_ = false;
};

}  // namespace

std::unique_ptr<Section> make_answers(Draft& draft, const std::filesystem::path& file) {
  return std::make_unique<Answers>(draft, file);
}

}  // namespace dnscache::cli::bind
