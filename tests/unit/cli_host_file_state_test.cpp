#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "cli/host/facts.hpp"
#include "cli/host/file_state.hpp"
#include "tests/support/netns.hpp"
#include "tests/support/process.hpp"

using namespace dnscache;
using namespace dnscache::cli;
namespace fs = std::filesystem;

namespace {

std::string slurp(const fs::path& path) { return test::read_text(path); }

FileState own_file(const std::string& content) {
  auto state = FileState::regular(content, 0604);
  state.uid = ::geteuid();
  state.gid = ::getegid();
  state.modified = {1000000000, 123456789};
  return state;
}

}  // namespace

TEST_CASE("a file's state survives JSON, with any bytes in it") {
  FileState state = own_file(std::string("\0\xff\n\"x", 5));
  state.xattrs["user.test"] = std::string("\1\2\0", 3);
  const auto back = file_state_from_json(nlohmann::json::parse(to_json(state).dump()));
  REQUIRE(back);
  CHECK(back->has_same_content(state));
  CHECK(back->mode == state.mode);
  CHECK(back->modified.tv_nsec == state.modified.tv_nsec);
  CHECK(back->xattrs == state.xattrs);
  CHECK_FALSE(file_state_from_json(nlohmann::json::object()));
  CHECK_FALSE(file_state_from_json({{"kind", "regular"}, {"content", "zz"}}));
}

TEST_CASE("a bind mount is written in place and stays a mount") {
  if (!test::namespaces_permitted()) {
    WARN("SKIPPED: namespaces are not permitted here");
    return;
  }
  const test::TempDir directory;
  const auto path = directory.write("resolv.conf", "below\n");
  const auto mounted = directory.write("mounted", "a rather long first content\n");
  bool was_mount = false;
  bool is_written = false;
  FileState now;
  test::in_namespace({}, [&] {
    test::bind_mount(mounted, path);
    was_mount = is_mount_point(slurp("/proc/thread-self/mountinfo"), path);
    is_written = bool(write_state(path, own_file("new\n")));
    now = *FileState::read(path);
  });
  CHECK(was_mount);
  CHECK(is_written);
  CHECK(now.content == "new\n");
  CHECK(now.mode == 0604);
  CHECK(now.modified.tv_sec == 1000000000);
  CHECK(slurp(mounted) == "new\n");
  CHECK(slurp(path) == "below\n");
}

TEST_CASE("what is neither a file nor a link is refused") {
  const test::TempDir directory;
  CHECK_FALSE(FileState::read(directory.path()));
  CHECK(FileState::read(directory.path() / "absent")->kind == FileState::Kind::absent);
  std::ofstream(directory.path() / "large") << std::string(2 << 20, 'x');
  CHECK_FALSE(FileState::read(directory.path() / "large"));
}

TEST_CASE("a directory that does not exist is an error with the path in it") {
  const test::TempDir directory;
  const auto written = write_state(directory.path() / "no/file", own_file("x"));
  REQUIRE_FALSE(written);
  CHECK(written.error().message.find("no/file") != std::string::npos);
}

TEST_CASE("mount points are found in mountinfo") {
  const std::string info =
      "29 1 0:26 / / rw shared:1 - ext4 /dev/root rw\n"
      "41 29 0:30 /x /etc/resolv.conf rw - ext4 /dev/root rw\n"
      "42 29 0:30 /x /a\\040b rw - ext4 /dev/root rw\n"
      "broken line\n";
  CHECK(is_mount_point(info, "/etc/resolv.conf"));
  CHECK(is_mount_point(info, "/a b"));
  CHECK_FALSE(is_mount_point(info, "/etc"));
  CHECK_FALSE(is_mount_point("", "/etc"));
}

TEST_CASE("who is bound to a port is read from /proc/net") {
  const std::string udp =
      "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
      "inode ref pointer drops\n"
      " 1: 0100007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000  0  0 4711 2 0 0\n"
      " 2: 00000000:0044 00000000:0000 07 00000000:00000000 00:00000000 00000000  0  0 4712 2 0 0\n"
      "garbage\n";
  const auto bound = parse_proc_net(udp, false, 53);
  REQUIRE(bound.size() == 1);
  CHECK(bound[0].endpoint.to_text() == "127.0.0.1:53");
  CHECK(bound[0].inode == 4711);

  const std::string tcp6 =
      "heading\n"
      " 0: 00000000000000000000000001000000:0035 00000000000000000000000000000000:0000 0A "
      "00000000:00000000 00:00000000 00000000 0 0 99 1 0 100 0 0 10 0\n"
      " 1: 00000000000000000000000001000000:0035 00000000000000000000000001000000:1234 01 "
      "00000000:00000000 00:00000000 00000000 0 0 98 1 0 100 0 0 10 0\n";
  const auto listening = parse_proc_net(tcp6, true, 53);
  REQUIRE(listening.size() == 1);
  CHECK(listening[0].endpoint.to_text() == "[::1]:53");
  CHECK(listening[0].inode == 99);
}
