#include "resolver/config/resolv_conf.hpp"

#include "resolver/base/text_file.hpp"
#include "resolver/config/config.hpp"

namespace dnscache {
namespace {

constexpr std::string_view blanks = " \t\r\f\v";

// Takes the next line with its end, whatever that is, off the front of `text`.
std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  const auto size = end == std::string_view::npos ? text.size() : end + 1;
  const std::string_view line = text.substr(0, size);
  text.remove_prefix(size);
  return line;
}

std::string_view without_end(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

std::vector<std::string_view> split(std::string_view line) {
  std::vector<std::string_view> words;
  for (;;) {
    const auto start = line.find_first_not_of(blanks);
    if (start == std::string_view::npos) return words;
    line.remove_prefix(start);
    const auto size = std::min(line.find_first_of(blanks), line.size());
    words.push_back(line.substr(0, size));
    line.remove_prefix(size);
  }
}

// glibc ends an address at a comment sign, too.
std::optional<IpAddress> parse_nameserver(std::string_view word) {
  return IpAddress::parse(word.substr(0, word.find_first_of("#;")));
}

// False for a line without effect that is not meant as a comment.
bool read_line(std::string_view line, ResolvConf& result) {
  if (line.starts_with('#') || line.starts_with(';')) return true;
  std::vector<std::string_view> words = split(line);
  if (words.empty()) return true;
  // "The keyword must start the line", resolv.conf(5).
  if (blanks.find(line[0]) != std::string_view::npos || words.size() < 2) return false;
  const std::string_view keyword = words[0];
  words.erase(words.begin());
  if (keyword == "nameserver") {
    const auto address = parse_nameserver(words[0]);
    if (address) result.nameservers.push_back({*address, dns_port});
    return address.has_value();
  }
  if (keyword == "search") {
    result.search.assign(words.begin(), words.end());
    return true;
  }
  if (keyword == "domain") {
    result.search.assign(1, std::string(words[0]));
    return true;
  }
  if (keyword == "options") {
    result.options.insert(result.options.end(), words.begin(), words.end());
    return true;
  }
  return keyword == "sortlist";
}

// Some readers (Go, systemd-resolved) allow blanks before the keyword: such lines count as well.
bool names_server(std::string_view line) {
  const auto words = split(without_end(line));
  return words.size() >= 2 && words[0] == "nameserver";
}

std::string nameserver_lines(const std::vector<IpAddress>& nameservers, std::string_view end) {
  std::string text;
  for (const IpAddress& address : nameservers) {
    text += "nameserver " + address.to_text() + std::string(end);
  }
  return text;
}

}  // namespace

ResolvConf parse_resolv_conf(std::string_view text) {
  ResolvConf result;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::string_view line = without_end(take_line(text));
    if (!read_line(line, result)) result.ignored.push_back({number, std::string(line)});
  }
  return result;
}

Result<ResolvConf> read_resolv_conf(const std::filesystem::path& path) {
  const auto text = read_text_file(path);
  if (!text) return text.error();
  return parse_resolv_conf(*text);
}

std::string replace_nameservers(std::string_view original,
                                const std::vector<IpAddress>& nameservers) {
  std::string result;
  bool written = false;
  for (std::string_view rest = original; !rest.empty();) {
    const std::string_view line = take_line(rest);
    if (!names_server(line)) {
      result += line;
    } else if (!written) {
      result += nameserver_lines(nameservers, line.ends_with("\r\n") ? "\r\n" : "\n");
      written = true;
    }
  }
  if (written || nameservers.empty()) return result;
  const std::string_view end = original.find("\r\n") == std::string_view::npos ? "\n" : "\r\n";
  if (!result.empty() && !result.ends_with('\n')) result += end;
  return result + nameserver_lines(nameservers, end);
}

}  // namespace dnscache
