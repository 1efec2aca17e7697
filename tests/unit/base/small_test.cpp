// SPDX-License-Identifier: ISC
// The small words that everybody uses: bytes, drops, errors, the log, uniform numbers.
#include <criterion/criterion.h>

#include <array>
#include <cerrno>
#include <set>
#include <string>
#include <string_view>

#include "core/base/bytes.h"
#include "core/base/drop.h"
#include "core/base/entropy.h"
#include "core/base/error.h"
#include "core/base/line_reader.h"
#include "core/base/log.h"

using namespace vpnd;

Test(bytes, order_and_round_trip) {
  std::uint8_t b[8];
  store_le64(b, 0x0102030405060708);
  cr_assert_eq(b[0], 8);
  cr_assert_eq(load_le64(b), 0x0102030405060708u);
  cr_assert_eq(load_le32(b), 0x05060708u);
  cr_assert_eq(load_le16(b), 0x0708u);
  store_be32(b, 0xfffefdfc);
  cr_assert_eq(b[0], 0xff);
  cr_assert_eq(load_be32(b), 0xfffefdfcu);
  cr_assert_eq(load_be16(b), 0xfffeu);
}

Test(drop, every_reason_has_a_name_of_its_own) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kDropCount; ++i) {
    const auto text = name(static_cast<Drop>(i));
    cr_assert(!text.empty());
    cr_assert(names.insert(text).second, "%zu has another's name", i);
  }
}

namespace {

Bytes bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace

Test(line_reader, gives_whole_lines_however_they_come) {
  const std::string_view text = "one\n\nthree\nfo";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    LineReader reader(64);
    cr_assert(reader.add(bytes(text.substr(0, cut))) && reader.add(bytes(text.substr(cut))));
    for (const char* line : {"one", "", "three"}) {
      const auto got = reader.line();
      cr_assert(got && *got == line, "cut at %zu", cut);
    }
    cr_assert(!reader.line());
    cr_assert(reader.add(bytes("ur\n")));
    cr_assert(reader.line() == "four");
  }
}

Test(line_reader, gives_up_a_line_without_end) {
  LineReader reader(8);
  cr_assert(reader.add(bytes("123456789")));  // one piece more than it may be is not kept
  cr_assert(!reader.line());
  cr_assert(!reader.add(bytes("x\n")));
}

Test(error, one_line_with_the_reason) {
  const Error e("add route 10.0.0.0/8 dev vpn0", EINVAL, "Nexthop has invalid gateway");
  cr_assert_str_eq(e.what(),
                   "cannot add route 10.0.0.0/8 dev vpn0: Invalid argument (Nexthop has invalid "
                   "gateway)");
  cr_assert_eq(e.errnum(), EINVAL);
  cr_assert_eq(static_cast<int>(e.code()), 1);
}

Test(error, what_the_user_wrote) {
  const Error e = usage_error("\"x\" is not a port", "1 to 65535");
  cr_assert_str_eq(e.what(), "\"x\" is not a port");
  cr_assert_eq(e.remedy(), "1 to 65535");
  cr_assert_eq(static_cast<int>(e.code()), 64);
  cr_assert_eq(static_cast<int>(config_error("x").code()), 78);
}

namespace {
std::string last_line;
void keep(Level, std::string_view line) {
  last_line = line;
}
}  // namespace

Test(log, only_what_was_asked_for) {
  log(Level::error, "without a sink");
  set_log(keep, Level::notice);
  log(Level::notice, "{} and {}", 1, "two");
  cr_assert_eq(last_line, "1 and two");
  log(Level::info, "not this");
  cr_assert_eq(last_line, "1 and two");
  cr_assert(log_wants(Level::error));
  cr_assert(!log_wants(Level::debug));
}

Test(entropy, uniform_stays_below_its_bound_and_reaches_all) {
  std::uint64_t state = 1;
  const Entropy source = [&](MutBytes out) {
    for (auto& b : out) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      b = static_cast<std::uint8_t>(state >> 33);
    }
  };
  std::array<int, 7> seen{};
  for (int i = 0; i < 7000; ++i) {
    const auto n = uniform(source, 7);
    cr_assert(n < 7);
    ++seen[n];
  }
  for (const int count : seen) cr_assert(count > 800 && count < 1200, "%d", count);
  cr_assert_eq(uniform(source, 1), 0u);
}
