// SPDX-License-Identifier: ISC
#include "core/wire/pushed_config.h"

#include <criterion/criterion.h>

#include "core/base/error.h"
#include "tests/support/channel_pair.h"

using namespace vpnd;
using namespace vpnd::wire;
using namespace vpnd::test;

namespace {

PushedConfig sample() {
  PushedConfig c;
  c.resolvers = {Address::v4(9, 9, 9, 9), *Address::parse("2620:fe::fe")};
  c.domains = {"corp.example", "a-b.c_d.example"};
  c.routes = {*Prefix::parse("10.80.0.0/16"), *Prefix::parse("fd00::/8")};
  return c;
}

Buffer tlv(std::uint8_t type, const Buffer& value) {
  Buffer out{type, static_cast<std::uint8_t>(value.size()),
             static_cast<std::uint8_t>(value.size() >> 8)};
  return out + value;
}

Buffer name(const std::string& text) {
  return {text.begin(), text.end()};
}

bool takes(const Buffer& tlvs) {
  PushedConfig c;
  return apply_config(tlvs, c);
}

}  // namespace

Test(pushed_config, comes_back_as_it_was) {
  Buffer out(1000);
  const auto n = encode_config(sample(), out);
  cr_assert(n.has_value());
  PushedConfig c;
  c.routes = {*Prefix::parse("1.0.0.0/8")};
  cr_assert(apply_config(Bytes(out).first(*n), c));
  cr_assert(c == sample());
}

Test(pushed_config, an_empty_one_empties_all) {
  Buffer out(1000);
  const auto n = encode_config({}, out);
  PushedConfig c = sample();
  cr_assert(n && apply_config(Bytes(out).first(*n), c));
  cr_assert(c == PushedConfig{});
}

Test(pushed_config, only_the_named_types_are_replaced) {
  PushedConfig c = sample();
  cr_assert(apply_config(tlv(2, name("new.example")), c));
  cr_assert(c.domains == std::vector<std::string>{"new.example"});
  cr_assert(c.resolvers == sample().resolvers && c.routes == sample().routes);
  cr_assert(apply_config(tlv(1, {}), c));
  cr_assert(c.resolvers.empty());
}

Test(pushed_config, unknown_types_and_the_load_are_skipped) {
  PushedConfig c = sample();
  cr_assert(apply_config(tlv(0, {1}) + tlv(5, Buffer(300)) + tlv(255, {}) + tlv(4, Buffer(6)), c));
  cr_assert(c == sample());
  cr_assert_not(takes(tlv(4, Buffer(5))));
}

Test(pushed_config, malformed_ones_change_nothing) {
  const Buffer bad[] = {{1},
                        {1, 4},
                        {1, 4, 0, 9, 9, 9},
                        tlv(1, Buffer(5, 1)),
                        tlv(1, Buffer(4)),
                        tlv(3, {33, 10, 0, 0, 0}),
                        tlv(3, {8}),
                        tlv(3, {8, 10, 0, 0}),
                        tlv(3, Buffer(17, 200)),
                        tlv(1, {9, 9, 9, 9}) + Buffer{2}};
  for (const Buffer& b : bad) {
    PushedConfig c = sample();
    cr_assert_not(apply_config(b, c));
    cr_assert(c == sample());
  }
}

Test(pushed_config, domains_that_would_break_a_resolver_file_are_refused) {
  for (const char* good : {"a", "example", "x.y-z.example", "_srv.example", "0.1"}) {
    cr_assert(takes(tlv(2, name(good))), "%s", good);
  }
  for (const char* bad : {".", "a.", ".a", "a..b", "a b", "a\nnameserver 6.6.6.6", "a\tb", "a#b",
                          "\xc3\xa9", "a/b", "a;b"}) {
    cr_assert_not(takes(tlv(2, name(bad))), "%s", bad);
  }
  cr_assert_not(takes(tlv(2, {'a', 0, 'b'})));
  cr_assert(takes(tlv(2, Buffer(63, 'a'))));
  cr_assert_not(takes(tlv(2, Buffer(64, 'a'))));
  Buffer longest;
  for (int i = 0; i < 126; ++i) longest = longest + Buffer{'a', '.'};
  cr_assert(takes(tlv(2, longest + Buffer{'a'})));
  cr_assert_not(takes(tlv(2, longest + Buffer{'a', 'a'})));
}

Test(pushed_config, host_bits_of_a_route_are_cleared) {
  PushedConfig c;
  cr_assert(apply_config(tlv(3, {8, 10, 1, 2, 3}), c));
  cr_assert(c.routes == std::vector{*Prefix::parse("10.0.0.0/8")});
}

Test(pushed_config, a_server_does_not_decide_how_much_we_hold) {
  Buffer many;
  for (int i = 0; i < 3000; ++i) {
    const auto low = static_cast<std::uint8_t>(i), high = static_cast<std::uint8_t>(i >> 8);
    for (const Buffer& t :
         {tlv(1, {1, 1, high, low}), tlv(2, {'x'}), tlv(3, {32, 1, 1, high, low})}) {
      many.insert(many.end(), t.begin(), t.end());
    }
  }
  PushedConfig c;
  cr_assert(apply_config(many, c));
  cr_assert_eq(c.resolvers.size(), kMaxResolvers);
  cr_assert_eq(c.domains.size(), kMaxDomains);
  cr_assert_eq(c.routes.size(), kMaxRoutes);
}

Test(pushed_config, too_small_a_buffer_or_a_bad_name_is_not_encoded) {
  Buffer out(1000);
  const std::size_t n = *encode_config(sample(), out);
  for (std::size_t room = 0; room < n; ++room) {
    cr_assert_not(encode_config(sample(), MutBytes(out).first(room)).has_value());
  }
  PushedConfig c;
  c.domains = {"with space"};
  cr_assert_not(encode_config(c, out).has_value());
}

Test(channel_config, reaches_the_client) {
  Pair p;
  p.confirmed();
  p.server.channel.send_config(sample());
  cr_assert(p.client.hear(p.server.control()).has(Event::config));
  cr_assert(p.client.channel.config() == sample());
}

Test(channel_config, what_does_not_fit_one_message_is_an_error_with_a_remedy) {
  Pair p;
  p.confirmed();
  PushedConfig c;
  for (int i = 0; i < 30; ++i) c.domains.push_back(std::string(60, 'a'));
  try {
    p.server.channel.send_config(c);
    cr_assert_fail("no error");
  } catch (const Error& e) {
    cr_assert(e.code() == Exit::config);
    cr_assert_not(e.remedy().empty());
  }
  cr_assert_not(p.server.channel.control_pending());
}
