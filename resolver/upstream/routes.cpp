#include "resolver/upstream/routes.hpp"

#include <algorithm>
#include <utility>

namespace dnscache {
namespace {

const std::shared_ptr<UpstreamGroup>& find_group(const Groups& groups, ByteView name) {
  return *std::ranges::find_if(
      groups, [&](const auto& group) { return is_within(name, group->zone().bytes()); });
}

}  // namespace

Routes::Routes(World& world, const Config& config)
    : world_(world), settings_(config), sources_(all_upstreams(config)) {
  cached_from_ = groups_ = make_groups(config);
}

bool Routes::configure(const Config& config) {
  const UpstreamSettings settings(config);
  if (settings != settings_) upstreams_.clear();
  settings_ = settings;
  sources_ = all_upstreams(config);
  const Groups before = std::exchange(groups_, make_groups(config));
  return groups_ != before;
}

Groups Routes::make_groups(const Config& config) {
  Groups groups;
  const auto add = [&](const Name& zone, const std::vector<UpstreamConfig>& servers) {
    auto group = std::make_shared<UpstreamGroup>(
        world_, config, zone, servers,
        [this](const UpstreamConfig& server) { return find_upstream(server); });
    const auto same =
        std::ranges::find_if(groups_, [&](const auto& old) { return old->is_same(*group); });
    groups.push_back(same != groups_.end() ? *same : std::move(group));
  };
  for (const RouteConfig& route : config.routes) add(route.zone, route.upstreams);
  add(Name{}, config.upstreams);
  std::ranges::stable_sort(groups, [](const auto& a, const auto& b) {
    return a->zone().label_count() > b->zone().label_count();
  });
  return groups;
}

std::shared_ptr<Upstream> Routes::find_upstream(const UpstreamConfig& server) {
  std::erase_if(upstreams_, [](const auto& upstream) { return upstream.expired(); });
  for (const auto& weak : upstreams_) {
    auto upstream = weak.lock();
    if (upstream && is_same_server(upstream->config(), server)) return upstream;
  }
  auto upstream = std::make_shared<Upstream>(world_, server, settings_);
  upstreams_.push_back(upstream);
  return upstream;
}

const std::shared_ptr<UpstreamGroup>& Routes::group_for(ByteView name) const {
  return find_group(groups_, name);
}

bool Routes::has(const UpstreamGroup* group) const {
  return std::ranges::any_of(groups_, [&](const auto& ours) { return ours.get() == group; });
}

bool Routes::lead_out(const Name& name, const Name& target) const {
  return !group_for(name)->asks_the_same(*group_for(target));
}

bool Routes::have_replaced(ByteView name) const {
  const UpstreamGroup& old = *find_group(cached_from_, name);
  const UpstreamGroup& fresh = *group_for(name);
  if (fresh.zone().is_root() && fresh.members().empty()) return false;
  return &old != &fresh && !old.overlaps(fresh);
}

void Routes::keep_up() {
  Groups now = groups_;
  if (now.back()->members().empty()) now.back() = cached_from_.back();
  cached_from_ = std::move(now);
}

void Routes::forget_limitations() {
  for (const auto& weak : upstreams_) {
    if (const auto upstream = weak.lock()) upstream->forget_limitations();
  }
}

void Routes::on_network_change() {
  for (const auto& weak : upstreams_) {
    if (const auto upstream = weak.lock()) upstream->on_network_change();
  }
}

std::uint8_t Routes::source_of(const Upstream& upstream) const {
  const auto found = std::ranges::find_if(sources_, [&](const UpstreamConfig& source) {
    return is_same_server(source, upstream.config());
  });
  const auto number = static_cast<std::size_t>(found - sources_.begin());
  return number < std::min<std::size_t>(sources_.size(), Answer::unknown_source)
             ? static_cast<std::uint8_t>(number)
             : Answer::unknown_source;
}

IpAddress Routes::address_of(std::uint8_t source) const {
  return source < sources_.size() ? sources_[source].endpoint.address : IpAddress{};
}

}  // namespace dnscache
