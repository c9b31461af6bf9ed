#include <algorithm>
#include <catch2/catch.hpp>

#include "cli/commands/completion.hpp"
#include "cli/show/usage.hpp"

using namespace dnscache::cli;

namespace {

std::vector<std::string> words_for(const std::vector<std::string>& words) {
  CommandLine line;
  std::vector<std::string> out;
  for (const auto& candidate : complete(line, words)) out.push_back(candidate.word);
  return out;
}

bool contains(const std::vector<std::string>& words, const std::string& word) {
  return std::ranges::find(words, word) != words.end();
}

}  // namespace

TEST_CASE("commands are completed, hidden ones are not") {
  const auto all = words_for({""});
  for (const auto* command :
       {"setup", "status", "bench", "flush", "check", "import", "serve", "remove", "completion"}) {
    CHECK(contains(all, command));
  }
  CHECK_FALSE(contains(all, "__complete"));
  CHECK_FALSE(contains(all, "__man-settings"));
  CHECK(words_for({"sta"}) == std::vector<std::string>{"status"});
  CHECK(words_for({}) == all);
}

TEST_CASE("options of the command and of all commands are completed") {
  const auto options = words_for({"setup", "--"});
  CHECK(contains(options, "--dry-run"));
  CHECK(contains(options, "--control"));
  CHECK_FALSE(contains(options, "--root"));
  CHECK_FALSE(contains(options, "--zone"));
  CHECK(words_for({"flush", "--z"}) == std::vector<std::string>{"--zone"});
}

TEST_CASE("a value behind an equals sign is completed") {
  CHECK(words_for({"setup", "--mode=l"}) == std::vector<std::string>{"--mode=link"});
  CHECK(words_for({"setup", "--mode", "=", "l"}) == std::vector<std::string>{"link"});
  CHECK(contains(words_for({"setup", "--mode", "="}), "link"));
  CHECK(words_for({"config", "set", "log_"}) == std::vector<std::string>{"log_level"});
}

TEST_CASE("an option's value is not taken for a command") {
  CHECK(words_for({"--control", "setup", "flush", "--z"}) == std::vector<std::string>{"--zone"});
  CHECK(words_for({"--control", ""}).empty());
  CHECK(contains(words_for({"bench", "--type", "A"}), "AAAA"));
  CHECK(contains(words_for({"bench", "-t", ""}), "MX"));
}

TEST_CASE("a command of run is not ours to understand") {
  const CommandLine line;
  using Words = std::vector<std::string>;
  const auto split = [&](Words words) {
    auto command = line.take_after(words);
    return std::pair(words, command);
  };
  CHECK(split({"run", "ls", "--help"}) == std::pair(Words{"run"}, Words{"ls", "--help"}));
  CHECK(split({"run", "--upstream", "10.0.0.2", "--", "status", "--", "-x"}) ==
        std::pair(Words{"run", "--upstream", "10.0.0.2"}, Words{"status", "--", "-x"}));
  CHECK(split({"--control", "run", "run", "run"}) ==
        std::pair(Words{"--control", "run", "run"}, Words{"run"}));
  CHECK(split({"status", "run", "x"}) == std::pair(Words{"status", "run", "x"}, Words{}));
  CHECK(split({"run", "--help"}) == std::pair(Words{"run", "--help"}, Words{}));
}

TEST_CASE("arguments with fixed words are completed") {
  CHECK(contains(words_for({"template", ""}), "kubernetes"));
  CHECK(words_for({"template", "--form", ""}) == std::vector<std::string>{"sidecar", "wrapper"});
  CHECK(words_for({"completion", ""}) == std::vector<std::string>{"bash", "zsh", "fish"});
  CHECK(words_for({"check", ""}).empty());
}

TEST_CASE("every option and command has a help text") {
  CommandLine line;
  for (const auto* command : line.app().get_subcommands([](const CLI::App*) { return true; })) {
    CHECK_FALSE(command->get_description().empty());
    if (command->get_group().empty()) continue;
    for (const auto* option : command->get_options()) {
      INFO(command->get_name() << " " << option->get_name());
      CHECK_FALSE(option->get_description().empty());
    }
  }
}

TEST_CASE("lists are given with commas or several times, and leave the names alone") {
  CLI::App app;
  Suggestions suggestions;
  Arguments arguments(app, suggestions);
  std::vector<std::string> names, servers;
  arguments.add("name", names, "NAME", "names");
  arguments.add_list("--servers", servers, "ADDRESS", "servers");
  app.parse("--servers 192.0.2.1,192.0.2.2 --servers 192.0.2.3 a.example b.example");
  CHECK(servers == std::vector<std::string>{"192.0.2.1", "192.0.2.2", "192.0.2.3"});
  CHECK(names == std::vector<std::string>{"a.example", "b.example"});
}

TEST_CASE("flush takes one of a name, a zone and everything") {
  CHECK_THROWS_AS(CommandLine().parse({"flush", "a.example", "--all"}), CLI::ParseError);
  CHECK_NOTHROW(CommandLine().parse({"flush", "--zone", "a.example"}));
}

TEST_CASE("every command has a row, a help and an example of itself") {
  for (const auto& group : command_groups()) {
    for (const auto* command : group.commands) {
      CAPTURE(command->name);
      CHECK(std::string(command->help).find_first_of(".\n") == std::string::npos);
      if (std::string(group.title).empty() || command->declare == nullptr) continue;
      REQUIRE(command->example != nullptr);
      CHECK(std::string(command->example).find(std::string("dnscachectl ") + command->name) !=
            std::string::npos);
    }
  }
}

TEST_CASE("names in the cache are completed where a name is expected, and nowhere else") {
  CommandLine line;
  const auto words_for_names = [&](const std::vector<std::string>& words) {
    std::vector<std::string> out;
    const auto names = [] {
      return std::vector<std::string>{"a.example", "b.example", "a.example"};
    };
    for (const auto& candidate : complete(line, words, names)) out.push_back(candidate.word);
    return out;
  };
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"flush"}, {"cache", "flush"}, {"cache", "get"}, {"explain"}}) {
    auto words = command;
    words.push_back("");
    CHECK(words_for_names(words) == std::vector<std::string>{"a.example", "b.example"});
    words.back() = "b";
    CHECK(words_for_names(words) == std::vector<std::string>{"b.example"});
  }
  CHECK(contains(words_for_names({"explain", "a.example", ""}), "MX"));
  CHECK(contains(words_for_names({"cache", "get", "a.example", ""}), "AAAA"));
  CHECK_FALSE(contains(words_for_names({"status", ""}), "a.example"));
  CHECK(words_for({"flush", ""}).empty());
}
