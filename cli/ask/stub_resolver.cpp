#include "cli/ask/stub_resolver.hpp"

#include <netdb.h>
#include <nss.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fmt/format.h>

#include "resolver/wire/name.hpp"
#include "resolver/wire/protocol.hpp"

namespace dnscache::cli {

namespace {

struct TypeName {
  const char* name;
  std::uint16_t value;
};

constexpr std::array<TypeName, 16> type_names{{{"A", 1},
                                               {"NS", 2},
                                               {"CNAME", 5},
                                               {"SOA", 6},
                                               {"PTR", 12},
                                               {"MX", 15},
                                               {"TXT", 16},
                                               {"AAAA", 28},
                                               {"SRV", 33},
                                               {"NAPTR", 35},
                                               {"DS", 43},
                                               {"DNSKEY", 48},
                                               {"TLSA", 52},
                                               {"SVCB", 64},
                                               {"HTTPS", 65},
                                               {"CAA", 257}}};

// IPv6 servers are not in nsaddr_list: glibc looks into _u._ext where the family there is 0.
bool set_server(struct __res_state& state, int index, const Endpoint& server) {
  sockaddr_storage address{};
  server.to_sockaddr(address);
  if (!server.address.is_v6) {
    std::memcpy(&state.nsaddr_list[index], &address, sizeof(sockaddr_in));
    return true;
  }
  auto*& slot = state._u._ext.nsaddrs[index];
  if (slot == nullptr) slot = static_cast<sockaddr_in6*>(std::malloc(sizeof(sockaddr_in6)));
  if (slot == nullptr) return false;
  std::memcpy(slot, &address, sizeof(sockaddr_in6));
  state.nsaddr_list[index].sin_family = 0;
  return true;
}

Outcome outcome_of(int h_error, int error_number) {
  switch (h_error) {
    case HOST_NOT_FOUND:
      return Outcome::no_name;
    case NO_DATA:
      return Outcome::no_data;
    case NO_RECOVERY:
      return Outcome::failed;
    default:
      break;
  }
  return error_number == ETIMEDOUT || error_number == ECONNREFUSED ? Outcome::unreachable
                                                                   : Outcome::failed;
}

Outcome outcome_of_getaddrinfo(int error) {
  switch (error) {
    case 0:
      return Outcome::answered;
    case EAI_NONAME:
      return Outcome::no_name;
    case -5:  // EAI_NODATA, a GNU extension
      return Outcome::no_data;
    case EAI_AGAIN:
      return Outcome::unreachable;
    default:
      return Outcome::failed;
  }
}

// getaddrinfo(3) leaves a state alone that the program changed itself (resolver(3)).
bool prepare_thread(const std::vector<Endpoint>& servers, Patience patience) {
  static const int by_dns_only = ::__nss_configure_lookup("hosts", "dns");
  if (by_dns_only != 0 || ::res_init() != 0) return false;
  if (!set_servers(_res, servers, patience)) return false;
  _res.options |= RES_NORELOAD;
  return true;
}

// Whether a record of this type is in the answer section of a response.
bool has_record(ByteView response, std::uint16_t type) {
  if (response.size() < header_size) return false;
  std::size_t at = header_size;
  for (unsigned i = load16(&response[4]); i > 0; --i) {
    if (!skip_name(response, at)) return false;
    at += 4;
  }
  for (unsigned i = load16(&response[6]); i > 0; --i) {
    if (!skip_name(response, at) || at + 10 > response.size()) return false;
    if (load16(&response[at]) == type) return true;
    at += 10u + load16(&response[at + 8]);
  }
  return false;
}

}  // namespace

const char* to_text(Outcome outcome) {
  switch (outcome) {
    case Outcome::answered:
      return "answered";
    case Outcome::no_data:
      return "no such record";
    case Outcome::no_name:
      return "no such name";
    case Outcome::failed:
      return "server failure";
    case Outcome::unreachable:
      return "no answer";
  }
  return "?";
}

Patience Patience::of_this_machine() {
  struct __res_state state {};
  if (::res_ninit(&state) != 0) return {};
  const Patience patience{state.retrans, state.retry};
  ::res_nclose(&state);
  return patience;
}

Result<void> set_servers(struct __res_state& state, const std::vector<Endpoint>& servers,
                         Patience patience) {
  state.options = RES_DEFAULT | RES_INIT;
  state.retrans = patience.timeout_seconds;
  state.retry = patience.attempts;
  state.nscount = 0;
  state._u._ext.nscount = 0;
  for (const auto& server : servers) {
    if (state.nscount == MAXNS) break;
    if (!set_server(state, state.nscount, server)) return Error{"out of memory"};
    ++state.nscount;
  }
  return {};
}

void StubResolver::Close::operator()(State* state) const {
  ::res_nclose(state);
  delete state;
}

Result<StubResolver> StubResolver::of_this_machine() {
  auto state = std::make_unique<State>();
  std::memset(state.get(), 0, sizeof *state);
  if (::res_ninit(state.get()) != 0) return system_error("cannot start glibc's resolver", errno);
  StubResolver resolver;
  resolver.state_.reset(state.release());
  return resolver;
}

Result<StubResolver> StubResolver::of_this_machine(Patience patience) {
  auto resolver = of_this_machine();
  if (!resolver) return resolver;
  resolver->state_->retrans = patience.timeout_seconds;
  resolver->state_->retry = patience.attempts;
  return resolver;
}

Result<StubResolver> StubResolver::with_servers(const std::vector<Endpoint>& servers,
                                                Patience patience) {
  auto resolver = of_this_machine();
  if (!resolver) return resolver;
  const auto set = set_servers(*resolver->state_, servers, patience);
  if (!set) return set.error();
  return resolver;
}

Lookup StubResolver::ask(const std::string& name, std::uint16_t type) {
  std::array<unsigned char, 65535> answer;
  errno = 0;
  const auto start = std::chrono::steady_clock::now();
  const int size = ::res_nquery(state_.get(), name.c_str(), ns_c_in, type, answer.data(),
                                static_cast<int>(answer.size()));
  Lookup lookup;
  const int error_number = errno;
  lookup.duration = std::chrono::steady_clock::now() - start;
  lookup.outcome = size >= 0 ? Outcome::answered : outcome_of(state_->res_h_errno, error_number);
  return lookup;
}

Lookup look_up_by_getaddrinfo(const std::vector<Endpoint>& servers, Patience patience,
                              const std::string& name, std::uint16_t type) {
  static thread_local const bool is_prepared = prepare_thread(servers, patience);
  if (!is_prepared) return {};
  addrinfo hints{};
  hints.ai_family = type == ns_t_a ? AF_INET : type == ns_t_aaaa ? AF_INET6 : AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  const auto full_name = name + '.';  // without the search list
  addrinfo* addresses = nullptr;
  const auto start = std::chrono::steady_clock::now();
  const int error = ::getaddrinfo(full_name.c_str(), nullptr, &hints, &addresses);
  const auto duration = std::chrono::steady_clock::now() - start;
  if (error == 0) ::freeaddrinfo(addresses);
  return {outcome_of_getaddrinfo(error), duration};
}

bool StubResolver::has_signatures(const std::string& name, std::uint16_t type) {
  std::array<unsigned char, 65535> answer;
  const auto options = state_->options;
  state_->options |= RES_USE_EDNS0 | RES_USE_DNSSEC;
  const int size = ::res_nquery(state_.get(), name.c_str(), ns_c_in, type, answer.data(),
                                static_cast<int>(answer.size()));
  state_->options = options;
  return size >= 0 && has_record({answer.data(), static_cast<std::size_t>(size)}, rr_type::rrsig);
}

std::optional<std::uint16_t> parse_type(std::string_view text) {
  std::string upper(text);
  for (auto& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  for (const auto& type : type_names) {
    if (upper == type.name) return type.value;
  }
  if (!upper.starts_with("TYPE")) return {};
  std::uint16_t value = 0;
  const auto* end = upper.data() + upper.size();
  const auto [stop, error] = std::from_chars(upper.data() + 4, end, value);
  if (error != std::errc{} || stop != end) return {};
  return value;
}

}  // namespace dnscache::cli
