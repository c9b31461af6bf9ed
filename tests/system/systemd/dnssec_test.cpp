// Validation inside the installed unit's sandbox, of zones signed for the test.
#include <catch2/catch.hpp>
#include <sstream>

#include "support.hpp"

using namespace dnscache::test;
using Catch::Contains;

namespace {

const std::string program = "/usr/local/bin/dnscachectl";
const std::string config = "/etc/dnscachectl/config.yaml";
const std::string zones = "/run/signed";
const std::string state_file = "/var/cache/dnscachectl/root.key";
constexpr const char* authority_port = "5300";
constexpr const char* recursor_port = "5301";

/// Where a daemon is: installed, or unpacked beside the build; empty: nowhere.
std::string find_server(const std::string& name) {
  const std::string unpacked = BUILD_DIR "/tools/" + name;
  for (const std::string& root : {std::string(), unpacked}) {
    const auto path = root + "/usr/sbin/" + name;
    if (std::filesystem::exists(path)) return path;
  }
  return "";
}

bool lacks_servers() {
  for (const std::string missing : {"nsd", "unbound"}) {
    if (!find_server(missing).empty()) continue;
    WARN("SKIPPED: there is no " << missing);
    return true;
  }
  const bool can_validate =
      output_of(std::string(DNSCACHECTL_PATH) + " --version").find("libunbound") !=
      std::string::npos;
  const bool can_sign = std::filesystem::exists("/usr/bin/ldns-signzone");
  if (!can_validate) WARN("SKIPPED: built without libunbound");
  if (!can_sign) WARN("SKIPPED: there is no ldns-signzone");
  return !can_validate || !can_sign;
}

/// nsd has the signed zones; an unbound that does not validate is the engine's upstream.
void start_servers() {
  std::filesystem::create_directories(zones);
  output_of("sh " SIGN_ZONES " " + zones + " 2>&1");
  write_file(zones + "/nsd.conf",
             std::string("server:\n ip-address: 127.0.0.1\n port: ") + authority_port +
                 "\n username: \"\"\n server-count: 1\n database: \"\"\n zonesdir: \"" + zones +
                 "\"\n pidfile: \"\"\n xfrdfile: \"\"\n zonelistfile: " + zones +
                 "/zonelist\n xfrdir: " + zones + "\nremote-control:\n control-enable: no\n" +
                 read_file(zones + "/zones.conf"));
  std::string recursor = std::string("server:\n interface: 127.0.0.1\n port: ") + recursor_port +
                         "\n username: \"\"\n chroot: \"\"\n directory: " + zones +
                         "\n pidfile: \"\"\n do-not-query-localhost: no\n do-ip6: no\n"
                         " module-config: iterator\n qname-minimisation: no\n"
                         " local-data: \"example.com. A 192.0.2.10\"\n";  // which setup looks up
  std::istringstream lines(read_file(zones + "/zones.conf"));
  for (std::string line; std::getline(lines, line);) {
    if (line.find(" name:") != 0) continue;
    recursor += "stub-zone:\n" + line + "\n stub-addr: 127.0.0.1@" + authority_port + '\n';
  }
  write_file(zones + "/unbound.conf", recursor);
  output_of("systemd-run -q --unit=lab-nsd " + find_server("nsd") + " -d -c " + zones +
            "/nsd.conf 2>&1");
  output_of("systemd-run -q --unit=lab-unbound " + find_server("unbound") + " -d -p -c " + zones +
            "/unbound.conf 2>&1");
}

std::string dig(const std::string& what) {
  return output_of("dig +tries=3 +time=5 " + what + " || true");
}

std::string ask_recursor(const std::string& what) {
  return dig(std::string("@127.0.0.1 -p ") + recursor_port + ' ' + what);
}

void write_config(const std::string& trust_anchor,
                  const std::string& upstream = std::string("127.0.0.1:") + recursor_port) {
  const std::string upstreams = "upstreams: [\"" + upstream + "\"]";
  write_file(config, upstreams + "\nroutes: [{zone: com, " + upstreams +
                         "}]\ndnssec: {mode: validate, trust_anchors: [\"" + trust_anchor +
                         "\"]}\n");
}

/// The root's key in unbound's form for RFC 5011, as unbound-anchor(8) leaves it.
std::string autotrust_file() {
  const auto key = output_of(std::string("dig +tries=3 +time=5 +short +nosplit @127.0.0.1 -p ") +
                             recursor_port + " . DNSKEY | tr -d '\\n'");
  return "; autotrust trust anchor file\n;;id: . 1\n. 3600 IN DNSKEY " + key +
         " ;{id = 1 (ksk), size = 256b} ;;state=2 [  VALID  ] ;;count=0 "
         ";;lastchange=1700000000 ;;Tue Nov 14 22:13:20 2023\n";
}

void check_verdicts() {
  CHECK(eventually([] {
    const auto secure = dig("@127.0.0.1 +dnssec www.secure A");
    return secure.find(" ad;") != std::string::npos && secure.find("RRSIG") != std::string::npos;
  }));
  CHECK_THAT(dig("@127.0.0.1 +dnssec nothing.nsec3 A"),
             Contains("status: NXDOMAIN") && Contains(" ad;"));
  CHECK_THAT(dig("@127.0.0.1 www.wrong A"), Contains("status: SERVFAIL") && Contains("EDE: 6"));
  CHECK_THAT(dig("@127.0.0.1 www.expired A"), Contains("status: SERVFAIL") && Contains("EDE: 7"));
}

}  // namespace

TEST_CASE("the installed unit validates, and keeps trust anchors where it may write", "[dnssec]") {
  if (lacks_servers()) return;
  std::filesystem::create_directories("/usr/local/bin");
  std::filesystem::copy_file(DNSCACHECTL_PATH, program);
  start_servers();
  REQUIRE(eventually(
      [] { return ask_recursor("www.secure A +short").find("192.0.2.1") != std::string::npos; }));
  // In /etc: /run is of no use to a unit that the next boot starts.
  write_file("/etc/dnscachectl/root.anchor", read_file(zones + "/root.anchor"));
  write_config("/etc/dnscachectl/root.anchor");
  const auto set_up = output_of(program + " setup --yes 2>&1 || true");
  INFO(set_up);
  REQUIRE(output_of("systemctl is-active dnscachectl || true") == "active\n");
  check_verdicts();

  // RFC 5011, in the only folder of the sandbox that is kept.
  write_file(state_file, autotrust_file());
  output_of("chown --reference=/var/cache/dnscachectl/. " + state_file);
  write_config(state_file);
  output_of("systemctl reload dnscachectl");
  check_verdicts();
  CHECK(eventually(
      [] { return read_file(state_file).find(";;last_success: 1") != std::string::npos; }));
  INFO(read_file(state_file));
  CHECK_THAT(read_file(state_file), Contains("state=2"));

  output_of("systemctl restart dnscachectl");
  check_verdicts();
  CHECK_THAT(output_of("journalctl -b --no-pager -u dnscachectl"),
             !Contains("libunbound") && !Contains("Operation not permitted"));

  // The VPC's dnsmasq knows no signatures, and doctor tells who is to blame.
  const std::string blame = "10.0.0.2:53 leaves DNSSEC signatures out";
  const auto doctor = [] { return output_of(program + " doctor || true"); };
  CHECK_THAT(doctor(), !Contains("signatures"));
  write_config("/etc/dnscachectl/root.anchor", "10.0.0.2");
  output_of("systemctl reload dnscachectl");
  CHECK_THAT(doctor(), Contains(blame) && Contains("dnssec.mode passthrough"));
  write_file(config, "upstreams: [10.0.0.2]\n");
  output_of("systemctl reload dnscachectl");
  CHECK_THAT(doctor(), !Contains(blame) && Contains("answers, without DNSSEC signatures"));
}
