// SPDX-License-Identifier: ISC
// Messages there and back, and what others may send.

#include <criterion/criterion.h>

#include <algorithm>

#include "bsd/sockaddr.h"
#include "tests/unit/bsd/messages.h"

using namespace vpnd;
using namespace vpnd::bsd;
using namespace vpnd::test;

namespace {

// A message of any system with an answer's marks in it.
Message answered(const Traits& t, RouteMessage m, std::uint32_t pid) {
  Message out = build(t, m);
  store<std::uint32_t>(&out[t.pid], pid);
  return out;
}

std::optional<RouteMessage> read(const Traits& t, const Message& bytes) {
  return parse(t, bytes).message;
}

// Where the addresses begin, one after the other.
std::size_t second_address(const Traits& t, std::size_t first) {
  return t.header + (first + t.padding - 1) / t.padding * t.padding;
}

}  // namespace

Test(route_message, what_is_built_reads_back) {
  const char* const kTo[] = {"0.0.0.0/0", "10.0.0.0/8", "203.0.113.5/32", "::/0",
                             "8000::/1",  "fc00::/7",   "2001:db8::7/128"};
  for (const Traits* t : kAllSystems) {
    for (const char* to : kTo) {
      const bool host = prefix(to).length == prefix(to).address.bits();
      for (const char* router : {"192.0.2.1", "2001:db8::1", "fe80::1"}) {
        RouteMessage m = by(message(kChange, host ? kRtfHost | kRtfUp : kRtfUp, to, 9), router);
        if (is_link_local(*m.hop.router)) m.hop.scope = 7;
        const auto got = read(*t, build(*t, m));
        cr_assert(got && got->to == m.to && got->hop == m.hop, "%s %s", t->name.data(), to);
        cr_assert(got->type == kChange && got->flags == m.flags && got->seq == 9);
      }
      RouteMessage by_link = message(kGet, host ? kRtfHost : 0, to, 1);
      by_link.hop.interface = 5;
      by_link.ask_interface = true;
      const Message bytes = build(*t, by_link);
      const auto got = read(*t, bytes);
      cr_assert(got && got->hop == by_link.hop && !got->hop.router, "%s", t->name.data());
      cr_assert((load<std::uint32_t>(&bytes[t->addrs]) & kRtaIfp) != 0);
    }
  }
}

Test(route_message, a_link_local_address_carries_its_interface) {
  RouteMessage m = by(message(kAdd, kRtfUp | kRtfGateway, "2001:db8::/32", 1), "fe80::1");
  m.hop.scope = 0x102;
  for (const Traits* t : kAllSystems) {
    const Message bytes = build(*t, m);
    const std::uint8_t* const gateway = &bytes[second_address(*t, 28)];
    cr_assert_eq(load_be16(gateway + 10), t->embeds_scope ? 0x102 : 0);
    cr_assert_eq(load<std::uint32_t>(gateway + 24), t->embeds_scope ? 0u : 0x102u);
  }
}

Test(route_message, masks_may_be_cut) {
  struct {
    const char* to;
    std::uint8_t size;
  } const kTable[] = {{"0.0.0.0/0", 0},     {"128.0.0.0/1", 5}, {"10.0.0.0/8", 5},
                      {"10.1.128.0/17", 7}, {"8000::/1", 9},    {"2001:db8::/32", 12}};
  for (const Traits* t : kAllSystems) {
    for (const auto& row : kTable) {
      const Prefix to = prefix(row.to);
      Message bytes = build(*t, message(kGet, kRtfUp, row.to, 1));
      const std::size_t at = second_address(*t, size_of(to.address));
      bytes[at] = row.size;
      bytes[at + 1] = 255;
      const std::size_t end = at + std::max<std::size_t>(t->padding, (row.size + t->padding - 1u) /
                                                                         t->padding * t->padding);
      // What stood behind its end is somebody else's.
      std::fill(
          bytes.begin() + static_cast<std::ptrdiff_t>(at + std::max<std::size_t>(row.size, 2)),
          bytes.end(), std::uint8_t{0xee});
      bytes.resize(end);
      store<std::uint16_t>(bytes.data(), static_cast<std::uint16_t>(end));
      const auto got = read(*t, bytes);
      cr_assert(got && got->to == to, "%s %s", t->name.data(), row.to);
    }
  }
}

Test(route_message, an_address_without_length_takes_a_unit) {
  for (const Traits* t : kAllSystems) {
    Message bytes(t->header);
    const Message like = build(*t, by(message(kGet, kRtfUp, "0.0.0.0/1", 1), "192.0.2.1"));
    std::copy_n(like.begin(), t->header, bytes.begin());
    bytes.insert(bytes.end(), like.begin() + t->header, like.begin() + t->header + 32);
    bytes.resize(bytes.size() + t->padding);  // the mask of a default route
    bytes.insert(bytes.end(), t->link_address, 0);
    const std::size_t interface = bytes.size() - t->link_address;
    bytes[interface] = t->link_address;
    bytes[interface + 1] = kLink;
    store<std::uint16_t>(&bytes[interface + 2], 6);
    bytes.resize((bytes.size() + 7) / 8 * 8);
    store<std::uint32_t>(&bytes[t->addrs], kRtaDst | kRtaGateway | kRtaNetmask | kRtaIfp);
    store<std::uint16_t>(bytes.data(), static_cast<std::uint16_t>(bytes.size()));
    const auto got = read(*t, bytes);
    cr_assert(got && got->to == prefix("0.0.0.0/0") && got->interface == 6, "%s", t->name.data());
  }
}

Test(route_message, only_our_answer_is_an_answer) {
  for (const Traits* t : kAllSystems) {
    const auto ours = read(*t, answered(*t, kGetDefault, 70));
    cr_assert(ours && answers(*ours, 70, 0x65));
    cr_assert(!answers(*ours, 71, 0x65));
    cr_assert(!answers(*ours, 70, 0x66));
    const auto news = read(*t, answered(*t, kAddHost, 70));
    cr_assert(news && !answers(*news, 70, 0x67));
  }
}

Test(route_message, nothing_is_read_without_a_length) {
  for (const Traits* t : kAllSystems) {
    Message bytes = build(*t, kAddHost);
    for (const std::size_t length : {std::size_t{0}, std::size_t{3}, bytes.size() + 1}) {
      store<std::uint16_t>(bytes.data(), static_cast<std::uint16_t>(length));
      cr_assert_eq(parse(*t, bytes).length, 0u, "%zu", length);
    }
    cr_assert_eq(parse(*t, {}).length, 0u);
  }
}

Test(route_message, another_version_is_passed_over) {
  for (const Traits* t : kAllSystems) {
    Message bytes = build(*t, kAddHost);
    ++bytes[2];
    const Parsed parsed = parse(*t, bytes);
    cr_assert_eq(parsed.length, bytes.size());
    cr_assert(!parsed.message);
  }
}

Test(route_message, every_cut_is_refused) {
  for (const Traits* t : kAllSystems) {
    for (const auto& m : {kGetDefault, kAddHost, kAddHalf, kAddBlackhole, kDeleteHalf}) {
      const Message whole = build(*t, m);
      // The last address may lack what fills it up.
      const std::size_t least = m.mask && !m.to.address.is_v4() ? whole.size() - 4 : whole.size();
      for (std::size_t n = 0; n < whole.size(); ++n) {
        Message cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n));
        if (n >= 2) store<std::uint16_t>(cut.data(), static_cast<std::uint16_t>(n));
        const auto got = read(*t, cut);
        cr_assert(!got || n >= least, "%s: %zu of %zu", t->name.data(), n, whole.size());
      }
    }
  }
}

Test(route_message, hostile_addresses_are_refused) {
  for (const Traits* t : kAllSystems) {
    const Message whole = build(*t, kAddHalf);
    const std::size_t gateway = second_address(*t, 16), mask = gateway + 16;
    const auto with = [&](std::size_t at, std::uint8_t value) {
      Message bytes = whole;
      bytes[at] = value;
      return read(*t, bytes);
    };
    cr_assert(!with(t->header, 0), "no destination");
    cr_assert(!with(t->header, 1), "no family");
    cr_assert(!with(t->header + 1u, 77), "a family that nobody knows");
    cr_assert(!with(t->header, 255), "it ends behind the message");
    cr_assert(!with(gateway, 200), "so does the router");
    cr_assert(!with(mask, 17), "and the mask, by a byte");
    cr_assert(!with(mask + 5, 0x01), "a mask with a hole");
    cr_assert(with(mask + 1, 255), "whatever family it says");
    cr_assert(with(mask + 4, 0xff));
    // More of them than there are bytes.
    Message bytes = whole;
    store<std::uint32_t>(&bytes[t->addrs], 0xffffffff);
    cr_assert(!read(*t, bytes));
    store<std::uint32_t>(&bytes[t->addrs], 0);
    cr_assert(!read(*t, bytes));
  }
}

Test(route_message, the_length_of_an_openbsd_header_is_not_believed) {
  Message bytes = build(kOpenBsd, kAddHost);
  for (const std::size_t length : {std::size_t{1}, std::size_t{35}, bytes.size() + 1}) {
    store<std::uint16_t>(&bytes[4], static_cast<std::uint16_t>(length));
    cr_assert(!read(kOpenBsd, bytes), "%zu", length);
  }
  store<std::uint16_t>(&bytes[4], 0);  // what an old program sends
  cr_assert(read(kOpenBsd, bytes));
  // A later system may say more in it.
  bytes.insert(bytes.begin() + 96, 8, std::uint8_t{0xaa});
  store<std::uint16_t>(&bytes[4], 104);
  store<std::uint16_t>(bytes.data(), static_cast<std::uint16_t>(bytes.size()));
  const auto got = read(kOpenBsd, bytes);
  cr_assert(got && got->to == prefix("203.0.113.5/32"));
}

Test(route_message, what_moves_the_ways) {
  for (const Traits* t : kAllSystems) {
    const auto moves = [&](std::uint8_t type, std::uint32_t flags, const char* to) {
      return changes_ways(*t, message(type, flags, to, 1));
    };
    for (const std::uint8_t type : {kAdd, kDelete, kChange}) cr_assert(moves(type, 3, "::/0"));
    cr_assert(moves(kDelete, kRtfOurs, "0.0.0.0/1"));
    cr_assert(!moves(kAdd, kRtfOurs, "0.0.0.0/1"));
    cr_assert(!moves(kDelete, 0, "10.0.0.0/8"));
    cr_assert(!moves(kGet, 3, "0.0.0.0/0"));
    RouteMessage other;
    for (const std::uint8_t type : {t->new_address, t->delete_address, t->link_info}) {
      other.type = type;
      cr_assert(changes_ways(*t, other));
    }
    other.type = 0;
    cr_assert(!changes_ways(*t, other), "not one that this system has not");
    other.type = 6;  // RTM_REDIRECT or RTM_LOSING
    cr_assert(!changes_ways(*t, other));
  }
}
