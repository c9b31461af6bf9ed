// Aliases (CNAME) whose targets other servers answer for.
#pragma once

#include <functional>

#include "resolver/wire/answer.hpp"

namespace dnscache {

/// Follows the aliases in an answer that scrub() has put in order, up to the first whose target
/// `leads_out`. Then only the aliases up to there stay, with the DNAMEs they were made of, their
/// signatures and proofs, and the target is returned.
std::optional<Name> cut_alias(const Question& question,
                              const std::function<bool(const Name&)>& leads_out, Answer& answer);

/// Appends what the target of its last alias has been found to be; all else is as that says. False,
/// with the answer as it was, when the whole does not fit into a message.
bool append_target(const Question& question, const Name& target, const Answer& found,
                   Answer& answer);

}  // namespace dnscache
