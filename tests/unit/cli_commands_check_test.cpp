#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/commands/check.hpp"
#include "resolver/config/read.hpp"

using namespace dnscache;
using namespace dnscache::cli;

namespace {

/// A configuration file for one test.
class File {
 public:
  explicit File(std::string_view text) {
    std::string name = (std::filesystem::temp_directory_path() / "check-test-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    directory_ = name;
    std::ofstream(path()) << text;
  }
  ~File() { std::filesystem::remove_all(directory_); }
  std::filesystem::path path() const { return directory_ / "config.yaml"; }

 private:
  std::filesystem::path directory_;
};

/// What a run of the command did.
struct Run {
  explicit Run(const CheckOptions& options) {
    std::ostringstream out_stream;
    std::ostringstream err_stream;
    code = run_check(options, out_stream, err_stream);
    out = out_stream.str();
    err = err_stream.str();
  }
  ExitCode code;
  std::string out;
  std::string err;
};

}  // namespace

TEST_CASE("a valid file is one line that says what it amounts to") {
  const File file(
      "upstreams: [192.0.2.1, \"tls://192.0.2.2#dns.example\"]\nlisten: [127.0.0.1]\n"
      "routes: [{zone: a, upstreams: []}]\ncache: {size: 8MiB}\n");
  const Run run({file.path()});
  CHECK(run.code == ExitCode::done);
  CHECK(run.out == file.path().string() +
                       ": valid: listens on 127.0.0.1:53, 2 upstreams (192.0.2.1:53 and "
                       "tls://192.0.2.2:853#dns.example), 1 route, 8MiB of cache\n");
  CHECK(run.err.empty());
}

TEST_CASE("each problem is a line on stderr") {
  const File file("lisen: 1\nworkers: x\n");
  const Run run({file.path()});
  const std::string name = file.path().string();
  CHECK(run.code == ExitCode::check_failed);
  CHECK(run.out.empty());
  CHECK(run.err ==
        name + ":1:1: lisen: is not a setting (did you mean listen?)\n" + name +
            ":2:10: workers: \"x\" is not a whole number; allowed: a whole number from 1 "
            "to 256 or auto\n");
}

TEST_CASE("a named file must exist") {
  const Run run({"/nonexistent/config.yaml"});
  CHECK(run.code == ExitCode::check_failed);
  CHECK(run.err == "/nonexistent/config.yaml: cannot be opened: No such file or directory\n");
}

TEST_CASE("a valid file without reachable upstreams is valid, with a warning") {
  const File file("upstreams_from: /nonexistent\n");
  const Run run({file.path()});
  CHECK(run.code == ExitCode::done);
  CHECK_THAT(run.out, Catch::Contains("no upstreams yet"));
  CHECK_THAT(run.err, Catch::StartsWith("warning: /nonexistent: cannot be opened"));
}

TEST_CASE("what --print shows is a configuration file") {
  const File file("upstreams: [192.0.2.1]\nworkers: 3\n");
  const Run run({file.path(), false, true});
  CHECK(run.code == ExitCode::done);
  const ConfigReading reading = read_config(run.out, "f");
  REQUIRE(reading);
  CHECK(reading.config == read_config_file(file.path()).config);
}

TEST_CASE("JSON of a valid file") {
  const File file("upstreams: [192.0.2.1]\nroutes: [{zone: a, upstreams: [192.0.2.2]}]\n");
  const Run run({file.path(), true, true});
  CHECK(run.code == ExitCode::done);
  const auto json = nlohmann::json::parse(run.out);
  CHECK(json["file"] == file.path().string());
  CHECK(json["valid"] == true);
  CHECK(json["problems"].empty());
  CHECK(json["upstreams"] == nlohmann::json{"192.0.2.1:53"});
  CHECK(json["configuration"]["cache"]["negative"]["max_ttl"] == "1h");
  CHECK(json["configuration"]["routes"][0]["zone"] == "a");
  CHECK(json["configuration"]["routes"][0]["upstreams"][0] == "192.0.2.2:53");
}

TEST_CASE("JSON of problems is on stdout") {
  const File file("\nlisen: 1\n");
  const Run run({file.path(), true, false});
  CHECK(run.code == ExitCode::check_failed);
  CHECK(run.err.empty());
  const auto json = nlohmann::json::parse(run.out);
  CHECK(json["valid"] == false);
  REQUIRE(json["problems"].size() == 1);
  CHECK(json["problems"][0]["file"] == file.path().string());
  CHECK(json["problems"][0]["line"] == 2);
  CHECK(json["problems"][0]["column"] == 1);
  CHECK(json["problems"][0]["key"] == "lisen");
  CHECK(json["problems"][0]["message"] == "is not a setting (did you mean listen?)");
}

TEST_CASE("check: an address that is open to clients nobody serves is warned of") {
  const File file("listen: [127.0.0.1, 192.0.2.1]\nupstreams: [192.0.2.53]\n");
  const Run run({file.path(), false, false});
  CHECK(run.code == ExitCode::done);
  CHECK(run.err.find("warning: 192.0.2.1") == 0);
  CHECK(run.err.find("127.0.0.1") == std::string::npos);
  const File served("listen: [192.0.2.1]\nupstreams: [192.0.2.53]\nacl: [192.0.2.0/24]\n");
  CHECK(Run({served.path(), false, false}).err.empty());
  const Run json({file.path(), true, false});
  CHECK(nlohmann::json::parse(json.out).at("warnings").size() == 1);
}

TEST_CASE("check: trust anchors are tried as the engine would") {
  const File missing(
      "dnssec: {mode: validate, trust_anchors: [/nonexistent/root.key]}\nupstreams: [192.0.2.1]\n");
  const Run refused({missing.path()});
  CHECK(refused.code == ExitCode::check_failed);
  const std::string words = can_validate ? "/nonexistent/root.key" : "libunbound";
  CHECK(refused.err.find(words) != std::string::npos);
  if (!can_validate) return;
  const File good(
      "dnssec: {mode: validate, trust_anchors: [\". DS 20326 8 2 "
      "E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\"]}\n"
      "upstreams: [192.0.2.1]\n");
  CHECK(Run({good.path()}).code == ExitCode::done);
}
