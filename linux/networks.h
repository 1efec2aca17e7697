// SPDX-License-Identifier: ISC
#pragma once

// Which of the host's networks are local, private, or lead elsewhere. Pure questions about facts.

#include <optional>
#include <string>
#include <vector>

#include "linux/objects.h"

namespace vpnd::nl {

// RFC 1918, 169.254/16, fe80::/10, fc00::/7 (RFC 4193): networks of which an outsider's address can
// be no part. 100.64/10 belongs to a provider and is not among them.
bool is_private(const Prefix&) noexcept;
bool is_link_local(const Prefix&) noexcept;  // 169.254/16, fe80::/10
bool overlap(const Prefix&, const Prefix&) noexcept;
bool overlaps_any(const Prefix&, const std::vector<Prefix>&) noexcept;

// Connected prefixes of every link but `own`, masked, each once.
std::vector<Prefix> connected_prefixes(const HostFacts&, const std::string& own);

// The link by whose network `gateway` is reached.
const HostFacts::Link* link_towards(const HostFacts&, const Address& gateway,
                                    const std::string& own) noexcept;

// Links but `own` and loopback that have an address which others can route to, or a default route.
std::vector<std::string> forwarding_links(const HostFacts&, Family, const std::string& own);

// Is the reverse-path filter strict there: the larger of its own value and that of "all" is 1.
bool strict_rp_filter(const HostFacts&, const std::string& link) noexcept;

}  // namespace vpnd::nl
