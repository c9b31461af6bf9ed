// Text from elsewhere on a terminal.
#pragma once

#include <string>
#include <string_view>

namespace dnscache::cli {

/// What of a text is layout of our own and stays.
struct Layout {
  bool lines = true;    ///< line feeds and tabs
  bool colors = false;  ///< the sequences of styled()
};

/// The text with everything visible that steers a terminal: control characters (C0, C1 and DEL) and
/// those that turn the direction of text become \u001b and the like, which JSON understands as
/// well; bytes that are not UTF-8 become \x9b.
std::string escaped(std::string_view text, Layout layout);

}  // namespace dnscache::cli
