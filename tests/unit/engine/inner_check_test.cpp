// SPDX-License-Identifier: ISC
#include "core/engine/inner_check.h"

#include <criterion/criterion.h>

#include <algorithm>
#include <vector>

#include "tests/unit/engine/test_random.h"

namespace vpnd::engine {
namespace {

using Raw = std::vector<std::uint8_t>;

Address ip(const char* text) {
  return *Address::parse(text);
}

Raw v4_packet(const Address& from, const Address& to, std::uint16_t fragment_field = 0) {
  Raw p(40);
  p[0] = 0x45;
  store_be16(p.data() + 2, 40);
  store_be16(p.data() + 6, fragment_field);
  p[8] = 64;
  p[9] = 17;
  std::ranges::copy(from.bytes(), p.begin() + 12);
  std::ranges::copy(to.bytes(), p.begin() + 16);
  return p;
}

// With any of: hop-by-hop (0), destination options (60), fragment (44) before UDP.
Raw v6_packet(const Address& from, const Address& to, std::vector<std::uint8_t> extensions = {}) {
  Raw p(40 + 8 * extensions.size() + 16);
  p[0] = 0x60;
  store_be16(p.data() + 4, static_cast<std::uint16_t>(p.size() - 40));
  p[7] = 64;
  std::ranges::copy(from.bytes(), p.begin() + 8);
  std::ranges::copy(to.bytes(), p.begin() + 24);
  extensions.push_back(17);
  p[6] = extensions[0];
  for (std::size_t i = 0; i + 1 < extensions.size(); ++i) p[40 + 8 * i] = extensions[i + 1];
  return p;
}

const InnerAddresses kClient{ip("10.9.0.2"), ip("fd00:9::1:0:2")};
const ServerRule kRule{ip("10.9.0.1"), ip("fd00:9::1"), *Prefix::parse("10.9.0.0/24"),
                       *Prefix::parse("fd00:9::/64"), true};

Drop at_server(const Raw& p, const ServerRule& rule = kRule) {
  const auto info = wire::parse_ip(p);
  return info ? check_from_client(*info, kClient, rule) : Drop::malformed;
}
Drop at_client(const Raw& p) {
  const auto info = wire::parse_ip(p);
  return info ? check_from_server(*info, kClient) : Drop::malformed;
}

Test(inner_check, a_client_speaks_for_itself_only_v4) {
  const Address far = ip("192.0.2.7");
  cr_assert(at_server(v4_packet(ip("10.9.0.2"), far)) == Drop::none);
  for (const char* from : {"10.9.0.3", "10.9.0.1", "192.0.2.7", "127.0.0.1", "0.0.0.0",
                           "255.255.255.255", "10.9.0.0"}) {
    cr_assert(at_server(v4_packet(ip(from), far)) == Drop::spoofed_source, "%s", from);
  }
}

Test(inner_check, fragments_are_no_way_round_it) {
  const Address far = ip("192.0.2.7");
  for (const std::uint16_t field :
       std::initializer_list<std::uint16_t>{0x2000, 0x2001, 1, 0x1fff}) {
    cr_assert(at_server(v4_packet(ip("10.9.0.2"), far, field)) == Drop::none);
    cr_assert(at_server(v4_packet(ip("10.9.0.3"), far, field)) == Drop::spoofed_source);
  }
  const Address far6 = ip("2001:db8::7");
  cr_assert(at_server(v6_packet(ip("fd00:9::1:0:2"), far6, {44})) == Drop::none);
  cr_assert(at_server(v6_packet(ip("fd00:9::1:0:3"), far6, {44})) == Drop::spoofed_source);
}

Test(inner_check, a_client_speaks_for_itself_only_v6_whatever_headers_follow) {
  const Address far = ip("2001:db8::7");
  const std::vector<std::vector<std::uint8_t>> chains{{}, {0}, {60}, {0, 60}, {0, 60, 44}};
  for (const auto& chain : chains) {
    cr_assert(at_server(v6_packet(ip("fd00:9::1:0:2"), far, chain)) == Drop::none);
    for (const char* from : {"fd00:9::1:0:3", "fd00:9::1", "fe80::1", "::", "::1", "2001:db8::7",
                             "::ffff:10.9.0.2", "::10.9.0.2"}) {
      cr_assert(at_server(v6_packet(ip(from), far, chain)) == Drop::spoofed_source, "%s", from);
    }
  }
}

Test(inner_check, a_client_without_v6_cannot_send_any) {
  const InnerAddresses only_v4{ip("10.9.0.2"), std::nullopt};
  const auto info = wire::parse_ip(v6_packet(ip("::"), ip("2001:db8::7")));
  cr_assert(check_from_client(*info, only_v4, kRule) == Drop::spoofed_source);
}

Test(inner_check, some_destinations_are_nobodys_business) {
  for (const char* to : {"127.0.0.1", "127.255.0.1", "169.254.169.254", "224.0.0.1",
                         "239.255.255.250", "255.255.255.255", "0.0.0.0", "0.1.2.3", "10.9.0.2"}) {
    cr_assert(at_server(v4_packet(ip("10.9.0.2"), ip(to))) == Drop::bad_destination, "%s", to);
  }
  for (const char* to : {"::1", "::", "fe80::1", "febf::1", "ff02::1", "::ffff:127.0.0.1",
                         "::ffff:10.9.0.1", "::127.0.0.1", "fd00:9::1:0:2"}) {
    cr_assert(at_server(v6_packet(ip("fd00:9::1:0:2"), ip(to))) == Drop::bad_destination, "%s", to);
  }
}

Test(inner_check, clients_are_isolated_unless_told_otherwise) {
  ServerRule open = kRule;
  open.isolate = false;
  const Raw v4 = v4_packet(ip("10.9.0.2"), ip("10.9.0.3"));
  const Raw v6 = v6_packet(ip("fd00:9::1:0:2"), ip("fd00:9::1:0:3"));
  cr_assert(at_server(v4) == Drop::bad_destination);
  cr_assert(at_server(v6) == Drop::bad_destination);
  cr_assert(at_server(v4, open) == Drop::none);
  cr_assert(at_server(v6, open) == Drop::none);
  cr_assert(at_server(v4_packet(ip("10.9.0.2"), ip("10.9.0.1"))) == Drop::none);
  cr_assert(at_server(v6_packet(ip("fd00:9::1:0:2"), ip("fd00:9::1"))) == Drop::none);
}

Test(inner_check, a_client_takes_only_what_is_addressed_to_it) {
  const Address far = ip("192.0.2.7");
  cr_assert(at_client(v4_packet(far, ip("10.9.0.2"))) == Drop::none);
  cr_assert(at_client(v6_packet(ip("2001:db8::7"), ip("fd00:9::1:0:2"))) == Drop::none);
  for (const char* to : {"10.9.0.3", "127.0.0.1", "192.168.1.5", "224.0.0.1", "255.255.255.255"}) {
    cr_assert(at_client(v4_packet(far, ip(to))) == Drop::bad_destination, "%s", to);
  }
  for (const char* to : {"::1", "fe80::1", "ff02::1", "fd00:9::1:0:3", "::ffff:10.9.0.2"}) {
    cr_assert(at_client(v6_packet(ip("2001:db8::7"), ip(to))) == Drop::bad_destination, "%s", to);
  }
}

Test(inner_check, a_client_believes_no_impossible_source) {
  for (const char* from :
       {"10.9.0.2", "127.0.0.1", "224.0.0.1", "255.255.255.255", "0.0.0.0", "0.1.2.3"}) {
    cr_assert(at_client(v4_packet(ip(from), ip("10.9.0.2"))) == Drop::spoofed_source, "%s", from);
  }
  for (const char* from :
       {"fd00:9::1:0:2", "::1", "::", "ff02::1", "fe80::1", "::ffff:127.0.0.1", "::127.0.0.1"}) {
    cr_assert(at_client(v6_packet(ip(from), ip("fd00:9::1:0:2"))) == Drop::spoofed_source, "%s",
              from);
  }
}

// Of all source addresses that differ from ours in one or two bits, none passes.
Test(inner_check, agrees_with_a_comparison_of_bytes) {
  std::mt19937 random(1);
  int passed = 0;
  for (int i = 0; i < 100'000; ++i) {
    const bool v4 = random() % 2 == 0;
    const Address& own = v4 ? kClient.v4 : *kClient.v6;
    ByteArray<16> b{};
    std::ranges::copy(own.bytes(), b.begin());
    for (auto flips = random() % 3; flips > 0; --flips) {
      const std::uint32_t bit = test::below(random, own.bits());
      b[bit / 8] = static_cast<std::uint8_t>(b[bit / 8] ^ (0x80u >> bit % 8));
    }
    const Bytes raw = Bytes(b).first(own.bytes().size());
    const bool same = std::ranges::equal(raw, own.bytes());
    const Raw p = v4 ? v4_packet(Address::v4(raw), ip("192.0.2.7"))
                     : v6_packet(Address::v6(raw), ip("2001:db8::7"));
    cr_assert_eq(at_server(p) == Drop::none, same);
    passed += same ? 1 : 0;
  }
  cr_assert_gt(passed, 1000);
}

}  // namespace
}  // namespace vpnd::engine
