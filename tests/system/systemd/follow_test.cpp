// The engine in its unit's sandbox follows the servers of the real systemd-resolved.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "program.hpp"
#include "support.hpp"

using namespace dnscache::test;
using nlohmann::json;

namespace {

/// The engine that setup makes, in its unit, in front of whatever the lab's machine uses.
void start_engine() {
  if (std::filesystem::exists(program)) return;
  install();
  write_file("/etc/dnscachectl/config.yaml",
             "local: {records: [\"db.corp.internal A 10.0.0.5\"]}\n");
  set_up();
}

json status() {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string("/run/dnscachectl/control.sock").copy(address.sun_path, sizeof address.sun_path - 1);
  std::string reply;
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    const std::string line = "{\"command\":\"status\"}\n";
    (void)!::write(fd, line.data(), line.size());
    std::array<char, 4096> buffer;
    for (ssize_t got = 0;
         reply.find('\n') == reply.npos && (got = ::read(fd, buffer.data(), buffer.size())) > 0;) {
      reply.append(buffer.data(), static_cast<std::size_t>(got));
    }
  }
  ::close(fd);
  return json::parse(reply, nullptr, false);
}

/// ".=10.0.0.2:53/ens5 corp.example=10.8.0.1:53/vpn0 "
std::string servers() {
  const auto now = status();
  if (!now.is_object()) return "no engine";
  std::string out;
  for (auto group = now["groups"].rbegin(); group != now["groups"].rend(); ++group) {
    out += (*group)["zone"].get<std::string>() + '=';
    std::string separator;
    for (const auto& upstream : (*group)["upstreams"]) {
      out += separator + upstream["address"].get<std::string>();
      if (upstream.contains("link")) out += '/' + upstream["link"].get<std::string>();
      separator = ",";
    }
    out += ' ';
  }
  return out;
}

bool become(const std::string& wanted) {
  const bool have = eventually([&] { return servers() == wanted; });
  if (!have) UNSCOPED_INFO("servers: " << servers());
  return have;
}

// The answer of the engine to a name that nobody asked for before.
std::string look_up(const std::string& zone) {
  static int number = 0;
  return output_of("dig +short +tries=3 +time=5 @127.0.0.1 n" + std::to_string(number++) + "." +
                   zone + " | tr -d '\\n'");
}

std::string log_lines() {
  return output_of(
      "journalctl -b --no-pager -q -o cat -u dnscachectl | grep -c '(before: ' || true");
}

void add_vpn() {
  output_of("bash " LAB_DIR "/lab-server --link vpn0 10.8.0.1 192.0.2.80");
  output_of(
      "ip link set vpn0 up && ip address add 10.8.0.50/24 dev vpn0 && resolvectl dns vpn0 10.8.0.1 "
      "&& resolvectl default-route vpn0 no && resolvectl domain vpn0 '~corp.example'");
}

}  // namespace

TEST_CASE("the servers of links are followed, with their domains, through every change",
          "[follow]") {
  start_engine();
  REQUIRE(become(".=10.0.0.2:53/ens5 "));
  CHECK(status()["groups"].back()["source"] == "systemd-resolved");
  CHECK(look_up("example.com") == "192.0.2.10");

  add_vpn();
  CHECK(become(".=10.0.0.2:53/ens5 corp.example=10.8.0.1:53/vpn0 "));
  look_up("corp.example");
  CHECK(look_up("example.com") == "192.0.2.10");
  CHECK(read_file("/run/vpc/queries").find("corp.example") == std::string::npos);
  CHECK(read_file("/run/vpc/10.8.0.1.queries").find("corp.example") != std::string::npos);

  output_of("resolvectl domain vpn0 '~.'");  // a full tunnel
  CHECK(become(".=10.8.0.1:53/vpn0 ec2.internal=10.0.0.2:53/ens5 "));
  CHECK(look_up("example.com") == "192.0.2.80");

  output_of("ip link set vpn0 down");  // resolved writes no file for this
  CHECK(become(".=10.0.0.2:53/ens5 "));
  output_of("ip link set vpn0 up");
  CHECK(become(".=10.8.0.1:53/vpn0 ec2.internal=10.0.0.2:53/ens5 "));
  output_of("resolvectl revert vpn0");
  CHECK(become(".=10.0.0.2:53/ens5 "));

  // The cache's own link was there all the time, and is none of the servers.
  CHECK(output_of("resolvectl domain dnsc0").find("~.") != std::string::npos);

  output_of(
      "sed -i 's/dns-server,10.0.0.2/dns-server,10.0.0.3/' /run/vpc/dnsmasq.conf && "
      "systemctl restart vpc && networkctl reconfigure ens5");
  CHECK(become(".=10.0.0.3:53/ens5 "));
  output_of(
      "sed -i 's/dns-server,10.0.0.3/dns-server,10.0.0.2/' /run/vpc/dnsmasq.conf && "
      "systemctl restart vpc && networkctl reconfigure ens5");
  CHECK(become(".=10.0.0.2:53/ens5 "));
}

TEST_CASE("systemd-resolved that restarts or hangs takes no server away and holds up no query",
          "[follow]") {
  start_engine();
  REQUIRE(become(".=10.0.0.2:53/ens5 "));
  const auto before = log_lines();
  output_of("systemctl restart systemd-resolved");
  std::this_thread::sleep_for(std::chrono::seconds(2));
  CHECK(servers() == ".=10.0.0.2:53/ens5 ");
  CHECK(log_lines() == before);

  output_of("systemctl kill --signal=STOP systemd-resolved");
  output_of("touch /run/systemd/resolve/resolv.conf && systemctl reload dnscachectl");
  for (int i = 0; i < 20; ++i) {
    CHECK(output_of("dig +short +tries=1 +time=2 @127.0.0.1 h" + std::to_string(i) +
                    ".example.com") == "192.0.2.10\n");
  }
  CHECK(servers() == ".=10.0.0.2:53/ens5 ");
  output_of("timeout 20 systemctl restart dnscachectl");  // with nobody to say which servers
  CHECK(become(".=10.0.0.2:53/ens5 "));                   // but the files that resolved keeps
  CHECK(look_up("example.com") == "192.0.2.10");
  output_of("systemctl kill --signal=CONT systemd-resolved");
  CHECK(become(".=10.0.0.2:53/ens5 "));
}

TEST_CASE("without a network the engine runs, and goes on when there is one", "[follow]") {
  start_engine();
  output_of("ip link set ens5 down && systemctl restart dnscachectl");
  CHECK(become(".= "));
  CHECK(output_of("dig +short @127.0.0.1 db.corp.internal") == "10.0.0.5\n");
  CHECK(output_of("dig +tries=1 +time=3 @127.0.0.1 www.example.com").find("SERVFAIL") !=
        std::string::npos);
  CHECK(output_of("systemctl show -P NRestarts dnscachectl") == "0\n");
  output_of("ip link set ens5 up");
  CHECK(become(".=10.0.0.2:53/ens5 "));
  CHECK(look_up("example.com") == "192.0.2.10");
}
