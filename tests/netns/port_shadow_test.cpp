// SPDX-License-Identifier: ISC
// Port shadows (CVE-2021-3773): a client sends from a port on which the server listens, to the
// address and port from which a victim will call. Where translation keeps the client's port, what
// the victim sends to the server is an answer to the client, and is delivered to it.

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>

#include <array>

#include "linux/filter.h"
#include "tests/netns/nft_lab.h"

using lab::World;
using vpnd::Endpoint;
using vpnd::Fd;
using vpnd::nl::install_tables;
using vpnd::nl::NftSocket;
using vpnd::nl::NftTable;
using vpnd::nl::NftTranslate;

TestSuite(netns_port_shadow, .init = lab::need_namespaces);

namespace {

constexpr std::uint16_t kVictimPort = 5000;
// Of the server: below the range that clients are translated to, and one inside of it.
constexpr std::array<std::uint16_t, 4> kServices{22, 443, 1194, 51820};

struct Way {
  int type;
  const char *attacker, *victim, *server;
};
constexpr std::array<Way, 4> kWays{{{SOCK_DGRAM, "10.9.0.2", "203.0.113.9", "203.0.113.1"},
                                    {SOCK_DGRAM, "fd09::2", "2001:db8::9", "2001:db8::1"},
                                    {SOCK_STREAM, "10.9.0.2", "203.0.113.9", "203.0.113.1"},
                                    {SOCK_STREAM, "fd09::2", "2001:db8::9", "2001:db8::1"}}};

std::string text(const Way& way, std::uint16_t port) {
  return std::string(way.type == SOCK_DGRAM ? "udp" : "tcp") + " to " + way.server + ", port " +
         std::to_string(port);
}

std::vector<NftTable> ours() {
  return render(World::table());
}

// The same with every translation changed by that.
std::vector<NftTable> ours_but(const std::function<void(NftTranslate&)>& change) {
  std::vector<NftTable> tables = ours();
  for (NftTable& table : tables)
    for (auto& chain : table.chains)
      for (auto& rule : chain.rules)
        if (auto* t = std::get_if<NftTranslate>(&rule.action)) change(*t);
  return tables;
}

// As `conntrack -F` does it.
void forget_connections(const lab::Ns& ns) {
  int result = -1;
  ns.in([&] {
    const Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER));
    struct {
      nlmsghdr head;
      nfgenmsg body;
    } request{};
    request.head.nlmsg_len = sizeof request;
    request.head.nlmsg_type = (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_DELETE;
    request.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    std::array<char, 512> answer{};
    if (::send(fd.get(), &request, sizeof request, 0) < 0) return;
    if (::recv(fd.get(), answer.data(), answer.size(), 0) < 0) return;
    nlmsgerr error{};
    std::memcpy(&error, answer.data() + NLMSG_HDRLEN, sizeof error);
    result = error.error;
  });
  cr_assert_eq(result, 0, "connections cannot be forgotten: %d", result);
}

// Sends from a socket that has its address and port: a datagram, or a SYN.
void call(const Fd& from, const Way& way, const char* whom, std::uint16_t port) {
  sockaddr_storage there;
  const socklen_t size = lab::fill(there, lab::addr(whom), port);
  const auto* address = reinterpret_cast<const sockaddr*>(&there);
  if (way.type == SOCK_DGRAM) {
    cr_assert_eq(::sendto(from.get(), "x", 1, 0, address, size), 1, "%s", std::strerror(errno));
  } else {
    (void)::connect(from.get(), address, size);
  }
}

// A server with one service, an attacker among its clients, and a victim somewhere in the Internet.
struct Scene {
  const World& w;
  const Way& way;
  std::uint16_t port;
  Fd service, attacker, victim;

  Scene(const World& world, const Way& along, std::uint16_t service_port)
      : w(world), way(along), port(service_port) {
    service = lab::socket_at(w.server, way.type, lab::addr(way.server), port);
    cr_assert(service && (way.type == SOCK_DGRAM || ::listen(service.get(), 4) == 0));
    attacker = lab::socket_at(w.client, way.type | SOCK_NONBLOCK, lab::addr(way.attacker), port);
    victim =
        lab::socket_at(w.internet, way.type | SOCK_NONBLOCK, lab::addr(way.victim), kVictimPort);
    cr_assert(attacker && victim);
  }
  void attack() const {
    call(attacker, way, way.victim, kVictimPort);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    if (way.type == SOCK_DGRAM) take(victim);
  }
  static void take(const Fd& fd) {
    char byte = 0;
    while (::recv(fd.get(), &byte, 1, MSG_DONTWAIT) >= 0) {
    }
  }
  // Does what the victim sends reach the service, and nobody else?
  bool victim_is_served() const {
    call(victim, way, way.server, port);
    if (!lab::readable(service)) return false;
    if (way.type == SOCK_DGRAM) {
      take(service);
      return !lab::readable(attacker, 20);
    }
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    const Fd accepted(::accept(service.get(), reinterpret_cast<sockaddr*>(&from), &size));
    return lab::read(from) == Endpoint{lab::addr(way.victim), kVictimPort};
  }
};

// The victim does not answer what it did not ask for, as behind any firewall; a reset would undo
// the attack.
void harden_victim(const World& w) {
  lab::must(w.internet,
            "nft 'table inet quiet { chain c { type filter hook input priority 0; "
            "tcp dport 5000 tcp flags & (syn | ack) == syn drop; }; }'");
}

// Whether the attack of one client lets the victim reach the server all the same.
bool served(const World& w, const Way& way, std::uint16_t port) {
  forget_connections(w.server);
  const Scene scene(w, way, port);
  scene.attack();
  return scene.victim_is_served();
}

}  // namespace

Test(netns_port_shadow, no_port_of_the_server_is_shadowed) {
  const World w;
  harden_victim(w);
  NftSocket nft = w.server.nft();
  install_tables(nft, "vpn0", ours());
  for (const Way& way : kWays)
    for (const std::uint16_t port : kServices)
      cr_assert(served(w, way, port), "%s", text(way, port).c_str());
}

// The controls. A port that is kept wherever it is free shadows everything; a range shadows what is
// in it, so it has to be wide, and the port drawn from it, not kept.
Test(netns_port_shadow, but_for_ports_that_are_kept_or_drawn_from_few) {
  const World w;
  harden_victim(w);
  NftSocket nft = w.server.nft();
  install_tables(nft, "vpn0", ours_but([](NftTranslate& t) { t.ports.reset(); }));
  for (const Way& way : kWays)
    for (const std::uint16_t port : kServices)
      cr_assert_not(served(w, way, port), "%s", text(way, port).c_str());
  install_tables(nft, "vpn0", ours_but([](NftTranslate& t) {
                   if (t.ports) t.ports = {51820, 51820};
                 }));
  for (const Way& way : kWays) {
    cr_assert(served(w, way, 443), "%s", text(way, 443).c_str());
    cr_assert_not(served(w, way, 51820), "%s", text(way, 51820).c_str());
  }
}

// A conversation that the server has forgotten, as after a restart of its firewall, is not taken
// over by who speaks first.
Test(netns_port_shadow, nor_a_conversation_that_was_forgotten) {
  const World w;
  NftSocket nft = w.server.nft();
  for (const bool with : {true, false}) {
    install_tables(nft, "vpn0", with ? ours() : ours_but([](NftTranslate& t) { t.ports.reset(); }));
    for (const Way& way : {kWays[0], kWays[1]}) {
      forget_connections(w.server);
      const Scene scene(w, way, 443);
      cr_assert(scene.victim_is_served());
      forget_connections(w.server);
      scene.attack();
      cr_assert_eq(scene.victim_is_served(), with, "%s", text(way, 443).c_str());
    }
  }
}

// Another client's conversation: its answers are its own, however the attacker aims for the port
// that it got.
Test(netns_port_shadow, nor_the_port_of_another_client) {
  const World w;
  NftSocket nft = w.server.nft();
  install_tables(nft, "vpn0", ours());
  for (const Way& way : {kWays[0], kWays[1]}) {
    const bool v4 = way.attacker == std::string("10.9.0.2");
    const Fd far = lab::socket_at(w.internet, SOCK_DGRAM, lab::addr(way.victim), kVictimPort);
    const Fd other =
        lab::socket_at(w.other, SOCK_DGRAM, lab::addr(v4 ? "10.9.0.3" : "fd09::3"), 4000);
    call(other, way, way.victim, kVictimPort);
    cr_assert(lab::readable(far));
    sockaddr_storage from{};
    socklen_t size = sizeof from;
    char byte = 0;
    cr_assert_eq(::recvfrom(far.get(), &byte, 1, 0, reinterpret_cast<sockaddr*>(&from), &size), 1);
    const Endpoint seen = lab::read(from);
    // By the port outside, and by the one that the other client has.
    std::vector<Fd> attackers;
    for (const std::uint16_t port : {seen.port, std::uint16_t{4000}}) {
      attackers.push_back(lab::socket_at(w.client, SOCK_DGRAM, lab::addr(way.attacker), port));
      call(attackers.back(), way, way.victim, kVictimPort);
      cr_assert(lab::readable(far));
      Scene::take(far);
    }
    for (int i = 0; i < 3; ++i) {
      call(far, way, way.server, seen.port);
      cr_assert(lab::readable(other), "%s", way.attacker);
      Scene::take(other);
    }
    for (const Fd& attacker : attackers) cr_assert_not(lab::readable(attacker, 50));
  }
}

// Nobody is spoken to in the name of the server, or of anybody else outside of the pool: not
// translated, such a packet would need no port.
Test(netns_port_shadow, nor_is_anybody_spoken_to_under_another_address) {
  const World w;
  lab::must(w.client,
            "ip addr add 203.0.113.200/32 dev c0; ip addr add 2001:db8::200/128 dev c0 nodad");
  NftSocket nft = w.server.nft();
  install_tables(nft, "vpn0", ours());
  const lab::Probe v4{w.client, "203.0.113.200", w.internet, "203.0.113.9", 443, kVictimPort};
  const lab::Probe v6{w.client, "2001:db8::200", w.internet, "2001:db8::9", 443, kVictimPort};
  for (const lab::Probe* probe : {&v4, &v6}) cr_assert_not(lab::datagram(*probe).has_value());
  std::vector<NftTable> without = ours();
  std::erase_if(without[0].chains, [](const auto& c) { return c.name == "vpn_raw"; });
  install_tables(nft, "vpn0", without);
  for (const lab::Probe* probe : {&v4, &v6}) cr_assert(lab::datagram(*probe).has_value());
}
