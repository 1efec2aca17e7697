// SPDX-License-Identifier: ISC
// Messages byte for byte.
#include <criterion/criterion.h>

#include <algorithm>
#include <cstdlib>

#include "tests/unit/bsd/messages.h"

using namespace vpnd;
using namespace vpnd::bsd;
using namespace vpnd::test;

namespace {

// Zeros, but for the bytes that are named: {offset, hexadecimal digits}.
Message golden(std::size_t size, std::initializer_list<std::pair<std::size_t, const char*>> parts) {
  Message out(size);
  for (const auto& [at, hex] : parts) {
    for (std::size_t i = 0; hex[2 * i] != 0; ++i) {
      const char two[3] = {hex[2 * i], hex[2 * i + 1], 0};
      out.at(at + i) = static_cast<std::uint8_t>(std::strtoul(two, nullptr, 16));
    }
  }
  return out;
}

void cr_same(const Message& got, const Message& wanted, const char* what) {
  cr_assert_eq(got.size(), wanted.size(), "%s: %zu bytes", what, got.size());
  const auto at = std::mismatch(got.begin(), got.end(), wanted.begin()).first - got.begin();
  cr_assert(got == wanted, "%s differs at %td", what, at);
}

}  // namespace

Test(route_message_golden, golden_of_netbsd) {
  const Traits& t = kNetBsd;
  cr_same(
      build(t, kGetDefault),
      golden(152,
             {{0, "98000404"}, {8, "03"}, {12, "05"}, {20, "65"}, {120, "1002"}, {136, "1002"}}),
      "get default");
  cr_same(build(t, kAddHost),
          golden(152, {{0, "98000401"},
                       {8, "0708"},
                       {12, "03"},
                       {20, "67"},
                       {120, "1002"},
                       {124, "cb007105"},
                       {136, "1002"},
                       {140, "c0000201"}}),
          "add host");
  cr_same(build(t, kAddHalf),
          golden(168, {{0, "a8000401"},
                       {8, "0308"},
                       {12, "07"},
                       {20, "68"},
                       {120, "1002"},
                       {136, "1002"},
                       {140, "0a090001"},
                       {152, "1002"},
                       {156, "80"}}),
          "add half");
  cr_same(build(t, kAddBlackhole),
          golden(216, {{0, "d8000401"},
                       {8, "0118"},
                       {12, "07"},
                       {20, "6e"},
                       {120, "1c18"},
                       {152, "1c18"},
                       {175, "01"},
                       {184, "1c18"},
                       {192, "80"}}),
          "add blackhole");
  cr_same(build(t, kDeleteHalf),
          golden(184, {{0, "b8000402"},
                       {8, "0308"},
                       {12, "05"},
                       {20, "6c"},
                       {120, "1c18"},
                       {152, "1c18"},
                       {160, "80"}}),
          "delete half");
}

Test(route_message_golden, golden_of_freebsd) {
  const Traits& t = kFreeBsd;
  cr_same(
      build(t, kGetDefault),
      golden(184,
             {{0, "b8000504"}, {8, "03"}, {12, "05"}, {20, "65"}, {152, "1002"}, {168, "1002"}}),
      "get default");
  cr_same(build(t, kAddHost),
          golden(184, {{0, "b8000501"},
                       {8, "0708"},
                       {12, "03"},
                       {20, "67"},
                       {152, "1002"},
                       {156, "cb007105"},
                       {168, "1002"},
                       {172, "c0000201"}}),
          "add host");
  cr_same(build(t, kAddHalf),
          golden(200, {{0, "c8000501"},
                       {8, "0308"},
                       {12, "07"},
                       {20, "68"},
                       {152, "1002"},
                       {168, "1002"},
                       {172, "0a090001"},
                       {184, "1002"},
                       {188, "80"}}),
          "add half");
  cr_same(build(t, kAddBlackhole),
          golden(248, {{0, "f8000501"},
                       {8, "0118"},
                       {12, "07"},
                       {20, "6e"},
                       {152, "1c1c"},
                       {184, "1c1c"},
                       {207, "01"},
                       {216, "1c1c"},
                       {224, "80"}}),
          "add blackhole");
  cr_same(build(t, kDeleteHalf),
          golden(216, {{0, "d8000502"},
                       {8, "0308"},
                       {12, "05"},
                       {20, "6c"},
                       {152, "1c1c"},
                       {184, "1c1c"},
                       {192, "80"}}),
          "delete half");
  // DragonFly's are the same, as far as these go.
  for (const auto& m : {kGetDefault, kAddHost, kAddHalf, kAddBlackhole, kDeleteHalf}) {
    cr_same(build(kDragonFly, m), build(kFreeBsd, m), "DragonFly");
  }
}

// By the offsets of their headers: no kernel has seen these.
Test(route_message_golden, layout_of_openbsd_and_macos) {
  RouteMessage m = kAddHalf;
  m.table = 3;
  cr_same(build(kOpenBsd, m),
          golden(144, {{0, "9000050160"},
                       {8, "03"},
                       {12, "07"},
                       {16, "0308"},
                       {28, "68"},
                       {96, "1002"},
                       {112, "1002"},
                       {116, "0a090001"},
                       {128, "1002"},
                       {132, "80"}}),
          "OpenBSD");
  cr_same(build(kMacOs, kAddBlackhole),
          golden(176, {{0, "b0000501"},
                       {8, "0118"},
                       {12, "07"},
                       {20, "6e"},
                       {92, "1c1e"},
                       {120, "1c1e"},
                       {143, "01"},
                       {148, "1c1e"},
                       {156, "80"}}),
          "macOS");
}
