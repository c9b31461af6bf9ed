#include "cli/commands/flush.hpp"

#include <fmt/format.h>

#include "cli/ask/control_client.hpp"
#include "cli/show/output.hpp"
#include "resolver/wire/name.hpp"
#include "resolver/wire/protocol.hpp"

namespace dnscache::cli {

namespace {

Result<nlohmann::json> request_for(const FlushOptions& options) {
  nlohmann::json request = {{"command", "flush"}};
  if (options.is_all) return request;
  if (options.is_negative) {
    request["negative"] = true;
    return request;
  }
  if (options.name.empty() && options.zone.empty()) {
    return Error{"nothing to flush; give a name, --zone ZONE, --negative or --all",
                 ExitCode::usage};
  }
  const auto& text = options.zone.empty() ? options.name : options.zone;
  const auto name = Name::parse(text);
  if (!name) return Error{fmt::format("'{}' is not a domain name", text), ExitCode::usage};
  request[options.zone.empty() ? "name" : "zone"] = name->to_text();
  if (options.type.empty()) return request;
  if (type_from_text(options.type) == 0) {
    return Error{fmt::format("'{}' is not a record type", options.type), ExitCode::usage};
  }
  request["type"] = options.type;
  return request;
}

}  // namespace

Result<ExitCode> run_flush(const FlushOptions& options) {
  const auto request = request_for(options);
  if (!request) return request.error();
  const auto reply = ask_engine(control_path(options.control), *request);
  if (!reply) return reply.error();
  const auto flushed = reply->value("flushed", std::uint64_t{0});
  if (options.is_json) {
    print_json({{"schema", 1}, {"flushed", flushed}});
  } else {
    print(format_counted(flushed, "answer") + " flushed\n");
  }
  return ExitCode::done;
}

}  // namespace dnscache::cli
