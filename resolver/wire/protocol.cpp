#include "resolver/wire/protocol.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

namespace dnscache {
namespace {

struct TypeName {
  std::uint16_t type;
  std::string_view text;
};

constexpr auto type_names = std::to_array<TypeName>({
    {1, "A"},        {2, "NS"},          {5, "CNAME"},  {6, "SOA"},     {12, "PTR"},
    {13, "HINFO"},   {15, "MX"},         {16, "TXT"},   {17, "RP"},     {18, "AFSDB"},
    {28, "AAAA"},    {29, "LOC"},        {33, "SRV"},   {35, "NAPTR"},  {39, "DNAME"},
    {41, "OPT"},     {43, "DS"},         {44, "SSHFP"}, {46, "RRSIG"},  {47, "NSEC"},
    {48, "DNSKEY"},  {50, "NSEC3"},      {52, "TLSA"},  {53, "SMIMEA"}, {59, "CDS"},
    {60, "CDNSKEY"}, {61, "OPENPGPKEY"}, {64, "SVCB"},  {65, "HTTPS"},  {99, "SPF"},
    {251, "IXFR"},   {252, "AXFR"},      {255, "ANY"},  {256, "URI"},   {257, "CAA"},
});

// https://www.iana.org/assignments/dns-parameters, Extended DNS Error Codes; by their numbers.
constexpr auto extended_errors = std::to_array<std::string_view>({
    "Other Error",
    "Unsupported DNSKEY Algorithm",
    "Unsupported DS Digest Type",
    "Stale Answer",
    "Forged Answer",
    "DNSSEC Indeterminate",
    "DNSSEC Bogus",
    "Signature Expired",
    "Signature Not Yet Valid",
    "DNSKEY Missing",
    "RRSIGs Missing",
    "No Zone Key Bit Set",
    "NSEC Missing",
    "Cached Error",
    "Not Ready",
    "Blocked",
    "Censored",
    "Filtered",
    "Prohibited",
    "Stale NXDOMAIN Answer",
    "Not Authoritative",
    "Not Supported",
    "No Reachable Authority",
    "Network Error",
    "Invalid Data",
    "Signature Expired before Valid",
    "Too Early",
    "Unsupported NSEC3 Iterations Value",
    "Unable to conform to policy",
    "Synthesized",
    "Invalid Query Type",
});

bool equal_without_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::toupper(x) == std::toupper(y); });
}

}  // namespace

std::string rcode_text(Rcode rcode) {
  switch (rcode) {
    case Rcode::no_error:
      return "NOERROR";
    case Rcode::format_error:
      return "FORMERR";
    case Rcode::server_failure:
      return "SERVFAIL";
    case Rcode::nx_domain:
      return "NXDOMAIN";
    case Rcode::not_implemented:
      return "NOTIMP";
    case Rcode::refused:
      return "REFUSED";
    case Rcode::bad_version:
      return "BADVERS";
    case Rcode::bad_cookie:
      return "BADCOOKIE";
  }
  return "RCODE" + std::to_string(static_cast<unsigned>(rcode));
}

std::string extended_error_text(ExtendedError error) {
  if (error == ExtendedError::none) return {};
  const auto code = static_cast<std::size_t>(error);
  if (code < extended_errors.size()) return std::string(extended_errors[code]);
  return "Code " + std::to_string(code);
}

std::string type_text(std::uint16_t type) {
  const auto found = std::ranges::find(type_names, type, &TypeName::type);
  return found != type_names.end() ? std::string(found->text) : "TYPE" + std::to_string(type);
}

std::uint16_t type_from_text(std::string_view text) {
  for (const TypeName& name : type_names) {
    if (equal_without_case(name.text, text)) return name.type;
  }
  if (text.size() <= 4 || !equal_without_case(text.substr(0, 4), "TYPE")) return 0;
  std::uint16_t type = 0;
  const auto [end, error] = std::from_chars(text.data() + 4, text.data() + text.size(), type);
  return error == std::errc{} && end == text.data() + text.size() ? type : 0;
}

}  // namespace dnscache
