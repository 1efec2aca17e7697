// SPDX-License-Identifier: ISC
#pragma once

// The two handshake payloads, the lease they carry, and the lease cookie. PROTOCOL.md 3 and 7.

#include <array>
#include <optional>

#include "core/base/addr.h"
#include "core/base/time.h"
#include "core/wire/messages.h"
#include "crypto/aead.h"
#include "crypto/secret.h"

namespace vpnd::wire {

using InstanceId = ByteArray<kInstanceId>;
using CookieBytes = ByteArray<kCookie>;

// Decoding ignores bits that this version does not know, and refuses a max_length outside
// [2048, kMaxPlaintext] or kinds without bit 0.
struct HelloC {
  std::uint16_t ciphers = 0;  // bits 1|2|4
  bool want_v6 = false;
  bool resume = false;
  std::uint32_t max_length = kMaxPlaintext;
  InstanceId instance{};
  CookieBytes cookie{};     // zero: none
  std::uint16_t kinds = 1;  // container kinds its TUN accepts, bit k = kind k
  Address requested_v4;     // 0.0.0.0: any

  void encode(std::span<std::uint8_t, kHelloC> out) const noexcept;
  static std::optional<HelloC> decode(std::span<const std::uint8_t, kHelloC> in) noexcept;
  friend bool operator==(const HelloC&, const HelloC&) = default;
};

// hello_s[16..127], and the body of LEASE. A server without IPv6 leaves the v6 fields unspecified
// and their prefix length 0; a v6 field that is zero decodes as Address(). Only the prefix lengths
// are checked here: whether the addresses make sense is for the client to say.
struct Lease {
  std::uint32_t seconds = 0;
  std::uint16_t mtu = 0;
  std::uint16_t keepalive = 0;  // seconds
  Prefix client_v4;             // address and prefix length
  Address server_v4;
  Address dns_v4;  // unspecified: none
  Prefix client_v6;
  Address server_v6;
  Address dns_v6;
  CookieBytes cookie{};

  void encode(std::span<std::uint8_t, kLease> out) const noexcept;
  static std::optional<Lease> decode(std::span<const std::uint8_t, kLease> in) noexcept;
  bool has_v6() const noexcept { return client_v6.length != 0; }
  friend bool operator==(const Lease&, const Lease&) = default;
};

struct HelloS {
  Status status = Status::ok;
  crypto::Cipher cipher = crypto::Cipher::chacha20_poly1305;
  std::uint16_t kinds = 1;
  std::uint32_t max_length = kMaxPlaintext;
  WallMs server_time = 0;
  Lease lease;

  void encode(std::span<std::uint8_t, kHelloS> out) const noexcept;  // zero after a status != ok
  static std::optional<HelloS> decode(std::span<const std::uint8_t, kHelloS> in) noexcept;
  friend bool operator==(const HelloS&, const HelloS&) = default;
};

inline constexpr std::array kCipherOrder{crypto::Cipher::aegis256, crypto::Cipher::aes256_gcm,
                                         crypto::Cipher::chacha20_poly1305};
// The first of them in both; nullopt if there is none.
std::optional<crypto::Cipher> choose_cipher(std::uint16_t offered, std::uint16_t own) noexcept;

// A client: its static key in mode P, its instance id (zero-padded) in mode S.
struct Identity {
  ByteArray<32> bytes{};
  std::uint8_t size = 0;  // 32 or 16
  Bytes view() const noexcept { return {bytes.data(), size}; }
  friend auto operator<=>(const Identity&, const Identity&) noexcept = default;
};

struct Cookie {
  Address v4;
  ByteArray<8> v6_suffix{};
  WallMs issued = 0;
};
CookieBytes make_cookie(const Cookie&, const crypto::Key& lease_secret, const Identity&);
std::optional<Cookie> read_cookie(const CookieBytes&, const crypto::Key& lease_secret,
                                  const Identity&);

}  // namespace vpnd::wire
