// libunbound, loaded only by engines that validate: it and its libraries would cost every start of
// the program half a millisecond and memory.
#pragma once

#include <unbound.h>

#include <unbound-event.h>

#include "resolver/base/error.hpp"

namespace dnscache::unbound {

/// The functions of libunbound that are used here.
struct Library {
  decltype(&ub_ctx_create_ub_event) create;
  decltype(&ub_ctx_delete) destroy;
  decltype(&ub_ctx_config) read_config;
  decltype(&ub_ctx_set_option) set_option;
  decltype(&ub_ctx_add_ta) add_anchor;
  decltype(&ub_ctx_add_ta_file) add_anchor_file;
  decltype(&ub_ctx_add_ta_autr) add_anchor_file_kept;
  decltype(&ub_ctx_zone_remove) remove_local_zone;
  decltype(&ub_resolve_event) resolve;
  decltype(&ub_strerror) error_text;
};

/// The library, loaded when it is first wanted; it stays loaded.
Result<const Library*> load_library();

}  // namespace dnscache::unbound
