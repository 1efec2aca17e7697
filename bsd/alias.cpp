// SPDX-License-Identifier: ISC
#include "bsd/alias.h"

#include <algorithm>

#include "bsd/sockaddr.h"

namespace vpnd::bsd {
namespace {

// IFNAMSIZ; what follows the name in an ifreq is at the same offset.
constexpr std::size_t kNameSize = 16;
// struct ifaliasreq, struct in6_aliasreq.
constexpr std::size_t kPeerAtV4 = 32, kMaskAtV4 = 48;
constexpr std::size_t kPeerAtV6 = 44, kMaskAtV6 = 72, kFlagsAtV6 = 100, kValidAtV6 = 120,
                      kPreferredAtV6 = 124;
constexpr std::uint32_t kForEver = 0xffffffff;

std::vector<std::uint8_t> named(std::size_t size, const std::string& interface) {
  std::vector<std::uint8_t> out(size);
  std::ranges::copy(interface.substr(0, kNameSize - 1), out.begin());
  return out;
}

}  // namespace

Ioctl ask_flags(const Traits& t, const std::string& interface) {
  return {Family::v4, t.get_flags, named(t.ifreq, interface)};
}

std::uint16_t flags_in(Bytes argument) noexcept {
  return load<std::uint16_t>(&argument[kNameSize]);
}

Ioctl set_flags(const Traits& t, const std::string& interface, std::uint16_t flags) {
  Ioctl out{Family::v4, t.set_flags, named(t.ifreq, interface)};
  store<std::uint16_t>(&out.argument[kNameSize], flags);
  return out;
}

Ioctl set_mtu(const Traits& t, const std::string& interface, Mtu mtu) {
  Ioctl out{Family::v4, t.set_mtu, named(t.ifreq, interface)};
  store<std::uint32_t>(&out.argument[kNameSize], mtu);
  return out;
}

Ioctl destroy(const Traits& t, const std::string& interface) {
  return {Family::v4, t.destroy, named(t.ifreq, interface)};
}

Ioctl add_address(const Traits& t, const std::string& interface, const Address& own,
                  const Address& peer) {
  const bool v4 = own.is_v4();
  Ioctl out{own.family(), v4 ? t.add_v4 : t.add_v6, named(v4 ? t.alias_v4 : t.alias_v6, interface)};
  std::uint8_t* const at = out.argument.data();
  put(t, at + kNameSize, own);
  put(t, at + (v4 ? kPeerAtV4 : kPeerAtV6), peer);
  put(t, at + (v4 ? kMaskAtV4 : kMaskAtV6), mask_of(Prefix::host(own)));
  if (v4) return out;
  store<std::uint32_t>(at + kFlagsAtV6, t.no_dad);
  store<std::uint32_t>(at + kValidAtV6, kForEver);
  store<std::uint32_t>(at + kPreferredAtV6, kForEver);
  return out;
}

Ioctl delete_address(const Traits& t, const std::string& interface, const Address& own) {
  const bool v4 = own.is_v4();
  Ioctl out{own.family(), v4 ? t.delete_v4 : t.delete_v6,
            named(v4 ? t.ifreq : t.ifreq_v6, interface)};
  put(t, out.argument.data() + kNameSize, own);
  return out;
}

}  // namespace vpnd::bsd
