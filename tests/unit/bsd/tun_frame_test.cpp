// SPDX-License-Identifier: ISC
#include "bsd/tun_frame.h"

#include <criterion/criterion.h>

#include <algorithm>
#include <vector>

#include "tests/unit/bsd/plans.h"

using namespace vpnd;
using namespace vpnd::bsd;
using namespace vpnd::test;

namespace {

using Packet = std::vector<std::uint8_t>;

Packet packet_v4() {
  Packet p(20);
  p[0] = 0x45;
  return p;
}

Packet packet_v6(const char* from, const char* to) {
  Packet p(40);
  p[0] = 0x60;
  std::ranges::copy(address(from).bytes(), p.begin() + 8);
  std::ranges::copy(address(to).bytes(), p.begin() + 24);
  return p;
}

Packet framed(const Traits& t, const Packet& packet) {
  Packet out(4);
  cr_assert(put_frame_header(t, out.data(), packet));
  out.insert(out.end(), packet.begin(), packet.end());
  return out;
}

bool passes(const Traits& t, Packet read) {
  const auto packet = packet_of(t, read);
  return packet && packet->data() == read.data() + 4 && packet->size() == read.size() - 4;
}

}  // namespace

Test(tun_frame, the_family_goes_first_in_network_order) {
  const std::uint8_t kV6[] = {28, 24, 24, 28, 30};
  for (std::size_t i = 0; i < std::size(kAllSystems); ++i) {
    const Packet four = framed(*kAllSystems[i], packet_v4());
    cr_assert(std::ranges::equal(Bytes(four).first(4), ByteArray<4>{0, 0, 0, 2}));
    const Packet six = framed(*kAllSystems[i], packet_v6("2001:db8::1", "2001:db8::2"));
    cr_assert(std::ranges::equal(Bytes(six).first(4), ByteArray<4>{0, 0, 0, kV6[i]}));
  }
}

Test(tun_frame, what_is_no_packet_is_not_written) {
  std::uint8_t header[4];
  constexpr std::uint8_t kFirst[] = {0x00, 0x35, 0x55, 0x70, 0xff};
  for (const Traits* t : kAllSystems) {
    cr_assert(!put_frame_header(*t, header, {}));
    for (const std::uint8_t first : kFirst) {
      cr_assert(!put_frame_header(*t, header, Packet{first, 0}));
    }
  }
}

Test(tun_frame, packets_of_both_families_pass) {
  for (const Traits* t : kAllSystems) {
    cr_assert(passes(*t, framed(*t, packet_v4())));
    cr_assert(passes(*t, framed(*t, packet_v6("fd00::1", "2001:db8::2"))));
  }
}

Test(tun_frame, what_kernels_send_for_themselves_is_dropped) {
  const std::pair<const char*, const char*> kTable[] = {
      {"fe80::1", "ff02::16"}, {"::", "ff02::1:ff00:1"}, {"fe80::1", "fd00::1"},
      {"fd00::1", "fe80::1"},  {"fd00::1", "febf::1"},   {"fd00::1", "ff05::2"}};
  for (const Traits* t : kAllSystems) {
    for (const auto& [from, to] : kTable) {
      cr_assert(!passes(*t, framed(*t, packet_v6(from, to))), "%s to %s", from, to);
    }
    cr_assert(passes(*t, framed(*t, packet_v6("fd00::1", "fec0::1"))));
  }
}

Test(tun_frame, the_family_must_be_the_packets) {
  for (const Traits* t : kAllSystems) {
    Packet read = framed(*t, packet_v4());
    read[3] = t->inet6;
    cr_assert(!passes(*t, read));
    read = framed(*t, packet_v6("fd00::1", "fd00::2"));
    read[3] = 2;
    cr_assert(!passes(*t, read));
    read[3] = 99;
    cr_assert(!passes(*t, read));
    read[3] = t->inet6;
    read[0] = 1;
    cr_assert(!passes(*t, read));
  }
}

Test(tun_frame, what_is_cut_short_is_dropped) {
  for (const Traits* t : kAllSystems) {
    for (const Packet& whole :
         {framed(*t, packet_v4()), framed(*t, packet_v6("fd00::1", "fd00::2"))}) {
      for (std::size_t n = 0; n < whole.size(); ++n) {
        cr_assert(
            !passes(*t, Packet(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n))));
      }
    }
  }
}
