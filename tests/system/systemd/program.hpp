// The program as people call it, and lookups as programs make them.
#pragma once

#include <catch2/catch.hpp>
#include <sstream>

#include "support.hpp"

namespace dnscache::test {

inline const std::string program = "/usr/local/bin/dnscachectl";

/// What a command printed, on both streams, and its exit status.
struct Ran {
  int status = 0;
  std::string output;
};

inline Ran run(const std::string& command) {
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  Ran ran;
  std::array<char, 4096> buffer{};
  while (auto count = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    ran.output.append(buffer.data(), count);
  }
  const int status = ::pclose(pipe);
  ran.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ran;
}

/// Puts the program where services find it.
inline void install() {
  std::filesystem::create_directories("/usr/local/bin");
  std::filesystem::remove(program);  // it may run still
  std::filesystem::copy_file(DNSCACHECTL_PATH, program);
}

inline Ran dnscachectl(const std::string& arguments) { return run(program + " " + arguments); }

inline void set_up(const std::string& arguments = "") {
  const auto ran = dnscachectl("setup --yes " + arguments);
  INFO(ran.output);
  REQUIRE(ran.status == 0);
}

inline void take_back() {
  const auto ran = dnscachectl("remove --yes");
  INFO(ran.output);
  REQUIRE(ran.status == 0);
}

/// A name below example.com that was not looked up before.
inline std::string new_name() {
  static int count = 0;
  return "once" + std::to_string(++count) + ".example.com";
}

/// The address that glibc finds by one service of nsswitch.conf.
inline std::string look_up(const std::string& nss_service, const std::string& name) {
  return run("getent -s hosts:" + nss_service + " ahostsv4 " + name +
             " | awk 'NR == 1 { printf \"%s\", $1 }'")
      .output;
}

inline std::string first_difference(const std::string& a, const std::string& b) {
  std::istringstream left(a), right(b);
  std::string x, y;
  while (true) {
    const bool has_x = bool(std::getline(left, x)), has_y = bool(std::getline(right, y));
    if (!has_x && !has_y) return "none";
    if (!has_x) x.clear();
    if (!has_y) y.clear();
    if (x != y) return "-" + x + "\n+" + y;
  }
}

inline void check_same(const std::string& now, const std::string& before) {
  INFO(first_difference(before, now));
  CHECK((now == before));
}

}  // namespace dnscache::test
