// SPDX-License-Identifier: ISC
#pragma once

// The packet loop where io_uring is refused: the same driver, waited for with epoll.

#include "linux/driver.h"

namespace vpnd::nl {

// Until the driver is finished. Throws Error if there is no epoll either.
void run_epoll(Driver&);

}  // namespace vpnd::nl
