// SPDX-License-Identifier: ISC
#pragma once

// Numbers under /proc/sys/net/ipv6/conf, which have no netlink form.

#include <optional>
#include <string>
#include <vector>

namespace vpnd::nl {

// nullopt: there is no such setting, or the names are not plain.
std::optional<int> sysctl6(const std::string& interface, const std::string& key) noexcept;
// 0 or a positive errno.
int set_sysctl6(const std::string& interface, const std::string& key, int value) noexcept;
// All interfaces that have IPv6 settings, not counting "all" and "default".
std::vector<std::string> sysctl6_interfaces();

}  // namespace vpnd::nl
