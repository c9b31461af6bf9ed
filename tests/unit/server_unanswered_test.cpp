#include <sys/mman.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>

#include "resolver/server/unanswered.hpp"

namespace dnscache {
namespace {

const auto listener = *Endpoint::parse("127.0.0.1:53", 53);
const std::vector<std::uint8_t> packet(40, 7);

ReturnAddress client(std::uint16_t port) {
  ReturnAddress to;
  to.client_size = Endpoint{IpAddress::v4(127, 0, 0, 9), port}.to_sockaddr(to.client);
  return to;
}

FileDescriptor copy_of(const FileDescriptor& file) { return FileDescriptor(::dup(file.get())); }

/// Memory, and what two processes after one another see of it.
FileDescriptor new_memory() { return FileDescriptor(::memfd_create("test", MFD_CLOEXEC)); }

}  // namespace

TEST_CASE("what one process has not answered, the next one finds, once") {
  const auto memory = new_memory();
  {
    auto first = Unanswered::in_memory(copy_of(memory));
    REQUIRE(first);
    CHECK(first->take().empty());
    const auto answered = first->keep(listener, client(1001), packet);
    CHECK(answered != 0);
    CHECK(first->keep(listener, client(1002), packet) != answered);
    first->forget(answered);
  }
  auto next = Unanswered::in_memory(copy_of(memory));
  REQUIRE(next);
  const auto left = next->take();
  REQUIRE(left.size() == 1);
  CHECK(left.front().listener == listener);
  CHECK(left.front().packet == packet);
  CHECK(Endpoint::from_sockaddr(left.front().to.client)->port == 1002);
  CHECK(next->take().empty());
}

TEST_CASE("a query that does not fit is not kept") {
  auto queries = Unanswered::in_memory(new_memory());
  REQUIRE(queries);
  CHECK(queries->keep(listener, client(1), std::vector<std::uint8_t>(513)) == 0);
  int kept = 0;
  for (int i = 0; i < 1500; ++i) kept += queries->keep(listener, client(1), packet) != 0;
  CHECK(kept == 1024);
  CHECK(queries->take().size() == 1024);
  const auto ticket = queries->keep(listener, client(1), packet);
  CHECK(ticket != 0);
  queries->forget(ticket);
  queries->forget(0);
  CHECK(queries->take().empty());
}

TEST_CASE("memory of another layout is left alone") {
  const auto memory = new_memory();
  REQUIRE(::ftruncate(memory.get(), 4096) == 0);
  CHECK(Unanswered::in_memory(copy_of(memory)) == nullptr);

  const auto damaged = new_memory();
  REQUIRE(Unanswered::in_memory(copy_of(damaged)));
  REQUIRE(::pwrite(damaged.get(), "another", 8, 0) == 8);
  CHECK(Unanswered::in_memory(copy_of(damaged)) == nullptr);
}

TEST_CASE("sizes in the memory are not trusted") {
  const auto memory = new_memory();
  auto queries = Unanswered::in_memory(copy_of(memory));
  REQUIRE(queries);
  REQUIRE(queries->keep(listener, client(1), packet) != 0);
  const auto size = ::lseek(memory.get(), 0, SEEK_END);
  auto* bytes =
      static_cast<std::uint8_t*>(::mmap(nullptr, static_cast<std::size_t>(size),
                                        PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0));
  REQUIRE(bytes != MAP_FAILED);
  // The packet's bytes tell where its size is: just before them.
  const auto* found = static_cast<std::uint8_t*>(
      ::memmem(bytes, static_cast<std::size_t>(size), packet.data(), packet.size()));
  REQUIRE(found != nullptr);
  const std::uint32_t huge = 100'000;
  std::memcpy(bytes + (found - bytes) - sizeof huge, &huge, sizeof huge);
  CHECK(queries->take().empty());
  ::munmap(bytes, static_cast<std::size_t>(size));
}

}  // namespace dnscache
