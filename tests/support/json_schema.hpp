// Whether JSON is as its schema in templates/schemas says.
#pragma once

#include <string>

namespace dnscache::test {

/// What is wrong with `document`, the output of `dnscachectl COMMAND --json`; empty: nothing. Needs
/// python3-jsonschema, and says so where it is missing.
std::string schema_problems(const std::string& command, const std::string& document);

}  // namespace dnscache::test
