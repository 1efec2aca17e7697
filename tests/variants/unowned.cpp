// SPDX-License-Identifier: ISC
// vpnd as on a kernel before 6.9: anybody may delete our nft tables.

#include "linux/nft_flags.h"

namespace vpnd::nl {

extern const char kTestVariant[];
const char kTestVariant[] = "vpnd-test-variant: unowned";

std::vector<std::uint32_t> table_flags(Life) {
  return {0u};
}

}  // namespace vpnd::nl
