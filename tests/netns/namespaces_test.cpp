// SPDX-License-Identifier: ISC
// What the other tests stand on.

#include <criterion/criterion.h>

#include <fstream>
#include <sstream>

#include "tests/support/netns.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

bool has_local_route(const Namespace& ns, const std::string& digits) {
  std::ostringstream routes;
  ns.run([&] { routes << std::ifstream("/proc/thread-self/net/ipv6_route").rdbuf(); });
  return routes.str().find(digits + " 80 ") != std::string::npos;
}

}  // namespace

// Otherwise a snapshot taken at once lacks what one at the end has.
Test(namespaces, a_joined_side_has_its_addresses_at_once) {
  for (int i = 0; i < 50; ++i) {
    const Namespace a, b;
    join(a, "left", {"10.9.0.1/24", "fd09::1/64"}, b, "right", {"10.9.0.2/24", "fd09::2/64"});
    cr_assert(has_local_route(b, "fd090000000000000000000000000002"), "right, %d", i);
    cr_assert(has_local_route(a, "fd090000000000000000000000000001"), "left, %d", i);
  }
}
