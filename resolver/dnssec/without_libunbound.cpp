// In place of the folder unbound/ in a program that is built without libunbound.
#include "resolver/dnssec/validator.hpp"

namespace dnscache {

Result<std::shared_ptr<Validator>> make_validator(asio::io_context&, const Config& config,
                                                  FetchFunction) {
  if (config.dnssec.mode != DnssecMode::validate) return std::shared_ptr<Validator>();
  return Error{"this program was built without libunbound and cannot validate"};
}

std::string dnssec_support() { return "not built in"; }

}  // namespace dnscache
