#include <catch2/catch.hpp>

#include "cli/show/fill.hpp"

using namespace dnscache::cli;

TEST_CASE("places of a template are filled once") {
  CHECK(fill("a @X@@Y_2@ b", {{"X", "1"}, {"Y_2", "@X@"}}) == "a 1@X@ b");
  CHECK(fill("mail me@example.org, @media (x), @@ @Z@", {}) ==
        "mail me@example.org, @media (x), @@ @Z@");
  CHECK(fill("", {{"X", "1"}}).empty());
}
