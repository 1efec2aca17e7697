// SPDX-License-Identifier: ISC
#include "core/engine/flow_id.h"

#include <criterion/criterion.h>

#include <set>

#include "tests/support/packets.h"

namespace vpnd::engine {
namespace {

using test::PacketSpec;
using test::partial_packet;

constexpr crypto::ShortHashKey kKey{1, 2, 3};

std::uint64_t id_of(Bytes packet, const crypto::ShortHashKey& key = kKey) {
  const auto ip = wire::parse_ip(packet);
  cr_assert(ip.has_value());
  return flow_id(packet, *ip, key);
}

Test(flow_id, is_one_for_all_packets_of_a_flow) {
  for (const bool v6 : {false, true}) {
    for (const bool udp : {false, true}) {
      const auto first = partial_packet({.v6 = v6, .udp = udp, .payload = 10});
      auto other = partial_packet({.v6 = v6, .udp = udp, .payload = 9000});
      if (!v6) store_be16(&other[4], 77);
      cr_assert_eq(id_of(first), id_of(other));
    }
  }
}

Test(flow_id, differs_with_each_part_of_the_tuple) {
  std::set<std::uint64_t> seen;
  std::size_t made = 0;
  for (const bool v6 : {false, true}) {
    const PacketSpec spec{.v6 = v6};
    const std::size_t ip = test::ip_header(spec), protocol = v6 ? 6 : 9;
    for (const std::size_t at : {v6 ? 23uL : 15uL, v6 ? 39uL : 19uL, ip + 1, ip + 3, protocol}) {
      auto p = partial_packet(spec);
      if (at == protocol) {
        p[at] = 17;
      } else {
        ++p[at];
      }
      seen.insert(id_of(p));
      ++made;
    }
    seen.insert(id_of(partial_packet(spec)));
    ++made;
  }
  cr_assert_eq(seen.size(), made);
}

Test(flow_id, fragments_stay_together) {
  auto first = partial_packet({.udp = true}), later = first;
  store_be16(&first[6], 0x2000);
  store_be16(&later[6], 0x0010);
  later[20] ^= 0xff;  // payload, where the first has a port
  cr_assert_eq(id_of(first), id_of(later));
}

Test(flow_id, what_has_no_ports_has_only_addresses) {
  auto echo = partial_packet({}), other = echo;
  echo[9] = other[9] = 1;
  other[20] ^= 0xff;
  cr_assert_eq(id_of(echo), id_of(other));
  auto short_one = partial_packet({.payload = 0});
  short_one.resize(22);
  store_be16(&short_one[2], 22);
  (void)id_of(short_one);  // reads nothing behind its end
}

Test(flow_id, nobody_can_foresee_it) {
  const auto p = partial_packet({});
  cr_assert_neq(id_of(p), id_of(p, {1, 2, 4}));
}

}  // namespace
}  // namespace vpnd::engine
