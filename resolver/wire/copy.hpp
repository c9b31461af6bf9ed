// Answers written anew.
#pragma once

#include <vector>

#include "resolver/wire/answer.hpp"

namespace dnscache {

/// Leaves only the records whose place in `keeps`, counted over all sections, is true. Names that
/// pointed into others are written anew, in their own letter case, and uncompressed where the type
/// wants it (RFC 3597 section 4). An owner that is the question's name becomes a pointer to it, so
/// that it gets each client's case. Labels that equal one of `mixed_name`, the question's name in
/// the mix of cases that we sent, get back to lower case. False, with the answer as it was, when
/// the rest does not fit into a message.
bool keep_records(const Question& question, const std::vector<bool>& keeps, Answer& answer,
                  ByteView mixed_name = {});

/// Makes an answer about `name` one about `below`, a name below it: what pointed into the question
/// points to the same labels there. False when it does not fit.
bool move_below(const Name& name, const Name& below, Answer& answer);

/// Writes an answer about `name` without any pointers, so that its records can be taken elsewhere.
/// False when it does not fit.
bool write_out(const Name& name, Answer& answer);

}  // namespace dnscache
