// SPDX-License-Identifier: ISC
#pragma once

// The tunnel device: /dev/net/tun with IFF_TUN | IFF_NO_PI | IFF_VNET_HDR (linux/if_tun.h).

#include <cstdint>
#include <string>
#include <vector>

#include "linux/fd.h"

namespace vpnd::nl {

struct Tun {
  Fd fd;                 // its first queue
  std::vector<Fd> more;  // the others
  std::string name;
  int index = 0;
  std::uint16_t kinds = 1;  // container kinds that may be written to it (wire::Kind bits)
  bool persistent = false;
};

// `name` empty: the lowest free vpnN. The device is owned by uid 0 before it is up (TUNSETOWNER),
// so that no other local user can attach a queue and read its packets; it is down, and without
// addresses. A packet of a flow comes out of the queue that one of that flow, of either direction,
// was last written to, else out of any; so each must be read. Errors: in use (Exit::temporary), no
// /dev/net/tun, no CAP_NET_ADMIN; each with remedy.
Tun open_tun(const std::string& name, std::uint32_t queues = 1);

// Goes on with the device of that descriptor, with its addresses and as it is; the descriptor is
// that of its first queue, and the others are new. Throws Error if it is not the one of that name
// here.
Tun take_over_tun(Fd, const std::string& name, std::uint32_t queues = 1);

// Is its device still there, under its name, in the calling thread's network namespace?
bool alive(const Tun&) noexcept;

// Takes it away if it is there, whoever else has a copy of a descriptor: what a process had under
// way in a ring holds its files for some milliseconds after the process has ended
// (io_uring/io_uring.c, io_ring_exit_work).
void remove(const Tun&) noexcept;

}  // namespace vpnd::nl
