// Options whose answer is always the same.
#pragma once

#include <map>
#include <optional>
#include <string_view>

#include "cli/import/translation.hpp"

namespace dnscache::cli::dnsmasq {

struct Remark {
  LineResult result;
  std::string_view why;
};

const std::map<std::string_view, Remark>& remarks();

/// What belongs to the other services in dnsmasq.
std::optional<Remark> remark_on_family(std::string_view option);

}  // namespace dnscache::cli::dnsmasq
