// SPDX-License-Identifier: ISC
#include "core/plan/leak.h"

#include <criterion/criterion.h>

#include <algorithm>
#include <random>

#include "tests/support/terrain.h"

using namespace vpnd;
using namespace vpnd::plan;
using namespace vpnd::test;

namespace {

using Packet = std::vector<std::uint8_t>;

constexpr std::uint16_t kIp = 0x0800, kIp6 = 0x86dd, kArp = 0x0806, kVlan = 0x8100;

bool has(const std::vector<Way>& all, const std::string& text) {
  return std::ranges::any_of(all, [&](const Way& w) { return describe(w).find(text) == 0; });
}

// A packet as it leaves; checksums are nobody's business here.
Packet packet(bool tcp, const Endpoint& from, const Endpoint& to, const Packet& payload = {}) {
  Packet transport(tcp ? 20 : 8);
  store_be16(&transport[0], from.port);
  store_be16(&transport[2], to.port);
  transport.insert(transport.end(), payload.begin(), payload.end());
  const bool v4 = to.address.is_v4();
  Packet p(v4 ? 20 : 40);
  p[0] = v4 ? 0x45 : 0x60;
  p[v4 ? 9 : 6] = tcp ? 6 : 17;
  const auto size = static_cast<std::uint16_t>(transport.size() + (v4 ? 20 : 0));
  store_be16(&p[v4 ? 2 : 4], size);
  std::ranges::copy(from.address.bytes(), p.begin() + (v4 ? 12 : 8));
  std::ranges::copy(to.address.bytes(), p.begin() + (v4 ? 16 : 24));
  p.insert(p.end(), transport.begin(), transport.end());
  return p;
}

Packet arp_for(const Address& a) {
  constexpr ByteArray<8> kRequest{0, 1, 8, 0, 6, 4, 0, 1};
  Packet p(28, 2);
  std::ranges::copy(kRequest, p.begin());
  std::ranges::copy(a.bytes(), p.begin() + 24);
  return p;
}

Packet solicitation_for(const Address& a) {
  Packet p = packet(false, {address("fe80::2"), 0}, {address("ff02::1:ff00:1"), 0}, Packet(16));
  p[6] = 58;
  p[40] = 135;
  std::ranges::copy(a.bytes(), p.begin() + 48);
  return p;
}

struct Bench {
  std::vector<Way> all = ways(terrain());
  Dice d = some_dice();
  std::vector<std::uint16_t> ports;
  Bench() {
    for (std::size_t i = 0; i < all.size(); ++i) {
      ports.push_back(static_cast<std::uint16_t>(30000 + i));
    }
  }
  Recogniser recogniser() const { return Recogniser(all, d, ports); }
  Endpoint from(std::size_t i) const {
    return {all[i].to.address.is_v4() ? address("10.0.0.2") : address("fd00::2"), ports[i]};
  }
};

}  // namespace

Test(leak_ways, every_way_that_an_application_has) {
  const auto all = ways(terrain());
  for (const char* text :
       {"look-up at 127.0.0.53 by UDP (resolver file)", "look-up at 127.0.0.53 by TCP",
        "look-up at 10.0.0.1 by UDP (gateway)", "look-up at 10.0.0.1 by TCP (gateway)",
        "look-up at 10.0.0.1 by UDP, bound to eth0", "look-up at 10.0.0.1 by TCP, bound to eth0",
        "look-up by TLS at 10.0.0.1", "look-up at fe80::1 by UDP", "datagram to 192.0.2.",
        "connection to 192.0.2.", "datagram to [2001:db8:", "connection to [2001:db8:",
        "datagram to 203.0.113.2:443 (the tunnel's server)",
        "connection to 203.0.113.2:443, as root (the tunnel's server)"}) {
    cr_assert(has(all, text), "%s", text);
  }
  cr_assert_not(has(all, "look-up by TLS at 127.0.0.53"));
  const auto count = [&](auto&& which) { return std::ranges::count_if(all, which); };
  for (const bool v4 : {true, false}) {
    const auto plain = [v4](const Way& w) { return w.note.empty() && w.to.address.is_v4() == v4; };
    cr_assert_eq(count([&](const Way& w) { return plain(w) && w.device == "eth0"; }), 4);
    cr_assert_eq(count([&](const Way& w) { return plain(w) && w.from.has_value(); }), 4);
    cr_assert_eq(count([&](const Way& w) { return plain(w) && w.to.port == 443; }), 6);
  }
}

// Which of them a question for a neighbour was about must be known.
Test(leak_ways, each_has_a_destination_of_its_own) {
  std::vector<Endpoint> seen;
  for (const Way& w : ways(terrain())) {
    if (!w.note.empty()) continue;
    cr_assert(std::ranges::find(seen, w.to) == seen.end(), "%s", w.to.text().c_str());
    cr_assert(w.to.address.bytes().back() != 0 && w.to.address.bytes().back() != 255);
    seen.push_back(w.to);
  }
}

Test(leak_ways, never_to_a_network_that_somebody_uses) {
  Terrain t = terrain();
  t.servers = {Endpoint::parse("192.0.2.9:443").value()};
  cr_assert(has(ways(t), "datagram to 198.51.100."));
  t.local.push_back(*Prefix::parse("198.51.100.128/25"));
  cr_assert(has(ways(t), "datagram to 203.0.113."));
  t.local.push_back(*Prefix::parse("203.0.0.0/8"));
  std::vector<std::string> left_out;
  cr_assert_not(has(ways(t, &left_out), "datagram to 203.0."));
  cr_assert_eq(left_out.size(), 1u);
}

Test(leak_ways, what_is_meant_to_leave_is_not_tried) {
  Terrain t = terrain();
  t.local.push_back(*Prefix::parse("203.0.113.0/24"));
  std::vector<std::string> left_out;
  cr_assert_not(has(ways(t, &left_out), "connection to 203.0.113.2"));
  cr_assert_eq(left_out.size(), 1u);
  cr_assert_neq(left_out[0].find("203.0.113.2"), std::string::npos);
}

Test(leak_ways, a_list_is_tried_within_it) {
  Terrain t = terrain();
  t.into_tunnel = {*Prefix::parse("10.20.0.0/16"), *Prefix::parse("10.30.0.7/32")};
  std::vector<std::string> left_out;
  const auto all = ways(t, &left_out);
  cr_assert(has(all, "datagram to 10.20.0."));
  cr_assert_not(has(all, "datagram to 192.0.2."));
  cr_assert_not(has(all, "look-up at 10.0.0.1"));
  cr_assert_not(has(all, "datagram to 203.0.113.2"));
  cr_assert_not(has(all, "look-up at 127.0.0.53"));
  cr_assert_eq(left_out.size(), 5u);  // the resolvers, IPv6, the server
  t.into_tunnel = {*Prefix::parse("10.30.0.7/32")};
  cr_assert(has(ways(t), "datagram to 10.30.0.7:443"));
}

Test(leak_ways, neither_v6_nor_root_where_there_is_none) {
  Terrain t = terrain();
  t.v6 = t.root = false;
  for (const Way& w : ways(t)) cr_assert(w.to.address.is_v4() && !w.as_root);
}

Test(leak_ways, there_is_an_end) {
  Terrain t = terrain();
  for (int i = 0; i < 200; ++i) t.uplinks.push_back({"u" + std::to_string(i), {}});
  std::vector<std::string> left_out;
  cr_assert_eq(ways(t, &left_out).size(), kMostWaysOut);
  cr_assert_eq(left_out.size(), 1u);
}

Test(leak_canary, a_query_is_one_question_for_the_word) {
  const Dice d = some_dice();
  cr_assert_eq(d.token.size(), kTokenSize);
  Way way{Way::What::look_up, false, {address("10.0.0.1"), 53}, {}, {}, {}, false, "x"};
  const Packet udp = canary_content(way, d, 27);
  const std::string word = canary_word(d, 27);
  cr_assert_eq(word, d.token + "bb");
  cr_assert_eq(load_be16(&udp[2]), 0x0100);
  cr_assert_eq(load_be16(&udp[4]), 1);
  cr_assert_eq(udp[12], word.size());
  cr_assert(std::equal(word.begin(), word.end(), udp.begin() + 13));
  const std::size_t end = 13 + word.size();
  const Packet rest(udp.begin() + static_cast<std::ptrdiff_t>(end), udp.end());
  cr_assert(rest ==
            Packet({7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 3, 'c', 'o', 'm', 0, 0, 1, 0, 1}));
  way.tcp = true;
  const Packet tcp = canary_content(way, d, 27);
  cr_assert_eq(load_be16(tcp.data()), udp.size());
  cr_assert(std::equal(udp.begin(), udp.end(), tcp.begin() + 2));
}

Test(leak_recognise, every_canary_as_it_is_sent) {
  const Bench b;
  const Recogniser r = b.recogniser();
  for (std::size_t i = 0; i < b.all.size(); ++i) {
    const Way& w = b.all[i];
    const auto type = w.to.address.is_v4() ? kIp : kIp6;
    const Packet content = w.tcp ? Packet{} : canary_content(w, b.d, i);
    cr_assert(r.look(type, packet(w.tcp, b.from(i), w.to, content)) == i, "%zu", i);
  }
}

Test(leak_recognise, a_name_in_any_case_and_sent_on_by_somebody_else) {
  const Bench b;
  Packet query = canary_content(b.all[0], b.d, 0);
  for (std::size_t i = 13; i < query.size() - 5; i += 2) {
    if (query[i] >= 'a' && query[i] <= 'z') query[i] = static_cast<std::uint8_t>(query[i] - 32);
  }
  const Endpoint stub{address("10.0.0.2"), 5}, upstream{address("9.9.9.9"), 53};
  cr_assert(b.recogniser().look(kIp, packet(false, stub, upstream, query)) == 0u);
}

Test(leak_recognise, translated_but_not_out_of_recognition) {
  const Bench b;
  const Recogniser r = b.recogniser();
  const auto at = std::ranges::find_if(b.all, [](const Way& w) { return w.tcp; });
  const auto i = static_cast<std::size_t>(at - b.all.begin());
  const Endpoint own = b.from(i);
  const Endpoint elsewhere{address("10.9.9.9"), at->to.port};
  cr_assert(r.look(kIp, packet(true, own, elsewhere)) == i, "to another address");
  cr_assert(r.look(kIp, packet(true, own, {at->to.address, 9})) == i, "to another port");
  cr_assert(r.look(kIp, packet(true, {address("1.2.3.4"), own.port}, at->to)) == i, "from another");
}

// Sockets of two families, or bound to two addresses, may have the same port.
Test(leak_recognise, ways_that_share_a_port_are_told_apart) {
  Bench b;
  for (auto& port : b.ports) port = 40'000;
  const Recogniser r = b.recogniser();
  for (std::size_t i = 0; i < b.all.size(); ++i) {
    if (!b.all[i].tcp) continue;
    const auto seen = r.look(kIp, packet(true, b.from(i), b.all[i].to));
    cr_assert(seen.has_value());
    cr_assert(b.all[*seen].to == b.all[i].to, "%s", b.all[i].to.text().c_str());
  }
}

Test(leak_recognise, others_are_left_alone) {
  const Bench b;
  const Recogniser r = b.recogniser();
  const auto at = std::ranges::find_if(b.all, [](const Way& w) { return w.tcp; });
  const auto i = static_cast<std::size_t>(at - b.all.begin());
  const Endpoint own = b.from(i);
  cr_assert_not(r.look(kIp, packet(true, {own.address, 999}, at->to)), "another socket");
  cr_assert_not(r.look(kIp, packet(false, own, at->to)), "another protocol");
  cr_assert_not(r.look(kIp, packet(true, own, {address("9.9.9.9"), 9})), "another connection");
  Packet query = canary_content(b.all[0], b.d, 0);
  query[14] ^= 1;
  cr_assert_not(r.look(kIp, packet(false, {own.address, 5}, {address("9.9.9.9"), 53}, query)));
  cr_assert_not(r.look(kArp, arp_for(address("10.0.0.1"))), "a router may be asked for");
  cr_assert_not(r.look(kArp, arp_for(address("203.0.113.2"))), "so may the server");
  const Recogniser none(b.all, b.d, std::vector<std::uint16_t>(b.all.size()));
  cr_assert_not(none.look(kIp, packet(true, {own.address, 0}, at->to)), "no socket, no port");
}

Test(leak_recognise, a_question_for_the_neighbour_tells_as_much) {
  const Bench b;
  const Recogniser r = b.recogniser();
  for (std::size_t i = 0; i < b.all.size(); ++i) {
    const Way& w = b.all[i];
    if (!w.note.empty()) continue;
    const bool v4 = w.to.address.is_v4();
    const Packet p = v4 ? arp_for(w.to.address) : solicitation_for(w.to.address);
    cr_assert(r.look(v4 ? kArp : kIp6, p) == i, "%zu", i);
    // As an ordinary packet the same bytes are nothing.
    if (v4) cr_assert_not(r.look(kIp, p));
  }
}

Test(leak_recognise, padded_tagged_and_within_another_packet) {
  const Bench b;
  const Recogniser r = b.recogniser();
  const auto at = std::ranges::find_if(b.all, [](const Way& w) { return w.tcp; });
  const auto i = static_cast<std::size_t>(at - b.all.begin());
  Packet p = packet(true, b.from(i), at->to);
  p.resize(46);
  cr_assert(r.look(kIp, p) == i);
  p.insert(p.begin(), {0, 10, 8, 0});
  cr_assert(r.look(kVlan, p) == i);
  const Packet inner = packet(false, b.from(0), b.all[0].to, canary_content(b.all[0], b.d, 0));
  Packet outer = packet(false, {address("10.0.0.2"), 4}, {address("9.9.9.9"), 4}, inner);
  outer[9] = 4;
  cr_assert(r.look(kIp, outer) == 0u, "IP in IP");
}

// What passes on a link may be anything, of any length: no byte beyond it is looked at (the
// sanitizers watch), and nothing is taken for a canary that is none.
Test(leak_recognise, hostile_and_cut_frames) {
  const Bench b;
  const Recogniser r = b.recogniser();
  std::mt19937 rng(7);
  std::vector<Packet> seeds = {arp_for(b.all.back().to.address)};
  for (std::size_t i = 0; i < b.all.size(); ++i) {
    seeds.push_back(packet(b.all[i].tcp, b.from(i), b.all[i].to, canary_content(b.all[i], b.d, i)));
    if (!b.all[i].to.address.is_v4()) seeds.push_back(solicitation_for(b.all[i].to.address));
  }
  for (const Packet& seed : seeds) {
    for (std::size_t size = 0; size <= seed.size(); ++size) {
      const Packet cut(seed.begin(), seed.begin() + static_cast<std::ptrdiff_t>(size));
      for (const std::uint16_t type : {kIp, kIp6, kArp, kVlan}) {
        (void)r.look(type, cut);
        (void)describe_packet(type, cut);
      }
    }
    for (int round = 0; round < 200; ++round) {
      Packet bad = seed;
      for (int n = 0; n < 3; ++n) bad[rng() % bad.size()] = static_cast<std::uint8_t>(rng());
      bad.resize(rng() % bad.size() + 1);
      const auto way = r.look(static_cast<std::uint16_t>(rng()), bad);
      cr_assert(!way || *way < b.all.size());
      (void)describe_packet(static_cast<std::uint16_t>(rng()), bad);
    }
  }
  for (int round = 0; round < 20000; ++round) {
    Packet noise(rng() % 80);
    for (auto& byte : noise) byte = static_cast<std::uint8_t>(rng());
    if (!noise.empty() && rng() % 2 == 0) noise[0] = rng() % 2 == 0 ? 0x45 : 0x60;
    (void)r.look(rng() % 2 == 0 ? kArp : kIp, noise);
  }
  // A word whose number is of no way, or that is cut off after the token.
  const std::string word = canary_word(b.d, 675), cut = b.d.token + "a";
  cr_assert_not(r.look(kIp, Packet(word.begin(), word.end())));
  cr_assert_not(r.look(kIp, Packet(cut.begin(), cut.end())));
}

Test(leak_recognise, says_what_was_seen) {
  const Endpoint from{address("10.0.0.2"), 5};
  cr_assert_eq(describe_packet(kIp, packet(false, from, {address("10.0.0.1"), 53})),
               "UDP to 10.0.0.1:53");
  cr_assert_eq(
      describe_packet(kIp6, packet(true, {address("fd00::2"), 5}, {address("fd00::1"), 853})),
      "TCP to [fd00::1]:853");
  cr_assert_eq(describe_packet(kArp, arp_for(address("192.0.2.7"))), "ARP for 192.0.2.7");
  cr_assert_eq(describe_packet(kIp6, solicitation_for(address("fd00::7"))),
               "a neighbour solicitation for fd00::7");
  cr_assert_eq(describe_packet(0x88b5, Packet{}), "a frame of type 88b5");
}
