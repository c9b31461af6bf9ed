// The part of JSON Schema (draft 2020-12) that tests/schemas uses; an unknown keyword is an error.
#pragma once

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

namespace dnscache::test {

/// Checks documents against one schema.
class JsonSchema {
 public:
  explicit JsonSchema(nlohmann::json schema) : schema_(std::move(schema)) {}

  /// What is wrong with the document, each with its JSON pointer; empty: nothing.
  std::vector<std::string> problems(const nlohmann::json& document) const {
    std::vector<std::string> out;
    check(document, schema_, "", out);
    return out;
  }

 private:
  using Json = nlohmann::json;

  static bool has_type(const Json& value, const std::string& type) {
    if (type == "integer") return value.is_number_integer();
    if (type == "number") return value.is_number();
    return type == (value.is_object()    ? "object"
                    : value.is_array()   ? "array"
                    : value.is_string()  ? "string"
                    : value.is_boolean() ? "boolean"
                    : value.is_null()    ? "null"
                                         : "");
  }

  static bool fits(const Json& value, const std::string& key, const Json& wanted) {
    if (key == "const") return value == wanted;
    if (key == "enum") return std::find(wanted.begin(), wanted.end(), value) != wanted.end();
    if (key == "type") {
      if (wanted.is_string()) return has_type(value, wanted);
      return std::any_of(wanted.begin(), wanted.end(),
                         [&](const Json& type) { return has_type(value, type); });
    }
    if (key == "minimum") return !value.is_number() || value >= wanted;
    if (key == "maximum") return !value.is_number() || value <= wanted;
    if (key == "minItems") return !value.is_array() || value.size() >= wanted;
    if (key == "maxItems") return !value.is_array() || value.size() <= wanted;
    if (key == "required") {
      return !value.is_object() || std::all_of(wanted.begin(), wanted.end(), [&](const Json& name) {
        return value.contains(name.get<std::string>());
      });
    }
    throw std::runtime_error("the schema has the unknown keyword " + key);
  }

  void check(const Json& value, const Json& schema, const std::string& where,
             std::vector<std::string>& out) const {
    static const std::set<std::string> silent = {"$schema", "$id", "$defs", "title", "description"};
    for (const auto& [key, wanted] : schema.items()) {
      if (silent.contains(key)) continue;
      if (key == "$ref") {
        const Json::json_pointer place(wanted.get<std::string>().substr(1));
        check(value, schema_.at(place), where, out);
      } else if (key == "items") {
        for (std::size_t i = 0; value.is_array() && i < value.size(); ++i) {
          check(value[i], wanted, where + '/' + std::to_string(i), out);
        }
      } else if (key == "properties") {
        if (value.is_object()) check_properties(value, schema, where, out);
      } else if (key == "additionalProperties") {
        if (wanted != false) throw std::runtime_error("additionalProperties can only be false");
        check_no_others(value, schema, where, out);
      } else if (!fits(value, key, wanted)) {
        out.push_back(where + ": " + key + " is not as in " + wanted.dump());
      }
    }
  }

  void check_properties(const Json& value, const Json& schema, const std::string& where,
                        std::vector<std::string>& out) const {
    for (const auto& [name, wanted] : schema.at("properties").items()) {
      if (value.contains(name)) check(value[name], wanted, where + '/' + name, out);
    }
  }

  static void check_no_others(const Json& value, const Json& schema, const std::string& where,
                              std::vector<std::string>& out) {
    for (const auto& [name, ignored] : value.items()) {
      if (!value.is_object() || schema.at("properties").contains(name)) continue;
      out.push_back(where + '/' + name + ": is not in the schema");
    }
  }

  nlohmann::json schema_;
};

}  // namespace dnscache::test
