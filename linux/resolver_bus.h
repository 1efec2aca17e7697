// SPDX-License-Identifier: ISC
#pragma once

// systemd-resolved, told over D-Bus which resolvers a link has (org.freedesktop.resolve1(5)). A
// process of its own, forked for each errand, loads libsystemd and speaks; it keeps the user, by
// which resolved decides, and no capability, and is given three seconds.

#include <string>

#include "linux/objects.h"

namespace vpnd::nl {

// Throws Error where it cannot be had: no libsystemd, no bus, nobody of that name on it, one of
// another network namespace, or, unless `even_if_not_heeded`, one that programs do not ask.
void tell_resolved(const DnsServers&, int link, bool even_if_not_heeded);
// What the link was told is forgotten. Resolved forgets by itself when the link goes.
void untell_resolved(int link);  // throws Error

}  // namespace vpnd::nl
