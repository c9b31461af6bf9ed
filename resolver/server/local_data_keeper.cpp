#include "resolver/server/local_data_keeper.hpp"

#include <algorithm>
#include <asio/post.hpp>

#include "resolver/base/log.hpp"

namespace dnscache {
namespace {

constexpr std::uintmax_t small = 1 << 20;  // bytes that are read in a few milliseconds

std::uintmax_t size_of(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) {
    const auto size = std::filesystem::file_size(path, error);
    return error ? 0 : size;
  }
  std::uintmax_t total = 0;
  auto entry = std::filesystem::directory_iterator(path, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    std::error_code unknown;
    const auto size = entry->file_size(unknown);
    if (!unknown) total += size;
  }
  return total;
}

bool has_large_files(const Config& config) {
  std::uintmax_t total = 0;
  for (const auto& file : local_data_files(config)) total += size_of(file);
  return total > small;
}

}  // namespace

LocalDataKeeper::LocalDataKeeper(asio::io_context& io, std::function<void(LocalDataPtr)> publish)
    : io_(io), publish_(std::move(publish)), self_(std::make_shared<LocalDataKeeper*>(this)) {}

LocalDataKeeper::~LocalDataKeeper() {
  *self_ = nullptr;
  if (loader_.joinable()) loader_.join();
}

void LocalDataKeeper::start(const Config& config) {
  config_ = config;
  watch();
  take(load_local_data(config_));
}

void LocalDataKeeper::configure(const Config& config) {
  const bool same_files = local_data_files(config) == local_data_files(config_);
  config_ = config;
  if (!same_files) watch();
  load();
}

void LocalDataKeeper::watch() {
  watcher_ = std::make_unique<FileWatcher>(io_, local_data_files(config_), [this] {
    log_info("a hosts file or block list has changed");
    load();
  });
}

void LocalDataKeeper::load() {
  if (is_loading_) {
    is_outdated_ = true;
  } else if (has_large_files(config_)) {
    load_in_background();
  } else {
    take(load_local_data(config_));
  }
}

void LocalDataKeeper::load_in_background() {
  if (loader_.joinable()) loader_.join();  // it has posted its result, so it is at its end
  is_loading_ = true;
  is_outdated_ = false;
  loader_ = std::thread([&io = io_, self = self_, config = config_] {
    asio::post(io, [self, loaded = load_local_data(config)] {
      LocalDataKeeper* keeper = *self;
      if (keeper == nullptr) return;
      keeper->is_loading_ = false;
      if (keeper->is_outdated_) return keeper->load();
      keeper->take(loaded);
    });
  });
}

void LocalDataKeeper::take(const LoadedLocalData& loaded) {
  for (const std::string& warning : loaded.warnings) log_warning("{}", warning);
  if (loaded.local_data->blocked_count() != 0 || !config_.local.block.files.empty()) {
    log_info("{} local names, {} blocked names in {} bytes", loaded.local_data->local_name_count(),
             loaded.local_data->blocked_count(), loaded.local_data->blocked_bytes());
  }
  publish_(loaded.local_data);
}

}  // namespace dnscache
