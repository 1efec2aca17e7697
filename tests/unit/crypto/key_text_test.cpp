// SPDX-License-Identifier: ISC
#include "crypto/key_text.h"

#include <criterion/criterion.h>

#include <array>
#include <vector>

#include "crypto/random.h"

using namespace vpnd::crypto;
using Buffer = std::vector<std::uint8_t>;

namespace {

void start() {
  init();
}

}  // namespace

TestSuite(key_text, .init = start);

Test(key_text, both_alphabets) {  // RFC 4648
  const Buffer bytes{0xfb, 0xff, 0xfe, 'a'};
  cr_assert_eq(base64(bytes), "+//+YQ==");
  cr_assert_eq(base64url(bytes), "-__-YQ");
  Buffer out(4);
  cr_assert(from_base64("+//+YQ==", out));
  cr_assert(out == bytes);
  out.assign(4, 0);
  cr_assert(from_base64url("-__-YQ", out));
  cr_assert(out == bytes);
}

Test(key_text, what_is_not_exact_is_refused) {
  Buffer out(4);
  for (const char* bad : {"+//+YQ", "+//+YQ=", "-__-YQ==", "+//+YQ== ", " +//+YQ==", "+//+YR==",
                          "+//+YQ===", "+//+", "+//+YWE=", "+//+YQ==\n", "", "+//*YQ=="}) {
    cr_assert(!from_base64(bad, out), "accepted \"%s\"", bad);
  }
  for (const char* bad : {"-__-YQ==", "+//+YQ", "-__-YR", "-__-Y", "-__-YQ\n", "-__-", ""}) {
    cr_assert(!from_base64url(bad, out), "accepted \"%s\"", bad);
  }
}

Test(key_text, round_trip_of_every_length) {
  for (std::size_t n = 0; n < 100; ++n) {
    Buffer in(n), out(n);
    random_bytes(in);
    cr_assert(from_base64(base64(in), out));
    cr_assert(out == in);
    out.assign(n, 0);
    cr_assert(from_base64url(base64url(in), out));
    cr_assert(out == in);
  }
}
