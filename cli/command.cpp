#include "cli/command.hpp"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>

#include "resolver/base/text.hpp"
#include "resolver/config/values.hpp"

namespace dnscache::cli {

CLI::Validator one_of(std::vector<std::string> words) {
  const auto check = [words = std::move(words)](const std::string& text) -> std::string {
    if (std::ranges::find(words, text) != words.end()) return {};
    const auto suggestion = nearest(text, words);
    return suggestion.empty()
               ? fmt::format("'{}' is not {}", printable(text), join_words(words))
               : fmt::format("there is no '{}', did you mean '{}'?", printable(text), suggestion);
  };
  return {check, "", ""};
}

CLI::Option* Arguments::add_flag(const std::string& name, bool& value, const std::string& help) {
  return app_.add_flag(name, value, help);
}

CLI::Option* Arguments::add_json(bool& is_json) {
  return add_flag("--json", is_json, "Print JSON, for programs");
}

void Arguments::add_watch_and_json(bool& is_watching, bool& is_json) {
  auto* watch = add_flag("-w,--watch", is_watching, "Refresh every second until q is pressed");
  watch->excludes(add_json(is_json));
}

CLI::Option* Arguments::add_list(const std::string& name, std::vector<std::string>& values,
                                 const std::string& type, const std::string& help) {
  return add(name, values, type, help)
      ->delimiter(',')
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all();
}

void Arguments::add_routes(std::vector<std::string>& routes) {
  add("--route", routes, "ZONE=ADDRESS,...", "Query these servers for names in this zone")
      ->expected(1)
      ->allow_extra_args(false)
      ->take_all();
}

CLI::Option* Arguments::add_record_type(const std::string& name, std::string& value,
                                        const std::string& help) {
  return suggest(add(name, value, "TYPE", help), common_types());
}

CLI::Option* Arguments::add_name(const std::string& name, std::string& value,
                                 const std::string& help) {
  auto* option = add(name, value, "NAME", help);
  suggestions_.cached_names.insert(option);
  return option;
}

CLI::Option* Arguments::suggest(CLI::Option* option, const std::vector<std::string>& words) {
  suggestions_.words[option] = words;
  return option;
}

const std::vector<std::string>& Arguments::common_types() {
  static const std::vector<std::string> types = {"A",  "AAAA", "CNAME", "HTTPS", "MX",
                                                 "NS", "PTR",  "SOA",   "SRV",   "TXT"};
  return types;
}

CLI::Validator between(std::uint32_t low, std::uint32_t high) {
  return CLI::Range(low, high).description("");
}

CLI::Validator seconds_between(std::uint32_t low, std::uint32_t high) {
  const auto to_seconds = [low, high](std::string& text) -> std::string {
    const bool is_number = text.find_first_not_of("0123456789") == text.npos;
    const auto duration = parse_duration(is_number ? text + 's' : text);
    if (!duration)
      return fmt::format("'{}' {}; write 90s or 2m", printable(text), duration.error().message);
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(*duration);
    if (seconds != *duration || seconds.count() < low || seconds.count() > high) {
      return fmt::format("'{}' is not between {}s and {}s in whole seconds", printable(text), low,
                         high);
    }
    text = std::to_string(seconds.count());
    return {};
  };
  return {to_seconds, ""};
}

}  // namespace dnscache::cli
