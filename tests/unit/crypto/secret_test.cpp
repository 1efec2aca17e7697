// SPDX-License-Identifier: ISC
#include "crypto/secret.h"

#include <criterion/criterion.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <fstream>
#include <new>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "core/base/sanitizer_build.h"
#include "crypto/random.h"

using namespace vpnd::crypto;

namespace {

// AddressSanitizer answers mlock itself, and locks nothing.
constexpr bool kLocksAreReal = !vpnd::kSanitizerBuild;

void start() {
  init();
}

bool all(const std::uint8_t* p, std::size_t n, std::uint8_t value) {
  return std::all_of(p, p + n, [&](std::uint8_t b) { return b == value; });
}

template<std::size_t N>
void fill(Secret<N>& s, std::uint8_t value) {
  std::fill(s.mut().begin(), s.mut().end(), value);
}

// Flags of the mapping that holds p, "lo" when it is locked and "dd" when no core dump has it.
std::string vm_flags(const void* p) {
  std::ifstream maps("/proc/self/smaps");
  const auto at = reinterpret_cast<std::uintptr_t>(p);
  bool inside = false;
  for (std::string line; std::getline(maps, line);) {
    std::istringstream in(line);
    std::uintptr_t low = 0, high = 0;
    char dash = 0;
    if (in >> std::hex >> low >> dash >> high && dash == '-') inside = at >= low && at < high;
    if (inside && line.starts_with("VmFlags:")) return line;
  }
  return {};
}

}  // namespace

TestSuite(secret, .init = start);

Test(secret, slots_are_aligned_zero_and_distinct) {
  std::set<std::uint8_t*> seen;
  for (const std::size_t size : {16u, 32u, 33u, 64u, 512u, 4096u}) {
    for (int i = 0; i < 100; ++i) {
      std::uint8_t* slot = arena::take(size);
      cr_assert_eq(reinterpret_cast<std::uintptr_t>(slot) % 16, 0u);
      cr_assert(all(slot, size, 0));
      cr_assert(seen.insert(slot).second);
      std::fill(slot, slot + size, std::uint8_t{0xa5});  // would show in an overlapping slot
    }
  }
}

Test(secret, give_back_wipes_and_the_slot_is_used_again) {
  std::uint8_t* slot = arena::take(512);
  std::fill(slot, slot + 512, std::uint8_t{0xa5});
  arena::give_back(slot, 512);
  cr_assert(all(slot, 512, 0));
  cr_assert_eq(arena::take(512), slot);
  cr_assert_neq(arena::take(512), slot);
}

Test(secret, destruction_wipes) {
  const std::uint8_t* at = nullptr;
  {
    Key k;
    fill(k, 0x77);
    at = k.bytes().data();
    cr_assert(all(at, 32, 0x77));
  }
  cr_assert(all(at, 32, 0));
}

Test(secret, move_hands_over_and_move_assignment_wipes_the_old) {
  Key a, b;
  fill(a, 1);
  fill(b, 2);
  const std::uint8_t* in_a = a.bytes().data();
  const std::uint8_t* in_b = b.bytes().data();
  b = std::move(a);
  cr_assert(a.empty());
  cr_assert_eq(b.bytes().data(), in_a);
  cr_assert(all(in_a, 32, 1));
  cr_assert(all(in_b, 32, 0));
  Key c(std::move(b));
  cr_assert(b.empty());
  cr_assert_eq(c.bytes().data(), in_a);
  Key& same = c;
  c = std::move(same);
  cr_assert(!c.empty());
  cr_assert(all(c.bytes().data(), 32, 1));
  c.wipe();
  cr_assert(c.empty());
  cr_assert(all(in_a, 32, 0));
  c.wipe();  // twice is harmless
}

Test(secret, clone_is_another_slot) {
  Key a;
  fill(a, 9);
  Key b = a.clone();
  cr_assert_neq(a.bytes().data(), b.bytes().data());
  a.wipe();
  cr_assert(all(b.bytes().data(), 32, 9));
}

Test(secret, arena_grows_by_locked_blocks) {
  // 12 MiB of keys, six times the first block: a crowd of clients may not exhaust it.
  std::vector<Secret<512>> many(24'000);
  for (std::size_t i = 0; i < many.size(); ++i) fill(many[i], static_cast<std::uint8_t>(i));
  for (std::size_t i = 0; i < many.size(); ++i) {
    cr_assert(all(many[i].bytes().data(), 512, static_cast<std::uint8_t>(i)));
  }
  const std::string first = vm_flags(many.front().bytes().data());
  const std::string last = vm_flags(many.back().bytes().data());
  cr_assert(first.find(" dd") != std::string::npos, "in core dumps: %s", first.c_str());
  cr_assert(last.find(" dd") != std::string::npos);
  if (!kLocksAreReal) return;
  const bool both_locked = first.find(" lo") != std::string::npos &&  //
                           last.find(" lo") != std::string::npos;
  cr_assert_eq(arena::locked(), both_locked);
}

Test(secret, reserve_makes_room_at_once) {
  arena::reserve(std::size_t{3} << 20);
  const std::uint8_t* before = arena::take(4096);
  // All of it comes from one mapping, so nothing was mapped meanwhile.
  for (int i = 1; i < 768; ++i) {
    cr_assert_eq(arena::take(4096), before + i * 4096);
  }
}

Test(secret, too_large_is_refused) {
  cr_assert_throw(arena::take(4097), std::bad_alloc);
  cr_assert_throw(arena::take(0), std::bad_alloc);
}
