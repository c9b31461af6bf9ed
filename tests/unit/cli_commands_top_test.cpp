#include <catch2/catch.hpp>

#include "cli/commands/top.hpp"

using namespace dnscache::cli;
using nlohmann::json;

namespace {

json item(const std::string& name, int queries, int nxdomain) {
  return {{"name", name},         {"queries", queries}, {"misses", 1},
          {"nxdomain", nxdomain}, {"slow", 0},          {"off_by", 0}};
}

const json reply = {{"queries", 20},
                    {"seconds", 5.2},
                    {"dropped", 3},
                    {"names",
                     {item("api.example.com.svc.cluster.local", 9, 9),
                      item("web.svc.cluster.local", 5, 5), item("api.example.com", 4, 0)}},
                    {"zones", {item("cluster.local", 14, 14)}},
                    {"clients", {item("127.0.0.1", 20, 14)}}};

}  // namespace

TEST_CASE("full names that were searched without result are shown, with what ends it", "[top]") {
  const auto wasted = wasted_searches(reply, {{"svc.cluster.local", "cluster.local"}, 5});
  REQUIRE(wasted.size() == 2);
  CHECK(wasted[0].domain == "svc.cluster.local");
  CHECK(wasted[0].queries == 9);  // web.svc.cluster.local is no full name that was searched for
  CHECK(wasted[0].advice.find("ndots:1") != std::string::npos);
  CHECK(wasted_searches(reply, {{"svc.cluster.local"}, 1})[0].advice.find("final dot") !=
        std::string::npos);
  CHECK(wasted_searches(reply, {{"other.example"}, 5}).empty());
  CHECK(wasted_searches(json::object(), {{"other.example"}, 5}).empty());
}

TEST_CASE("top shows as many rows as wanted, and what it missed", "[top]") {
  const auto text = top_to_text(reply, {}, 2, Terminal{});
  CHECK(text.starts_with("20 queries in 5 s, 3.8 per second, and 3 too fast to be looked at\n"));
  CHECK(text.find("web.svc.cluster.local") != std::string::npos);
  CHECK(text.find("\napi.example.com ") == std::string::npos);
  CHECK(text.find("127.0.0.1") != std::string::npos);
  CHECK_NOTHROW(top_to_text(json::object(), {}, 2, Terminal{}));
}
