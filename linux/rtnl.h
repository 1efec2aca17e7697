// SPDX-License-Identifier: ISC
#pragma once

// Links, addresses, routes and rules by rtnetlink: objects to messages, and dumps to objects.
// All that throws, throws Error with the kernel's own sentence.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "linux/netlink.h"
#include "linux/objects.h"

namespace vpnd::nl {

struct Link {
  int index = 0;
  std::string name;
  unsigned flags = 0;  // IFF_*
  std::uint32_t mtu = 0;
  std::optional<std::uint8_t> gen_mode;  // how IPv6 makes its link-local address; nullopt: no IPv6
  std::vector<std::int32_t> devconf4;    // net.ipv4.conf.<name>.*, by number (1 is forwarding)
  bool bridge = false;
  std::string kind;  // "tun", "wireguard", "bridge"; empty: of no kind that the kernel names
  bool up() const noexcept;
  int setting(int number) const noexcept;  // 0 for one that the kernel does not know
};
std::vector<Link> links(Netlink&);
std::optional<Link> find_link(Netlink&, const std::string& name);
std::optional<Link> find_link(Netlink&, int index);

void set_up(Netlink&, const Link&, bool up);
void set_mtu(Netlink&, const Link&, std::uint32_t mtu);
void set_gen_mode(Netlink&, const Link&, std::uint8_t mode);
void set_setting4(Netlink&, const Link&, int number, int value);
Answer remove(Netlink&, const Link&);  // for devices that can be deleted
// A pair of Ethernet devices; the second one is born in another namespace when `netns` is its
// descriptor (-1: here). For the demo and for tests.
void add_veth(Netlink&, const std::string& name, const std::string& other, int netns = -1);

// As dumped: the object, and the message by which exactly it can be deleted.
template<typename T>
struct Dumped {
  T object;
  std::uint8_t protocol = 0;
  std::uint8_t scope = 0;
  std::vector<std::uint8_t> message;
};

void add(Netlink&, const AddressOn&, int index);
Answer remove(Netlink&, const AddressOn&, int index);
struct Numbered {
  int index = 0;  // of the device
  Prefix prefix;  // with its host bits, as it was given
};
// Always of all devices: the kernel does not notice changes during a dump of only one
// (net/ipv4/devinet.c sets no sequence number there), and could leave one out.
std::vector<Numbered> addresses(Netlink&);
std::vector<Prefix> addresses_of(Netlink&, int index);

// `index`: the device of a unicast route, else 0.
Answer try_add(Netlink&, const Route&, int index);
// In place of the one with the same destination and metric, if there is one.
Answer put_in_place(Netlink&, const Route&, int index);
Answer remove(Netlink&, const Route&, int index);
// nullopt: of all tables; protocol 0: any; `wanted` empty: all (a router may have a million).
// Routes with several next hops are shown by the first.
std::vector<Dumped<Route>> routes(Netlink&, Family, std::optional<Table>, std::uint8_t protocol,
                                  const std::function<bool(const Dumped<Route>&)>& wanted = {});

Answer try_add(Netlink&, const Rule&);
Answer remove(Netlink&, const Rule&);
// The kernel does not mark a dump of rules that changed meanwhile: a rule may be missing then.
std::vector<Dumped<Rule>> rules(Netlink&, Family);

// For Netlink::echo: RTM_DELROUTE and RTM_DELRULE.
inline constexpr std::uint16_t kDeleteRoute = 25, kDeleteRule = 33;

// Equal but for what the kernel fills in: IPv6 makes a metric of 1024 out of none.
bool same(const Route&, const Route&) noexcept;

// One line without blanks at either end; also the key under which the journal knows the object.
std::string text(const AddressOn&);
std::string text(const Route&);
std::string text(const Rule&);

}  // namespace vpnd::nl
