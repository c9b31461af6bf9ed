// dnscachectl config: a running engine takes a change over, or the change is taken back.
#include "tests/system/fixture.hpp"

using namespace dnscache::test;
using Catch::Matchers::Contains;

namespace {

CommandResult config(const Cache& cache, std::vector<std::string> words,
                     const std::map<std::string, std::string>& environment = {}) {
  const auto verb = words.front();
  words.erase(words.begin());
  words.insert(words.begin(), {"config", verb, "--config", cache.engine.config_path().string()});
  return run_command(cache.engine, std::move(words), environment);
}

std::string file_of(const Cache& cache) { return read_text(cache.engine.config_path()); }

}  // namespace

TEST_CASE("config set changes a setting, keeps comments, and is in force when it returns") {
  Cache cache("# an old friend\nlocal: {records: [\"db.example A 10.0.0.5\"]}\n");
  const auto ran = config(cache, {"set", "local.records", "db.example A 10.0.0.6"});
  INFO(ran.errors);
  CHECK(ran.status == 0);
  CHECK_THAT(ran.output, Contains("-local: {records: [\"db.example A 10.0.0.5\"]}") &&
                             Contains("+local: {records: [\"db.example A 10.0.0.6\"]}"));
  CHECK_THAT(file_of(cache), Contains("# an old friend"));
  CHECK(cache.ask("db.example")->texts(type_a) == std::vector<std::string>{"10.0.0.6"});
  CHECK(config(cache, {"get", "local.records"}).output == "- \"db.example A 10.0.0.6\"\n");
}

TEST_CASE("config set says what needs a restart, and that nothing changed") {
  Cache cache;
  CHECK_THAT(config(cache, {"set", "cache.size", "8MiB"}).errors,
             Contains("cache.size takes effect with 'dnscachectl restart'"));
  CHECK_THAT(config(cache, {"set", "cache.size", "8MiB"}).errors, Contains("unchanged"));
  CHECK(config(cache, {"get", "cache.size"}).output == "8MiB\n");
  CHECK(config(cache, {"unset", "cache.size"}).status == 0);
  CHECK(config(cache, {"get", "cache.size"}).output == "auto\n");
}

TEST_CASE("a mistake changes nothing") {
  Cache cache;
  const auto before = file_of(cache);
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"set", "cache.size", "big"}, {"set", "upstreams", "300.0.0.1"}}) {
    const auto ran = config(cache, words);
    CHECK(ran.status == 5);
    CHECK_THAT(ran.errors, Contains("nothing was changed"));
  }
  CHECK(config(cache, {"set", "no.such.key", "1"}).status == 2);
  CHECK(file_of(cache) == before);
  CHECK(config(cache, {"set", "--dry-run", "cache.size", "8MiB"}).status == 0);
  CHECK(file_of(cache) == before);
}

TEST_CASE("a change that makes lookups fail is taken back") {
  Cache cache;
  TestUpstream silent;
  silent.set("drop");
  CHECK(cache.ask("www.example.com"));
  const auto before = file_of(cache);
  const auto ran = config(cache, {"set", "upstreams", silent.address().to_text()});
  CHECK(ran.status == 6);
  CHECK_THAT(ran.errors, Contains("the old configuration is in force again"));
  CHECK(file_of(cache) == before);
  CHECK(is_true_answer(cache.ask("other.example.com"), "other.example.com"));
}

TEST_CASE("config edit runs the editor, and checks what it wrote") {
  Cache cache;
  const TempDir folder;
  const auto editor = folder.write("editor", "#!/bin/sh\necho \"$LINE\" >>\"$1\"\n");
  std::filesystem::permissions(editor, std::filesystem::perms::owner_all);
  const auto edit = [&](const std::string& line) {
    return config(cache, {"edit"}, {{"VISUAL", editor.string()}, {"LINE", line}});
  };
  CHECK(edit("log_level: debug").status == 0);
  CHECK(config(cache, {"get", "log_level"}).output == "debug\n");
  const auto before = file_of(cache);
  CHECK(edit("nonsense: 1").status == 5);
  CHECK(file_of(cache) == before);
  CHECK(config(cache, {"edit"}, {{"VISUAL", "false"}}).status == 1);
}
