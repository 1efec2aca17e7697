// SPDX-License-Identifier: ISC
#pragma once

// The packet loop over io_uring: reads of the TUN, sends, and reads of busy connections are
// operations of the ring; everything else is watched by polls of it.

#include "linux/driver.h"
#include "linux/ring.h"

namespace vpnd::nl {

// Until the driver is finished. Throws Error if the ring breaks.
void run_uring(Ring&, Driver&);

}  // namespace vpnd::nl
