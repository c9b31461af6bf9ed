#include "resolver/server/tcp_clients.hpp"

#include <algorithm>

namespace dnscache {

bool TcpClients::make_room(ClientId client) {
  const auto count = static_cast<std::size_t>(std::ranges::count(all_, client, &TcpClient::client));
  if (client != this_machine && count >= limits_.of_client && !close_idle(client, false)) {
    return false;
  }
  return all_.size() < limits_.connections || close_idle(client, true);
}

bool TcpClients::close_idle(ClientId client, bool of_anybody) {
  TcpClient* oldest = nullptr;
  for (TcpClient* other : all_) {
    if (!of_anybody && other->client() != client) continue;
    const auto since = other->idle_since();
    if (since && (oldest == nullptr || *since < *oldest->idle_since())) oldest = other;
  }
  if (oldest != nullptr) oldest->close();
  return oldest != nullptr;
}

void TcpClients::remove(TcpClient& client) { std::erase(all_, &client); }

void TcpClients::unsent_changed(std::ptrdiff_t bytes) {
  unsent_ += static_cast<std::size_t>(bytes);
  total_unsent_ += bytes;
  if (bytes <= 0 || unsent_ <= limits_.unsent) return;
  const auto largest = std::ranges::max_element(all_, {}, &TcpClient::unsent);
  if (largest != all_.end()) (*largest)->close();
}

}  // namespace dnscache
