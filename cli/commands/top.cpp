#include "cli/commands/top.hpp"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <fmt/format.h>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>

#include "cli/ask/control_client.hpp"
#include "cli/command.hpp"
#include "cli/host/journal.hpp"
#include "cli/show/watch.hpp"
#include "resolver/base/text_file.hpp"

namespace dnscache::cli {

namespace {

using nlohmann::json;

constexpr std::size_t all_names = 1000;  // that the engine keeps

// "socket:[12345]" of the sockets with one of these local ports, as in proc(5).
std::vector<std::string> sockets_at(const std::vector<std::uint16_t>& ports) {
  std::vector<std::string> sockets;
  for (const char* table : {"/proc/net/udp", "/proc/net/udp6", "/proc/net/tcp", "/proc/net/tcp6"}) {
    std::ifstream in(table);
    std::string line;
    std::getline(in, line);  // the heading
    while (std::getline(in, line)) {
      std::istringstream fields(line);
      std::string slot, local, skipped, inode;
      fields >> slot >> local;
      for (int i = 0; i < 7; ++i) fields >> skipped;
      fields >> inode;
      const auto colon = local.rfind(':');
      if (colon == local.npos) continue;
      std::uint16_t port = 0;
      std::from_chars(local.data() + colon + 1, local.data() + local.size(), port, 16);
      if (std::ranges::find(ports, port) != ports.end()) {
        sockets.push_back(fmt::format("socket:[{}]", inode));
      }
    }
  }
  return sockets;
}

bool has_one_of(const std::filesystem::path& process, const std::vector<std::string>& sockets) {
  std::error_code error;
  auto fd = std::filesystem::directory_iterator(process / "fd", error);
  for (; !error && fd != std::filesystem::directory_iterator(); fd.increment(error)) {
    std::error_code gone;
    const auto target = std::filesystem::read_symlink(fd->path(), gone).string();
    if (!gone && std::ranges::find(sockets, target) != sockets.end()) return true;
  }
  return false;
}

std::string number_or_dash(std::uint64_t number) {
  return number == 0 ? "-" : format_count(number);
}

// With one decimal where there are few.
std::string per_second(std::uint64_t queries, double seconds) {
  if (seconds <= 0) return "-";
  const auto rate = static_cast<double>(queries) / seconds;
  return rate >= 10 ? format_count(static_cast<std::uint64_t>(rate + 0.5))
                    : fmt::format("{:.1f}", rate);
}

Table table_of(const json& items, const char* title, std::size_t rows, double seconds,
               bool has_process) {
  std::vector<Column> columns = {{title, "", false, true}, {"QUERIES", "", true},
                                 {"PER S", "", true},      {"MISSES", "", true},
                                 {"NXDOMAIN", "", true},   {"SLOW", "", true}};
  if (has_process) columns.push_back({"PROCESS", ""});
  Table table(std::move(columns));
  for (std::size_t i = 0; i < std::min(rows, items.size()); ++i) {
    const json& item = items[i];
    const auto number = [&](const char* key) { return item.value(key, std::uint64_t{0}); };
    const auto off_by = number("off_by");
    const auto queries = format_count(number("queries"));
    std::vector<Cell> cells = {{item.value("name", "?")},
                               {off_by == 0 ? queries : "<=" + queries},
                               {per_second(number("queries"), seconds)},
                               {number_or_dash(number("misses"))},
                               {number_or_dash(number("nxdomain"))},
                               {number_or_dash(number("slow"))}};
    if (has_process) cells.push_back({item.value("process", "")});
    table.add_row(std::move(cells));
  }
  return table;
}

void add_processes(json& reply) {
  for (json& client : reply["clients"]) {
    client["process"] =
        process_at(client.value("name", ""), client.value("ports", std::vector<std::uint16_t>()));
    client.erase("ports");
  }
}

void sort_rows(json& items, const std::string& key) {
  std::vector<json> rows(items.begin(), items.end());
  std::ranges::stable_sort(rows, std::greater<>(),
                           [&](const json& row) { return row.value(key, std::uint64_t{0}); });
  items = rows;
}

Result<json> look(const TopOptions& options, const std::filesystem::path& socket) {
  auto reply = ask_engine(socket, {{"command", "top"}, {"limit", all_names}});
  if (!reply) return reply;
  add_processes(*reply);
  for (const char* kind : {"names", "zones", "clients"}) sort_rows((*reply)[kind], options.sort);
  return reply;
}

std::vector<WastedSearch> wasted_here(const json& reply) {
  const auto text = read_text_file(resolv_conf_path);
  return wasted_searches(reply, search_rules_here(parse_resolv_conf(text ? *text : "")));
}

json first_rows(const json& items, std::size_t rows) {
  json out = json::array();
  for (std::size_t i = 0; i < std::min(rows, items.size()); ++i) out.push_back(items[i]);
  return out;
}

json as_document(json reply, const std::vector<WastedSearch>& wasted, std::size_t rows) {
  reply.erase("ok");
  for (const char* kind : {"names", "zones", "clients"}) {
    reply[kind] = first_rows(reply[kind], rows);
  }
  auto& list = reply["wasted"] = json::array();
  for (const auto& search : wasted) {
    list.push_back(
        {{"suffix", search.domain}, {"queries", search.queries}, {"advice", search.advice}});
  }
  return reply;
}

// Where nobody looked before, there is nothing to show yet.
Result<json> look_long_enough(const TopOptions& options, const std::filesystem::path& socket) {
  const auto first = look(options, socket);
  if (!first) return first;
  const std::chrono::duration<double> counted(first->value("seconds", 0.0));
  const auto left = std::chrono::seconds(options.seconds) - counted;
  if (left.count() <= 0) return first;
  Progress progress("counting queries", options.is_json);
  std::this_thread::sleep_for(left);
  return look(options, socket);
}

}  // namespace

std::vector<WastedSearch> wasted_searches(const json& reply, const SearchRules& rules) {
  std::vector<WastedSearch> wasted;
  for (const auto& domain : rules.search) {
    WastedSearch search{domain, 0, ""};
    std::size_t most_dots = 0;
    for (const json& item : reply.value("names", json::array())) {
      const auto name = item.value("name", std::string());
      const auto suffix = '.' + domain;
      if (name.size() <= suffix.size() || !name.ends_with(suffix)) continue;
      const auto rest = std::string_view(name).substr(0, name.size() - suffix.size());
      const auto dots = static_cast<std::size_t>(std::ranges::count(rest, '.'));
      if (dots == 0) continue;  // a name without a dot is what search lists are for
      search.queries += item.value("nxdomain", std::uint64_t{0});
      most_dots = std::max(most_dots, dots);
    }
    if (search.queries == 0) continue;
    search.advice = rules.ndots > 1
                        ? "options ndots:1 in resolv.conf, or a final dot after full names"
                        : "a final dot after full names, so that what does not exist is not "
                          "searched for";
    wasted.push_back(std::move(search));
  }
  return wasted;
}

std::string process_at(const std::string& address, const std::vector<std::uint16_t>& ports) {
  const auto known = IpAddress::parse(address);
  if (!known || !known->is_loopback()) return {};
  const auto sockets = sockets_at(ports);
  if (sockets.empty()) return {};
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const auto pid = entry.path().filename().string();
    if (pid.find_first_not_of("0123456789") != pid.npos) continue;
    if (!has_one_of(entry.path(), sockets)) continue;
    std::string name;
    std::getline(std::ifstream(entry.path() / "comm"), name);
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string top_to_text(const json& reply, const std::vector<WastedSearch>& wasted,
                        std::size_t rows, const Terminal& terminal) {
  const auto queries = reply.value("queries", std::uint64_t{0});
  const auto seconds = reply.value("seconds", 0.0);
  auto out = fmt::format("{} in {}, {} per second",
                         queries == 1 ? "1 query" : format_count(queries) + " queries",
                         format_uptime(seconds), per_second(queries, seconds));
  const auto dropped = reply.value("dropped", std::uint64_t{0});
  if (dropped > 0) out += fmt::format(", and {} too fast to be looked at", format_count(dropped));
  out += "\n\n";
  const auto part = [&](const char* key) { return reply.value(key, json::array()); };
  out += table_of(part("names"), "NAME", rows, seconds, false).to_text(terminal) + '\n';
  out += table_of(part("zones"), "ZONE", rows, seconds, false).to_text(terminal) + '\n';
  out += table_of(part("clients"), "CLIENT", rows, seconds, true).to_text(terminal);
  for (const auto& search : wasted) {
    const auto text =
        fmt::format("{} searched in {} without result: {}",
                    format_counted(search.queries, "full name"), search.domain, search.advice);
    out += '\n' + styled(terminal, Style::strong, "waste    ") +
           styled(terminal, Style::warning, wrapped(terminal, text, 9)) + '\n';
  }
  return out;
}

namespace {

Result<ExitCode> run_top(const TopOptions& options) {
  const auto socket = control_path(options.control);
  if (options.is_watching) {
    const auto watched =
        watch(std::chrono::seconds(1), [&](const Terminal& terminal) -> Result<std::string> {
          const auto reply = look(options, socket);
          if (!reply) return reply.error();
          return top_to_text(*reply, wasted_here(*reply), options.rows, terminal);
        });
    if (!watched) return watched.error();
    return ExitCode::done;
  }
  const auto reply = look_long_enough(options, socket);
  if (!reply) return reply.error();
  const auto wasted = wasted_here(*reply);
  if (options.is_json) {
    print_json(as_document(*reply, wasted, options.rows));
  } else {
    print(top_to_text(*reply, wasted, options.rows, Terminal::of(STDOUT_FILENO)));
  }
  return ExitCode::done;
}

Run declare(Arguments& arguments) {
  const auto options = std::make_shared<TopOptions>();
  arguments.add("-n,--rows", options->rows, "N", "Rows of each table")
      ->check(between(1, 1000))
      ->capture_default_str();
  arguments
      .add("--seconds", options->seconds, "TIME",
           "How long to count if top is not already counting [5s]")
      ->transform(seconds_between(0, 3600));
  arguments
      .add_choice("--sort", options->sort, {"queries", "misses", "nxdomain", "slow"}, "KEY",
                  "Order: queries, misses, nxdomain or slow")
      ->capture_default_str();
  arguments.add_watch_and_json(options->is_watching, options->is_json);
  return [options](const Invocation& invocation) {
    options->control = invocation.control;
    return run_top(*options);
  };
}

}  // namespace

extern const Command top_command = {"top",
                                    "Show the names, zones and clients with the most queries",
                                    "sudo dnscachectl top --seconds 30s", declare};

}  // namespace dnscache::cli
