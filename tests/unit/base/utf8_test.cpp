// SPDX-License-Identifier: ISC
#include "core/base/utf8.h"

#include <criterion/criterion.h>

#include <string>

using namespace vpnd;

Test(utf8, code_points_of_every_length) {
  const struct {
    const char* text;
    char32_t value;
    std::size_t bytes;
  } kTable[] = {{"a", 'a', 1},
                {"\x7f", 0x7f, 1},
                {"\xc2\x80", 0x80, 2},
                {"é!", 0xe9, 2},
                {"\xe0\xa0\x80", 0x800, 3},
                {"→x", 0x2192, 3},
                {"\xf0\x90\x80\x80", 0x10000, 4},
                {"\xf4\x8f\xbf\xbf", 0x10ffff, 4}};
  for (const auto& row : kTable) {
    const CodePoint c = first_code_point(row.text);
    cr_assert(c.valid && c.value == row.value && c.bytes == row.bytes, "%s", row.text);
  }
}

Test(utf8, what_is_none_is_one_byte) {
  for (const char* text :
       {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc3", "\xc3(", "\xe0\x9f\xbf", "\xed\xa0\x80",
        "\xe2\x82", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"}) {
    const CodePoint c = first_code_point(text);
    cr_assert(!c.valid && c.bytes == 1, "%02x", static_cast<unsigned char>(*text));
  }
}
