// SPDX-License-Identifier: ISC
// A system that offers neither: what confine_engine() does on all of them has to be enough.

#include "bsd/sandbox.h"

namespace vpnd::bsd {

void confine_here(Confined&) {}

std::string_view sandbox_name() noexcept {
  return {};
}

}  // namespace vpnd::bsd
