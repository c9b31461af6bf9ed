#include "resolver/dnssec/unbound/library.hpp"

#include <dlfcn.h>

#include <string>

namespace dnscache::unbound {
namespace {

constexpr const char* library_name = "libunbound.so.8";

template <class Function>
bool find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  return function != nullptr;
}

Result<Library> open_library() {
  void* handle = ::dlopen(library_name, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    return Error{"dnssec.mode validate needs " + std::string(library_name) +
                 ", which cannot be loaded; install libunbound8, or set passthrough"};
  }
  Library library{};
  const bool is_complete = find(handle, "ub_ctx_create_ub_event", library.create) &&
                           find(handle, "ub_ctx_delete", library.destroy) &&
                           find(handle, "ub_ctx_config", library.read_config) &&
                           find(handle, "ub_ctx_set_option", library.set_option) &&
                           find(handle, "ub_ctx_add_ta", library.add_anchor) &&
                           find(handle, "ub_ctx_add_ta_file", library.add_anchor_file) &&
                           find(handle, "ub_ctx_add_ta_autr", library.add_anchor_file_kept) &&
                           find(handle, "ub_ctx_zone_remove", library.remove_local_zone) &&
                           find(handle, "ub_resolve_event", library.resolve) &&
                           find(handle, "ub_strerror", library.error_text);
  if (!is_complete) {
    return Error{std::string(library_name) +
                 " is built without its event interface: set "
                 "dnssec.mode to passthrough"};
  }
  return library;
}

}  // namespace

Result<const Library*> load_library() {
  static const Result<Library> library = open_library();
  if (!library) return library.error();
  return &*library;
}

}  // namespace dnscache::unbound
