#include "cli/commands/support.hpp"

#include <fcntl.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fmt/format.h>
#include <fstream>
#include <functional>
#include <memory>
#include <regex>
#include <sstream>
#include <vector>

#include "cli/ask/control_client.hpp"
#include "cli/command.hpp"
#include "cli/show/output.hpp"
#include "resolver/base/endpoint.hpp"
#include "resolver/base/file_descriptor.hpp"
#include "resolver/base/version.hpp"
#include "resolver/config/config.hpp"
#include "resolver/config/resolv_conf.hpp"

namespace dnscache::cli {

namespace {

/// What `support` was asked to do.
struct SupportOptions {
  std::filesystem::path control;
  std::filesystem::path output = "dnscachectl-support.tar";
  bool is_unredacted = false;
};

namespace fs = std::filesystem;

constexpr std::size_t max_part_bytes = 1 << 20;  // of each file; the end of a longer one is kept

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return fmt::format("(cannot read {}: {})\n", path.string(), errno_text(errno));
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

// What a command says, errors included. The words are ours: none comes from outside.
std::string output_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(
      ::popen(("{ " + command + "; } 2>&1").c_str(), "re"), ::pclose);
  if (!pipe) return "(cannot run " + command + ")\n";
  std::string out;
  std::array<char, 4096> buffer{};
  while (const auto got = std::fread(buffer.data(), 1, buffer.size(), pipe.get())) {
    out.append(buffer.data(), got);
  }
  return out;
}

std::string in_shell_quotes(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string own_command(const SupportOptions& options, const std::string& words) {
  std::error_code ignored;
  const auto program = fs::read_symlink("/proc/self/exe", ignored).string();
  const auto control =
      options.control.empty() ? "" : " --control " + in_shell_quotes(options.control.string());
  return output_of(
      fmt::format("NO_COLOR=1 timeout 60 {}{} {}", in_shell_quotes(program), control, words));
}

std::string machine_text() {
  utsname names{};
  ::uname(&names);
  return fmt::format("dnscachectl {}\n{} {} {}\n{}", version(), names.sysname, names.release,
                     names.machine, read_file("/etc/os-release"));
}

// A comment may say anything.
std::string without_comments(const std::string& text) {
  std::istringstream in(text);
  std::string out;
  for (std::string line; std::getline(in, line);) {
    const auto begin = line.find_first_not_of(" \t");
    if (begin != line.npos && line[begin] == '#') continue;
    const auto comment = line.find(" #");
    out += line.substr(0, comment) + '\n';
  }
  return out;
}

struct Part {
  const char* name;
  std::function<std::string()> read;
};

std::vector<Part> parts_of(const SupportOptions& options) {
  return {
      {"version.txt", machine_text},
      {"status.json", [&] { return own_command(options, "status --json"); }},
      {"doctor.json", [&] { return own_command(options, "doctor --json"); }},
      {"plan.json", [&] { return own_command(options, "setup --explain --json"); }},
      {"check.txt", [&] { return own_command(options, "check"); }},
      {"config.yaml", [] { return without_comments(read_file(default_config_path)); }},
      {"resolv.conf", [] { return without_comments(read_file("/etc/resolv.conf")); }},
      {"nsswitch.conf", [] { return without_comments(read_file("/etc/nsswitch.conf")); }},
      {"units.txt",
       [] {
         return output_of(
             "command -v systemctl >/dev/null && systemctl --no-pager --full status "
             "'dnscachectl*' systemd-resolved.service || echo '(no systemd)'");
       }},
      {"log.txt",
       [] {
         return output_of(
             "if command -v journalctl >/dev/null; then journalctl --no-pager -o short-iso -n 1000 "
             "-u 'dnscachectl*'; fi; tail -n 1000 /var/log/dnscachectl.log");
       }},
  };
}

std::string last_part(std::string text) {
  if (text.size() <= max_part_bytes) return text;
  return "(the beginning is left out)\n" + text.substr(text.size() - max_part_bytes);
}

Result<void> write_new_file(const fs::path& path, const std::string& content) {
  const FileDescriptor fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return system_error("cannot write " + path.string(), errno);
  for (std::size_t done = 0; done < content.size();) {
    const auto written = ::write(fd.get(), content.data() + done, content.size() - done);
    if (written < 0) return system_error("cannot write " + path.string(), errno);
    done += static_cast<std::size_t>(written);
  }
  return {};
}

bool tells_kind_of_machine(const IpAddress& address) {
  const auto ec2 = IpAddress::parse("fd00:ec2::253");
  return address.is_loopback() || address.is_unspecified() || (ec2 && address == *ec2) ||
         address == IpAddress::v4(169, 254, 169, 253) || address == IpAddress::v4(127, 0, 0, 53);
}

// File names, unit names and settings look like domain names.
bool is_no_domain(const std::string& name) {
  static const std::vector<std::string> endings = {
      ".conf",       ".service", ".socket", ".path",   ".yaml",    ".sock",    ".log",
      ".json",       ".target",  ".slice",  ".txt",    ".mount",   ".size",    "example.com",
      "example.org", ".invalid", ".timer",  ".listen", ".enabled", ".original"};
  static const std::regex file("lib[a-z_]+[.]so|[0-9]+-[a-z0-9]+[.]network", std::regex::optimize);
  // An endpoint of AWS itself; what stands before one is a customer's.
  static const std::regex of_amazon("[a-z0-9-]+([.][a-z]{2}(-[a-z]+)+-[0-9])?[.]amazonaws[.]com",
                                    std::regex::optimize);
  const auto is_ending = [&](const auto& ending) { return name.ends_with(ending); };
  return std::ranges::any_of(endings, is_ending) || std::regex_match(name, file) ||
         std::regex_match(name, of_amazon);
}

bool is_part_of_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_';
}

std::string replace_word(std::string text, const std::string& word, const std::string& stand_in) {
  for (auto at = text.find(word); at != text.npos; at = text.find(word, at)) {
    const auto end = at + word.size();
    const bool is_whole = (at == 0 || !is_part_of_word(text[at - 1])) &&
                          (end == text.size() || !is_part_of_word(text[end]));
    if (is_whole) text.replace(at, word.size(), stand_in);
    at += is_whole ? stand_in.size() : word.size();
  }
  return text;
}

// std::regex calls itself for each character that it matches: no run of blanks or of others is
// longer than any name or path.
std::string without_long_runs(const std::string& text) {
  constexpr std::size_t longest_run = 2000;
  const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\n'; };
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at;
    while (end < text.size() && is_blank(text[end]) == is_blank(text[at])) ++end;
    out += end - at > longest_run ? " (too long to be shown) " : text.substr(at, end - at);
    at = end;
  }
  return out;
}

void add_matches(std::vector<std::string>& names, const std::string& text, const char* pattern) {
  const std::regex regex(pattern);
  for (std::sregex_iterator match(text.begin(), text.end(), regex), end; match != end; ++match) {
    names.push_back((*match)[1].str());
  }
}

// The names of this machine that no pattern tells from other words, because they have no dot. Read
// from the text, because the configuration may be what is wrong.
std::vector<std::string> plain_names() {
  std::vector<std::string> names;
  std::istringstream resolv_conf(read_file("/etc/resolv.conf"));
  for (std::string line; std::getline(resolv_conf, line);) {
    const auto search = parse_resolv_conf(line).search;  // of every line, not only of the last
    names.insert(names.end(), search.begin(), search.end());
  }
  const auto config = without_long_runs(read_file(default_config_path));
  add_matches(names, config, "(?:zone|domain):[ \t]*[\"']?([A-Za-z0-9_-]+)");
  add_matches(names, config, "[\"']([A-Za-z0-9_-]+)[.]?[ \t]+(?:[0-9]+[ \t]+)?[A-Z]+[ \t]");
  return names;
}

template <class Replace>
std::string replace_all(const std::string& text, const std::regex& pattern, Replace replace) {
  std::string out;
  auto at = text.begin();
  for (std::sregex_iterator match(text.begin(), text.end(), pattern), end; match != end; ++match) {
    out.append(at, (*match)[0].first);
    out += replace(match->str());
    at = (*match)[0].second;
  }
  return out.append(at, text.end());
}

}  // namespace

void Redactor::hide(const std::string& word, const std::string& stand_in) {
  if (!word.empty()) words_[word] = stand_in;
}

void Redactor::hide_name(const std::string& name) { hide(name, stand_in_for_name(name)); }

std::string Redactor::stand_in_for_address(const std::string& text) {
  const auto address = IpAddress::parse(text);
  if (!address || tells_kind_of_machine(*address)) return text;
  const auto kind = address->is_private() ? "private" : "public";
  const auto number = addresses_.size() + 1;
  return addresses_.try_emplace(address->to_text(), fmt::format("{}-ip-{}", kind, number))
      .first->second;
}

std::string Redactor::stand_in_for_name(const std::string& name) {
  std::string lower = name;
  std::ranges::transform(lower, lower.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (is_no_domain(lower)) return name;
  return names_.try_emplace(lower, fmt::format("name-{}.invalid", names_.size() + 1)).first->second;
}

std::string Redactor::redact(const std::string& text) {
  static const std::regex ipv4("[0-9]{1,3}([.][0-9]{1,3}){3}", std::regex::optimize);
  static const std::regex ipv6("[0-9A-Fa-f]{0,4}(:[0-9A-Fa-f]{0,4}){2,7}", std::regex::optimize);
  static const std::regex name("([A-Za-z0-9_-]+[.])+[A-Za-z][A-Za-z0-9-]+", std::regex::optimize);
  static const std::regex home("/home/[^/[:space:]\"',:\\]]+", std::regex::optimize);
  // As a line of the query log has it; a name without a dot looks like any word elsewhere.
  static const std::regex query(" (udp|tcp|tls) [A-Za-z0-9_-]+[.]? [A-Z0-9]+ ",
                                std::regex::optimize);
  auto out = replace_all(without_long_runs(text), ipv6,
                         [&](const auto& found) { return stand_in_for_address(found); });
  out = replace_all(out, ipv4, [&](const auto& found) { return stand_in_for_address(found); });
  out = replace_all(out, name, [&](const auto& found) { return stand_in_for_name(found); });
  out = replace_all(out, home, [](const auto&) { return "/home/user"; });
  out = replace_all(out, query, [&](const auto& found) {
    const auto begin = found.find(' ', 1) + 1;
    const auto end = found.find(' ', begin);
    return found.substr(0, begin) + stand_in_for_name(found.substr(begin, end - begin)) +
           found.substr(end);
  });
  for (const auto& [word, stand_in] : words_) out = replace_word(std::move(out), word, stand_in);
  return out;
}

std::string tar_entry(const std::string& name, const std::string& content, long modified) {
  constexpr std::size_t block = 512;
  std::string header(block, '\0');
  const auto put = [&](std::size_t at, const std::string& text) {
    std::memcpy(header.data() + at, text.data(), text.size());
  };
  put(0, name.substr(0, 99));
  put(100, "0000600");
  put(108, "0000000");
  put(116, "0000000");
  put(124, fmt::format("{:011o}", content.size()));
  put(136, fmt::format("{:011o}", modified));
  put(148, "        ");  // the checksum is taken as blanks
  put(156, "0");
  put(257, std::string("ustar\0"
                       "00",
                       8));
  unsigned sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  put(148, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
  const auto padding = (block - content.size() % block) % block;
  return header + content + std::string(padding, '\0');
}

namespace {

Result<ExitCode> run_support(const SupportOptions& options) {
  Redactor redactor;
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) == 0) redactor.hide(host.data(), "this-host");
  for (const auto& name : plain_names()) redactor.hide_name(name);
  const long now = std::time(nullptr);
  std::string archive;
  const auto parts = parts_of(options);
  {
    Progress progress("asking the machine");
    for (const auto& part : parts) {
      auto text = last_part(part.read());
      if (!options.is_unredacted) text = redactor.redact(text);
      archive += tar_entry(std::string("dnscachectl-support/") + part.name, text, now);
    }
  }
  archive += std::string(1024, '\0');  // two empty blocks end an archive
  if (const auto written = write_new_file(options.output, archive); !written) {
    return written.error();
  }
  print(fmt::format("{}: {} files{}. Look into it before you pass it on: tar -xOf {} | less\n",
                    options.output.string(), parts.size(),
                    options.is_unredacted ? "" : ", without names and addresses",
                    options.output.string()));
  return ExitCode::done;
}

Run declare(Arguments& arguments) {
  const auto options = std::make_shared<SupportOptions>();
  arguments.add("-o,--output", options->output, "FILE", "Output file [dnscachectl-support.tar]");
  arguments.add_flag("--no-redaction", options->is_unredacted, "Keep names and addresses");
  return [options](const Invocation& invocation) {
    options->control = invocation.control;
    return run_support(*options);
  };
}

}  // namespace

extern const Command support_command = {
    "support", "Collect what a bug report needs in one file, with names and addresses removed",
    "sudo dnscachectl support", declare};

}  // namespace dnscache::cli
