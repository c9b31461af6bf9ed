// Snapshots: whatever is in the file, loading it is safe, and what was loaded can be written again.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>

#include "resolver/cache/persist.hpp"
#include "resolver/cache/restore.hpp"

using namespace dnscache;

namespace {

// Past the checksums: the bytes as one kept answer.
void restore(ByteView data) {
  if (data.size() < 20) return;
  Question question;
  question.type = load16(&data[0]);
  AnswerView kept;
  kept.rcode = static_cast<Rcode>(data[2]);
  kept.answer_count = data[3];
  kept.authority_count = data[4];
  kept.additional_count = data[5];
  kept.records = data.subspan(6);
  Restorer restorer;
  const auto answer = restorer.restore(question, kept, 300);
  if (!answer) return;
  const std::size_t count =
      std::size_t{answer->answer_count} + answer->authority_count + answer->additional_count;
  if (answer->is_failure() || answer->ttl > 300 || answer->ttl_offsets.size() != count) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const int file = ::memfd_create("snapshot", MFD_CLOEXEC);
  if (::write(file, data, size) != static_cast<ssize_t>(size)) std::abort();
  Cache cache(1 << 20);
  const auto loaded = load_snapshot(file, "fuzz", 42, {}, {1'700'000'100, 5000}, cache);
  ::close(file);
  if (!loaded && cache.stats().entries != 0) std::abort();
  restore({data, size});
  return 0;
}
