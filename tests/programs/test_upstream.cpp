// The test upstream as a program, for shell scripts, the demo and the benchmarks.
#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>

#include "tests/support/upstream.hpp"

namespace {

using dnscache::test::Address;
using dnscache::test::Behaviour;
using dnscache::test::TestUpstream;

constexpr const char* usage =
    R"(usage: test_upstream [--listen ADDRESS[:PORT]]... [--no-tcp] [--seed N] [BEHAVIOUR...]

A name server for tests; without --listen it takes a free port of 127.0.0.1. The first line it
prints is "listening ADDRESS:PORT...". Commands are read from standard input; it ends at `quit` or
on SIGTERM, printing its counts. With standard input closed it runs until SIGTERM.

  BEHAVIOUR...               for every question: answer, drop, drop 0.3, delay 900, nxdomain, nodata,
                             no-soa, servfail, refused, formerr, notimp, ttl 5, soa-ttl 5, records 3,
                             text 2000, chain 3, alias=NAME, address=192.0.2.1,192.0.2.2, truncate,
                             drop-first 2, no-edns, duplicate, authentic, wrong-id, wrong-question,
                             wrong-type, wrong-port, lower-case, no-question, query-bit, garbage, runt,
                             pointer-loop, bad-length, poison=NAME, truth-after 20, tcp-split 1,
                             tcp-reverse, tcp-silent, tcp-close-after 1, tcp-wrong-length
  for NAME [TYPE] BEHAVIOUR  the same for one name, or for all below one with *.NAME
  count [NAME]               print the counts, or those of one name
  names                      print every name with its number of questions
  reset                      set the counts to zero
  quit                       print the counts and end
)";

volatile std::sig_atomic_t stop = 0;

void print_counts(const TestUpstream& upstream) {
  const auto counts = upstream.counts();
  std::printf(
      "questions %llu udp %llu tcp %llu replies %llu dropped %llu malformed %llu "
      "tcp_connections %llu peak_per_second %llu\n",
      static_cast<unsigned long long>(counts.questions),
      static_cast<unsigned long long>(counts.udp), static_cast<unsigned long long>(counts.tcp),
      static_cast<unsigned long long>(counts.replies),
      static_cast<unsigned long long>(counts.dropped),
      static_cast<unsigned long long>(counts.malformed),
      static_cast<unsigned long long>(counts.tcp_connections),
      static_cast<unsigned long long>(counts.peak_per_second));
}

std::string rest_of(std::istringstream& words) {
  std::string rest;
  std::getline(words, rest);
  return rest;
}

void set_rule(TestUpstream& upstream, std::istringstream& words) {
  std::string name;
  std::string next;
  words >> name >> next;
  const auto type = dnscache::test::type_from_text(next);
  const std::string behaviour = (type == 0 ? next : "") + rest_of(words);
  upstream.set(name, type, Behaviour::parse(behaviour));
}

/// False when the command ends the program.
bool obey(TestUpstream& upstream, const std::string& line) {
  std::istringstream words(line);
  std::string command;
  words >> command;
  if (command.empty()) return true;
  if (command == "quit") return false;
  if (command == "count") {
    std::string name;
    if (words >> name) {
      std::printf("questions %llu\n", static_cast<unsigned long long>(upstream.count(name)));
    } else {
      print_counts(upstream);
    }
  } else if (command == "names") {
    for (const auto& [name, count] : upstream.names()) {
      std::printf("%llu %s\n", static_cast<unsigned long long>(count), name.c_str());
    }
  } else if (command == "reset") {
    upstream.reset_counts();
  } else if (command == "for") {
    set_rule(upstream, words);
  } else {
    upstream.set(line);
  }
  return true;
}

void serve_commands(TestUpstream& upstream) {
  std::string pending;
  bool open = true;
  while (stop == 0) {
    pollfd input{open ? STDIN_FILENO : -1, POLLIN, 0};
    if (poll(&input, 1, 200) <= 0) continue;
    char buffer[4096];
    const auto got = read(STDIN_FILENO, buffer, sizeof buffer);
    if (got <= 0) {
      open = false;
      continue;
    }
    pending.append(buffer, static_cast<std::size_t>(got));
    for (std::size_t end = pending.find('\n'); end != std::string::npos; end = pending.find('\n')) {
      const std::string line = pending.substr(0, end);
      pending.erase(0, end + 1);
      try {
        if (!obey(upstream, line)) return;
      } catch (const std::invalid_argument& error) {
        std::fprintf(stderr, "test_upstream: %s\n", error.what());
      }
      std::fflush(stdout);
    }
  }
}

int run(int argc, char** argv) {
  TestUpstream::Options options;
  options.listen.clear();
  options.remember = false;
  std::string behaviour;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const bool has_value = i + 1 < argc;
    if (argument == "--help" || argument == "-h") {
      std::fputs(usage, stdout);
      return 0;
    }
    if (argument == "--listen" && has_value) {
      const auto address = Address::parse(argv[++i]);
      if (!address) throw std::invalid_argument(std::string("not an address: ") + argv[i]);
      options.listen.push_back(*address);
    } else if (argument == "--seed" && has_value) {
      options.seed = std::stoull(argv[++i]);
    } else if (argument == "--no-tcp") {
      options.tcp = false;
    } else if (argument.starts_with("-")) {
      throw std::invalid_argument("unknown option " + argument);
    } else {
      behaviour += (behaviour.empty() ? "" : " ") + argument;
    }
  }
  if (options.listen.empty()) options.listen.push_back(Address{});
  const auto how = Behaviour::parse(behaviour);
  TestUpstream upstream(options);
  upstream.set(how);
  std::string listening = "listening";
  for (std::size_t i = 0; i < options.listen.size(); ++i) {
    listening += " " + upstream.address(i).to_text();
  }
  std::puts(listening.c_str());
  std::fflush(stdout);
  serve_commands(upstream);
  print_counts(upstream);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  struct sigaction action {};
  action.sa_handler = [](int) { stop = 1; };
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  try {
    return run(argc, argv);
  } catch (const std::invalid_argument& error) {
    std::fprintf(stderr, "test_upstream: %s\n%s", error.what(), usage);
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "test_upstream: %s\n", error.what());
    return 1;
  }
}
