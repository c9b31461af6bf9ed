// What dnsmasq writes down.
#include "cli/import/dnsmasq/section.hpp"

namespace dnscache::cli::dnsmasq {
namespace {

class Logging : public Section {
 public:
  using Section::Section;

  Handlers handlers() override {
    return {{"log-debug", call(this, &Logging::log_debug)},
            {"log-queries", call(this, &Logging::log_queries)},
            {"log-facility", call(this, &Logging::log_facility)}};
  }

 private:
  void log_debug(const std::string&) {
    config_.log_level = LogLevel::debug;
    draft_.note("log_level");
    draft_.translate("log_level: debug");
  }

  void log_queries(const std::string&) {
    config_.query_log.level = QueryLogLevel::all;
    draft_.note("query_log.level");
    draft_.translate("query_log.level: all");
  }
  void log_facility(const std::string& value) {
    if (value.starts_with('/')) {
      take_once(log_file_line_);
    } else {
      draft_.not_needed("messages go to standard error, which systemd keeps in the journal");
    }
  }
  void finish() override {
    if (!log_file_line_) return;
    draft_.go_to(*log_file_line_);
    QueryLogConfig& log = config_.query_log;
    if (log.level == QueryLogLevel::off) {
      return draft_.not_needed("without log-queries only a few messages go to the journal");
    }
    log.file = "/var/log/dnscachectl/queries.log";
    draft_.note("query_log.file");
    draft_.translate("query_log.file: " + log.file.string() + ", where the service may write");
  }

  std::optional<Index> log_file_line_;
};

}  // namespace

std::unique_ptr<Section> make_logging(Context& context) {
  return std::make_unique<Logging>(context);
}

}  // namespace dnscache::cli::dnsmasq
