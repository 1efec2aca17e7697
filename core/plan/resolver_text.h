// SPDX-License-Identifier: ISC
#pragma once

// The text of a resolver file of ours, resolv.conf(5), and how it is known again.

#include <optional>
#include <string>
#include <string_view>

#include "core/plan/plan.h"

namespace vpnd::plan {

// Our mark, the first three servers (there is room for no more in the C library), the domains, and
// the options that stood there before.
std::string resolver_text(const Resolver&, std::string_view before, bool absent);

// Who wrote it. A file without our mark is somebody else's, whatever it says.
struct ResolverMark {
  std::string interface;
  bool absent = false;  // there was no file before
};
std::optional<ResolverMark> resolver_mark(std::string_view text);

}  // namespace vpnd::plan
