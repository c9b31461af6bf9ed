// The limit: receives a batch, flips the QR bit, sends the batch. Nothing can be cheaper.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

constexpr std::size_t batch_size = 64;
constexpr std::size_t buffer_size = 512;

int open_socket(const char* address, std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  const int buffer = 4 << 20;
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer);
  setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  sockaddr_in local{};
  local.sin_family = AF_INET;
  local.sin_port = htons(port);
  if (inet_pton(AF_INET, address, &local.sin_addr) != 1 ||
      bind(fd, reinterpret_cast<sockaddr*>(&local), sizeof local) != 0) {
    std::perror("bare_responder: bind");
    std::exit(1);
  }
  return fd;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: bare_responder ADDRESS PORT\n");
    return 2;
  }
  const int fd = open_socket(argv[1], static_cast<std::uint16_t>(std::atoi(argv[2])));

  std::vector<std::array<std::uint8_t, buffer_size>> buffers(batch_size);
  std::array<iovec, batch_size> parts{};
  std::array<sockaddr_in, batch_size> clients{};
  std::array<mmsghdr, batch_size> messages{};
  for (;;) {
    for (std::size_t i = 0; i < batch_size; ++i) {
      parts[i] = {buffers[i].data(), buffer_size};
      messages[i].msg_hdr = {&clients[i], sizeof clients[i], &parts[i], 1, nullptr, 0, 0};
    }
    const int received = recvmmsg(fd, messages.data(), batch_size, MSG_WAITFORONE, nullptr);
    if (received <= 0) continue;
    for (int i = 0; i < received; ++i) {
      buffers[i][2] |= 0x80;
      parts[i].iov_len = messages[i].msg_len;
    }
    for (int sent = 0; sent < received;) {
      const int now =
          sendmmsg(fd, messages.data() + sent, static_cast<unsigned>(received - sent), 0);
      sent += now > 0 ? now : 1;
    }
  }
}
