// The language of our templates: a place is written @NAME@.
#pragma once

#include <cstddef>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace dnscache::cli {

/// A place in a text, "@NAME@", and its name.
struct Place {
  std::size_t begin = 0;
  std::size_t length = 0;
  std::string name;
};

/// The first place at `from` or after it. Names have capitals, digits and underscores.
std::optional<Place> find_place(std::string_view text, std::size_t from);

/// Every place by its value, which is not looked at again; places without a value stay.
std::string fill(std::string_view text, const std::map<std::string, std::string>& values);

/// The same for a page: the values of an object, escaped for HTML. What is between @EACH_X@ and
/// @END_X@ is written for each element of the array X, or once if X is an object, with the values
/// of that element and of all objects around it.
std::string fill_page(std::string_view text, const nlohmann::json& values);

}  // namespace dnscache::cli
