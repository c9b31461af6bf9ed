// `dnscachectl cache`: what is in the cache, and in and out of files.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <iostream>
#include <string>

#include "cli/ask/control_client.hpp"
#include "cli/command.hpp"
#include "cli/show/escape.hpp"
#include "cli/show/output.hpp"
#include "resolver/base/error.hpp"
#include "resolver/wire/name.hpp"
#include "resolver/wire/protocol.hpp"

namespace dnscache::cli {

namespace {

/// What one of the commands below `cache` was asked to do.
struct CacheOptions {
  std::filesystem::path control;  ///< empty: what the configuration says
  std::string zone;
  std::string name;
  std::string type;
  std::string file;        ///< "-": stdout or stdin
  std::uint32_t top = 50;  ///< 0: all
  bool is_text = false;    ///< dump: as in a zone file
  bool is_json = false;
};

using nlohmann::json;

Result<std::string> checked_name(const std::string& text) {
  const auto name = Name::parse(text);
  if (!name) return Error{fmt::format("'{}' is not a domain name", text), ExitCode::usage};
  return name->to_text();
}

std::string state_of(const json& entry) {
  std::string state = entry.value("stale", false) ? "stale" : "";
  if (entry.value("negative", false)) {
    state += (state.empty() ? "" : ", ") + entry.value("rcode", std::string("negative"));
  }
  return state;
}

// NODATA has the rcode of an answer with data.
std::string shown_state(const json& entry) {
  const bool is_nodata = entry.value("negative", false) && entry.value("rcode", "") == "NOERROR";
  if (!is_nodata) return state_of(entry);
  return entry.value("stale", false) ? "stale, no data" : "no data";
}

Result<ExitCode> run_cache_list(const CacheOptions& options) {
  json request = {{"command", "cache-list"}, {"top", options.top}};
  if (!options.zone.empty()) {
    const auto zone = checked_name(options.zone);
    if (!zone) return zone.error();
    request["zone"] = *zone;
  }
  std::vector<json> entries;
  const auto end = ask_engine_for_lines(control_path(options.control), request,
                                        [&](json&& entry) { entries.push_back(std::move(entry)); });
  if (!end) return end.error();
  std::ranges::stable_sort(entries, [](const json& a, const json& b) {
    return a.value("hits", 0u) > b.value("hits", 0u);
  });
  if (options.top != 0 && entries.size() > options.top) entries.resize(options.top);
  const auto total = end->value("entries", std::uint64_t{0});
  if (options.is_json) {
    print_json({{"schema", 1}, {"total", total}, {"entries", entries}});
    return ExitCode::done;
  }
  Table table({{"NAME", "", false, true},
               {"TYPE", ""},
               {"TTL", "", true},
               {"HITS", "", true},
               {"BYTES", "", true},
               {"", ""}});
  for (const json& entry : entries) {
    table.add_row({entry.value("name", "?"), entry.value("type", "?"),
                   std::to_string(entry.value("ttl", 0u)), std::to_string(entry.value("hits", 0u)),
                   std::to_string(entry.value("bytes", 0u)), shown_state(entry)});
  }
  print(table.to_text(Terminal::of(STDOUT_FILENO)));
  if (entries.size() < total) {
    print_note(fmt::format("{} of {}; --top 0 shows all", entries.size(),
                           format_counted(total, "answer")));
  }
  return ExitCode::done;
}

Result<ExitCode> run_cache_get(const CacheOptions& options) {
  const auto name = checked_name(options.name);
  if (!name) return name.error();
  json request = {{"command", "cache-get"}, {"name", *name}};
  if (!options.type.empty()) {
    if (type_from_text(options.type) == 0) {
      return Error{fmt::format("'{}' is not a record type", options.type), ExitCode::usage};
    }
    request["type"] = options.type;
  }
  json entries = json::array();
  const auto end = ask_engine_for_lines(control_path(options.control), request,
                                        [&](json&& entry) { entries.push_back(std::move(entry)); });
  if (!end) return end.error();
  if (options.is_json) print_json({{"schema", 1}, {"entries", entries}});
  if (entries.empty()) return Error{fmt::format("{} is not in the cache", options.name)};
  if (options.is_json) return ExitCode::done;
  std::string text;
  for (const json& entry : entries) {
    const auto state = shown_state(entry);
    text +=
        fmt::format("{} {}: {}, TTL {} s, age {} s, {}, from {}{}{}\n", entry.value("name", "?"),
                    entry.value("type", "?"), entry.value("rcode", "?"), entry.value("ttl", 0u),
                    entry.value("age", 0u), format_counted(entry.value("hits", 0u), "hit"),
                    entry.value("from", "a file"), state.empty() ? "" : ", ", state);
    for (const json& record : entry.value("records", json::array())) {
      text += fmt::format("  {:<10} {} {} {} {}\n", record.value("section", "?"),
                          record.value("name", "?"), record.value("ttl", 0u),
                          record.value("type", "?"), record.value("data", "?"));
    }
  }
  print(text);
  return ExitCode::done;
}

namespace {

// As in a zone file; what an answer says beside its records is a comment.
std::string zone_lines(const json& entry) {
  std::string text;
  for (const json& record : entry.value("records", json::array())) {
    if (record.value("section", "") != "answer") continue;
    auto name = record.value("name", std::string("?"));
    if (!name.ends_with('.')) name += '.';
    text += fmt::format("{} {} IN {} {}\n", name, record.value("ttl", 0u),
                        record.value("type", "?"), record.value("data", "?"));
  }
  const auto state = shown_state(entry);
  if (text.empty() || !state.empty()) {
    text.insert(0, fmt::format("; {} {}: {}, TTL {} s\n", entry.value("name", "?"),
                               entry.value("type", "?"), state.empty() ? "no records" : state,
                               entry.value("ttl", 0u)));
  }
  return text;
}

}  // namespace

Result<ExitCode> run_cache_dump(const CacheOptions& options) {
  const bool is_stdout = options.file == "-";
  // Who asked for which names is nobody else's business.
  std::FILE* file = stdout;
  if (!is_stdout) {
    const int fd =
        ::open(options.file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    file = fd >= 0 ? ::fdopen(fd, "w") : nullptr;
  }
  if (file == nullptr && errno == ELOOP) {
    return Error{options.file + " is a symbolic link; name the file itself, or '-' for stdout"};
  }
  if (file == nullptr) return system_error("cannot write " + options.file, errno);
  const auto end = ask_engine_for_lines(
      control_path(options.control), {{"command", "cache-dump"}, {"text", options.is_text}},
      [&](json&& entry) {
        const auto lines = options.is_text ? escaped(zone_lines(entry), {true, false})
                                           : entry.dump(-1, ' ', true) + '\n';
        std::fputs(lines.c_str(), file);
      });
  const bool is_written = std::fflush(file) == 0 && std::ferror(file) == 0;
  const int number = errno;
  if (!is_stdout) std::fclose(file);
  if (!end) return end.error();
  if (!is_written) return system_error("cannot write " + options.file, number);
  if (!is_stdout) {
    print(format_counted(end->value("entries", std::uint64_t{0}), "answer") + " written\n");
  }
  return ExitCode::done;
}

Result<ExitCode> run_cache_load(const CacheOptions& options) {
  std::ifstream opened;
  const bool is_stdin = options.file == "-";
  if (!is_stdin) opened.open(options.file);
  if (!is_stdin && !opened) return system_error("cannot read " + options.file, errno);
  std::istream& in = is_stdin ? std::cin : opened;
  auto engine = EngineConnection::open(control_path(options.control));
  if (!engine) return engine.error();
  std::uint64_t loaded = 0, refused = 0, number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    if (line.empty()) continue;
    const auto entry = json::parse(line, nullptr, false);
    Result<json> reply = Error{"no JSON object"};
    if (entry.is_object()) reply = engine->ask({{"command", "cache-load"}, {"entry", entry}});
    if (reply) {
      ++loaded;
      continue;
    }
    if (reply.error().code != ExitCode::failure || !engine->is_open()) return reply.error();
    if (++refused == 1) {
      print_message(fmt::format("{}:{}: {}", options.file, number, reply.error().message));
    }
  }
  print(format_counted(loaded, "answer") + " loaded\n");
  if (refused == 0) return ExitCode::done;
  return Error{format_counted(refused, "line") + " of " + options.file + " refused"};
}

Run declare_list(Arguments& arguments) {
  const auto options = std::make_shared<CacheOptions>();
  arguments.add("--zone", options->zone, "ZONE", "Only this name and all names below it");
  arguments.add("--top", options->top, "N", "Number of answers; 0: all")->capture_default_str();
  arguments.add_json(options->is_json);
  return [options](const Invocation& invocation) {
    options->control = invocation.control;
    return run_cache_list(*options);
  };
}

Run declare_get(Arguments& arguments) {
  const auto options = std::make_shared<CacheOptions>();
  arguments.add_name("name", options->name, "Name")->required();
  arguments.add_record_type("type", options->type, "Only this record type");
  arguments.add_json(options->is_json);
  return [options](const Invocation& invocation) {
    options->control = invocation.control;
    return run_cache_get(*options);
  };
}

Run declare_dump(Arguments& arguments) {
  const auto options = std::make_shared<CacheOptions>();
  arguments.add("file", options->file, "FILE", "Output file; '-' for stdout")->required();
  arguments.add_flag("--text", options->is_text, "As in a zone file, to be read by people");
  return [options](const Invocation& invocation) {
    options->control = invocation.control;
    return run_cache_dump(*options);
  };
}

Run declare_load(Arguments& arguments) {
  const auto options = std::make_shared<CacheOptions>();
  arguments.add("file", options->file, "FILE", "Input file; '-' for stdin")->required();
  return [options](const Invocation& invocation) {
    options->control = invocation.control;
    return run_cache_load(*options);
  };
}

}  // namespace

extern const Command cache_command = {"cache", "Inspect the cache", nullptr, nullptr};
extern const Command cache_list_command = {"cache list", "List the answers with the most hits",
                                           "dnscachectl cache list --zone example.com --top 20",
                                           declare_list};
extern const Command cache_get_command = {"cache get", "Show the records cached for a name",
                                          "dnscachectl cache get www.example.com AAAA",
                                          declare_get};
extern const Command cache_dump_command = {"cache dump", "Write all answers to a file",
                                           "dnscachectl cache dump answers.json", declare_dump};
extern const Command cache_load_command = {"cache load", "Load answers written by dump",
                                           "sudo dnscachectl cache load answers.json",
                                           declare_load};

}  // namespace dnscache::cli
