#include "cli/ask/glibc_lookup.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <nss.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fmt/format.h>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <sstream>

#include "resolver/base/error.hpp"

namespace dnscache::cli {

namespace {

constexpr unsigned most_ndots = 15;  // RES_MAXNDOTS
constexpr const char* default_services = "files dns";

std::vector<std::string> words_of(std::string_view text) {
  std::istringstream in{std::string(text)};
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

// "!UNAVAIL=return", "SUCCESS=merge"; what only glibc's newer versions know goes on.
void apply_action(NssService& service, std::string action) {
  action = lower(std::move(action));
  const bool is_negated = action.starts_with('!');
  if (is_negated) action.erase(0, 1);
  const auto equals = action.find('=');
  if (equals == action.npos) return;
  const bool ends = action.substr(equals + 1) == "return";
  static constexpr const char* names[] = {"success", "notfound", "unavail", "tryagain"};
  for (std::size_t i = 0; i < std::size(names); ++i) {
    if ((action.substr(0, equals) == names[i]) != is_negated) service.ends_with[i] = ends;
  }
}

// Services and bracketed actions, which may hold blanks.
std::vector<NssService> parse_services(std::string_view text) {
  std::vector<NssService> services;
  std::size_t at = 0;
  while ((at = text.find_first_not_of(" \t\r", at)) != text.npos) {
    if (text[at] == '[') {
      const auto end = std::min(text.find(']', at), text.size() - 1);
      if (!services.empty()) {
        services.back().actions = text.substr(at, end + 1 - at);
        for (const auto& action : words_of(text.substr(at + 1, end - at - 1))) {
          apply_action(services.back(), action);
        }
      }
      at = end + 1;
      continue;
    }
    const auto end = std::min(text.find_first_of(" \t\r[", at), text.size());
    services.push_back({std::string(text.substr(at, end - at)), ""});
    at = end;
  }
  return services;
}

NssStatus status_of(int code) {
  switch (code) {
    case 0:
      return NssStatus::found;
    case EAI_NONAME:
    case EAI_NODATA:
    case EAI_ADDRFAMILY:
      return NssStatus::not_found;
    case EAI_AGAIN:
      return NssStatus::try_again;
    default:
      return NssStatus::unavailable;
  }
}

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

AddressLookup get_addresses(const std::string& name, int family, int flags) {
  addrinfo hints{};
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags | AI_CANONNAME;
  addrinfo* list = nullptr;
  errno = 0;
  const auto begin = std::chrono::steady_clock::now();
  const int code = ::getaddrinfo(name.c_str(), nullptr, &hints, &list);
  const int error_number = errno;
  AddressLookup lookup;
  lookup.milliseconds =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
  lookup.status = status_of(code);
  if (code != 0) {
    lookup.error = code == EAI_SYSTEM ? errno_text(error_number) : ::gai_strerror(code);
    return lookup;
  }
  const std::unique_ptr<addrinfo, FreeAddresses> owner(list);
  if (list->ai_canonname != nullptr) lookup.canonical_name = list->ai_canonname;
  for (const auto* entry = list; entry != nullptr; entry = entry->ai_next) {
    sockaddr_storage address{};
    std::memcpy(&address, entry->ai_addr, std::min<std::size_t>(entry->ai_addrlen, sizeof address));
    if (const auto endpoint = Endpoint::from_sockaddr(address)) {
      lookup.addresses.push_back(endpoint->address);
    }
  }
  return lookup;
}

nlohmann::json to_json(const AddressLookup& lookup) {
  auto addresses = nlohmann::json::array();
  for (const auto& address : lookup.addresses) addresses.push_back(address.to_text());
  return {{"status", static_cast<int>(lookup.status)},
          {"error", lookup.error},
          {"name", lookup.canonical_name},
          {"addresses", addresses},
          {"needs_own_address", lookup.needs_own_address},
          {"milliseconds", lookup.milliseconds}};
}

AddressLookup lookup_from(const std::string& text, std::chrono::milliseconds limit) {
  AddressLookup lookup;
  lookup.error = fmt::format("no answer within {:.1f} s", static_cast<double>(limit.count()) / 1e3);
  lookup.milliseconds = static_cast<double>(limit.count());
  const auto parsed = nlohmann::json::parse(text, nullptr, false);
  if (!parsed.is_object()) return lookup;
  lookup.status = static_cast<NssStatus>(parsed.value("status", 2));
  lookup.error = parsed.value("error", "");
  lookup.canonical_name = parsed.value("name", "");
  lookup.milliseconds = parsed.value("milliseconds", 0.0);
  lookup.needs_own_address = parsed.value("needs_own_address", false);
  for (const auto& address : parsed.value("addresses", std::vector<std::string>())) {
    if (const auto known = IpAddress::parse(address)) lookup.addresses.push_back(*known);
  }
  return lookup;
}

// glibc has these two in itself.
bool is_installed(const std::string& service) {
  if (service == "files" || service == "dns") return true;
  void* library = ::dlopen(fmt::format("libnss_{}.so.2", service).c_str(), RTLD_LAZY);
  if (library == nullptr) return false;
  ::dlclose(library);
  return true;
}

// getaddrinfo() says "not known" even where a service cannot work; the module itself knows better.
void correct_status(const std::string& service, const std::string& name, AddressLookup& lookup) {
  using ByName =
      nss_status(const char*, gaih_addrtuple**, char*, std::size_t, int*, int*, int32_t*);
  if (lookup.status != NssStatus::not_found || service == "files" || service == "dns") return;
  void* library = ::dlopen(fmt::format("libnss_{}.so.2", service).c_str(), RTLD_LAZY);
  const auto symbol = fmt::format("_nss_{}_gethostbyname4_r", service);
  auto* by_name =
      library == nullptr ? nullptr : reinterpret_cast<ByName*>(::dlsym(library, symbol.c_str()));
  if (by_name == nullptr) return;
  gaih_addrtuple* list = nullptr;
  std::array<char, 8192> buffer;
  int error_number = 0, h_error = 0;
  int32_t ttl = 0;
  const auto status =
      by_name(name.c_str(), &list, buffer.data(), buffer.size(), &error_number, &h_error, &ttl);
  if (status == NSS_STATUS_UNAVAIL) {
    lookup.status = NssStatus::unavailable;
    lookup.error = "what it asks does not run";
  } else if (status == NSS_STATUS_TRYAGAIN) {
    lookup.status = NssStatus::try_again;
  }
}

void end_after(std::chrono::milliseconds limit) {
  itimerval timer{};
  timer.it_value.tv_sec = limit.count() / 1000;
  timer.it_value.tv_usec = static_cast<suseconds_t>(limit.count() % 1000 * 1000);
  ::setitimer(ITIMER_REAL, &timer, nullptr);  // SIGALRM
}

// In the child: nothing may be left behind, nor destroyed twice.
[[noreturn]] void answer_and_end(const std::function<AddressLookup()>& look_up, int pipe_end,
                                 std::chrono::milliseconds limit) {
  end_after(limit);
  const auto lookup = look_up();
  const auto text = to_json(lookup).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  const auto written = ::write(pipe_end, text.data(), text.size());
  ::_exit(written == static_cast<ssize_t>(text.size()) ? 0 : 1);
}

std::string read_all(int fd) {
  std::string text;
  char buffer[4096];
  while (true) {
    const auto size = ::read(fd, buffer, sizeof buffer);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return text;
    text.append(buffer, static_cast<std::size_t>(size));
  }
}

AddressLookup in_a_child(std::chrono::milliseconds limit,
                         const std::function<AddressLookup()>& look_up) {
  AddressLookup failed;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    failed.error = errno_text(errno);
    return failed;
  }
  const pid_t child = ::fork();
  if (child == 0) answer_and_end(look_up, ends[1], limit);
  ::close(ends[1]);
  const auto text = child < 0 ? std::string() : read_all(ends[0]);
  ::close(ends[0]);
  if (child > 0) ::waitpid(child, nullptr, 0);
  return lookup_from(text, limit);
}

std::string joined(std::string_view name, std::string_view domain) {
  return fmt::format("{}.{}", name, domain);
}

std::string_view without_final_dot(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  return name;
}

}  // namespace

const char* to_text(NssStatus status) {
  switch (status) {
    case NssStatus::found:
      return "found";
    case NssStatus::not_found:
      return "not found";
    case NssStatus::unavailable:
      return "unavailable";
    case NssStatus::try_again:
      return "failed for now";
  }
  return "?";
}

std::string NssHosts::to_text() const {
  std::string text;
  for (const auto& service : services) {
    if (!text.empty()) text += ' ';
    text += service.name;
    if (!service.actions.empty()) text += ' ' + service.actions;
  }
  return text;
}

NssHosts parse_nss_hosts_line(std::string_view nsswitch) {
  NssHosts hosts;
  std::istringstream in{std::string(nsswitch)};
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    ++number;
    line.erase(std::min(line.find('#'), line.size()));
    const auto start = line.find_first_not_of(" \t");
    if (start == line.npos || line.compare(start, 6, "hosts:") != 0) continue;
    hosts.line = number;
    hosts.services = parse_services(std::string_view(line).substr(start + 6));
  }
  if (hosts.line == 0) hosts.services = parse_services(default_services);
  return hosts;
}

SearchRules search_rules(const ResolvConf& resolv_conf, std::string_view local_domain,
                         std::string_view res_options, std::string_view host_name) {
  SearchRules rules;
  rules.search = resolv_conf.search;
  if (rules.search.empty()) {
    const auto dot = host_name.find('.');
    if (dot != host_name.npos) rules.search.emplace_back(host_name.substr(dot + 1));
  }
  if (!local_domain.empty()) rules.search = words_of(local_domain);
  auto options = resolv_conf.options;
  for (auto& option : words_of(res_options)) options.push_back(std::move(option));
  for (const auto& option : options) {
    if (option == "no-tld-query") rules.is_without_top_level = true;
    if (!option.starts_with("ndots:")) continue;
    unsigned ndots = 0;
    std::from_chars(option.data() + 6, option.data() + option.size(), ndots);
    rules.ndots = std::min(ndots, most_ndots);
  }
  return rules;
}

SearchRules search_rules_here(const ResolvConf& resolv_conf) {
  const auto environment = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string_view(value == nullptr ? "" : value);
  };
  char host_name[256] = "";
  ::gethostname(host_name, sizeof host_name - 1);
  return search_rules(resolv_conf, environment("LOCALDOMAIN"), environment("RES_OPTIONS"),
                      host_name);
}

// As glibc's __res_context_search().
std::vector<SearchCandidate> search_candidates(std::string_view name, const SearchRules& rules) {
  const auto dots = static_cast<unsigned>(std::ranges::count(name, '.'));
  const SearchCandidate as_given{std::string(without_final_dot(name)), ""};
  if (name.ends_with('.')) return {as_given};
  std::vector<SearchCandidate> candidates;
  const bool is_first = dots >= rules.ndots;
  if (is_first) candidates.push_back(as_given);
  bool has_root = false;
  for (const auto& domain : rules.search) {
    const auto plain = without_final_dot(domain);
    if (plain.empty()) {
      has_root = true;
      if (!is_first) candidates.push_back(as_given);
    } else {
      candidates.push_back({joined(name, plain), std::string(plain)});
    }
  }
  const bool may_be_last = dots > 0 || rules.search.empty() || !rules.is_without_top_level;
  if (!is_first && !has_root && may_be_last) candidates.push_back(as_given);
  return candidates;
}

std::vector<SearchCandidate> resolved_candidates(std::string_view name,
                                                 const std::vector<std::string>& search) {
  const SearchCandidate as_given{std::string(without_final_dot(name)), ""};
  const bool is_plain = name.find('.') == name.npos;
  if (!is_plain || search.empty()) return {as_given};
  std::vector<SearchCandidate> candidates;
  for (const auto& domain : search) {
    candidates.push_back({joined(name, without_final_dot(domain)), domain});
  }
  return candidates;
}

AddressLookup look_up_addresses(const std::string& name, int family) {
  const auto usable = get_addresses(name, family, AI_ADDRCONFIG);
  if (usable.status == NssStatus::found) return usable;
  auto any = get_addresses(name, family, 0);
  if (any.status != NssStatus::found) return usable;
  any.needs_own_address = true;
  return any;
}

AddressLookup look_up_addresses_by(const std::string& service, const std::string& name, int family,
                                   std::chrono::milliseconds limit) {
  AddressLookup failed;
  if (!is_installed(service)) {
    failed.error = fmt::format("libnss_{} is not installed", service);
    return failed;
  }
  return in_a_child(limit, [&] {
    ::__nss_configure_lookup("hosts", service.c_str());
    auto lookup = get_addresses(name, family, 0);
    correct_status(service, name, lookup);
    return lookup;
  });
}

AddressLookup look_up_addresses_within(const std::string& name, int family,
                                       std::chrono::milliseconds limit) {
  return in_a_child(limit, [&] { return look_up_addresses(name, family); });
}

}  // namespace dnscache::cli
