// SPDX-License-Identifier: ISC
#include "linux/tun_offload.h"

#include <linux/if_tun.h>
#include <sys/ioctl.h>

#include "core/wire/offload.h"

namespace vpnd::nl {
namespace {

// linux/if_tun.h since 6.2; the headers of Debian 12 are older.
constexpr unsigned kUso4 = 0x20, kUso6 = 0x40;
constexpr unsigned kTso = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;

bool takes(const Fd& queue, unsigned flags) noexcept {
  return ::ioctl(queue.get(), TUNSETOFFLOAD, static_cast<unsigned long>(flags)) == 0;
}

}  // namespace

std::uint16_t negotiate_offload(const Fd& queue) noexcept {
  if (takes(queue, kTso | kUso4 | kUso6)) return wire::kKindsAll;
  if (takes(queue, kTso)) return wire::kKindsNoUso;
  (void)takes(queue, 0);
  return wire::kKindPlain;
}

}  // namespace vpnd::nl
