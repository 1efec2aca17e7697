// SPDX-License-Identifier: ISC
#pragma once

// Addresses as values. Bytes are in network order; ports and prefix lengths in host order.

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/bytes.h"

namespace vpnd {

enum class Family : std::uint8_t { v4, v6 };

class Address {
 public:
  constexpr Address() noexcept = default;  // 0.0.0.0
  static Address v4(Bytes four) noexcept;  // pre: four.size() == 4
  static Address v6(Bytes sixteen) noexcept;
  static Address v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) noexcept;
  static std::optional<Address> parse(std::string_view text) noexcept;  // no name look-up

  Family family() const noexcept { return family_; }
  bool is_v4() const noexcept { return family_ == Family::v4; }
  Bytes bytes() const noexcept { return {bytes_.data(), is_v4() ? 4u : 16u}; }
  std::uint8_t bits() const noexcept { return is_v4() ? 32 : 128; }
  bool unspecified() const noexcept;
  std::string text() const;

  friend auto operator<=>(const Address&, const Address&) noexcept = default;

 private:
  Family family_ = Family::v4;
  std::array<std::uint8_t, 16> bytes_{};  // a v4 address uses the first four, the rest are zero
};

// An inner network. Host bits may be set: 10.9.0.2/24 is also how an interface address is written.
struct Prefix {
  Address address;
  std::uint8_t length = 0;

  static std::optional<Prefix> parse(std::string_view text) noexcept;  // without "/n": a host
  static Prefix host(const Address& a) noexcept { return {a, a.bits()}; }
  Prefix masked() const noexcept;  // host bits cleared
  bool contains(const Address& a) const noexcept;
  bool contains(const Prefix& p) const noexcept;
  std::string text() const;
  friend auto operator<=>(const Prefix&, const Prefix&) noexcept = default;
};

// An outer address and port.
struct Endpoint {
  Address address;
  std::uint16_t port = 0;

  static std::optional<Endpoint> parse(std::string_view text) noexcept;  // 1.2.3.4:443, [::1]:443
  std::string text() const;
  friend auto operator<=>(const Endpoint&, const Endpoint&) noexcept = default;
};

enum class Fwmark : std::uint32_t {};
enum class Table : std::uint32_t {};
using Mtu = std::uint16_t;

inline constexpr Fwmark kDefaultFwmark{42069};
inline constexpr Table kDefaultTable{42069};
inline constexpr std::uint8_t kRouteProtocol = 85;  // tags our rules and routes; 42069 & 0xff

}  // namespace vpnd
