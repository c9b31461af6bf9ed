#include "tests/support/json_schema.hpp"

#include "tests/support/process.hpp"

namespace dnscache::test {

std::string schema_problems(const std::string& command, const std::string& document) {
  const std::string source = DNSCACHE_SOURCE_DIR;
  const TempDir folder;
  const auto file = folder.write("document.json", document);
  Process validator({"/usr/bin/python3", source + "/tests/support/validate_json.py",
                     source + "/templates/schemas/" + command + ".schema.json", file.string()});
  const auto status = validator.wait(std::chrono::seconds(30));
  if (status == 0) return "";
  return "not as " + command + ".schema.json says:\n" + validator.output() + validator.errors() +
         document;
}

}  // namespace dnscache::test
