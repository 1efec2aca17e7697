// SPDX-License-Identifier: ISC
#pragma once

// The resolver file, resolv.conf(5), and what else a host knows of names.

#include <optional>
#include <string_view>
#include <vector>

#include "core/base/addr.h"
#include "core/wire/look_up.h"

namespace vpnd::plan {

// Its "nameserver" lines, in their order; what is no address, or one of a single link, is left out.
std::vector<Address> nameservers(std::string_view text);

// Those that others could ask as well: not on loopback.
std::vector<Address> askable(const std::vector<Address>&);

// What /etc/hosts says of a name, hosts(5).
std::vector<Address> hosts_addresses(std::string_view text, std::string_view name);

// The server's name as any resolver would be asked for it. nullopt: an address, or a name of the
// local network (of one part, or "*.local"), which nobody beyond it knows.
std::optional<wire::DnsName> looked_up_name(std::string_view host) noexcept;

}  // namespace vpnd::plan
