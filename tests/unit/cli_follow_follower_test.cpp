#include <atomic>
#include <catch2/catch.hpp>
#include <fstream>

#include "cli/follow/follower.hpp"
#include "tests/support/process.hpp"

using namespace dnscache;
using namespace dnscache::cli;
using dnscache::test::eventually;
using dnscache::test::TempDir;

namespace {

std::string servers_of(const Follower& follower) {
  const auto servers = follower.servers_within(std::chrono::seconds(10));
  if (!servers) return "unknown";
  std::string out;
  for (const auto& upstream : servers->upstreams) out += upstream.endpoint.to_text() + ' ';
  return out;
}

/// A file that lists servers, and who follows it.
struct Followed {
  TempDir folder;
  std::atomic<int> changes = 0;
  Follower follower;

  explicit Followed(const std::string& name) {
    follower.on_change([this] { ++changes; });
    follower.look_at(ServerSource{folder.path() / name, {}});
  }
};

}  // namespace

TEST_CASE("a file's servers are followed, and a rewrite that changes nothing is no change") {
  Followed followed("resolv.conf");
  CHECK(servers_of(followed.follower) == "");
  followed.folder.write("resolv.conf", "nameserver 10.0.0.2\n");
  CHECK(eventually([&] { return servers_of(followed.follower) == "10.0.0.2:53 "; }));
  const int changes = followed.changes;
  followed.folder.write("resolv.conf", "# another comment\nnameserver 10.0.0.2\n");
  followed.folder.write("new", "nameserver 10.0.0.3\n");
  std::filesystem::rename(followed.folder.path() / "new", followed.folder.path() / "resolv.conf");
  CHECK(eventually([&] { return servers_of(followed.follower) == "10.0.0.3:53 "; }));
  CHECK(followed.changes == changes + 1);
}

TEST_CASE("a list that is empty while it is rewritten takes no server away") {
  Followed followed("resolv.conf");
  followed.folder.write("resolv.conf", "nameserver 10.0.0.2\n");
  REQUIRE(eventually([&] { return servers_of(followed.follower) == "10.0.0.2:53 "; }));
  std::vector<std::string> seen;
  followed.follower.on_change([&] { seen.push_back("change"); });
  followed.folder.write("resolv.conf", "");
  followed.folder.write("resolv.conf", "nameserver 10.0.0.4\n");
  CHECK(eventually([&] { return servers_of(followed.follower) == "10.0.0.4:53 "; }));
  followed.follower.on_change({});
  CHECK(seen.size() == 1);
  followed.folder.write("resolv.conf", "");
  CHECK(eventually([&] { return servers_of(followed.follower).empty(); }));
}

TEST_CASE("another file is followed once that is wanted, and nothing when nothing is") {
  Followed followed("a/resolv.conf");
  followed.folder.write("b", "nameserver 10.0.0.2\n");
  followed.follower.look_at(ServerSource{followed.folder.path() / "b", {}});
  CHECK(servers_of(followed.follower) == "10.0.0.2:53 ");
  followed.follower.look_at(
      ServerSource{followed.folder.path() / "b", {*Endpoint::parse("10.0.0.2", 53)}});
  CHECK(servers_of(followed.follower) == "");
  followed.follower.look_at(std::nullopt);
  CHECK_FALSE(followed.follower.servers());
}
