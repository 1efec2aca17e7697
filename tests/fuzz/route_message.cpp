// SPDX-License-Identifier: ISC
// Messages of a routing socket, of each of the five systems: reading ends, stays inside, and what
// it finds can be said again.
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

// A sound message of which some bytes are then others: few that come by chance get past the header.
Buffer spoilt(const bsd::Traits& t, Input& in) {
  bsd::RouteMessage m;
  m.type = static_cast<std::uint8_t>(1 + in.byte() % 4);
  m.flags = in.word();
  const bool v4 = in.byte() % 2 == 0;
  const Buffer to = in.take(16), router = in.take(16);
  ByteArray<16> room{};
  std::ranges::copy(to, room.begin());
  const Address address = v4 ? Address::v4(Bytes(room).first(4)) : Address::v6(room);
  const auto length = static_cast<std::uint8_t>(in.byte() % (address.bits() + 1u));
  m.to = Prefix{address, length}.masked();
  m.mask = (m.flags & bsd::kRtfHost) == 0;
  if (router.size() == 16) m.hop.router = Address::v6(router);
  m.ask_interface = in.byte() % 2 == 0;
  Buffer out = bsd::build(t, m);
  while (!in.empty()) {
    const std::size_t at = in.word() % out.size();
    out[at] = in.byte();
  }
  return out;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const bsd::Traits* const all[] = {&bsd::kFreeBsd, &bsd::kNetBsd, &bsd::kOpenBsd, &bsd::kDragonFly,
                                    &bsd::kMacOs};
  if (size == 0) return 0;
  const bsd::Traits& t = *all[data[0] % 5];
  Input in{{data + 1, size - 1}};
  examine(t, data[0] < 128 ? in.rest : Bytes(spoilt(t, in)));
  return 0;
}
