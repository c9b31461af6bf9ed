// `stand_in_engine serve`: an engine for tests of the units alone. It takes the sockets that
// systemd passes, says that it is ready, feeds the watchdog, and answers every query with its
// process id as a TXT record's text. With /run/stand-in/hang it neither feeds the watchdog nor
// answers. `stand_in_engine reload` is what its unit reloads it by.
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>
#include <systemd/sd-daemon.h>
#include <vector>

namespace {

volatile sig_atomic_t asked_to_stop = 0;
volatile sig_atomic_t reloads = 0;

using Packet = std::vector<unsigned char>;

/// The query with its header turned into a reply's and one TXT record for the name asked.
Packet reply_to(const Packet& query) {
  Packet reply = query;
  reply[2] = 0x81;
  reply[3] = 0x80;
  reply[7] = 1;               // ANCOUNT
  reply[10] = reply[11] = 0;  // ARCOUNT: a reply without EDNS
  std::size_t end = 12;       // of the question
  while (end < query.size() && query[end] != 0) end += query[end] + 1u;
  reply.resize(end + 5);
  const auto text = std::to_string(::getpid()) + "/" + std::to_string(int{reloads});
  const auto length = static_cast<unsigned char>(text.size());
  const Packet record{0xc0,  12, 0, 16, 0, 1, 0, 0, 0, 0, 0, static_cast<unsigned char>(length + 1),
                      length};
  reply.insert(reply.end(), record.begin(), record.end());
  reply.insert(reply.end(), text.begin(), text.end());
  return reply;
}

void answer_udp(int socket) {
  Packet query(4096);
  sockaddr_storage client{};
  socklen_t length = sizeof client;
  auto count = ::recvfrom(socket, query.data(), query.size(), MSG_DONTWAIT,
                          reinterpret_cast<sockaddr*>(&client), &length);
  if (count < 17) return;
  query.resize(static_cast<std::size_t>(count));
  auto reply = reply_to(query);
  ::sendto(socket, reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&client), length);
}

void answer_tcp(int listener) {
  int client = ::accept(listener, nullptr, nullptr);
  if (client < 0) return;
  std::array<unsigned char, 2> size{};
  if (::recv(client, size.data(), 2, MSG_WAITALL) == 2) {
    Packet query(size[0] * 256u + size[1]);
    if (::recv(client, query.data(), query.size(), MSG_WAITALL) >= 17) {
      auto reply = reply_to(query);
      const auto bytes = reply.size();
      reply.insert(reply.begin(), {static_cast<unsigned char>(bytes >> 8),
                                   static_cast<unsigned char>(bytes & 0xff)});
      ::send(client, reply.data(), reply.size(), MSG_NOSIGNAL);
    }
  }
  ::close(client);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string command = argc == 2 ? argv[1] : "";
  const char* main_pid = std::getenv("MAINPID");  // of the service, for its ExecReload=
  if (command == "reload" && main_pid != nullptr) return ::kill(std::atoi(main_pid), SIGHUP);
  if (command != "serve") return 2;
  struct sigaction action {};
  action.sa_handler = [](int) { asked_to_stop = 1; };
  ::sigaction(SIGTERM, &action, nullptr);
  action.sa_handler = [](int) { reloads = reloads + 1; };
  ::sigaction(SIGHUP, &action, nullptr);

  const int count = sd_listen_fds(1);
  if (count <= 0) return 1;
  std::vector<pollfd> sockets;
  for (int i = 0; i < count; ++i) sockets.push_back({SD_LISTEN_FDS_START + i, POLLIN, 0});
  sd_notify(0, "READY=1");
  while (!asked_to_stop) {
    if (::access("/run/stand-in/hang", F_OK) == 0) {
      ::usleep(50'000);
      continue;
    }
    sd_notify(0, "WATCHDOG=1");
    if (::poll(sockets.data(), sockets.size(), 100) <= 0) continue;
    for (const auto& socket : sockets) {
      if (!(socket.revents & POLLIN)) continue;
      const bool is_tcp = sd_is_socket(socket.fd, AF_UNSPEC, SOCK_STREAM, -1) > 0;
      is_tcp ? answer_tcp(socket.fd) : answer_udp(socket.fd);
    }
  }
  sd_notify(0, "STOPPING=1");
  return 0;
}
