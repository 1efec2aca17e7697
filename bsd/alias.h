// SPDX-License-Identifier: ISC
#pragma once

// The arguments of the ioctl(2) calls that set up an interface, as bytes. All of them begin with
// its name; the numbers of the requests are in Traits. pre: the name has at most 15 bytes.

#include <string>
#include <vector>

#include "bsd/traits.h"
#include "core/base/addr.h"
#include "core/base/bytes.h"

namespace vpnd::bsd {

// One ioctl(2) on a socket of that family.
struct Ioctl {
  Family family = Family::v4;
  std::uint32_t number = 0;
  std::vector<std::uint8_t> argument;
};

// The flags come back in the argument: flags_in().
Ioctl ask_flags(const Traits&, const std::string& interface);
std::uint16_t flags_in(Bytes argument) noexcept;  // IFF_*
Ioctl set_flags(const Traits&, const std::string& interface, std::uint16_t flags);
inline constexpr std::uint16_t kIffUp = 0x1;

Ioctl set_mtu(const Traits&, const std::string& interface, Mtu);
Ioctl destroy(const Traits&, const std::string& interface);

// Both ends of a tunnel; the kernel makes the host route to `peer` by itself. An IPv6 address is
// ready at once: nobody else on a tunnel could have it, and nobody is asked. pre: of one family.
Ioctl add_address(const Traits&, const std::string& interface, const Address& own,
                  const Address& peer);
Ioctl delete_address(const Traits&, const std::string& interface, const Address& own);

}  // namespace vpnd::bsd
