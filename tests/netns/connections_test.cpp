// SPDX-License-Identifier: ISC
// How many connections one client may have in the server's table of them, and that it is nobody
// else's loss.

#include <vector>

#include "tests/netns/nft_lab.h"

using lab::World;
using vpnd::Endpoint;
using vpnd::Fd;
using vpnd::nl::counts_connections;
using vpnd::nl::FilterTable;
using vpnd::nl::install;
using vpnd::nl::NftSocket;

TestSuite(netns_connections, .init = lab::need_namespaces);

namespace {

constexpr std::uint16_t kPort = 9000;
constexpr unsigned kLimit = 20, kTries = 30;

struct Way {
  const lab::Ns& from;
  const char* source;
  const char* destination;
};

void send_one(const Fd& socket, const char* destination) {
  sockaddr_storage there;
  const socklen_t size = lab::fill(there, lab::addr(destination), kPort);
  (void)!sendto(socket.get(), "x", 1, 0, reinterpret_cast<sockaddr*>(&there), size);
}

unsigned count(const Fd& receiver) {
  unsigned n = 0;
  char byte = 0;
  while (lab::readable(receiver) && recv(receiver.get(), &byte, 1, MSG_DONTWAIT) == 1) ++n;
  return n;
}

// Of so many flows from so many ports, one datagram each: how many arrive. The sockets stay open.
unsigned arrive(const World& w, const Way& way, std::uint16_t first, unsigned flows,
                std::vector<Fd>* kept = nullptr) {
  const Fd receiver = lab::socket_at(w.internet, SOCK_DGRAM, lab::addr(way.destination), kPort);
  cr_assert(static_cast<bool>(receiver));
  std::vector<Fd> own;
  std::vector<Fd>& senders = kept != nullptr ? *kept : own;
  for (unsigned i = 0; i < flows; ++i) {
    senders.push_back(lab::socket_at(way.from, SOCK_DGRAM, lab::addr(way.source),
                                     static_cast<std::uint16_t>(first + i)));
    cr_assert(static_cast<bool>(senders.back()));
    send_one(senders.back(), way.destination);
  }
  return count(receiver);
}

FilterTable limited(std::uint32_t connections) {
  FilterTable t = World::table();
  t.connections = connections;
  return t;
}

}  // namespace

// A kernel that cannot count says so here, and `plan` says it to the user; what nft thinks of the
// same rule is the witness.
Test(netns_connections, whether_the_kernel_counts_is_found_out_without_a_trace) {
  const lab::Ns ns;
  const NftSocket nft = ns.nft();
  const bool witness = ns.quiet(
      "nft 'table inet w { set s { type ipv4_addr; size 9; flags dynamic; }; chain c { type filter "
      "hook prerouting priority 0; ct state new add @s { ip saddr ct count over 3 } drop; }; }' && "
      "nft delete table inet w");
  cr_assert_eq(counts_connections(nft), witness);
  cr_assert_eq(ns.out("nft list ruleset"), "");
}

Test(netns_connections, one_client_has_so_many_and_another_is_not_touched) {
  World w;
  NftSocket nft = w.server.nft();
  if (!counts_connections(nft)) cr_skip_test("this kernel cannot count connections");
  install(nft, limited(kLimit));
  const Way v4{w.client, "10.9.0.2", "203.0.113.9"}, v6{w.client, "fd09::2", "2001:db8::9"};
  const Way others4{w.other, "10.9.0.3", "203.0.113.9"}, others6{w.other, "fd09::3", "2001:db8::9"};
  std::vector<Fd> kept;
  cr_assert_eq(arrive(w, v4, 5000, kTries, &kept), kLimit);
  cr_assert_eq(arrive(w, v6, 5000, kTries), kLimit);
  cr_assert_eq(arrive(w, others4, 5000, kLimit), kLimit);
  cr_assert_eq(arrive(w, others6, 5000, kLimit), kLimit);
  // Full is full, of other ports and by other protocols, but what is there goes on.
  cr_assert_eq(arrive(w, v4, 6000, 3), 0u);
  cr_assert_not(lab::pings(w.client, "203.0.113.9"));
  cr_assert_not(lab::connection({w.client, "10.9.0.2", w.internet, "203.0.113.9"}).has_value());
  const Fd receiver = lab::socket_at(w.internet, SOCK_DGRAM, lab::addr(v4.destination), kPort);
  for (unsigned i = 0; i < kLimit; ++i) send_one(kept[i], v4.destination);
  cr_assert_eq(count(receiver), kLimit);
  // The control.
  install(nft, limited(0));
  cr_assert_eq(arrive(w, v4, 7000, kTries), kTries);
  cr_assert_eq(arrive(w, v6, 7000, kTries), kTries);
}

Test(netns_connections, places_come_back_when_connections_are_over) {
  World w;
  NftSocket nft = w.server.nft();
  if (!counts_connections(nft)) cr_skip_test("this kernel cannot count connections");
  lab::must(w.server, "sysctl -qw net.netfilter.nf_conntrack_udp_timeout=1");
  install(nft, limited(kLimit));
  const Way v4{w.client, "10.9.0.2", "203.0.113.9"};
  cr_assert_eq(arrive(w, v4, 5000, kTries), kLimit);
  unsigned again = 0;
  for (std::uint16_t i = 0; i < 20 && again == 0; ++i)
    again = arrive(w, v4, static_cast<std::uint16_t>(6000 + i), 1);
  cr_assert_eq(again, 1u);
}

// What a client sends to the server itself takes places as well.
Test(netns_connections, pings_of_the_server_count) {
  World w;
  NftSocket nft = w.server.nft();
  if (!counts_connections(nft)) cr_skip_test("this kernel cannot count connections");
  install(nft, limited(2));
  cr_assert(lab::pings(w.client, "10.9.0.254"));
  cr_assert(lab::pings(w.client, "10.9.0.254"));
  cr_assert_not(lab::pings(w.client, "10.9.0.254"));
  cr_assert(lab::pings(w.other, "10.9.0.254"));
}
