// SPDX-License-Identifier: ISC
#pragma once

// struct sockaddr as bytes: length, family, and what follows. Ports are zero.

#include <cstring>
#include <type_traits>

#include "bsd/traits.h"
#include "core/base/addr.h"
#include "core/base/bytes.h"

namespace vpnd::bsd {

inline constexpr std::uint8_t kSizeOfV4 = 16, kSizeOfV6 = 28;  // sockaddr_in, sockaddr_in6
inline constexpr std::size_t kBytesAtV4 = 4, kBytesAtV6 = 8, kScopeAtV6 = 24;

// Integers of the kernel, in host order.
template<typename T>
T load(const std::uint8_t* p) noexcept {
  static_assert(std::is_unsigned_v<T>);
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}
template<typename T>
void store(std::uint8_t* p, T value) noexcept {
  static_assert(std::is_unsigned_v<T>);
  std::memcpy(p, &value, sizeof value);
}

inline std::uint8_t size_of(const Address& a) noexcept {
  return a.is_v4() ? kSizeOfV4 : kSizeOfV6;
}
bool is_link_local(const Address&) noexcept;  // of IPv6
Address mask_of(const Prefix&) noexcept;

// pre: room for size_of(a). `scope` is the interface of a link-local address.
void put(const Traits&, std::uint8_t* room, const Address& a, std::uint16_t scope = 0) noexcept;

}  // namespace vpnd::bsd
