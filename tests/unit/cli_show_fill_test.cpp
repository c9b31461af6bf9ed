#include <catch2/catch.hpp>

#include "cli/show/fill.hpp"

using namespace dnscache::cli;

TEST_CASE("places of a template are filled once") {
  CHECK(fill("a @X@@Y_2@ b", {{"X", "1"}, {"Y_2", "@X@"}}) == "a 1@X@ b");
  CHECK(fill("mail me@example.org, @media (x), @@ @Z@", {}) ==
        "mail me@example.org, @media (x), @@ @Z@");
  CHECK(fill("", {{"X", "1"}}).empty());
}

TEST_CASE("a page repeats a part for each element, and escapes what it is given") {
  const nlohmann::json values = {{"X", "<&\">"},
                                 {"ROWS", {{{"N", 1.5}, {"X", "@N@"}}, {{"N", 2}}}},
                                 {"MORE", nlohmann::json::object()},
                                 {"NONE", nullptr}};
  CHECK(fill_page("@X@", values) == "&lt;&amp;&quot;&gt;");
  CHECK(fill_page("@EACH_ROWS@<@N@ @X@>@END_ROWS@.", values) ==
        "<1.5 @N@><2 &lt;&amp;&quot;&gt;>.");
  CHECK(fill_page("@EACH_MORE@a@EACH_ROWS@b@END_ROWS@@END_MORE@", values) == "abb");
  CHECK(fill_page("a@EACH_NONE@b@END_NONE@@EACH_NOWHERE@c@END_NOWHERE@ @Z@", values) == "a @Z@");
}
