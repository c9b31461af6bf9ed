#include <catch2/catch.hpp>

#include "cli/ask/glibc_lookup.hpp"

using namespace dnscache;
using namespace dnscache::cli;

namespace {

std::vector<std::string> names_of(const std::vector<SearchCandidate>& candidates) {
  std::vector<std::string> names;
  for (const auto& candidate : candidates) names.push_back(candidate.name);
  return names;
}

using Names = std::vector<std::string>;

const SearchRules kubernetes{{"ns.svc.cluster.local", "svc.cluster.local", "cluster.local"}, 5};

}  // namespace

TEST_CASE("the hosts line with its actions", "[explain]") {
  const auto hosts = parse_nss_hosts_line(
      "passwd: files\n# hosts: no\n"
      "hosts:  files mymachines resolve [!UNAVAIL=return] myhostname [ NOTFOUND=return ] dns # "
      "x\n");
  CHECK(hosts.line == 3);
  CHECK(hosts.to_text() ==
        "files mymachines resolve [!UNAVAIL=return] myhostname [ NOTFOUND=return ] dns");
  REQUIRE(hosts.services.size() == 5);
  const auto& resolve = hosts.services[2];
  CHECK(resolve.ends(NssStatus::found));
  CHECK(resolve.ends(NssStatus::not_found));
  CHECK(resolve.ends(NssStatus::try_again));
  CHECK_FALSE(resolve.ends(NssStatus::unavailable));
  const auto& files = hosts.services[0];
  CHECK(files.ends(NssStatus::found));
  CHECK_FALSE(files.ends(NssStatus::not_found));
  CHECK(hosts.services[3].ends(NssStatus::not_found));
  CHECK_FALSE(hosts.services[3].ends(NssStatus::unavailable));
}

TEST_CASE("without a hosts line glibc has its own", "[explain]") {
  const auto hosts = parse_nss_hosts_line("passwd: files\n");
  CHECK(hosts.line == 0);
  CHECK(hosts.to_text() == "files dns");
  CHECK(parse_nss_hosts_line("hosts: files [NOTFOUND=return").services.size() == 1);
}

TEST_CASE("names are searched as glibc does", "[explain]") {
  const SearchRules one{{"a.example"}, 1};
  CHECK(names_of(search_candidates("www", one)) == Names{"www.a.example", "www"});
  CHECK(names_of(search_candidates("www.example.com", one)) ==
        Names{"www.example.com", "www.example.com.a.example"});
  CHECK(names_of(search_candidates("www.example.com.", one)) == Names{"www.example.com"});
  CHECK(names_of(search_candidates("api.example.com", kubernetes)) ==
        Names{"api.example.com.ns.svc.cluster.local", "api.example.com.svc.cluster.local",
              "api.example.com.cluster.local", "api.example.com"});
  CHECK(names_of(search_candidates("a.b.c.d.e.f", kubernetes)).front() == "a.b.c.d.e.f");
  CHECK(names_of(search_candidates("www", {{}, 1})) == Names{"www"});
  CHECK(names_of(search_candidates("www", {{"."}, 1})) == Names{"www"});
  CHECK(names_of(search_candidates("www", {{"a.example"}, 0})) == Names{"www", "www.a.example"});
  CHECK(names_of(search_candidates("www", {{"a.example"}, 1, true})) == Names{"www.a.example"});
  CHECK(search_candidates("www", one)[0].domain == "a.example");
  CHECK(search_candidates("www", one)[1].domain.empty());
}

TEST_CASE("systemd-resolved searches for names without a dot", "[explain]") {
  CHECK(names_of(resolved_candidates("host", {"ec2.internal"})) == Names{"host.ec2.internal"});
  CHECK(names_of(resolved_candidates("host.b", {"ec2.internal"})) == Names{"host.b"});
  CHECK(names_of(resolved_candidates("host.", {"ec2.internal"})) == Names{"host"});
}

TEST_CASE("resolv.conf, the environment and the host name make the rules", "[explain]") {
  const auto conf = parse_resolv_conf("search a.example b.example\noptions ndots:3 rotate\n");
  CHECK(search_rules(conf, "", "", "h.corp.example") == SearchRules{{"a.example", "b.example"}, 3});
  CHECK(search_rules(conf, "c.example d.example", "ndots:99", "") ==
        SearchRules{{"c.example", "d.example"}, 15});
  CHECK(search_rules({}, "", "", "h.corp.example") == SearchRules{{"corp.example"}, 1});
  CHECK(search_rules({}, "", "", "h") == SearchRules{});
}

TEST_CASE("a service is asked on its own", "[explain]") {
  constexpr std::chrono::seconds limit{15};
  const auto files = look_up_addresses_by("files", "localhost", AF_INET, limit);
  CHECK(files.status == NssStatus::found);
  REQUIRE(files.addresses.size() == 1);
  CHECK(files.addresses[0].to_text() == "127.0.0.1");
  CHECK(look_up_addresses_by("files", "no-such-name.invalid", AF_INET, limit).status ==
        NssStatus::not_found);
  const auto none = look_up_addresses_by("nonesuch", "localhost", AF_INET, limit);
  CHECK(none.status == NssStatus::unavailable);
  CHECK(none.error == "libnss_nonesuch is not installed");
}
