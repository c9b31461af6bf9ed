#include <catch2/catch.hpp>
#include <filesystem>

#include "resolver/server/file_watcher.hpp"
#include "tests/support/netns.hpp"
#include "tests/support/process.hpp"

using namespace dnscache;
using namespace std::chrono_literals;
using dnscache::test::TempDir;

namespace fs = std::filesystem;

namespace {

/// A watcher on one path below a folder of its own.
struct Watched {
  TempDir folder;
  asio::io_context io;
  int changes = 0;
  FileWatcher watcher;

  explicit Watched(const std::string& name, const std::function<void(const TempDir&)>& prepare = {})
      : watcher(
            io, {prepared(prepare) / name}, [this] { ++changes; }, 10ms) {}

  fs::path prepared(const std::function<void(const TempDir&)>& prepare) const {
    if (prepare) prepare(folder);
    return folder.path();
  }

  // Waits for one change more, as long as it takes on a busy machine.
  bool notices() {
    const int before = changes;
    for (const auto end = std::chrono::steady_clock::now() + 10s;
         changes == before && std::chrono::steady_clock::now() < end;) {
      io.run_one_for(100ms);
    }
    return changes > before;
  }
  bool notices_nothing() {
    const int before = changes;
    io.run_for(60ms);
    return changes == before;
  }
};

}  // namespace

TEST_CASE("a file is noticed when it comes, is written, replaced and goes") {
  Watched watched("hosts");
  watched.folder.write("hosts", "1");
  CHECK(watched.notices());
  watched.folder.write("hosts", "2");
  CHECK(watched.notices());
  watched.folder.write("new", "3");
  fs::rename(watched.folder.path() / "new", watched.folder.path() / "hosts");
  CHECK(watched.notices());
  fs::remove(watched.folder.path() / "hosts");
  CHECK(watched.notices());
  watched.folder.write("other", "4");
  CHECK(watched.notices_nothing());
}

TEST_CASE("a file in folders that come later is noticed, and again when they go and come") {
  Watched watched("a/b/hosts");
  for (int round = 0; round < 2; ++round) {
    CAPTURE(round);
    fs::create_directories(watched.folder.path() / "a/b");
    CHECK(watched.notices());
    watched.folder.write("a/b/hosts", "1");
    CHECK(watched.notices());
    fs::remove_all(watched.folder.path() / "a");
    CHECK(watched.notices());
    while (!watched.notices_nothing()) {
    }
  }
}

TEST_CASE("every link on the way may lead elsewhere") {
  // As Kubernetes mounts a ConfigMap: hosts -> now/hosts, now -> v1.
  Watched watched("hosts", [](const TempDir& folder) {
    fs::create_directories(folder.path() / "v1");
    fs::create_directories(folder.path() / "v2");
    folder.write("v1/hosts", "1");
    folder.write("v2/hosts", "2");
    fs::create_symlink("v1", folder.path() / "now");
    fs::create_symlink("now/hosts", folder.path() / "hosts");
  });
  watched.folder.write("v1/hosts", "3");
  CHECK(watched.notices());
  fs::create_symlink("v2", watched.folder.path() / "next");
  fs::rename(watched.folder.path() / "next", watched.folder.path() / "now");
  CHECK(watched.notices());
  watched.folder.write("v2/hosts", "4");
  CHECK(watched.notices());
  watched.folder.write("v1/hosts", "5");
  CHECK(watched.notices_nothing());
}

TEST_CASE("a link that leads to nothing yet, or in a circle") {
  Watched dangling("link", [](const TempDir& folder) {
    fs::create_symlink("run/list", folder.path() / "link");
  });
  fs::create_directories(dangling.folder.path() / "run");
  CHECK(dangling.notices());
  dangling.folder.write("run/list", "1");
  CHECK(dangling.notices());
  Watched circle("link",
                 [](const TempDir& folder) { fs::create_symlink("link", folder.path() / "link"); });
  fs::remove(circle.folder.path() / "link");
  CHECK(circle.notices());
}

TEST_CASE("any file in a watched folder is noticed") {
  Watched watched("hosts.d",
                  [](const TempDir& folder) { fs::create_directories(folder.path() / "hosts.d"); });
  watched.folder.write("hosts.d/a", "1");
  CHECK(watched.notices());
}

TEST_CASE("a mounted file that is written at its source is noticed") {
  if (!test::namespaces_permitted()) {
    WARN("SKIPPED: may not make namespaces");
    return;
  }
  test::in_namespace({}, [] {
    Watched watched("hosts", [](const TempDir& folder) {
      fs::create_directories(folder.path() / "source");
      folder.write("source/hosts", "1");
      folder.write("hosts", "");
      test::bind_mount(folder.path() / "source/hosts", folder.path() / "hosts");
    });
    watched.folder.write("source/hosts", "2");
    CHECK(watched.notices());
  });
}
