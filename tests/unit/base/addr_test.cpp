// SPDX-License-Identifier: ISC
#include "core/base/addr.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>

#include <random>

using namespace vpnd;

namespace {

// The C library's reading of the same text, as an independent witness.
std::optional<Address> witness(const std::string& text) {
  std::uint8_t bytes[16];
  if (inet_pton(AF_INET, text.c_str(), bytes) == 1) return Address::v4(Bytes(bytes, 4));
  if (inet_pton(AF_INET6, text.c_str(), bytes) == 1) return Address::v6(Bytes(bytes, 16));
  return std::nullopt;
}

Address random_v6(std::mt19937& rng) {
  ByteArray<16> bytes;
  for (auto& b : bytes) b = static_cast<std::uint8_t>(rng());
  // Zero groups are what the shortening is about.
  for (std::size_t i = 0; i < 8; ++i) {
    if (rng() % 3 != 0) bytes[2 * i] = bytes[2 * i + 1] = 0;
  }
  return Address::v6(Bytes(bytes));
}

std::string ntop(const Address& a) {
  char text[INET6_ADDRSTRLEN];
  inet_ntop(a.is_v4() ? AF_INET : AF_INET6, a.bytes().data(), text, sizeof text);
  return text;
}

}  // namespace

Test(addr, reads_and_prints) {
  const char* const kTable[][2] = {
      {"0.0.0.0", "0.0.0.0"},
      {"255.255.255.255", "255.255.255.255"},
      {"::", "::"},
      {"::1", "::1"},
      {"1::", "1::"},
      {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
      {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
      {"2001:DB8::00a", "2001:db8::a"},
      {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
      {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
      {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
      {"::ffff:192.0.2.1", "::ffff:192.0.2.1"},
      {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
  };
  for (const auto& [text, printed] : kTable) {
    const auto a = Address::parse(text);
    cr_assert(a.has_value(), "%s", text);
    cr_assert_eq(a->text(), printed, "%s -> %s", text, a->text().c_str());
  }
}

Test(addr, refuses_what_is_not_an_address) {
  for (const char* text : {"",
                           "1",
                           "1.2.3",
                           "1.2.3.4.5",
                           "1.2.3.256",
                           "01.2.3.4",
                           "1.2.3.04",
                           "1.2.3.4 ",
                           " 1.2.3.4",
                           "1.2.3.",
                           ".1.2.3",
                           "0x1.2.3.4",
                           "1.2.3.-4",
                           "1.2.3.+4",
                           "16909060",
                           ":",
                           ":::",
                           "1:",
                           ":1",
                           "1::2::3",
                           "1:2:3:4:5:6:7:8:9",
                           "1:2:3:4:5:6:7",
                           "12345::",
                           "g::",
                           "::1%eth0",
                           "fe80::1%1",
                           "1:2:3:4:5:6:7:1.2.3.4",
                           "::1.2.3",
                           "::01.2.3.4",
                           "1.2.3.4::",
                           "[::1]",
                           "1:2:3:4::5:6:7:8",
                           "localhost"}) {
    cr_assert(!Address::parse(text).has_value(), "\"%s\"", text);
  }
  cr_assert(!Address::parse(std::string_view("1.2.3.4\0", 8)).has_value());
}

Test(addr, agrees_with_the_c_library_on_random_text) {
  std::mt19937 rng(1);
  constexpr char kLetters[] = "0123456789abcdef:::...1";
  int read = 0;
  for (int i = 0; i < 200000; ++i) {
    std::string text;
    if (i % 2 == 0) {
      text = random_v6(rng).text();
      if (rng() % 2 == 0) text[rng() % text.size()] = kLetters[rng() % (sizeof kLetters - 1)];
      if (rng() % 4 == 0) text.insert(rng() % text.size(), 1, kLetters[rng() % 23]);
    } else {
      for (int part = 0; part < 4; ++part) text += (part ? "." : "") + std::to_string(rng() % 300);
      if (rng() % 3 == 0) text.erase(rng() % text.size(), 1);
    }
    const auto ours = Address::parse(text);
    cr_assert_eq(ours, witness(text), "%s", text.c_str());
    read += ours.has_value();
  }
  cr_assert(read > 20000 && read < 180000);
}

Test(addr, prints_as_the_c_library_and_reads_back) {
  std::mt19937 rng(2);
  for (int i = 0; i < 100000; ++i) {
    const Address a = random_v6(rng);
    cr_assert_eq(Address::parse(a.text()), a);
    // The library prints ::/96 with dots; RFC 5952 does not.
    const bool low = Prefix{Address::v6(ByteArray<16>{}), 96}.contains(a);
    if (!low) cr_assert_eq(a.text(), ntop(a), "%s", a.text().c_str());
  }
}

Test(addr, families_differ) {
  cr_assert(Address::parse("::") != Address::parse("0.0.0.0"));
  cr_assert(Address::parse("::")->unspecified());
  cr_assert(!Address::parse("::1")->unspecified());
  cr_assert_eq(Address::parse("::1")->bits(), 128);
  cr_assert_eq(Address::parse("1.2.3.4")->bytes().size(), 4u);
}

Test(prefix, reads_masks_and_prints) {
  const char* const kTable[][3] = {
      {"10.9.8.7/12", "10.9.8.7/12", "10.0.0.0/12"},
      {"10.9.8.7", "10.9.8.7/32", "10.9.8.7/32"},
      {"0.0.0.0/0", "0.0.0.0/0", "0.0.0.0/0"},
      {"255.255.255.255/31", "255.255.255.255/31", "255.255.255.254/31"},
      {"fd00:1:2:3:ffff::/65", "fd00:1:2:3:ffff::/65", "fd00:1:2:3:8000::/65"},
      {"::1", "::1/128", "::1/128"},
      {"ffff::/0", "ffff::/0", "::/0"},
  };
  for (const auto& [text, printed, masked] : kTable) {
    const auto p = Prefix::parse(text);
    cr_assert(p.has_value(), "%s", text);
    cr_assert_eq(p->text(), printed);
    cr_assert_eq(p->masked().text(), masked, "%s", p->masked().text().c_str());
  }
}

Test(prefix, refuses) {
  for (const char* text : {"", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0.0/08",
                           "10.0.0.0/ 8", "10.0.0.0/+8", "10.0.0.0/-1", "10.0.0.0/8/8", "10/8",
                           "10.0.0.0/255.0.0.0", "10.0.0.0/8x", "::/99999999999"}) {
    cr_assert(!Prefix::parse(text).has_value(), "\"%s\"", text);
  }
}

Test(prefix, contains) {
  const auto in = [](const char* p, const char* a) {
    return Prefix::parse(p)->contains(*Address::parse(a));
  };
  cr_assert(in("10.0.0.0/8", "10.255.0.1"));
  cr_assert(!in("10.0.0.0/8", "11.0.0.0"));
  cr_assert(in("10.1.2.3/8", "10.0.0.0"));
  cr_assert(in("0.0.0.0/0", "203.0.113.1"));
  cr_assert(!in("0.0.0.0/0", "::1"));
  cr_assert(!in("::/0", "1.2.3.4"));
  cr_assert(in("fd00::/7", "fc00::1"));
  cr_assert(!in("192.168.1.128/25", "192.168.1.127"));
  cr_assert(Prefix::parse("10.0.0.0/8")->contains(*Prefix::parse("10.1.0.0/16")));
  cr_assert(Prefix::parse("10.0.0.0/8")->contains(*Prefix::parse("10.0.0.0/8")));
  cr_assert(!Prefix::parse("10.1.0.0/16")->contains(*Prefix::parse("10.0.0.0/8")));
}

Test(prefix, contains_agrees_with_bit_by_bit) {
  std::mt19937 rng(3);
  int inside = 0;
  for (int i = 0; i < 20000; ++i) {
    const Address a = random_v6(rng);
    const Prefix p{rng() % 2 == 0 ? a : random_v6(rng), static_cast<std::uint8_t>(rng() % 129)};
    bool same = true;
    for (std::size_t bit = 0; bit < p.length; ++bit) {
      const int diff = a.bytes()[bit / 8] ^ p.address.bytes()[bit / 8];
      same = same && ((diff >> (7 - bit % 8)) & 1) == 0;
    }
    cr_assert_eq(p.contains(a), same);
    inside += same;
  }
  cr_assert(inside > 1000 && inside < 19000);
}

Test(endpoint, reads_and_prints) {
  for (const char* text : {"1.2.3.4:443", "[::1]:1", "[2001:db8::1]:65535"}) {
    const auto e = Endpoint::parse(text);
    cr_assert(e.has_value(), "%s", text);
    cr_assert_eq(e->text(), text);
  }
  for (const char* text :
       {"", ":", "1.2.3.4", "1.2.3.4:", "1.2.3.4:0", "1.2.3.4:65536", "::1:443", "[1.2.3.4]:443",
        "[::1]", "[::1]443", "[]:1", "1.2.3.4:0443", "x:1", "[::1%lo]:443", "1.2.3.4:443 "}) {
    cr_assert(!Endpoint::parse(text).has_value(), "\"%s\"", text);
  }
}
