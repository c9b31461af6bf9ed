#include "cli/import/bind/statement.hpp"

#include <algorithm>
#include <optional>

namespace dnscache::cli::bind {
namespace {

constexpr unsigned max_depth = 16;
constexpr std::size_t max_text = 200;  // bytes of a statement that are shown

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool is_mark(char c) { return c == '{' || c == '}' || c == ';'; }

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  std::vector<Statement> run() {
    std::vector<Statement> statements;
    while (at_ < text_.size()) {
      auto some = block(0);
      statements.insert(statements.end(), std::make_move_iterator(some.begin()),
                        std::make_move_iterator(some.end()));
    }
    return statements;
  }

 private:
  // Statements up to the brace that closes the block, or the end.
  std::vector<Statement> block(unsigned depth) {
    std::vector<Statement> statements;
    while (skip_blanks()) {
      if (text_[at_] == '}') {
        ++at_;
        break;
      }
      if (text_[at_] == ';') {
        ++at_;
        continue;
      }
      statements.push_back(statement(depth));
    }
    return statements;
  }

  Statement statement(unsigned depth) {
    Statement result;
    result.line = line_;
    const std::size_t begin = at_;
    std::size_t end = at_;
    result.is_cut = true;
    while (skip_blanks()) {
      const char c = text_[at_];
      if (c == ';' || c == '}') {
        if (c == ';') ++at_;
        result.is_cut = false;
        break;
      }
      if (c != '{') {
        result.words.push_back(word());
      } else {
        ++at_;
        result.has_block = true;
        auto inner = depth < max_depth ? block(depth + 1) : std::vector<Statement>{};
        std::ranges::move(inner, std::back_inserter(result.block));
      }
      end = at_;
    }
    result.text = one_line(text_.substr(begin, end - begin));
    return result;
  }

  std::string word() {
    std::string result;
    if (text_[at_] == '"') {
      for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
        if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
        if (text_[at_] == '\n') ++line_;
        result += text_[at_];
      }
      if (at_ < text_.size()) ++at_;
      return result;
    }
    const std::size_t begin = at_;
    while (at_ < text_.size() && !is_blank(text_[at_]) && !is_mark(text_[at_]) &&
           text_[at_] != '"' && !begins_comment()) {
      ++at_;
    }
    if (at_ == begin) ++at_;  // nothing else can stand here
    return std::string(text_.substr(begin, at_ - begin));
  }

  bool begins_comment() const {
    if (text_[at_] == '#') return true;
    const std::string_view two = text_.substr(at_, 2);
    return two == "//" || two == "/*";
  }

  // Over blanks and comments; false at the end.
  bool skip_blanks() {
    while (at_ < text_.size()) {
      if (is_blank(text_[at_])) {
        line_ += text_[at_] == '\n' ? 1 : 0;
        ++at_;
      } else if (text_.substr(at_, 2) == "/*") {
        const auto end = std::min(text_.find("*/", at_ + 2), text_.size());
        line_ += static_cast<int>(std::ranges::count(text_.substr(at_, end - at_), '\n'));
        at_ = std::min(end + 2, text_.size());
      } else if (begins_comment()) {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else {
        return true;
      }
    }
    return false;
  }

  static std::string one_line(std::string_view written) {
    std::string result;
    for (const char c : written) {
      if (!is_blank(c)) {
        result += c;
      } else if (!result.empty() && result.back() != ' ') {
        result += ' ';
      }
      if (result.size() > max_text) return result + "...";
    }
    return result;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int line_ = 1;
};

}  // namespace

const std::string& Statement::word(std::size_t index) const {
  static const std::string none;
  return index < words.size() ? words[index] : none;
}

std::vector<Statement> parse_statements(std::string_view text) { return Parser(text).run(); }

}  // namespace dnscache::cli::bind
