// SPDX-License-Identifier: ISC
#pragma once

// From a plan to objects. Pure: what has to be known of the machine stands in HostFacts.
//
// Traffic is captured by two routes that are more specific than the default one, in each family;
// what goes past the tunnel has routes of its own by the router of the default route. Routes that
// are more specific still, whoever made them, win: there is no kill switch here.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bsd/objects.h"
#include "bsd/system.h"
#include "core/plan/plan.h"

namespace vpnd::bsd {

struct HostFacts {
  bool has_v6 = false;
  std::optional<Hop> default_v4, default_v6;  // how the default routes go on, ours left out
  std::string uplink;                         // of the default route of IPv4; empty: not known
  std::vector<Link> links;
  // Endpoints that a route of somebody else's, more specific than a default, leads to.
  std::vector<std::pair<Address, Prefix>> specific;
};

// Whose ways facts are wanted for: the endpoints that a plan leaves past the tunnel.
std::vector<Address> outside_of(const plan::Plan&);

// In the order in which they are made. Throws Error (Exit::config) for what cannot be.
std::vector<Object> lower(const plan::Plan&, const HostFacts&);

// What its user should know, and what only the administrator can set: lines for the packet filter.
std::vector<std::string> warnings(const Traits&, const plan::Plan&, const HostFacts&);

}  // namespace vpnd::bsd
