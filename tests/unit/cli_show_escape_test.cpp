#include <catch2/catch.hpp>

#include "cli/show/escape.hpp"

using namespace dnscache::cli;

TEST_CASE("what steers a terminal is shown as what it is") {
  CHECK(escaped("a\x1b[2J b", {}) == "a\\u001b[2J b");
  CHECK(escaped("\xc2\x9b"
                "31m",
                {}) == "\\u009b31m");                              // CSI of C1
  CHECK(escaped("\x9b", {}) == "\\x9b");                           // the same as one byte
  CHECK(escaped("\xe2\x80\xae", {}) == "\\u202e");                 // right-to-left override
  CHECK(escaped("\xe2\x81\xa6\xd8\x9c", {}) == "\\u2066\\u061c");  // isolate, Arabic letter mark
  CHECK(escaped("\r\x7f\x08", {}) == "\\u000d\\u007f\\u0008");
  CHECK(escaped("\xc0\x9b \xed\xa0\x80 \xf0\x9f", {}) ==
        "\\xc0\\x9b \\xed\\xa0\\x80 \\xf0\\x9f");  // overlong, surrogate, cut off
}

TEST_CASE("text in any script, line feeds and our own colours stay") {
  const std::string text = "büro 名前 😀 █\n\tnext\n";
  CHECK(escaped(text, {}) == text);
  CHECK(escaped("a\nb", {false, false}) == "a\\u000ab");
  CHECK(escaped("\033[1;31mbad\033[0m", {true, true}) == "\033[1;31mbad\033[0m");
  CHECK(escaped("\033[1;31mbad\033[0m", {true, false}) == "\\u001b[1;31mbad\\u001b[0m");
  CHECK(escaped("\033[8mhidden", {true, true}) == "\\u001b[8mhidden");
}
