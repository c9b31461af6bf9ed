// Notices when the machine's network changes.
#pragma once

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <functional>

namespace dnscache {

/// Listens to the kernel (rtnetlink(7)), which needs no rights. Where that is not allowed, nothing
/// is noticed.
class NetworkWatch {
 public:
  /// `groups` are of <linux/rtnetlink.h>, such as RTMGRP_LINK; `changed` is called on the
  /// io_context's thread, for several changes together.
  NetworkWatch(asio::io_context& io, std::uint32_t groups, std::function<void()> changed);

 private:
  void wait();

  asio::posix::stream_descriptor events_;
  std::function<void()> changed_;
};

}  // namespace dnscache
