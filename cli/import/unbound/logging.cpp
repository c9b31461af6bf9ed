// What Unbound writes down.
#include "cli/import/unbound/section.hpp"

namespace dnscache::cli::unbound {
namespace {

class Logging : public Section {
 public:
  using Section::Section;

  Handlers handlers() override {
    return {{"verbosity", call(this, &Logging::verbosity)},
            {"log-queries", call(this, &Logging::log_queries)},
            {"log-replies", call(this, &Logging::log_queries)},
            {"log-servfail", call(this, &Logging::log_servfail)},
            {"logfile", call(this, &Logging::logfile)}};
  }

  void finish() override {
    if (!file_line_) return;
    draft_.go_to(*file_line_);
    QueryLogConfig& log = config_.query_log;
    if (log.level == QueryLogLevel::off) return draft_.not_needed("messages go to the journal");
    log.file = "/var/log/dnscachectl/queries.log";
    draft_.note("query_log.file");
    draft_.translate("query_log.file: " + log.file.string() + ", where the service may write");
  }

 private:
  void verbosity(const Attribute& attribute) {
    const auto number = number_of(attribute.value());
    if (!number) return draft_.refuse(in_quotes(attribute.value()) + " is not a number");
    config_.log_level = *number == 0   ? LogLevel::error
                        : *number <= 2 ? LogLevel::info
                                       : LogLevel::debug;
    draft_.note("log_level");
    draft_.translate(*number == 0   ? "log_level: error"
                     : *number <= 2 ? "log_level: info"
                                    : "log_level: debug");
  }
  void log_queries(const Attribute& attribute) {
    const auto value = yes_or_no(attribute);
    if (!value) return;
    if (!*value) return draft_.not_needed("is so");
    config_.query_log.level = QueryLogLevel::all;
    draft_.note("query_log.level");
    draft_.translate("query_log.level: all");
  }
  void log_servfail(const Attribute& attribute) {
    const auto value = yes_or_no(attribute);
    if (!value) return;
    if (!*value) return draft_.not_needed("is so");
    if (config_.query_log.level == QueryLogLevel::off) {
      config_.query_log.level = QueryLogLevel::errors;
      draft_.note("query_log.level");
    }
    draft_.translate("query_log.level: errors");
  }
  void logfile(const Attribute& attribute) {
    if (attribute.value().empty()) return draft_.not_needed("messages go to the journal");
    file_line_ = draft_.current();
    draft_.not_needed("messages go to the journal");
  }

  std::optional<Index> file_line_;
};

}  // namespace

std::unique_ptr<Section> make_logging(Draft& draft) { return std::make_unique<Logging>(draft); }

}  // namespace dnscache::cli::unbound
