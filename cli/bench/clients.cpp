#include "cli/bench/clients.hpp"

#include "cli/ask/command_lookup.hpp"
#include "cli/ask/direct_query.hpp"

namespace dnscache::cli {

namespace {

Result<LookupClient> make_command(const ClientSettings& to) {
  const auto made = CommandLookup::with_servers(to.command, to.servers, to.patience);
  if (!made) return made.error();
  const auto& command = *made;
  return LookupClient{[command](const auto& question) { return command->ask(question.name); },
                      [command] { command->abandon(); }};
}

Result<LookupClient> make_resolver(const ClientSettings& to) {
  auto made = StubResolver::with_servers(to.servers, to.patience);
  if (!made) return made.error();
  const auto resolver = std::make_shared<StubResolver>(std::move(*made));
  return LookupClient{
      [resolver](const auto& question) { return resolver->ask(question.name, question.type); }};
}

Result<LookupClient> make_client(const ClientSettings& to) {
  if (to.through == Through::command) return make_command(to);
  if (to.through == Through::resolver) return make_resolver(to);
  const auto ask = to.through == Through::wire ? query_in_turn : look_up_by_getaddrinfo;
  return LookupClient{[to, ask](const auto& question) {
    return ask(to.servers, to.patience, question.name, question.type);
  }};
}

}  // namespace

Result<Clients> make_clients(const ClientSettings& settings, std::size_t count) {
  Clients clients;
  while (clients.size() < count) {
    auto client = make_client(settings);
    if (!client) return client.error();
    clients.push_back(std::move(*client));
  }
  return clients;
}

}  // namespace dnscache::cli
