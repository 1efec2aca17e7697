// SPDX-License-Identifier: ISC
#pragma once

// What a plan becomes on these systems, each thing as a value. There is no kill switch among them,
// and no filter: a packet filter here has no interface that stays the same.

#include <string>
#include <variant>
#include <vector>

#include "bsd/route_message.h"
#include "core/plan/lowered.h"

namespace vpnd::bsd {

struct LinkUp {
  std::string interface;
  Mtu mtu = 1420;
  friend bool operator==(const LinkUp&, const LinkUp&) = default;
};

// Both ends of the tunnel.
struct AddressOn {
  std::string interface;
  Address own, peer;
  friend bool operator==(const AddressOn&, const AddressOn&) = default;
};

struct Route {
  enum class Kind : std::uint8_t {
    tunnel,   // by the other end of the tunnel
    outside,  // past the tunnel
    refused,  // an error for whoever sends
  };
  Kind kind = Kind::tunnel;
  Prefix to;  // host bits clear
  Hop hop;    // refused: none
  friend bool operator==(const Route&, const Route&) = default;
};

struct Forwarding {
  Family family = Family::v4;
  friend bool operator==(const Forwarding&, const Forwarding&) = default;
};

// The resolvers are named by the resolver file.
using Object = std::variant<LinkUp, AddressOn, Route, Forwarding, plan::Resolver>;

// Two objects of which the kernel has one: the second takes the place of the first.
bool same_thing(const Object&, const Object&) noexcept;

// For people: "route 0.0.0.0/1 via 192.168.192.254", and as a line of a list, which begins with "+"
// for what is new and "~" for what differs.
std::string name_of(const Object&);
std::string describe(const Object&);
// As a note of the journal: what it takes to find it again.
inline constexpr std::string_view kRouteNote = "route ";
std::string note_of(const Route&);

// As `vpnd plan` shows it; the commands are those of this system's own tools.
plan::Change change(const Traits&, const Object&);

}  // namespace vpnd::bsd
