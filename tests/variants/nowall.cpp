// SPDX-License-Identifier: ISC
// A client whose wall stands and lets everything through. What the leak tests find with it is what
// the wall alone holds.

#include "linux/filter.h"

namespace vpnd::nl {

extern const char kTestVariant[];
const char kTestVariant[] = "vpnd-test-variant: nowall";

std::string wall_name(const std::string& interface) {
  return table_name(interface) + "_wall";
}

NftTable render(const Wall& wall) {
  return {NftTable::Kind::inet, wall_name(wall.interface), {}};
}

}  // namespace vpnd::nl
