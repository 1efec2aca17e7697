// SPDX-License-Identifier: ISC
#pragma once

// Which ways of naming a resolver to the host are tried, and the text of a resolver file of ours.
// Pure.

#include <string>
#include <string_view>
#include <vector>

#include "core/plan/resolver_text.h"
#include "linux/objects.h"

namespace vpnd::nl {

enum class DnsMethod : std::uint8_t { resolved, file };

// In this order, until one succeeds. `elsewhere`: the resolver file is that of a host in another
// network namespace, whose packets do not come through our tunnel; it is not ours to change.
std::vector<DnsMethod> dns_methods(plan::DnsMode, bool elsewhere);

// Has systemd-resolved the say about what programs ask? By its property ResolvConfMode
// (org.freedesktop.resolve1(5)), which is empty where it is older than that, and then by where the
// link /etc/resolv.conf leads.
bool resolved_answers(std::string_view resolv_conf_mode, std::string_view link_target);

// plan::resolver_text() of these.
std::string resolver_text(const DnsServers&, std::string_view before, bool absent);
using plan::resolver_mark;
using plan::ResolverMark;

}  // namespace vpnd::nl
