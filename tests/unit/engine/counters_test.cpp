// SPDX-License-Identifier: ISC
// What the workers of a server counted, as one.

#include "core/engine/counters.h"

#include <criterion/criterion.h>

#include <array>
#include <bit>

#include "core/engine/engine.h"

using namespace vpnd;
using engine::Counters;
using engine::Report;

namespace {

// Every one of them is a 64-bit number, whatever it is called.
using Numbers = std::array<std::uint64_t, sizeof(Counters) / sizeof(std::uint64_t)>;

Counters counted(std::uint64_t times) {
  Numbers numbers{};
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = (i + 1) * times;
  return std::bit_cast<Counters>(numbers);
}

}  // namespace

Test(counters, each_is_the_sum_of_those_of_all_workers) {
  Counters sum = counted(1);
  sum.add(counted(1000));
  cr_assert(std::bit_cast<Numbers>(sum) == std::bit_cast<Numbers>(counted(1001)));
}

Test(counters, a_report_is_the_whole_of_its_parts) {
  Report whole, part;
  whole.counters = counted(2);
  whole.half_open = 3;
  whole.peers.resize(1);
  whole.peers[0].name = "a";
  part.counters = counted(5);
  part.peers.resize(2);
  part.peers[0].name = "b";
  part.peers[1].worker = 1;
  engine::add(whole, std::move(part));
  cr_assert(std::bit_cast<Numbers>(whole.counters) == std::bit_cast<Numbers>(counted(7)));
  cr_assert_eq(whole.half_open, 3u);
  cr_assert_eq(whole.peers.size(), 3u);
  cr_assert(whole.peers[0].name == "a" && whole.peers[1].name == "b");
  cr_assert_eq(whole.peers[2].worker, 1u);
}
