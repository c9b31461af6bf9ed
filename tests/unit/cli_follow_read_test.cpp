#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "cli/follow/read.hpp"
#include "resolver/config/values.hpp"
#include "tests/support/process.hpp"

using namespace dnscache;
using namespace dnscache::cli;
namespace fs = std::filesystem;

TEST_CASE("an image's servers are those that its files name") {
  struct Row {
    std::string what;
    std::string resolv_conf;
    std::string systemd_list;  // "absent": there is no such file
    std::string listen;
    std::string upstreams;  // or the error behind the path
  };
  const Row row = GENERATE(values<Row>({
      {"plain", "nameserver 10.0.0.2\nnameserver 10.0.0.3\n", "absent", "127.0.0.1",
       "10.0.0.2:53 10.0.0.3:53"},
      {"twice", "nameserver 10.0.0.2\nnameserver 10.0.0.2\n", "absent", "127.0.0.1", "10.0.0.2:53"},
      {"own left out", "nameserver 127.0.0.1\nnameserver 10.0.0.2\n", "absent", "127.0.0.1",
       "10.0.0.2:53"},
      {"another local resolver", "nameserver 127.0.0.2\n", "absent", "127.0.0.1", "127.0.0.2:53"},
      {"we listen on another port", "nameserver 127.0.0.1\n", "absent", "127.0.0.1:5353",
       "127.0.0.1:53"},
      {"wildcard", "nameserver 127.0.0.2\nnameserver ::1\nnameserver 10.0.0.2\n", "absent",
       "0.0.0.0", "10.0.0.2:53"},
      {"stub beside a real one", "nameserver 127.0.0.53\nnameserver 10.0.0.2\n",
       "nameserver 10.9.9.9\n", "127.0.0.1", "10.0.0.2:53"},
      {"stub", "nameserver 127.0.0.53\n", "nameserver 127.0.0.1\nnameserver 10.0.0.2\n",
       "127.0.0.1", "10.0.0.2:53"},
      {"own, systemd knows more", "nameserver 127.0.0.1\n", "nameserver 10.0.0.2\n", "127.0.0.1",
       "10.0.0.2:53"},
      {"0.0.0.0 is this machine", "nameserver 0.0.0.0\n", "absent", "127.0.0.1",
       "names only the cache's own address"},
      {"only own", "nameserver 127.0.0.1\n", "absent", "127.0.0.1",
       "names only the cache's own address"},
      {"only stub", "nameserver 127.0.0.53\n", "absent", "127.0.0.1",
       "names only the stub of systemd-resolved"},
      {"neither file helps", "nameserver 127.0.0.53\nnameserver 127.0.0.1\n",
       "nameserver 127.0.0.1\n", "127.0.0.1",
       "names only the cache's own address and the stub of systemd-resolved"},
      {"empty", "", "", "127.0.0.1", "names no server"},
      {"missing", "absent", "nameserver 10.0.0.2\n", "127.0.0.1", "10.0.0.2:53"},
  }));
  CAPTURE(row.what);
  const test::TempDir image;
  fs::create_directories(image.path() / "etc");
  fs::create_directories(image.path() / "run/systemd/resolve");
  const auto write = [&](const char* name, const std::string& text) {
    if (text != "absent") std::ofstream(image.path() / name) << text;
  };
  write("etc/resolv.conf", row.resolv_conf);
  write("run/systemd/resolve/resolv.conf", row.systemd_list);

  const auto servers =
      read_servers({{}, {*Endpoint::parse(row.listen, dns_port)}, image.path()}).servers;
  std::string found;
  for (const UpstreamConfig& upstream : servers.upstreams) {
    found += (found.empty() ? "" : " ") + print_upstream(upstream);
  }
  CHECK((servers.upstreams.empty() ? "/etc/resolv.conf " + row.upstreams : row.upstreams) ==
        (servers.upstreams.empty() ? servers.problem : found));
}
