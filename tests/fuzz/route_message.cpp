// SPDX-License-Identifier: ISC
// Messages of a routing socket, of each of the five systems: reading ends, stays inside, and what it
// finds can be said again.
#include "bsd/route_message.h"

#include "tests/fuzz/fuzz.h"

using namespace vpnd;
using namespace vpnd::fuzz;

namespace {

void examine(const bsd::Traits& t, Bytes rest) {
  while (!rest.empty()) {
    // A copy of just that much, so that what is read beyond it is seen.
    const Buffer exact(rest.begin(), rest.end());
    const bsd::Parsed parsed = bsd::parse(t, exact);
    must(parsed.length <= rest.size());
    if (parsed.length == 0) {
      must(!parsed.message);
      return;
    }
    if (parsed.message && parsed.message->type >= bsd::kAdd && parsed.message->type <= bsd::kGet) {
      const bsd::RouteMessage& m = *parsed.message;
      must(m.to == m.to.masked() && m.to.length <= m.to.address.bits());
      const auto again = bsd::parse(t, bsd::build(t, m)).message;
      must(again && again->to == m.to && again->hop.router == m.hop.router);
      must(again->flags == m.flags && again->seq == m.seq);
    }
    if (parsed.message) (void)bsd::changes_ways(t, *parsed.message);
    rest = rest.subspan(parsed.length);
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const bsd::Traits* const all[] = {&bsd::kFreeBsd, &bsd::kNetBsd, &bsd::kOpenBsd, &bsd::kDragonFly,
                                    &bsd::kMacOs};
  if (size == 0) return 0;
  examine(*all[data[0] % 5], {data + 1, size - 1});
  return 0;
}
