// Whether lookups come to the cache, seen at the cache.
#pragma once

#include <filesystem>

#include "cli/ask/stub_resolver.hpp"
#include "resolver/base/error.hpp"

namespace dnscache::cli {

/// A name in `zone` that nobody has asked for before.
std::string new_name_in(const std::string& zone);

/// ExitCode::check_failed: the lookup did not come to the cache. Any other error is the lookup's.
///
/// Looks up, as glibc does with this resolver, a name that only this engine has an answer for.
Result<void> check_way_of_glibc(StubResolver& resolver, const std::filesystem::path& control);
/// The same by D-Bus through systemd-resolved, as nss-resolve does.
Result<void> check_way_of_resolved(const std::filesystem::path& control);

}  // namespace dnscache::cli
