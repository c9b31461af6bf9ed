// Replies of a server and of ours to the same questions, to be compared.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <sstream>

#include "tests/system/fixture.hpp"

namespace dnscache::test {

inline const Address server{"127.0.0.1", 53};

using Asked = std::pair<std::string, std::uint16_t>;

/// What counts of a reply: its code and the records that answer.
struct Reply {
  int rcode = -1;  // -1: there was none
  std::set<std::string> records;

  bool operator==(const Reply&) const = default;
  std::string to_text() const {
    std::string text = "rcode " + std::to_string(rcode);
    for (const auto& record : records) text += "; " + record;
    return text;
  }
};

inline Reply reply_of(const std::optional<Message>& message) {
  if (!message) return {};
  Reply reply{static_cast<int>(message->rcode), {}};
  for (const auto& record : message->answers) {
    reply.records.insert(lower_case(record.name) + " type " + std::to_string(record.type) + ' ' +
                         lower_case(record.text));
  }
  return reply;
}

inline std::string reverse_of(const std::string& address) {
  int a = 0, b = 0, c = 0, d = 0;
  std::sscanf(address.c_str(), "%d.%d.%d.%d", &a, &b, &c, &d);
  std::ostringstream out;
  out << d << '.' << c << '.' << b << '.' << a << ".in-addr.arpa";
  return out.str();
}

/// What `process` answers at `server`. `known` is a name that it answers when it is ready. Some
/// questions at a time, since dnsmasq forwards at most 150 at once; one at a time where the answer
/// depends on what is cached already.
inline std::map<Asked, Reply> ask_everything(Process& process, const std::vector<Asked>& all,
                                             const std::string& known, std::size_t at_a_time = 40) {
  const bool ready = eventually(
      [&] { return ask(server, query(known), milliseconds(100)) || !process.is_running(); });
  INFO(process.errors());
  REQUIRE(ready);
  REQUIRE(process.is_running());
  std::map<Asked, Reply> replies;
  UdpClient client(server);
  for (std::size_t start = 0; start < all.size(); start += at_a_time) {
    const std::size_t count = std::min(at_a_time, all.size() - start);
    for (std::size_t i = start; i < start + count; ++i) {
      Query one = query(all[i].first, all[i].second);
      one.id = static_cast<std::uint16_t>(i + 1);
      client.send(one);
    }
    for (std::size_t left = count; left > 0; --left) {
      const auto message = client.receive_message(milliseconds(4000));
      if (!message) break;
      replies[all.at(message->id - 1u)] = reply_of(message);
    }
  }
  for (const Asked& asked : all) replies.try_emplace(asked);  // those without a reply
  return replies;
}

inline bool is_empty(const Reply& reply) { return reply.rcode == noerror && reply.records.empty(); }

inline bool has_type(const Reply& reply, std::uint16_t type) {
  const std::string word = " type " + std::to_string(type) + ' ';
  return std::ranges::any_of(reply.records, [&](const std::string& record) {
    return record.find(word) != std::string::npos;
  });
}

inline bool is_within(const std::string& name, const std::string& zone) {
  return name == zone || name.ends_with('.' + zone);
}

inline std::string words_of_manual() {
  std::string text = read_text(DNSCACHE_SOURCE_DIR "/man/dnscachectl.yaml.5");
  std::ranges::replace(text, '\n', ' ');
  return text;
}

}  // namespace dnscache::test
