// SPDX-License-Identifier: ISC
#include "bsd/sockaddr.h"

#include <algorithm>
#include <array>

namespace vpnd::bsd {

bool is_link_local(const Address& a) noexcept {
  return !a.is_v4() && a.bytes()[0] == 0xfe && (a.bytes()[1] & 0xc0) == 0x80;
}

Address mask_of(const Prefix& p) noexcept {
  ByteArray<16> ones;
  ones.fill(0xff);
  const Bytes all = Bytes(ones).first(p.address.bytes().size());
  return Prefix{p.address.is_v4() ? Address::v4(all) : Address::v6(all), p.length}.masked().address;
}

void put(const Traits& t, std::uint8_t* room, const Address& a, std::uint16_t scope) noexcept {
  room[0] = size_of(a);
  room[1] = a.is_v4() ? kInet : t.inet6;
  std::uint8_t* const bytes = room + (a.is_v4() ? kBytesAtV4 : kBytesAtV6);
  std::ranges::copy(a.bytes(), bytes);
  if (scope == 0 || !is_link_local(a)) return;
  if (t.embeds_scope) {
    store_be16(bytes + 2, scope);
  } else {
    store<std::uint32_t>(room + kScopeAtV6, scope);
  }
}

}  // namespace vpnd::bsd
