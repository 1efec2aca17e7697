// SPDX-License-Identifier: ISC
#pragma once

// `vpnd check`: the ways by which an application could send past the tunnel, what is sent by each
// to find out, and how it is known again when it is seen on a device. Pure; the host sends and
// watches.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/addr.h"

namespace vpnd::plan {

// What the host knows of its networks, and what the running client is told to do with them.
struct Terrain {
  struct Resolver {
    Address address;
    std::string device;  // of a link-local address; else empty
    std::string known_from;
  };
  struct Uplink {
    std::string device;
    std::vector<Address> addresses;
  };
  std::vector<Resolver> resolvers;
  std::vector<Uplink> uplinks;
  std::vector<Endpoint> servers;
  std::vector<Prefix> into_tunnel;
  std::vector<Prefix> local;  // leaves past the tunnel because it is meant to
  bool v6 = true;
  bool root = true;  // may send as root, and as an ordinary user
};

// One way out. TCP: a connection attempt; a look-up asks once it stands. UDP: one datagram.
struct Way {
  enum class What : std::uint8_t { look_up, tls_look_up, plain } what = What::plain;
  bool tcp = false;
  Endpoint to;
  std::string device;           // the socket is bound to it; empty: to none
  std::optional<Address> from;  // the socket is bound to that address
  std::string link;             // of a link-local destination; else empty
  bool as_root = false;         // else as an ordinary user, where that can be had
  std::string note;             // what the destination is; may be empty
};

// Random, new for each check: nobody else has ever used that name, address or port.
struct Dice {
  std::string token;  // kTokenSize characters of a-z and 2-7
  std::uint32_t number = 0;
};
inline constexpr std::size_t kTokenSize = 16;
Dice dice(Bytes twenty) noexcept;  // pre: 20 random bytes

// All that is worth trying there, at most kMostWaysOut; `left_out` says in words what was not tried
// and why. Destinations are addresses for documentation (RFC 5737, RFC 3849) but for resolvers,
// servers, and a tunnel that takes only a list of prefixes: then of these.
inline constexpr std::size_t kMostWaysOut = 400;
std::vector<Way> ways_out(const Terrain&, const Dice&, std::vector<std::string>& left_out);

// The word by which the canary of a way is known: part of the name it looks up, or of its payload.
std::string canary_word(const Dice&, std::size_t way);
// What it sends: a DNS query (RFC 1035; by TCP with its length in front), or the word.
std::vector<std::uint8_t> canary_content(const Way&, const Dice&, std::size_t way);

// Knows canaries again, whatever happened to them on their way: renamed in case, translated to
// another address, sent on by a resolver of this host.
class Recogniser {
 public:
  // `source_ports`: of each way's socket, which has it alone; 0: it could not be made.
  Recogniser(const std::vector<Way>&, const Dice&, std::vector<std::uint16_t> source_ports);

  // `type`: the EtherType; `packet`: what follows the link's header, maybe cut, maybe hostile. The
  // number of the way.
  std::optional<std::size_t> look(std::uint16_t type, Bytes packet) const noexcept;

 private:
  std::optional<std::size_t> by_word(Bytes) const noexcept;
  std::optional<std::size_t> by_ports(Bytes) const noexcept;
  std::optional<std::size_t> by_neighbour(std::uint16_t type, Bytes) const noexcept;
  std::optional<std::size_t> wanted(Bytes address) const noexcept;

  const std::vector<Way>& ways_;
  std::string token_;
  std::vector<std::uint16_t> ports_;
};

// "UDP to 10.0.0.1:53", "ARP for 192.0.2.7"; what cannot be read is "a frame of type 88b5".
std::string describe_packet(std::uint16_t type, Bytes packet);

enum class Fate : std::uint8_t {
  leaked,    // seen to leave by a device that is not the tunnel
  tunnel,    // seen to go into the tunnel
  refused,   // the kernel said no
  answered,  // seen nowhere, yet answered: this host did
  unseen,    // seen nowhere
};

struct Outcome {
  Way way;
  Fate fate = Fate::unseen;
  std::string detail;  // leaked: what was seen, and where; refused: why
};

// Schema "vpnd.check/1": within /1 fields are only added.
struct LeakReport {
  std::string interface, state, kill_switch;
  std::vector<std::string> watched;  // devices that were seen to show what leaves by them
  std::vector<Outcome> outcomes;
  std::vector<std::string> left_out;
  std::size_t leaks() const noexcept;
  // "leak", "clean", or "untested": the tunnel takes nothing that could be tried.
  std::string verdict() const;
};

std::string fate_name(Fate);
std::string describe(const Way&);      // "look-up at 10.0.0.1 by UDP, bound to eth0 (gateway)"
std::string print(const LeakReport&);  // for people
std::string to_json(const LeakReport&);

}  // namespace vpnd::plan
