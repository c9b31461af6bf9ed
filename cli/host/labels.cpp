#include "cli/host/labels.hpp"

#include <linux/limits.h>
#include <sys/xattr.h>

#include <array>

#include "cli/host/tool.hpp"

namespace dnscache::cli {

namespace {

constexpr const char* label_name = "security.selinux";

std::string label_of(const std::filesystem::path& path) {
  std::array<char, XATTR_SIZE_MAX> value;
  const auto size = ::lgetxattr(path.c_str(), label_name, value.data(), value.size());
  return size > 0 ? std::string(value.data(), static_cast<std::size_t>(size)) : std::string();
}

}  // namespace

void restore_label(const std::filesystem::path& path, const FileState& before) {
  const auto of_folder = label_of(path.parent_path());
  if (of_folder.empty()) return;
  if (run_tool({"restorecon", path.string()})) return;
  const auto former = before.xattrs.find(label_name);
  const auto& label = former != before.xattrs.end() ? former->second : of_folder;
  (void)::lsetxattr(path.c_str(), label_name, label.data(), label.size(), 0);
}

}  // namespace dnscache::cli
