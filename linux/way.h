// SPDX-License-Identifier: ISC
#pragma once

// Which way the kernel would send something; asked of the kernel rather than worked out from its
// routes.

#include <string>

#include "core/base/addr.h"
#include "linux/netlink.h"

namespace vpnd::nl {

// "eth0 via 10.0.0.1 from 10.0.0.2", with the device's number behind its name. Empty: no route, or
// a device that is down or without carrier.
std::string way_to(Netlink&, const Address&, Fwmark);

// Packets to it are ours. False for a moment after an IPv6 address was added: the kernel makes the
// route to it in a work queue (net/ipv6/addrconf.c, addrconf_dad_completed), and what comes before
// that is dropped.
bool comes_here(Netlink&, const Address&);

}  // namespace vpnd::nl
