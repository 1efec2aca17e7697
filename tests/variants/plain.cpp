// SPDX-License-Identifier: ISC
// vpnd as programs without batches are, on a kernel without offloads: the device gives and takes
// packets no longer than its MTU, every packet travels in a record of its own, and it is read,
// sealed and sent before the next one is looked at.

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
  room.batch_bytes = 1;
  return room;
}

int tun_reads() noexcept {
  return 0;
}

}  // namespace vpnd::nl
