// Preloaded into a program: ends it with SIGKILL at its n-th fsync(2), n from KILL_AT_FSYNC. A
// journal that is synced before each change can be cut off anywhere that way.
#include <dlfcn.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>

extern "C" int fsync(int fd) {
  static int left = std::getenv("KILL_AT_FSYNC") ? std::atoi(std::getenv("KILL_AT_FSYNC")) : -1;
  if (left > 0 && --left == 0) ::kill(::getpid(), SIGKILL);
  static auto* real = reinterpret_cast<int (*)(int)>(::dlsym(RTLD_NEXT, "fsync"));
  return real(fd);
}
