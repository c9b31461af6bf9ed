#include "cli/import/remark.hpp"

#include "resolver/base/text.hpp"

namespace dnscache::cli {
namespace {

template <class Visit>
void for_each_word(std::string_view text, const Visit& visit) {
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    if (end > 0) visit(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace

bool apply_remark(Draft& draft, std::span<const Remark> table, std::string_view option) {
  for (const Remark& remark : table) {
    bool is_meant = false;
    for_each_word(remark.options, [&](std::string_view word) {
      if (word.ends_with('*')) {
        is_meant |= option.starts_with(word.substr(0, word.size() - 1));
      } else {
        is_meant |= option == word;
      }
    });
    if (!is_meant) continue;
    draft.finish_line(remark.result, std::string(remark.why));
    return true;
  }
  return false;
}

void add_names(std::vector<std::string>& names, std::span<const Remark> table) {
  for (const Remark& remark : table) {
    for_each_word(remark.options, [&](std::string_view word) {
      if (!word.ends_with('*')) names.emplace_back(word);
    });
  }
}

void refuse_unknown(Draft& draft, const std::string& option, std::string_view program,
                    const std::vector<std::string>& known) {
  const std::string meant = nearest(option, known);
  draft.refuse("is not an option of " + std::string(program) +
               (meant.empty() ? "" : "; did you mean " + meant + "?"));
}

}  // namespace dnscache::cli
