// Which servers containers and pods get from this machine, and whether they can use them.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "resolver/base/endpoint.hpp"

namespace dnscache::cli {

/// A file of name servers that containers or pods get a copy of.
struct ServerList {
  std::filesystem::path path;    ///< as it is configured
  std::filesystem::path target;  ///< with links followed
  std::vector<Endpoint> servers;
};

/// The kubelet of a Kubernetes node. It copies the servers of one file into pods, loopback
/// addresses included; CoreDNS asks itself then, and other pods nobody.
struct Kubelet {
  ServerList list;
  std::filesystem::path config;  ///< where the file is named, or may be
};

/// Docker's daemon. It leaves loopback addresses out, and takes 8.8.8.8 where nothing is left.
struct Docker {
  ServerList list;
  bool has_own_servers = false;  ///< "dns" in /etc/docker/daemon.json
};

/// A CoreDNS in a pod, whose servers loopback addresses are among: itself, that is.
struct LoopingCoreDns {
  int pid = 0;
  ServerList list;
};

/// What on this machine hands name servers on; empty: nothing does.
struct ContainerFacts {
  std::optional<Kubelet> kubelet;
  std::optional<Docker> docker;
  std::optional<LoopingCoreDns> coredns;
};

/// Reads files and the command lines of processes.
ContainerFacts read_container_facts();

/// The file that a kubelet's command line and configuration name; empty: pods get no servers of
/// the machine.
std::filesystem::path kubelet_resolv_conf(const std::vector<std::string>& command_line,
                                          std::string_view config);

/// resolv.conf names systemd-resolved's stub alone, so that Docker reads resolved's list.
bool sends_docker_to_resolved(const std::vector<Endpoint>& servers);

/// Some of them, or all, can be asked from this machine alone.
bool has_loopback(const std::vector<Endpoint>& servers);
bool has_only_loopback(const std::vector<Endpoint>& servers);

}  // namespace dnscache::cli
