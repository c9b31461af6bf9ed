#include "resolver/server/query_log.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <thread>

namespace dnscache {
namespace {

constexpr std::size_t bytes_of_line = 512;  // in the queue

// A packet in which no question could be read has "-" in place of name and type.
std::string question_text(const Question& question) {
  if (question.type == 0) return "- -";
  return question.name.to_text() + ' ' + type_text(question.type);
}

std::string line_of(const LoggedQuery& query) {
  std::string line =
      fmt::format("{} {} {} {} {}", query.client ? query.client->to_text() : "?",
                  query.transport == Transport::udp ? "udp" : "tcp", question_text(query.question),
                  rcode_text(query.rcode), query.origin);
  if (query.took) {
    line +=
        fmt::format(" {:.1f}ms", std::chrono::duration<double, std::milli>(*query.took).count());
  }
  if (query.upstream) line += " server=" + query.upstream->to_text();
  if (query.extended_error != ExtendedError::none) {
    line += fmt::format(" ede={}", static_cast<unsigned>(query.extended_error));
  }
  return line;
}

std::string json_line_of(const LoggedQuery& query) {
  return to_json(query, std::chrono::system_clock::now()).dump(-1, ' ', true);
}

bool is_error(const LoggedQuery& query) {
  return query.rcode != Rcode::no_error && query.rcode != Rcode::nx_domain;
}

}  // namespace

nlohmann::json to_json(const LoggedQuery& query, std::chrono::system_clock::time_point time) {
  nlohmann::json line{{"time", std::chrono::duration<double>(time.time_since_epoch()).count()},
                      {"name", query.is_malformed ? "(malformed)" : query.question.name.to_text()},
                      {"type", type_text(query.question.type)},
                      {"transport", query.transport == Transport::udp ? "udp" : "tcp"},
                      {"rcode", rcode_text(query.rcode)},
                      {"origin", query.origin}};
  if (query.client) line["client"] = query.client->to_text();
  if (query.upstream) line["upstream"] = query.upstream->to_text();
  if (query.took) {
    line["took_ms"] = std::chrono::duration<double, std::milli>(*query.took).count();
  }
  if (query.extended_error != ExtendedError::none) {
    line["extended_error"] = {{"code", static_cast<unsigned>(query.extended_error)},
                              {"text", extended_error_text(query.extended_error)}};
  }
  return line;
}

/// The thread, its queue and where it writes to.
struct QueryLog::Writer {
  Writer(std::shared_ptr<spdlog::sinks::sink> sink, QueryLogFormat f, std::size_t queue_size)
      : format(f),
        pool(std::make_shared<spdlog::details::thread_pool>(queue_size, 1)),
        logger(std::make_shared<spdlog::async_logger>(
            "queries", std::move(sink), pool, spdlog::async_overflow_policy::overrun_oldest)) {
    logger->set_pattern(format == QueryLogFormat::json ? "%v" : "%Y-%m-%dT%H:%M:%S.%e%z %v");
    logger->flush_on(spdlog::level::info);
  }

  QueryLogFormat format;
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::async_logger> logger;
};

// The last lines of a writer may wait for a disk; nobody else does.
void QueryLog::retire(std::shared_ptr<Writer> writer) {
  std::thread([last = std::move(writer)]() mutable {
    while (last.use_count() > 1)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));  // by add()
    last.reset();
  }).detach();
}

QueryLog::QueryLog(std::size_t memory)
    : queue_size_(std::max<std::size_t>(memory / bytes_of_line, 64)) {}
QueryLog::~QueryLog() = default;

Result<void> QueryLog::configure(const QueryLogConfig& config) {
  std::error_code no_file;
  // Opening a pipe would wait for its reader.
  if (const auto type = std::filesystem::status(config.file, no_file).type();
      type == std::filesystem::file_type::fifo) {
    return Error{"query_log: " + config.file.string() + " is a pipe; name a file"};
  }
  std::shared_ptr<Writer> fresh;
  try {
    if (config.level == QueryLogLevel::off) {
    } else if (config.file.empty()) {
      fresh = std::make_shared<Writer>(std::make_shared<spdlog::sinks::stderr_sink_mt>(),
                                       config.format, queue_size_);
    } else {
      fresh = std::make_shared<Writer>(
          std::make_shared<spdlog::sinks::basic_file_sink_mt>(config.file.string()), config.format,
          queue_size_);
    }
  } catch (const std::exception& error) {  // spdlog's, and a thread that cannot be started
    return Error{"query_log: " + std::string(error.what())};
  }
  if (auto old = writer_.exchange(std::move(fresh))) {
    dropped_before_ += old->pool->overrun_counter();
    retire(std::move(old));
  }
  level_ = config.level;
  return {};
}

void QueryLog::add(const LoggedQuery& query) {
  if (level_ == QueryLogLevel::errors && !is_error(query)) return;
  const std::shared_ptr<Writer> writer = writer_;
  if (!writer) return;
  const bool is_json = writer->format == QueryLogFormat::json;
  writer->logger->info("{}", is_json ? json_line_of(query) : line_of(query));
}

std::uint64_t QueryLog::dropped() const {
  const std::shared_ptr<Writer> writer = writer_;
  return dropped_before_ + (writer ? writer->pool->overrun_counter() : 0);
}

}  // namespace dnscache
