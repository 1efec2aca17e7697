// SPDX-License-Identifier: ISC
#include "linux/nft_flags.h"

#include "linux/nft_batch.h"

namespace vpnd::nl {

std::vector<std::uint32_t> table_flags(Life life) {
  return {life == Life::session ? kTableOwner : kTableOwner | kTablePersist, 0u};
}

}  // namespace vpnd::nl
