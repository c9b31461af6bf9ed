// Which servers answer for which names.
#pragma once

#include <memory>
#include <vector>

#include "resolver/upstream/select.hpp"

namespace dnscache {

/// The groups of servers of one configuration, the longest zone first.
using Groups = std::vector<std::shared_ptr<UpstreamGroup>>;

/// All servers, and the zones that they are asked about. Servers that another configuration names
/// as well keep their health, and groups of which nothing has changed their budget and their queue.
class Routes {
 public:
  Routes(World& world, const Config& config);

  /// Takes over another configuration; false when the groups stay as they are.
  bool configure(const Config& config);

  const Groups& groups() const { return groups_; }
  /// The group whose zone is the longest that the name, in wire form, lies in; the root's is the
  /// last.
  const std::shared_ptr<UpstreamGroup>& group_for(ByteView name) const;
  const std::shared_ptr<UpstreamGroup>& group_for(const Name& name) const {
    return group_for(name.bytes());
  }
  bool has(const UpstreamGroup* group) const;
  bool are_several() const { return groups_.size() > 1; }
  /// The target of an alias of `name` is for other servers to answer.
  bool lead_out(const Name& name, const Name& target) const;
  /// Whether all servers for a name are others than those whose answers are in the cache, since the
  /// last call of keep_up(). While no servers are known, what is cached stays: they may come back.
  bool have_replaced(ByteView name) const;
  void keep_up();

  /// What servers seem not to support.
  void forget_limitations();
  /// Servers that are reached from another address than before are met anew.
  void on_network_change();

  /// The server as an answer carries it, and back; the unspecified address when it is not known.
  std::uint8_t source_of(const Upstream& upstream) const;
  IpAddress address_of(std::uint8_t source) const;

 private:
  Groups make_groups(const Config& config);
  std::shared_ptr<Upstream> find_upstream(const UpstreamConfig& server);

  World& world_;
  UpstreamSettings settings_;
  std::vector<UpstreamConfig> sources_;
  std::vector<std::weak_ptr<Upstream>> upstreams_;
  Groups groups_;
  Groups cached_from_;  // the last ones with any servers: what is cached came from them
};

}  // namespace dnscache
