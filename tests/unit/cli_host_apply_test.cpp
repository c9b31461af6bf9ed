#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>
#include <fstream>

#include "cli/host/apply.hpp"
#include "tests/support/process.hpp"

using namespace dnscache;
using namespace dnscache::cli;
namespace fs = std::filesystem;

namespace {

constexpr const char* original = "# original \xff\nnameserver 10.0.0.1\n";

/// A machine below a temporary directory; the engine is a file.
struct Machine {
  test::TempDir directory;
  fs::path root = directory.path();
  fs::path engine = root / "engine-runs";

  explicit Machine(FileState::Kind kind = FileState::Kind::regular) {
    fs::create_directories(root / "etc");
    FileState state = FileState::regular(original, 0640);
    state.uid = ::geteuid();
    state.gid = ::getegid();
    state.kind = kind;
    state.modified = {1234567890, 987654321};
    if (kind == FileState::Kind::symlink) state.content = "../run/some/where";
    REQUIRE(write_state(resolv_conf(), state));
  }

  fs::path resolv_conf() const { return root / "etc/resolv.conf"; }
  fs::path config() const { return root / "etc/dnscachectl/config.yaml"; }

  Actions actions() const {
    Actions actions;
    actions.start_engine = [path = engine]() -> Result<void> {
      std::ofstream(path) << "x";
      return {};
    };
    actions.stop_engine = [path = engine]() -> Result<void> {
      fs::remove(path);
      return {};
    };
    actions.verify_engine = []() -> Result<void> { return {}; };
    actions.verify_system = []() -> Result<void> { return {}; };
    return actions;
  }

  Plan plan() const {
    Plan plan;
    plan.steps.resize(6);
    plan.steps[0].kind = Step::Kind::directory;
    plan.steps[0].path = "/etc/dnscachectl";
    plan.steps[1].path = "/etc/dnscachectl/config.yaml";
    plan.steps[1].after = FileState::regular("upstreams: []\n");
    plan.steps[2].kind = Step::Kind::start_engine;
    plan.steps[2].path = "/etc/dnscachectl/config.yaml";
    plan.steps[3].kind = Step::Kind::verify_engine;
    plan.steps[4].path = "/etc/resolv.conf";
    plan.steps[4].before = *FileState::read(resolv_conf());
    plan.steps[4].after = FileState::regular("nameserver 127.0.0.1\n");
    for (auto* step : {&plan.steps[1], &plan.steps[4]}) {
      step->after.uid = ::geteuid();
      step->after.gid = ::getegid();
    }
    plan.steps[5].kind = Step::Kind::verify_system;
    return plan;
  }

  void set_up() const {
    auto journal = Journal::open(root);
    REQUIRE(journal);
    REQUIRE(apply(plan(), *journal, root, actions()));
  }
};

void check_same(const FileState& now, const FileState& before) {
  CHECK(now.kind == before.kind);
  CHECK(now.content == before.content);
  if (before.kind == FileState::Kind::absent) return;
  CHECK(now.mode == before.mode);
  CHECK(now.uid == before.uid);
  CHECK(now.gid == before.gid);
  CHECK(now.modified.tv_sec == before.modified.tv_sec);
  CHECK(now.modified.tv_nsec == before.modified.tv_nsec);
}

void check_untouched(const Machine& machine, const FileState& before) {
  check_same(*FileState::read(machine.resolv_conf()), before);
  CHECK_FALSE(fs::exists(machine.root / "etc/dnscachectl"));
  CHECK_FALSE(fs::exists(machine.engine));
  CHECK_FALSE(fs::exists(machine.root / "var/lib/dnscachectl/journal"));
}

// Runs `work` in a child that SIGKILLs itself at the n-th checkpoint; false when it got through.
template <class Work>
bool is_killed_at(int checkpoint, Work work) {
  const pid_t child = ::fork();
  if (child == 0) {
    int left = checkpoint;
    work([&left] {
      if (left-- == 0) ::kill(::getpid(), SIGKILL);
    });
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status);
}

void complete(const Machine& machine) {
  auto journal = Journal::open(machine.root);
  REQUIRE(journal);
  if (const auto first = journal->cut_off_at()) {
    const auto undone = undo(*journal, *first, machine.root, machine.actions());
    REQUIRE(undone);
    CHECK(undone->kept.empty());
  }
}

}  // namespace

TEST_CASE("what was applied is undone exactly") {
  const auto kind =
      GENERATE(FileState::Kind::regular, FileState::Kind::symlink, FileState::Kind::absent);
  const Machine machine(kind);
  const auto before = *FileState::read(machine.resolv_conf());
  machine.set_up();
  CHECK(test::read_text(machine.resolv_conf()) == "nameserver 127.0.0.1\n");
  CHECK(fs::exists(machine.engine));

  auto journal = Journal::open(machine.root);
  REQUIRE(journal);
  CHECK_FALSE(journal->cut_off_at());
  REQUIRE(journal->begin_removal());
  const auto undone = undo(*journal, 0, machine.root, machine.actions());
  REQUIRE(undone);
  CHECK(undone->was_engine_stopped);
  CHECK(undone->kept.empty());
  check_untouched(machine, before);
}

TEST_CASE("a setup that is killed at any moment is undone by the next run") {
  const auto kind =
      GENERATE(FileState::Kind::regular, FileState::Kind::symlink, FileState::Kind::absent);
  int checkpoint = 0;
  for (bool was_killed = true; was_killed; ++checkpoint) {
    INFO("killed at checkpoint " << checkpoint);
    const Machine machine(kind);
    const auto before = *FileState::read(machine.resolv_conf());
    was_killed = is_killed_at(checkpoint, [&](auto checkpoint_function) {
      auto actions = machine.actions();
      actions.checkpoint = checkpoint_function;
      auto journal = Journal::open(machine.root);
      if (journal) (void)apply(machine.plan(), *journal, machine.root, actions);
    });
    complete(machine);
    if (was_killed) check_untouched(machine, before);
    REQUIRE(checkpoint < 100);
  }
  CHECK(checkpoint > 8);
}

TEST_CASE("a removal that is killed at any moment is completed by the next run") {
  int checkpoint = 0;
  for (bool was_killed = true; was_killed; ++checkpoint) {
    INFO("killed at checkpoint " << checkpoint);
    const Machine machine;
    const auto before = *FileState::read(machine.resolv_conf());
    machine.set_up();
    was_killed = is_killed_at(checkpoint, [&](auto checkpoint_function) {
      auto actions = machine.actions();
      actions.checkpoint = checkpoint_function;
      auto journal = Journal::open(machine.root);
      if (!journal || !journal->begin_removal()) return;
      checkpoint_function();
      (void)undo(*journal, 0, machine.root, actions);
    });
    complete(machine);
    check_untouched(machine, before);
    REQUIRE(checkpoint < 100);
  }
  CHECK(checkpoint > 4);
}

TEST_CASE("a failed step leads back, and an earlier setup stays") {
  const Machine machine;
  const auto before = *FileState::read(machine.resolv_conf());
  auto actions = machine.actions();
  actions.verify_system = []() -> Result<void> { return Error{"no answer"}; };
  auto journal = Journal::open(machine.root);
  REQUIRE(journal);
  const auto applied = apply(machine.plan(), *journal, machine.root, actions);
  REQUIRE_FALSE(applied);
  CHECK(applied.error().message == "no answer");
  REQUIRE(undo(*journal, journal->committed(), machine.root, machine.actions()));
  check_untouched(machine, before);
}

TEST_CASE("the second of two setups fails: the first one's state is what comes back") {
  const Machine machine;
  const auto before = *FileState::read(machine.resolv_conf());
  machine.set_up();
  REQUIRE(write_state(machine.resolv_conf(), FileState::regular("# by a DHCP client\n")));
  {
    auto journal = Journal::open(machine.root);
    auto plan = machine.plan();
    plan.steps.erase(plan.steps.begin(), plan.steps.begin() + 4);
    auto actions = machine.actions();
    actions.verify_system = []() -> Result<void> { return Error{"no answer"}; };
    REQUIRE_FALSE(apply(plan, *journal, machine.root, actions));
    REQUIRE(undo(*journal, journal->committed(), machine.root, machine.actions()));
  }
  CHECK(test::read_text(machine.resolv_conf()) == "# by a DHCP client\n");
  CHECK(fs::exists(machine.engine));
  const auto journal = Journal::peek(machine.root);
  REQUIRE(journal);
  CHECK_FALSE(journal->cut_off_at());
  REQUIRE(journal->committed_entry("/etc/resolv.conf") != nullptr);
  check_same(journal->committed_entry("/etc/resolv.conf")->before, before);
}

TEST_CASE("a file that someone changed since is kept and named") {
  const Machine machine;
  machine.set_up();
  std::ofstream(machine.resolv_conf()) << "nameserver 192.0.2.9\n";
  auto journal = Journal::open(machine.root);
  REQUIRE(journal);
  const auto changed = changed_since(*journal, machine.root);
  REQUIRE(changed);
  REQUIRE(changed->size() == 1);
  CHECK(changed->front().path == "/etc/resolv.conf");

  SECTION("kept") {
    const auto undone = undo(*journal, 0, machine.root, machine.actions());
    REQUIRE(undone);
    CHECK(undone->kept == std::vector<std::string>{"/etc/resolv.conf"});
    CHECK(test::read_text(machine.resolv_conf()) == "nameserver 192.0.2.9\n");
    CHECK_FALSE(fs::exists(machine.engine));
  }
  SECTION("restored when that is wanted") {
    REQUIRE(undo(*journal, 0, machine.root, machine.actions(), Overwrite::everything));
    CHECK(test::read_text(machine.resolv_conf()) == original);
  }
}

TEST_CASE("a write in place that was cut off counts as ours") {
  const Machine machine;
  auto journal = Journal::open(machine.root);
  REQUIRE(journal);
  JournalEntry entry;
  entry.path = "/etc/resolv.conf";
  entry.before = *FileState::read(machine.resolv_conf());
  entry.after = FileState::regular("nameserver 127.0.0.1\n");
  REQUIRE(journal->append(entry));
  std::ofstream(machine.resolv_conf()) << GENERATE("", "nameserver 12", "# orig");
  const auto undone = undo(*journal, 0, machine.root, machine.actions());
  REQUIRE(undone);
  CHECK(undone->kept.empty());
  check_same(*FileState::read(machine.resolv_conf()), entry.before);
}

TEST_CASE("a file that changed after the plan was made is not overwritten") {
  const Machine machine;
  const auto plan = machine.plan();
  std::ofstream(machine.resolv_conf()) << "# just now\n";
  auto journal = Journal::open(machine.root);
  const auto applied = apply(plan, *journal, machine.root, machine.actions());
  REQUIRE_FALSE(applied);
  CHECK(applied.error().message.find("changed just now") != std::string::npos);
  CHECK(test::read_text(machine.resolv_conf()) == "# just now\n");
}

TEST_CASE("two setups at a time are refused") {
  const Machine machine;
  const auto first = Journal::open(machine.root);
  REQUIRE(first);
  const auto second = Journal::open(machine.root);
  REQUIRE_FALSE(second);
  CHECK(second.error().message.find("under way") != std::string::npos);
}

TEST_CASE("a journal with a cut-off last line is read, a damaged one is an error") {
  const Machine machine;
  machine.set_up();
  const auto path = machine.root / "var/lib/dnscachectl/journal";
  const auto text = test::read_text(path);
  std::ofstream(path) << text << "{\"step\":\"fi";
  REQUIRE(Journal::peek(machine.root));
  CHECK_FALSE(Journal::peek(machine.root)->cut_off_at());
  std::ofstream(path) << "not JSON\n" << text;
  CHECK_FALSE(Journal::peek(machine.root));
}

TEST_CASE("what resolv.conf said before setup is known afterwards") {
  const Machine machine;
  CHECK_FALSE(original_resolv_conf(machine.root));
  machine.set_up();
  CHECK(original_resolv_conf(machine.root) == original);
}
