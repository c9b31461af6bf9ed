// Code that runs in a network and mount namespace of its own, so that the machine stays as it is.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace dnscache::test {

/// This process may make network and mount namespaces (it is root, and the container allows it).
bool namespaces_permitted();

/// Runs `function` on a thread inside fresh network and mount namespaces: lo is up with 127.0.0.1,
/// ::1 and `addresses` ("192.168.1.100", "2001:db8::53"), mounts stay inside. Processes and
/// threads started by `function` are inside too. An exception of `function` is thrown on.
void in_namespace(const std::vector<std::string>& addresses, const std::function<void()>& function);

/// Puts `file` over `target`; only inside in_namespace(). Throws std::system_error.
void bind_mount(const std::filesystem::path& file, const std::filesystem::path& target);

}  // namespace dnscache::test
