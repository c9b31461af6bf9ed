#include "cli/show/fill.hpp"

#include <algorithm>
#include <vector>

namespace dnscache::cli {

namespace {

using Json = nlohmann::json;

std::string escaped_for_html(std::string_view text) {
  static const std::map<char, std::string_view> entities = {
      {'<', "&lt;"}, {'>', "&gt;"}, {'&', "&amp;"}, {'"', "&quot;"}};
  std::string out;
  for (const char c : text) {
    const auto entity = entities.find(c);
    out += entity == entities.end() ? std::string_view(&c, 1) : entity->second;
  }
  return out;
}

/// Writes a page; the objects around a place, the innermost last, have its values.
class Page {
 public:
  void write(std::string_view text, const Json& values) {
    around_.push_back(&values);
    std::size_t at = 0;
    for (auto place = find_place(text, 0); place; place = find_place(text, at)) {
      out_ += text.substr(at, place->begin - at);
      at = place->begin + place->length;
      if (!place->name.starts_with(each)) {
        write_value(place->name);
        continue;
      }
      const auto name = place->name.substr(each.size());
      const auto mark = "@END_" + name + '@';
      const auto end = std::min(text.find(mark, at), text.size());
      write_each(text.substr(at, end - at), name);
      at = std::min(end + mark.size(), text.size());
    }
    out_ += text.substr(at);
    around_.pop_back();
  }
  std::string take() { return std::move(out_); }

 private:
  static constexpr std::string_view each = "EACH_";

  const Json* find(const std::string& name) const {
    for (auto values = around_.rbegin(); values != around_.rend(); ++values) {
      if (const auto found = (*values)->find(name); found != (*values)->end()) return &*found;
    }
    return nullptr;
  }
  void write_value(const std::string& name) {
    const auto* value = find(name);
    if (value == nullptr) {
      out_ += '@' + name + '@';
    } else {
      out_ += value->is_string() ? escaped_for_html(value->get<std::string>()) : value->dump();
    }
  }
  void write_each(std::string_view text, const std::string& name) {
    const auto* value = find(name);
    if (value == nullptr) return;
    if (value->is_object()) return write(text, *value);
    for (const auto& element : *value) write(text, element);
  }

  std::string out_;
  std::vector<const Json*> around_;
};

}  // namespace

std::optional<Place> find_place(std::string_view text, std::size_t from) {
  for (auto begin = text.find('@', from); begin != text.npos; begin = text.find('@', begin + 1)) {
    const auto end = text.find('@', begin + 1);
    if (end == text.npos) return {};
    const auto name = text.substr(begin + 1, end - begin - 1);
    const bool is_name = !name.empty() && std::ranges::all_of(name, [](char c) {
      return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    });
    if (is_name) return Place{begin, end - begin + 1, std::string(name)};
  }
  return {};
}

std::string fill(std::string_view text, const std::map<std::string, std::string>& values) {
  std::string out;
  std::size_t at = 0;
  for (auto place = find_place(text, 0); place; place = find_place(text, at)) {
    out += text.substr(at, place->begin - at);
    const auto value = values.find(place->name);
    out += value == values.end() ? text.substr(place->begin, place->length)
                                 : std::string_view(value->second);
    at = place->begin + place->length;
  }
  out += text.substr(at);
  return out;
}

std::string fill_page(std::string_view text, const Json& values) {
  Page page;
  page.write(text, values);
  return page.take();
}

}  // namespace dnscache::cli
