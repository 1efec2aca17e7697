// SPDX-License-Identifier: ISC
#pragma once

// A plan as kernel objects, in the order in which they are applied. Pure: everything about the host
// comes in as facts.

#include <vector>

#include "core/plan/plan.h"
#include "linux/objects.h"

namespace vpnd::nl {

std::vector<Object> lower(const plan::Plan&, const HostFacts&);
// What the plan would do that its user should know: an SSH session cut, a foreign firewall that
// cannot be opened, a public prefix captured. One line each.
std::vector<std::string> warnings(const plan::Plan&, const HostFacts&);

}  // namespace vpnd::nl
