// SPDX-License-Identifier: ISC
#include "linux/engine_room.h"

namespace vpnd::nl {

engine::Room engine_room() noexcept {
  return {};
}

int tun_reads() noexcept {
  return 64;
}

}  // namespace vpnd::nl
