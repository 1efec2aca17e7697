// SPDX-License-Identifier: ISC
// What the rules do to packets. Every refusal has its control: the same packet without the table,
// or with the rule's switch the other way.

#include <netinet/tcp.h>

#include "tests/netns/nft_lab.h"

using lab::Probe;
using lab::World;
using vpnd::nl::FilterTable;
using vpnd::nl::install;
using vpnd::nl::NftSocket;
using vpnd::nl::remove_table;

TestSuite(netns_filter, .init = lab::need_namespaces);

namespace {

bool in_range(const std::optional<vpnd::Endpoint>& seen, const char* address) {
  return seen && seen->address == lab::addr(address) && seen->port >= 20000 && seen->port <= 60999;
}

int segment(const vpnd::Fd& fd) {
  int size = 0;
  socklen_t length = sizeof size;
  getsockopt(fd.get(), IPPROTO_TCP, TCP_MAXSEG, &size, &length);
  return size;
}

}  // namespace

Test(netns_filter, clients_leave_by_random_ports_of_the_range) {
  World w;
  NftSocket nft = w.server.nft();
  install(nft, World::table());
  // Port 443 would be kept by a plain masquerade: the port shadow.
  const Probe v4{w.client, "10.9.0.2", w.internet, "203.0.113.9", 443};
  const Probe v6{w.client, "fd09::2", w.internet, "2001:db8::9", 443};
  cr_assert(in_range(lab::datagram(v4), "203.0.113.1"));
  cr_assert(in_range(lab::datagram(v6), "2001:db8::1"));
  const auto tcp4 = lab::connection(v4);
  const auto tcp6 = lab::connection(v6);
  cr_assert(tcp4 && in_range(tcp4->seen, "203.0.113.1"));
  cr_assert(tcp6 && in_range(tcp6->seen, "2001:db8::1"));
  cr_assert(lab::pings(w.client, "203.0.113.9"));
  cr_assert(lab::pings(w.client, "2001:db8::9"));
}

Test(netns_filter, without_masquerade_sources_stay) {
  World w;
  NftSocket nft = w.server.nft();
  FilterTable t = World::table();
  t.masquerade = false;
  install(nft, t);
  const auto seen = lab::datagram({w.client, "10.9.0.2", w.internet, "203.0.113.9", 443});
  cr_assert(seen && seen->address == lab::addr("10.9.0.2") && seen->port == 443);
}

Test(netns_filter, an_external_address_is_what_clients_come_from) {
  World w;
  NftSocket nft = w.server.nft();
  FilterTable t = World::table();
  t.external = lab::addr("203.0.113.77");
  install(nft, t);
  cr_assert(in_range(lab::datagram({w.client, "10.9.0.2", w.internet, "203.0.113.9", 443}),
                     "203.0.113.77"));
  // The other family has no external address.
  cr_assert(
      in_range(lab::datagram({w.client, "fd09::2", w.internet, "2001:db8::9"}), "2001:db8::1"));
  cr_assert(lab::pings(w.client, "203.0.113.9"));
  t.external = lab::addr("2001:db8::77");
  lab::must(w.server, "ip addr add 2001:db8::77/64 dev wan0 nodad");
  install(nft, t);
  cr_assert(in_range(lab::datagram({w.client, "fd09::2", w.internet, "2001:db8::9", 4444}),
                     "2001:db8::77"));
}

Test(netns_filter, sources_outside_the_pool_are_dropped) {
  World w;
  lab::must(w.client,
            "ip addr add 10.66.0.5/32 dev c0; ip addr add fd66::5/128 dev c0 nodad;"
            "ip addr add 2001:db8:66::5/128 dev c0 nodad");
  lab::must(w.server,
            "ip route add 10.66.0.5 dev vpn0; ip -6 route add fd66::5 dev vpn0; "
            "ip -6 route add 2001:db8:66::5 dev vpn0");
  NftSocket nft = w.server.nft();
  install(nft, World::table());
  const Probe v4{w.client, "10.66.0.5", w.internet, "203.0.113.9"};
  const Probe v6{w.client, "fd66::5", w.internet, "2001:db8::9"};
  const Probe global{w.client, "2001:db8:66::5", w.internet, "2001:db8::9"};
  cr_assert(lab::datagram({w.client, "10.9.0.2", w.internet, "203.0.113.9"}).has_value());
  cr_assert(lab::datagram({w.client, "fd09::2", w.internet, "2001:db8::9"}).has_value());
  for (const Probe* probe : {&v4, &v6, &global}) cr_assert(!lab::datagram(*probe).has_value());
  cr_assert(remove_table(nft, "vpn0"));
  for (const Probe* probe : {&v4, &v6, &global}) cr_assert(lab::datagram(*probe).has_value());
}

Test(netns_filter, a_family_without_a_pool_is_dropped) {
  World w;
  NftSocket nft = w.server.nft();
  FilterTable t = World::table();
  t.pool_v6.reset();
  install(nft, t);
  cr_assert(!lab::datagram({w.client, "fd09::2", w.internet, "2001:db8::9"}).has_value());
  cr_assert(lab::datagram({w.client, "10.9.0.2", w.internet, "203.0.113.9"}).has_value());
  t.pool_v6 = World::table().pool_v6;
  t.pool_v4.reset();
  install(nft, t);
  cr_assert(lab::datagram({w.client, "fd09::2", w.internet, "2001:db8::9"}).has_value());
  cr_assert(!lab::datagram({w.client, "10.9.0.2", w.internet, "203.0.113.9"}).has_value());
}

Test(netns_filter, the_servers_own_address_is_no_source) {
  World w;
  lab::must(w.client,
            "ip -6 addr add fd09::254/128 dev c0 nodad; ip -6 route replace 2001:db8::9 dev c0;"
            "ip -6 neigh replace 2001:db8::9 dev c0 lladdr " +
                lab::mac(w.server, "vpn0"));
  NftSocket nft = w.server.nft();
  FilterTable t = World::table();
  t.masquerade = false;
  install(nft, t);
  const Probe own{w.client, "fd09::254", w.internet, "2001:db8::9"};
  cr_assert(!lab::datagram(own).has_value());
  t.shielded.clear();
  install(nft, t);
  cr_assert(lab::datagram(own).has_value());
}

Test(netns_filter, clients_are_isolated_unless_told_otherwise) {
  World w;
  NftSocket nft = w.server.nft();
  FilterTable t = World::table();
  install(nft, t);
  const Probe v4{w.client, "10.9.0.2", w.other, "10.9.0.3"};
  const Probe v6{w.client, "fd09::2", w.other, "fd09::3"};
  cr_assert(!lab::datagram(v4).has_value());
  cr_assert(!lab::datagram(v6).has_value());
  t.isolate = false;
  install(nft, t);
  cr_assert(lab::datagram(v4).has_value());
  cr_assert(lab::datagram(v6).has_value());
}

Test(netns_filter, the_servers_private_network_is_closed_unless_opened) {
  World w;
  NftSocket nft = w.server.nft();
  FilterTable t = World::table();
  install(nft, t);
  const Probe v4{w.client, "10.9.0.2", w.lan, "10.20.0.9"};
  const Probe v6{w.client, "fd09::2", w.lan, "fd20::9"};
  cr_assert(!lab::datagram(v4).has_value());
  cr_assert(!lab::datagram(v6).has_value());
  t.server_lan = {lab::prefix("10.20.0.9/32")};
  install(nft, t);
  cr_assert(lab::datagram(v4).has_value());
  cr_assert(!lab::datagram(v6).has_value());
  t.server_lan = {lab::prefix("fd20::/64")};
  install(nft, t);
  cr_assert(!lab::datagram(v4).has_value());
  cr_assert(lab::datagram(v6).has_value());
}

Test(netns_filter, metadata_addresses_are_closed) {
  World w;
  NftSocket nft = w.server.nft();
  install(nft, World::table());
  const Probe metadata{w.client, "10.9.0.2", w.internet, "169.254.169.254"};
  cr_assert(!lab::datagram(metadata).has_value());
  cr_assert(remove_table(nft, "vpn0"));
  cr_assert(lab::datagram(metadata).has_value());
}

Test(netns_filter, nobody_outside_starts_a_conversation_with_a_client) {
  World w;
  NftSocket nft = w.server.nft();
  install(nft, World::table());
  const Probe from_internet{w.internet, "203.0.113.9", w.client, "10.9.0.2"};
  const Probe from_lan{w.lan, "fd20::9", w.client, "fd09::2"};
  cr_assert(!lab::datagram(from_internet).has_value());
  cr_assert(!lab::datagram(from_lan).has_value());
  cr_assert(remove_table(nft, "vpn0"));
  cr_assert(lab::datagram(from_internet).has_value());
  cr_assert(lab::datagram(from_lan).has_value());
}

Test(netns_filter, the_server_itself_answers_clients_only_pings) {
  World w;
  NftSocket nft = w.server.nft();
  install(nft, World::table());
  const Probe inner4{w.client, "10.9.0.2", w.server, "10.9.0.254"};
  const Probe inner6{w.client, "fd09::2", w.server, "fd09::254"};
  const Probe outer{w.client, "10.9.0.2", w.server, "203.0.113.1"};
  for (const Probe* probe : {&inner4, &inner6, &outer}) {
    cr_assert(!lab::datagram(*probe).has_value());
    cr_assert(!lab::connection(*probe).has_value());
  }
  cr_assert(lab::pings(w.client, "10.9.0.254"));
  cr_assert(lab::pings(w.client, "fd09::254"));
  // What the server began itself is answered.
  cr_assert(lab::connection({w.server, "10.9.0.254", w.client, "10.9.0.2"}).has_value());
  cr_assert(lab::pings(w.server, "10.9.0.2"));
  cr_assert(remove_table(nft, "vpn0"));
  for (const Probe* probe : {&inner4, &inner6, &outer}) {
    cr_assert(lab::datagram(*probe).has_value());
    cr_assert(lab::connection(*probe).has_value());
  }
}

Test(netns_filter, a_shielded_address_is_silent_towards_others) {
  World w;
  NftSocket nft = w.server.nft();
  install(nft, World::table());
  cr_assert(!lab::pings(w.lan, "10.9.0.254"));
  cr_assert(!lab::pings(w.lan, "fd09::254"));
  cr_assert(!lab::datagram({w.lan, "10.20.0.9", w.server, "10.9.0.254"}).has_value());
  cr_assert(lab::pings(w.server, "10.9.0.254"));  // the host to itself
  cr_assert(lab::pings(w.server, "fd09::254"));
  cr_assert(lab::pings(w.lan, "10.20.0.1"));
  cr_assert(remove_table(nft, "vpn0"));
  cr_assert(lab::pings(w.lan, "10.9.0.254"));
  cr_assert(lab::pings(w.lan, "fd09::254"));
}

Test(netns_filter, a_shielded_address_has_no_arp_answer) {
  World w;
  NftSocket nft = w.server.nft();
  install(nft, World::table());
  lab::must(w.lan, "ip route add 10.9.0.254 dev l0");
  lab::pings(w.lan, "10.9.0.254");
  cr_assert_eq(w.lan.out("ip neigh show 10.9.0.254").find("lladdr"), std::string::npos);
  cr_assert(lab::pings(w.lan, "10.20.0.1"));  // ARP in general works
  cr_assert(remove_table(nft, "vpn0"));
  lab::must(w.lan, "ip neigh flush all");
  lab::pings(w.lan, "10.9.0.254");
  cr_assert_neq(w.lan.out("ip neigh show 10.9.0.254").find("lladdr"), std::string::npos);
}

Test(netns_filter, segments_are_clamped_in_both_directions) {
  World w;
  lab::must(w.server, "ip link set vpn0 mtu 1420");
  NftSocket nft = w.server.nft();
  FilterTable t = World::table();
  install(nft, t);
  const auto clamped = lab::connection({w.client, "10.9.0.2", w.internet, "203.0.113.9"});
  cr_assert(clamped.has_value());
  cr_assert_eq(segment(clamped->server), 1380 - 12);  // less the timestamp option
  cr_assert_eq(segment(clamped->client), 1380 - 12);
  t.clamp_mss = false;
  install(nft, t);
  const auto free = lab::connection({w.client, "10.9.0.2", w.internet, "203.0.113.9", 4500});
  cr_assert(free.has_value());
  cr_assert_gt(segment(free->server), 1380);
  cr_assert_gt(segment(free->client), 1380);
}

Test(netns_filter, a_client_takes_only_what_is_for_its_own_address) {
  World w;
  FilterTable t;
  t.interface = "c0";
  t.shielded = {lab::addr("10.9.0.2"), lab::addr("fd09::2")};
  lab::must(w.client, "ip addr add 10.77.0.1/32 dev lo; ip addr add fd77::1/128 dev lo nodad");
  lab::must(w.server,
            "ip route add 10.77.0.1 via 10.9.0.2; ip -6 route add fd77::1 via fd09::2 dev vpn0");
  const Probe other4{w.server, "10.9.0.254", w.client, "10.77.0.1"};
  const Probe other6{w.server, "fd09::254", w.client, "fd77::1"};
  cr_assert(lab::datagram(other4).has_value());
  cr_assert(lab::datagram(other6).has_value());
  NftSocket nft = w.client.nft();
  install(nft, t);
  cr_assert(!lab::datagram(other4).has_value());
  cr_assert(!lab::datagram(other6).has_value());
  cr_assert(lab::datagram({w.server, "10.9.0.254", w.client, "10.9.0.2"}).has_value());
  cr_assert(lab::datagram({w.server, "fd09::254", w.client, "fd09::2"}).has_value());
}
