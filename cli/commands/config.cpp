// `dnscachectl config`: shows and changes settings, and takes back what makes lookups fail.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "cli/ask/control_client.hpp"
#include "cli/ask/stub_resolver.hpp"
#include "cli/ask/upstream_probe.hpp"
#include "cli/command.hpp"
#include "cli/host/file_state.hpp"
#include "cli/host/lookup_check.hpp"
#include "cli/host/lookup_path.hpp"
#include "cli/host/resolv_conf.hpp"
#include "cli/settings/config_edit.hpp"
#include "cli/show/output.hpp"
#include "resolver/base/error.hpp"
#include "resolver/base/text.hpp"
#include "resolver/config/read.hpp"
#include "resolver/config/schema.hpp"

namespace dnscache::cli {

namespace {

/// What `config` was asked to do.
struct ConfigOptions {
  std::filesystem::path control;  ///< empty: what the configuration says
  std::filesystem::path file;     ///< empty: the default one
  std::string key;
  std::vector<std::string> values;
  bool is_dry_run = false;
};

using namespace std::chrono_literals;

constexpr auto reload_patience = 30s;  // as `reload`
constexpr auto lookup_patience = 5s;
constexpr auto lookup_interval = 200ms;

std::filesystem::path file_of(const ConfigOptions& options) {
  return options.file.empty() ? std::filesystem::path(default_config_path) : options.file;
}

Result<FileState> read_file(const std::filesystem::path& path) {
  std::error_code error;
  // A link is followed: what it points to is what people mean to change.
  const auto target = std::filesystem::weakly_canonical(path, error);
  auto state = FileState::read(error ? path : target);
  if (!state) return state;
  if (state->kind == FileState::Kind::absent) return FileState::regular("");
  return state;
}

std::filesystem::path target_of(const std::filesystem::path& path) {
  std::error_code error;
  const auto target = std::filesystem::weakly_canonical(path, error);
  return error ? path : target;
}

Result<void> check(const std::string& text, const std::filesystem::path& path) {
  const auto reading = read_config(text, path.string());
  if (reading) return {};
  std::vector<std::string> lines;
  for (const auto& problem : reading.problems) lines.push_back(problem.to_text());
  return Error{fmt::format("{}\nnothing was changed", fmt::join(lines, "\n")),
               ExitCode::check_failed};
}

Result<void> reload(const std::filesystem::path& control) {
  const auto reply = ask_engine(control, {{"command", "reload"}}, reload_patience);
  return reply ? Result<void>() : reply.error();
}

bool is_answering(const std::filesystem::path& control) {
  const auto engine = engine_status(control);
  if (!engine || engine->listen.empty()) return false;
  auto resolver = StubResolver::with_servers({reachable(engine->listen.front())},
                                             {.timeout_seconds = 1, .attempts = 1});
  if (!resolver || !resolver->ask(new_name_in(engine->probe_zone), ns_t_a).is_answer()) {
    return false;
  }
  const auto probe = probe_upstreams(control);
  return probe && probe->is_answered();
}

// Servers may have to be connected to first.
bool is_answering_soon(const std::filesystem::path& control) {
  const auto deadline = std::chrono::steady_clock::now() + lookup_patience;
  while (!is_answering(control)) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(lookup_interval);
  }
  return true;
}

void note_restart(const Config& before, const Config& after) {
  std::vector<std::string> keys;
  if (before.workers != after.workers) keys.push_back("workers");
  if (before.cache.size != after.cache.size) keys.push_back("cache.size");
  if (before.control != after.control) keys.push_back("control");
  if (keys.empty()) return;
  print_note(fmt::format("{} take{} effect with 'dnscachectl restart'", join_words(keys, "and"),
                         keys.size() == 1 ? "s" : ""));
}

/// A change of the configuration file, which can be taken back.
class Change {
 public:
  Change(std::filesystem::path path, FileState before, std::string text)
      : path_(target_of(path)), before_(std::move(before)), after_(before_) {
    std::error_code ignored;
    was_absent_ = !std::filesystem::exists(path_, ignored);
    after_.content = std::move(text);
    after_.modified = {};
  }

  Result<void> write() const {
    if (was_absent_) {
      std::error_code ignored;
      std::filesystem::create_directories(path_.parent_path(), ignored);
    }
    return write_state(path_, after_);
  }
  Result<void> take_back() const {
    if (!was_absent_) return write_state(path_, before_);
    std::error_code error;
    std::filesystem::remove(path_, error);
    return error ? system_error("cannot remove " + path_.string(), error.value()) : Result<void>();
  }
  std::string diff() const { return unified_diff(path_.string(), before_.content, after_.content); }

 private:
  std::filesystem::path path_;
  FileState before_;
  FileState after_;
  bool was_absent_ = false;
};

Result<ExitCode> take_back(const Change& change, const std::filesystem::path& control,
                           const Error& why) {
  if (const auto restored = change.take_back(); !restored) return restored.error();
  (void)reload(control);
  return why;
}

// With the engine that runs: what it cannot use, or what makes lookups fail, is taken back.
Result<ExitCode> put_in_force(const Change& change, const std::filesystem::path& control) {
  const bool was_answering = is_answering(control);
  if (const auto written = change.write(); !written) return written.error();
  if (const auto reloaded = reload(control); !reloaded) {
    return take_back(change, control,
                     {reloaded.error().message + "\nnothing was changed", ExitCode::check_failed});
  }
  if (is_answering_soon(control)) return ExitCode::done;
  if (was_answering) {
    return take_back(
        change, control,
        {"lookups fail with it; the old configuration is in force again", ExitCode::rolled_back});
  }
  print_message("it is in force, but lookups fail, as they did before; see 'dnscachectl doctor'");
  return ExitCode::done;
}

Result<ExitCode> apply(const ConfigOptions& options, const FileState& before,
                       const std::string& text) {
  const auto path = file_of(options);
  if (text == before.content) {
    print_note("unchanged: it says so already");
    return ExitCode::done;
  }
  if (const auto checked = check(text, path); !checked) return checked.error();
  const auto control = control_path(options.control);
  const Change change(path, before, text);
  print(change.diff());
  if (options.is_dry_run) return ExitCode::done;
  const auto engine = engine_status(control);
  if (!engine) {
    if (const auto written = change.write(); !written) return written.error();
    print_note("written; the engine does not run");
    return ExitCode::done;
  }
  const auto applied = put_in_force(change, control);
  if (applied) {
    note_restart(read_config(before.content, "").config, read_config(text, "").config);
  }
  return applied;
}

Result<ExitCode> run_editor(const std::filesystem::path& file) {
  const char* editor = std::getenv("VISUAL");
  if (editor == nullptr || *editor == '\0') editor = std::getenv("EDITOR");
  if (editor == nullptr || *editor == '\0') editor = "vi";
  const std::string command = std::string(editor) + " \"$1\"";
  const pid_t pid = ::fork();
  if (pid < 0) return system_error("cannot start an editor", errno);
  if (pid == 0) {
    ::execl("/bin/sh", "sh", "-c", command.c_str(), "sh", file.c_str(), nullptr);
    ::_exit(127);
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return ExitCode::done;
  return Error{fmt::format("the editor '{}' failed; nothing was changed", editor)};
}

bool wants_another_try() {
  if (::isatty(STDIN_FILENO) == 0) return false;
  print_error_text("Edit again? [Y/n] ");
  std::string answer;
  return bool(std::getline(std::cin, answer)) && answer != "n" && answer != "N" && answer != "no";
}

/// A copy that goes with its owner.
class EditedCopy {
 public:
  static Result<EditedCopy> of(const std::string& text) {
    std::string path = std::filesystem::temp_directory_path() / "dnscachectl-XXXXXX.yaml";
    const int fd = ::mkstemps(path.data(), 5);
    if (fd < 0) return system_error("cannot make a file in " + path, errno);
    ::close(fd);
    std::ofstream(path) << text;
    return EditedCopy(path);
  }
  EditedCopy(EditedCopy&& other) noexcept : path_(std::exchange(other.path_, "")) {}
  EditedCopy& operator=(EditedCopy&&) = delete;
  ~EditedCopy() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }

  std::filesystem::path path() const { return path_; }
  std::string text() const {
    std::ifstream file(path_);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  explicit EditedCopy(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

Result<ExitCode> run_config_get(const ConfigOptions& options) {
  const auto path = file_of(options);
  std::error_code ignored;
  const bool is_there = std::filesystem::exists(path, ignored);
  const auto reading = is_there ? read_config_file(path) : read_config("", "");
  if (!reading) return Error{reading.problems.front().to_text(), ExitCode::check_failed};
  if (options.key.empty()) {
    print(print_config(reading.config));
    return ExitCode::done;
  }
  std::vector<std::string> keys;
  for (const auto& setting : settings()) {
    keys.push_back(setting.key);
    if (setting.key != options.key) continue;
    auto text = write_yaml(setting.write(reading.config), 0);
    if (text.starts_with('\n')) text.erase(0, 1);
    print(text + '\n');
    return ExitCode::done;
  }
  const auto suggestion = nearest(options.key, keys);
  return Error{fmt::format("there is no setting '{}'{}", printable(options.key),
                           suggestion.empty() ? "" : ", did you mean '" + suggestion + "'?"),
               ExitCode::usage};
}

Result<ExitCode> run_config_set(const ConfigOptions& options) {
  const auto before = read_file(file_of(options));
  if (!before) return before.error();
  const auto value = fmt::format("{}", fmt::join(options.values, ", "));
  const auto text = with_setting(before->content, options.key, value);
  if (!text) return text.error();
  return apply(options, *before, *text);
}

Result<ExitCode> run_config_unset(const ConfigOptions& options) {
  const auto before = read_file(file_of(options));
  if (!before) return before.error();
  const auto text = without_setting(before->content, options.key);
  if (!text) return text.error();
  return apply(options, *before, *text);
}

Result<ExitCode> run_config_edit(const ConfigOptions& options) {
  const auto before = read_file(file_of(options));
  if (!before) return before.error();
  const auto copy = EditedCopy::of(before->content);
  if (!copy) return copy.error();
  for (;;) {
    if (const auto edited = run_editor(copy->path()); !edited) return edited;
    const auto text = copy->text();
    const auto checked = check(text, file_of(options));
    if (checked) return apply(options, *before, text);
    if (!wants_another_try()) return checked.error();
    print_message(checked.error().message);
  }
}

std::vector<std::string> setting_keys() {
  std::vector<std::string> keys;
  for (const auto& setting : settings()) keys.push_back(setting.key);
  return keys;
}

using RunConfig = Result<ExitCode> (*)(const ConfigOptions&);

Run run_later(const std::shared_ptr<ConfigOptions>& options, RunConfig run) {
  return [options, run](const Invocation& invocation) {
    options->control = invocation.control;
    return run(*options);
  };
}

CLI::Option* add_key(Arguments& arguments, ConfigOptions& options) {
  return arguments.suggest(arguments.add("key", options.key, "KEY", "Setting"), setting_keys());
}

void add_file_and_dry_run(Arguments& arguments, ConfigOptions& options) {
  arguments.add("-c,--config", options.file, "FILE", "Configuration file");
  arguments.add_flag("--dry-run", options.is_dry_run, "Show what would change and change nothing");
}

Run declare_get(Arguments& arguments) {
  const auto options = std::make_shared<ConfigOptions>();
  arguments.add("-c,--config", options->file, "FILE", "Configuration file");
  add_key(arguments, *options);
  return run_later(options, run_config_get);
}

Run declare_set(Arguments& arguments) {
  const auto options = std::make_shared<ConfigOptions>();
  add_file_and_dry_run(arguments, *options);
  add_key(arguments, *options)->required();
  arguments.add("value", options->values, "VALUE", "Value; several for a list")->required();
  return run_later(options, run_config_set);
}

Run declare_unset(Arguments& arguments) {
  const auto options = std::make_shared<ConfigOptions>();
  add_file_and_dry_run(arguments, *options);
  add_key(arguments, *options)->required();
  return run_later(options, run_config_unset);
}

Run declare_edit(Arguments& arguments) {
  const auto options = std::make_shared<ConfigOptions>();
  add_file_and_dry_run(arguments, *options);
  return run_later(options, run_config_edit);
}

}  // namespace

extern const Command config_command = {"config", "Show and change settings", nullptr, nullptr};
extern const Command config_get_command = {"config get",
                                           "Print a setting, or all with their values",
                                           "dnscachectl config get cache.size", declare_get};
extern const Command config_set_command = {"config set", "Change a setting and apply it",
                                           "sudo dnscachectl config set cache.size 64MiB",
                                           declare_set};
extern const Command config_unset_command = {
    "config unset", "Give a setting its default and apply it",
    "sudo dnscachectl config unset cache.size", declare_unset};
extern const Command config_edit_command = {"config edit",
                                            "Edit the configuration file, check and apply it",
                                            "sudo dnscachectl config edit", declare_edit};

}  // namespace dnscache::cli
