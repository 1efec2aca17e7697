// SPDX-License-Identifier: ISC
#pragma once

// Whose remote shell this process runs in, and whether a plan would cut it.

#include <optional>
#include <string_view>

#include "bsd/system.h"
#include "core/plan/plan.h"

namespace vpnd::bsd {

struct SshConnection {
  Address from, to;  // to: an address of this host
};

// The value of SSH_CONNECTION, ssh(1): "CLIENT-IP CLIENT-PORT SERVER-IP SERVER-PORT".
std::optional<SshConnection> ssh_connection(std::string_view value) noexcept;

// Would what this host sends to that address go into the tunnel? Networks that it is on stay as
// they are, and so does the way to the server.
bool cuts(const plan::Plan&, const SshConnection&, const std::vector<Link>&);

}  // namespace vpnd::bsd
