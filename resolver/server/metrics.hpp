// What the engine counts, for Prometheus and its kin, over HTTP.
#pragma once

#include <asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "resolver/server/status.hpp"

namespace dnscache {

/// The two text forms that monitoring systems ask for.
enum class MetricsFormat {
  prometheus,   ///< text exposition format 0.0.4
  openmetrics,  ///< OpenMetrics 1.0.0
};

/// All metrics as text. Names begin with "dnscachectl_"; units are seconds and bytes.
std::string metrics_as_text(const StatusSources& sources, MetricsFormat format);

/// A TCP listener that answers `GET /metrics` and nothing else, one request per connection.
class MetricsListener {
 public:
  using Text = std::function<std::string(MetricsFormat)>;
  /// An error, in one line, when the address cannot be listened on.
  static Result<std::unique_ptr<MetricsListener>> open(asio::io_context& io,
                                                       const Endpoint& endpoint, Text text);
  ~MetricsListener();
  const Endpoint& endpoint() const;

 private:
  struct State;
  explicit MetricsListener(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

}  // namespace dnscache
