// SPDX-License-Identifier: ISC
#pragma once

#include "linux/objects.h"

namespace vpnd::test {

// What takes a client's traffic into the tunnel: all but what wears our mark.
inline nl::Rule capture_rule(Family family) {
  nl::Rule r;
  r.family = family;
  r.priority = 30001;
  r.table = kDefaultTable;
  r.mark = kDefaultFwmark;
  r.invert = true;
  return r;
}

}  // namespace vpnd::test
