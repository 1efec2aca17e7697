// SPDX-License-Identifier: ISC
#pragma once

// Whose remote shell this process runs in, and whether a plan would cut it.

#include <optional>
#include <string_view>
#include <vector>

#include "core/base/addr.h"
#include "linux/objects.h"

namespace vpnd::nl {

struct SshConnection {
  Address from, to;  // to: an address of this host, if the shell is in this network namespace
};

// SSH_CONNECTION ("CLIENT-IP CLIENT-PORT SERVER-IP SERVER-PORT", ssh(1)) in an environment as
// /proc/PID/environ has it: entries that end with a zero byte.
std::optional<SshConnection> ssh_connection(std::string_view environment);

// Of this process, or of the nearest of its ancestors that has one: sudo takes it from the
// environment. nullopt: no remote shell, or not to be seen.
std::optional<SshConnection> ssh_origin();
bool is_of(const SshConnection&, const HostFacts&) noexcept;

// Would what this host sends to that address still go where it went before these objects?
bool stays_reachable(const std::vector<Object>&, const Address&);

}  // namespace vpnd::nl
