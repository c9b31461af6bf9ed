#include "resolver/server/unanswered.hpp"

#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <systemd/sd-daemon.h>
#include <type_traits>

namespace dnscache {
namespace {

constexpr std::size_t slot_count = 1024;
constexpr std::size_t max_packet = 512;  // bytes
constexpr Duration clients_patience =
    std::chrono::seconds(5);                 // of glibc and systemd-resolved, for each try
constexpr std::uint64_t layout_version = 1;  // to be raised with any change of Slot or Memory
constexpr const char* drop_request = "FDSTOREREMOVE=1\nFDNAME=unanswered";
constexpr const char* keep_request = "FDSTORE=1\nFDNAME=unanswered\nFDPOLL=0";

std::int64_t nanoseconds_now() { return Clock::now().time_since_epoch().count(); }

}  // namespace

/// What lies in the memory; a file of zeros is one without queries.
struct Unanswered::Memory {
  struct Slot {
    static constexpr std::uint64_t free = 0;
    static constexpr std::uint64_t being_written = ~0ull;

    std::atomic<std::uint64_t> ticket;
    std::int64_t read_at;  // nanoseconds of the steady clock, which goes on after a restart
    sockaddr_storage listener;
    ReturnAddress to;
    std::uint32_t size;
    std::array<std::uint8_t, max_packet> packet;
  };

  std::uint64_t layout;
  std::atomic<std::uint64_t> last_ticket;
  std::array<Slot, slot_count> slots;

  static constexpr std::uint64_t this_layout() { return layout_version << 32 | sizeof(Memory); }
};

std::unique_ptr<Unanswered> Unanswered::open(FileDescriptor stored) {
  if (stored.get() >= 0) {
    if (auto found = in_memory(std::move(stored))) return found;
  }
  ::sd_notify(0, drop_request);  // one of another layout would hold the only place
  const int made = ::memfd_create("unanswered", MFD_CLOEXEC);
  if (made < 0) return nullptr;
  FileDescriptor memory(made);
  if (::sd_pid_notify_with_fds(0, 0, keep_request, &made, 1) <= 0) return nullptr;
  return in_memory(std::move(memory));
}

std::unique_ptr<Unanswered> Unanswered::in_memory(FileDescriptor memory) {
  struct stat status {};
  if (::fstat(memory.get(), &status) != 0) return nullptr;
  const bool is_new = status.st_size == 0;
  if (is_new && ::ftruncate(memory.get(), sizeof(Memory)) != 0) return nullptr;
  if (!is_new && status.st_size != sizeof(Memory)) return nullptr;
  void* mapped =
      ::mmap(nullptr, sizeof(Memory), PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0);
  if (mapped == MAP_FAILED) return nullptr;
  auto* content = static_cast<Memory*>(mapped);
  if (is_new) content->layout = Memory::this_layout();
  if (content->layout != Memory::this_layout()) {
    ::munmap(mapped, sizeof(Memory));
    return nullptr;
  }
  return std::unique_ptr<Unanswered>(new Unanswered(std::move(memory), content));
}

Unanswered::Unanswered(FileDescriptor file, Memory* memory)
    : file_(std::move(file)), memory_(memory) {}

Unanswered::~Unanswered() { ::munmap(memory_, sizeof(Memory)); }

std::vector<LeftQuery> Unanswered::take() {
  std::vector<LeftQuery> left;
  const auto oldest = nanoseconds_now() - Clock::duration(clients_patience).count();
  for (auto& slot : memory_->slots) {
    const auto ticket = slot.ticket.exchange(Memory::Slot::free);
    if (ticket == Memory::Slot::free || ticket == Memory::Slot::being_written) continue;
    const auto listener = Endpoint::from_sockaddr(slot.listener);
    const bool is_sound = listener && slot.size <= max_packet &&
                          slot.to.client_size <= sizeof slot.to.client &&
                          slot.to.control_size <= slot.to.control.size();
    if (!is_sound || slot.read_at < oldest) continue;
    left.push_back({*listener, slot.to, {slot.packet.begin(), slot.packet.begin() + slot.size}});
  }
  return left;
}

std::uint64_t Unanswered::keep(const Endpoint& listener, const ReturnAddress& to, ByteView packet) {
  if (packet.size() > max_packet) return 0;
  const auto ticket = memory_->last_ticket.fetch_add(1, std::memory_order_relaxed) + 1;
  auto& slot = memory_->slots[ticket % slot_count];
  auto expected = Memory::Slot::free;
  if (!slot.ticket.compare_exchange_strong(expected, Memory::Slot::being_written)) return 0;
  slot.read_at = nanoseconds_now();
  listener.to_sockaddr(slot.listener);
  slot.to = to;
  slot.size = static_cast<std::uint32_t>(packet.size());
  std::ranges::copy(packet, slot.packet.begin());
  slot.ticket.store(ticket, std::memory_order_release);
  return ticket;
}

void Unanswered::forget(std::uint64_t ticket) {
  if (ticket == 0) return;
  memory_->slots[ticket % slot_count].ticket.store(Memory::Slot::free, std::memory_order_release);
}

}  // namespace dnscache
