// What `dnscachectl explain` says in each mode of resolv.conf is what the machine does.
#include <atomic>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "support.hpp"

using namespace dnscache::test;
using nlohmann::json;

namespace {

const std::string program = "/usr/local/bin/dnscachectl";

void install() {
  std::filesystem::create_directories("/usr/local/bin");
  std::filesystem::remove(program);
  std::filesystem::copy_file(DNSCACHECTL_PATH, program);
}

void use_services(const std::string& services) {
  output_of("sed -i 's/^hosts:.*/hosts: " + services + "/' /etc/nsswitch.conf");
}

void set_mode(const std::string& target) {
  std::filesystem::remove("/etc/resolv.conf");
  std::filesystem::create_symlink("../run/systemd/resolve/" + target, "/etc/resolv.conf");
}

std::string new_name() {
  static std::atomic<int> count = 0;
  return "explained" + std::to_string(++count) + ".example.com";
}

json explain(const std::string& words) {
  return json::parse(output_of(program + " explain --json " + words));
}

/// What a program gets, in its order.
json addresses_of(const std::string& name) {
  json addresses = json::array();
  std::istringstream lines(
      output_of("getent ahosts " + name + " | awk '$2 == \"STREAM\" { print $1 }'"));
  for (std::string line; std::getline(lines, line);) addresses.push_back(line);
  return addresses;
}

int queries_of_engine() {
  return json::parse(output_of(program + " status --json"))
      .at("engine")
      .at("queries")
      .at("total")
      .get<int>();
}

/// Whether the engine gets to see what a program looks up.
bool goes_through_cache() {
  const int before = queries_of_engine();
  const int of_status = queries_of_engine() - before;
  const int now = before + of_status;
  addresses_of(new_name());
  return queries_of_engine() > now + of_status;
}

const json& deciding(const json& story) {
  for (const json& candidate : story.at("candidates")) {
    if (candidate.at("has_data") == true) return candidate;
  }
  FAIL("no candidate has data: " << story.dump());
  return story;
}

std::string status_of(const json& story, const std::string& service) {
  for (const json& step : story.at("nsswitch").at("services")) {
    if (step.at("name") == service) return step.at("status");
  }
  return "";
}

void check_story(const std::string& service) {
  const auto name = new_name();
  const auto story = explain(name);
  INFO(story.dump(1));
  CHECK(story.at("nsswitch").at("decides") == service);
  CHECK(status_of(story, "files") == "not found");
  CHECK(story.at("lookups").at("through_cache") == goes_through_cache());
  CHECK(story.at("lookups").at("through_cache") == true);
  const auto first_server = output_of("awk '/^nameserver/ { print $2; exit }' /etc/resolv.conf");
  const bool names_stub = first_server == "127.0.0.53\n";
  CHECK(story.at("lookups").at("through_resolved") == (service == "resolve" || names_stub));
  CHECK(story.at("result").at("addresses") == addresses_of(name));
  CHECK(story.at("result").at("addresses") == json::array({"192.0.2.10"}));
  CHECK(deciding(story).at("name") == name);

  const json& first = deciding(story).at("engine").at(0);
  CHECK(first.at("cache").at("state") == "absent");
  CHECK(first.at("exchange").at("tries").back().at("upstream") == "10.0.0.2:53");
  CHECK(first.at("answer").at("records").at(0).at("data") == "192.0.2.10");
  // The line is named where the file names the servers.
  const std::string config = "/etc/dnscachectl/config.yaml";
  const bool names_servers = read_file(config).find("\nupstreams:") != std::string::npos;
  const bool names_line =
      first.at("decision").get<std::string>().find(config + ":") != std::string::npos;
  CHECK(names_line == names_servers);
  const auto again = explain(name);
  CHECK(deciding(again).at("engine").at(0).at("cache").at("state") == "fresh");
  CHECK(deciding(again).at("engine").at(0).at("cache").at("from") == "10.0.0.2:53");

  const auto searched = explain("host");
  CHECK(deciding(searched).at("name") == "host.ec2.internal");
  CHECK(deciding(searched).at("search_domain") == "ec2.internal");
  CHECK(searched.at("result").at("addresses") == addresses_of("host"));
}

}  // namespace

TEST_CASE("explain is right in every mode", "[explain]") {
  install();
  for (const char* mode : {"link", "resolved", "resolv-conf"}) {
    for (const char* target : {"stub-resolv.conf", "resolv.conf"}) {
      set_mode(target);
      use_services("files dns");
      REQUIRE(eventually([] { return addresses_of(new_name()) == json::array({"192.0.2.10"}); }));
      output_of(program + " setup --yes --mode " + mode);
      for (const char* services : {"files resolve [!UNAVAIL=return] dns", "files dns"}) {
        CAPTURE(mode, target, services);
        use_services(services);
        check_story(std::string(services) == "files dns" ? "dns" : "resolve");
      }
      output_of(program + " remove --yes");
    }
  }
}

TEST_CASE("explain says less without the cache, and is right", "[explain]") {
  install();
  use_services("files resolve [!UNAVAIL=return] dns");
  for (const char* target : {"stub-resolv.conf", "resolv.conf"}) {
    CAPTURE(target);
    set_mode(target);
    const auto name = new_name();
    const auto story = explain(name);
    CHECK(story.at("engine").at("running") == false);
    CHECK(story.at("nsswitch").at("decides") == "resolve");
    CHECK(story.at("lookups").at("through_cache") == false);
    CHECK(story.at("result").at("addresses") == addresses_of(name));
  }
  // Without systemd-resolved the services behind it have their turn.
  output_of("systemctl mask --now systemd-resolved.service");
  const auto story = explain(new_name());
  INFO(story.dump(1));
  CHECK(status_of(story, "resolve") == "unavailable");
  CHECK(story.at("nsswitch").at("decides") == "dns");
  CHECK(story.at("lookups").at("through_resolved") == false);
  CHECK(story.at("result").at("addresses") == json::array({"192.0.2.10"}));
  CHECK(deciding(story).at("lookups").at(0).at("server") == "10.0.0.2:53");

  // A name in the hosts file goes no further.
  output_of("echo '192.0.2.77 written.example.com' >>/etc/hosts");
  const auto written = explain("written.example.com");
  CHECK(written.at("nsswitch").at("decides") == "files");
  CHECK(status_of(written, "dns") == "not reached");
  CHECK(written.at("result").at("addresses") == json::array({"192.0.2.77"}));
}
