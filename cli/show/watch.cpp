#include "cli/show/watch.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <utility>

#include "cli/show/escape.hpp"
#include "cli/show/output.hpp"

namespace dnscache::cli {
namespace {

constexpr std::size_t usual_rows = 24;
volatile std::sig_atomic_t is_ended = 0;

std::size_t terminal_rows() {
  winsize size{};
  const bool is_known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0;
  return is_known ? size.ws_row : usual_rows;
}

/// The terminal gives single keys without showing them, until this goes.
class SingleKeys {
 public:
  SingleKeys() : has_keys_(::tcgetattr(STDIN_FILENO, &before_) == 0) {
    if (!has_keys_) return;
    termios now = before_;
    now.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    ::tcsetattr(STDIN_FILENO, TCSANOW, &now);
  }
  ~SingleKeys() {
    if (has_keys_) ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  SingleKeys(const SingleKeys&) = delete;
  SingleKeys& operator=(const SingleKeys&) = delete;

  /// Waits; true when q was pressed.
  bool quits_within(std::chrono::milliseconds time) const {
    pollfd key{has_keys_ ? STDIN_FILENO : -1, POLLIN, 0};
    if (::poll(&key, 1, static_cast<int>(time.count())) <= 0) return false;  // a resize, too
    char pressed = 'q';                                                      // as the end of input
    return ::read(STDIN_FILENO, &pressed, 1) <= 0 || pressed == 'q' || pressed == 'Q';
  }

 private:
  termios before_{};
  bool has_keys_;
};

/// The terminal's second screen without a cursor, until this goes: what was there comes back.
class OwnScreen {
 public:
  OwnScreen() { print_frame("\x1b[?1049h\x1b[?25l"); }
  ~OwnScreen() { print_frame("\x1b[?25h\x1b[?1049l"); }
  OwnScreen(const OwnScreen&) = delete;
  OwnScreen& operator=(const OwnScreen&) = delete;
};

// Without SA_RESTART, so that poll() returns at once.
void on_signal(int number, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  ::sigaction(number, &action, nullptr);
}

}  // namespace

std::string frame_of(std::string_view text, std::size_t rows) {
  std::string frame = "\x1b[H";
  for (std::size_t row = 1; row < rows && !text.empty(); ++row) {
    const std::size_t end = text.find('\n');
    frame.append(text.substr(0, end)).append("\x1b[K\n");
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return frame + "\x1b[J";
}

Result<void> watch(std::chrono::milliseconds interval,
                   const std::function<Result<std::string>(const Terminal&)>& draw) {
  if (!Terminal::of(STDOUT_FILENO).is_tty) {
    return Error{"--watch needs a terminal; for programs there is --json", ExitCode::usage};
  }
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) on_signal(number, [](int) { is_ended = 1; });
  on_signal(SIGWINCH, [](int) {});
  std::string last;
  {
    const SingleKeys keys;
    const OwnScreen screen;
    while (is_ended == 0) {
      auto text = draw(Terminal::of(STDOUT_FILENO));
      if (!text) return text.error();
      print_frame(frame_of(escaped(*text, {true, true}), terminal_rows()));
      last = std::move(*text);
      if (keys.quits_within(interval)) break;
    }
  }
  print(last);  // stays on the screen
  return {};
}

}  // namespace dnscache::cli
