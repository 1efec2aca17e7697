// SPDX-License-Identifier: ISC
#pragma once

// A plan as kernel objects, in the order in which they are applied. Pure: everything about the host
// comes in as facts.
//
// A client. The capture is one table and one rule per family: what does not wear the mark is looked
// up in the table, which ends with the tunnel's default. Longer `throw` routes in it send the
// lookup on to the main table; that is how something stays local. The main table is never consulted
// before ours, since there a longer route from a hostile DHCP server would win. Priorities:
//
//   29980  fwmark M -> T+1             only with a gateway: T+1 holds one default, by that gateway
//   29990  to SERVER, uid 0 -> main    only under a strict reverse-path filter, whose own lookup
//                                      carries no mark (or -> T+1, when there is a gateway)
//   30000  main without its default    only with lan = "routes"
//   30001  not fwmark M -> T           last, for it is the switch
//
// A server. The blackhole of its pool lies under the device's own route and catches replies while
// the device is away; it is there before the device. Forwarding is asked of the interface on which
// a packet comes in, so it is set on the device and, for the replies, on every interface by which a
// target may be reached: those with an address that others can route to, and those of default
// routes. The global switch is not touched, but where the kernel has none per interface for IPv6.
// Where there was no forwarding before, the filter keeps it from going on between these interfaces.

#include <vector>

#include "core/plan/plan.h"
#include "linux/objects.h"

namespace vpnd::nl {

// Throws Error (Exit::config) for a gateway that is on no network of this host.
std::vector<Object> lower(const plan::Plan&, const HostFacts&);
// What the plan would do that its user should know: an SSH session cut, a foreign firewall that
// cannot be opened, a public prefix captured. One line each.
std::vector<std::string> warnings(const plan::Plan&, const HostFacts&);

}  // namespace vpnd::nl
