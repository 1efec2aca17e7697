// SPDX-License-Identifier: ISC
// vpnd as on a kernel without offloads: the device gives and takes packets no longer than its MTU,
// and every packet travels in a record of its own.

#include <linux/if_tun.h>
#include <sys/ioctl.h>

#include "core/wire/offload.h"
#include "linux/engine_room.h"
#include "linux/tun_offload.h"

namespace vpnd::nl {

extern const char kTestVariant[];
const char kTestVariant[] = "vpnd-test-variant: plain";

std::uint16_t negotiate_offload(const Fd& queue) noexcept {
  (void)::ioctl(queue.get(), TUNSETOFFLOAD, 0UL);
  return wire::kKindPlain;
}

engine::Room engine_room() noexcept {
  engine::Room room;
  room.copy_below = 0;
  return room;
}

}  // namespace vpnd::nl
