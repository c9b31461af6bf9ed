// Answers of which some records are left out.
#pragma once

#include <vector>

#include "resolver/wire/answer.hpp"

namespace dnscache {

/// Leaves only the records whose place in `keeps`, counted over all sections, is true; names that
/// pointed into others are written anew, in their own letter case. False, with the answer as it
/// was, when the rest does not fit into a message.
bool keep_records(const Question& question, const std::vector<bool>& keeps, Answer& answer);

}  // namespace dnscache
