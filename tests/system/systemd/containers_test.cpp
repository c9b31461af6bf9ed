// What containers and pods get to see of the machine's resolv.conf: imitations of kubelet, which
// copies a file as it is, and of Docker, which leaves loopback addresses out.
#include <fstream>

#include "program.hpp"

using namespace dnscache;
using namespace dnscache::test;
using Catch::Contains;

namespace {

const std::string list = "/run/systemd/resolve/resolv.conf";

std::vector<std::string> servers_in(const std::string& path) {
  std::istringstream lines(read_file(path));
  std::vector<std::string> servers;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("nameserver ")) servers.push_back(line.substr(11));
  }
  return servers;
}

/// dockerd: libnetwork/resolvconf, Path() and FilterResolvDNS().
std::vector<std::string> docker_servers() {
  auto servers = servers_in("/etc/resolv.conf");
  if (servers == std::vector<std::string>{"127.0.0.53"}) servers = servers_in(list);
  std::erase_if(servers, [](const std::string& server) {
    return server.starts_with("127.") || server == "::1";
  });
  return servers.empty() ? std::vector<std::string>{"8.8.8.8", "8.8.4.4"} : servers;
}

void set_mode(const std::string& target) {
  output_of("ln -sfn ../run/systemd/resolve/" + target + " /etc/resolv.conf");
}

/// A process of that name with kubelet's flags, which reads `path` for each pod that it starts.
void start_kubelet(const std::string& path) {
  write_file("/var/lib/kubelet/config.yaml",
             "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nresolvConf: " +
                 path + "\n");
  output_of(
      "systemctl stop kubelet 2>/dev/null; cp /bin/tail /usr/local/bin/kubelet; systemd-run -q "
      "--unit=kubelet /usr/local/bin/kubelet -f /dev/null --config=/var/lib/kubelet/config.yaml "
      "2>/dev/null; true");
}

void check_pods_and_containers(const std::string& path) {
  for (const auto& server : servers_in(path)) CHECK_FALSE(server.starts_with("127."));
  CHECK(servers_in(path) == std::vector<std::string>{"10.0.0.2"});
  CHECK(docker_servers() == std::vector<std::string>{"10.0.0.2"});
}

}  // namespace

TEST_CASE("pods and containers never get a loopback address", "[containers]") {
  install();
  output_of("mkdir -p /etc/docker");
  set_mode("stub-resolv.conf");
  start_kubelet(list);
  check_pods_and_containers(list);
  const auto plan = dnscachectl("setup --dry-run");
  CHECK_THAT(plan.output,
             Contains("kubelet gives pods the servers of " + list) && Contains("Docker gives"));
  set_up();
  for (const char* event : {"true", "resolvectl flush-caches", "networkctl renew ens5",
                            "systemctl restart dnscachectl", "systemctl kill -s KILL dnscachectl",
                            "systemctl reset-failed systemd-resolved; systemctl restart "
                            "systemd-resolved"}) {
    CAPTURE(event);
    output_of(event);
    CHECK(eventually([] { return look_up("resolve", new_name()) == "192.0.2.10"; }));
    CHECK(eventually([] { return run("systemctl is-active -q dnscachectl").status == 0; }));
    CHECK(eventually([] { return !servers_in(list).empty(); }));
    check_pods_and_containers(list);
  }
  const auto name = new_name();
  CHECK(look_up("resolve", name) == "192.0.2.10");
  CHECK(eventually([&] { return run(program + " cache get " + name).status == 0; }));
  CHECK_THAT(dnscachectl("doctor").output, Contains("gives pods the servers of " + list));
  output_of("systemctl stop dnscachectl.socket dnscachectl.service");
  check_pods_and_containers(list);
  take_back();
  check_pods_and_containers(list);
}

TEST_CASE("where kubelet's file would name the cache, nothing is changed", "[containers]") {
  install();
  set_mode("resolv.conf");
  for (const auto& path : {list, std::string("/etc/resolv.conf")}) {
    CAPTURE(path);
    start_kubelet(path);
    const auto refused = dnscachectl("setup --yes");
    CHECK(refused.status == 1);
    CHECK_THAT(refused.output, Contains("nothing was changed, because kubelet gives pods") &&
                                   Contains("resolvConf: in /var/lib/kubelet/config.yaml"));
    check_pods_and_containers(path);
  }
  write_file("/etc/kubernetes/resolv.conf", "nameserver 10.0.0.2\n");
  start_kubelet("/etc/kubernetes/resolv.conf");
  set_up();
  check_pods_and_containers("/etc/kubernetes/resolv.conf");
  CHECK(servers_in("/etc/resolv.conf").front() == "127.0.0.1");
  // Somebody turns kubelet back afterwards.
  start_kubelet(list);
  const auto doctor = dnscachectl("doctor");
  CHECK(doctor.status == 5);
  CHECK_THAT(doctor.output, Contains("gives pods a loopback address"));
  take_back();
  check_pods_and_containers(list);
}
