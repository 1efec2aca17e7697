// SPDX-License-Identifier: ISC
#include "core/wire/hello.h"

#include <algorithm>
#include <string_view>

#include "core/base/bytes.h"
#include "crypto/hash.h"

namespace vpnd::wire {
namespace {

constexpr std::uint16_t kKnownCiphers = 7;
constexpr std::uint16_t kKnownKinds = 0x1f;
constexpr std::uint16_t kWantV6 = 1, kResume = 2;
constexpr std::uint32_t kLeastLength = 2048;
constexpr std::size_t kCookieBody = 24;

void put(std::uint8_t* to, const Address& address, std::size_t size) noexcept {
  const Bytes from = address.bytes();
  if (from.size() == size) std::copy(from.begin(), from.end(), to);
}

template<std::size_t N>
void put(std::uint8_t* to, const ByteArray<N>& from) noexcept {
  std::copy(from.begin(), from.end(), to);
}

template<std::size_t N>
void get(ByteArray<N>& to, const std::uint8_t* from) noexcept {
  std::copy_n(from, N, to.begin());
}

Address get_v4(const std::uint8_t* from) noexcept {
  return Address::v4(Bytes(from, 4));
}

// Zero stands for "none", which is Address() in both families.
Address get_v6(const std::uint8_t* from) noexcept {
  const Address a = Address::v6(Bytes(from, 16));
  return a.unspecified() ? Address() : a;
}

bool plausible(std::uint32_t max_length, std::uint16_t kinds) noexcept {
  return max_length >= kLeastLength && max_length <= kMaxPlaintext && (kinds & 1) != 0;
}

bool known(Status status) noexcept {
  switch (status) {
    case Status::ok:
    case Status::no_address:
    case Status::version:
    case Status::refused:
    case Status::busy:
      return true;
  }
  return false;
}

bool known(crypto::Cipher cipher) noexcept {
  switch (cipher) {
    case crypto::Cipher::chacha20_poly1305:
    case crypto::Cipher::aes256_gcm:
    case crypto::Cipher::aegis256:
      return true;
  }
  return false;
}

Bytes text(std::string_view label) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(label.data()), label.size()};
}

ByteArray<16> cookie_mac(Bytes body, const crypto::Key& lease_secret, const Identity& identity) {
  return crypto::mac16(lease_secret.bytes(), {text("vpnd/1 lease"), body, identity.view()});
}

}  // namespace

void HelloC::encode(std::span<std::uint8_t, kHelloC> out) const noexcept {
  std::fill(out.begin(), out.end(), std::uint8_t{0});
  store_le16(&out[0], ciphers);
  store_le16(&out[2], static_cast<std::uint16_t>((want_v6 ? kWantV6 : 0) | (resume ? kResume : 0)));
  store_le32(&out[4], max_length);
  put(&out[8], instance);
  put(&out[24], cookie);
  store_le16(&out[64], kinds);
  put(&out[68], requested_v4, 4);
}

std::optional<HelloC> HelloC::decode(std::span<const std::uint8_t, kHelloC> in) noexcept {
  HelloC h;
  h.ciphers = load_le16(&in[0]) & kKnownCiphers;
  const std::uint16_t flags = load_le16(&in[2]);
  h.want_v6 = (flags & kWantV6) != 0;
  h.resume = (flags & kResume) != 0;
  h.max_length = load_le32(&in[4]);
  get(h.instance, &in[8]);
  get(h.cookie, &in[24]);
  h.kinds = load_le16(&in[64]) & kKnownKinds;
  h.requested_v4 = get_v4(&in[68]);
  if (!plausible(h.max_length, h.kinds)) return std::nullopt;
  return h;
}

void Lease::encode(std::span<std::uint8_t, kLease> out) const noexcept {
  std::fill(out.begin(), out.end(), std::uint8_t{0});
  store_le32(&out[0], seconds);
  store_le16(&out[4], mtu);
  store_le16(&out[6], keepalive);
  out[8] = client_v4.length;
  out[9] = client_v6.length;
  put(&out[12], client_v4.address, 4);
  put(&out[16], server_v4, 4);
  put(&out[20], dns_v4, 4);
  put(&out[24], client_v6.address, 16);
  put(&out[40], server_v6, 16);
  put(&out[56], dns_v6, 16);
  put(&out[72], cookie);
}

std::optional<Lease> Lease::decode(std::span<const std::uint8_t, kLease> in) noexcept {
  Lease l;
  l.seconds = load_le32(&in[0]);
  l.mtu = load_le16(&in[4]);
  l.keepalive = load_le16(&in[6]);
  if (in[8] > 32 || in[9] > 128) return std::nullopt;
  l.client_v4 = {get_v4(&in[12]), in[8]};
  l.server_v4 = get_v4(&in[16]);
  l.dns_v4 = get_v4(&in[20]);
  l.client_v6 = {get_v6(&in[24]), in[9]};
  l.server_v6 = get_v6(&in[40]);
  l.dns_v6 = get_v6(&in[56]);
  get(l.cookie, &in[72]);
  return l;
}

void HelloS::encode(std::span<std::uint8_t, kHelloS> out) const noexcept {
  std::fill(out.begin(), out.end(), std::uint8_t{0});
  out[0] = static_cast<std::uint8_t>(status);
  if (status != Status::ok) return;
  out[1] = static_cast<std::uint8_t>(cipher);
  store_le16(&out[2], kinds & kKnownKinds);
  store_le32(&out[4], max_length);
  store_le64(&out[8], server_time);
  lease.encode(out.subspan<kHelloS - kLease>());
}

std::optional<HelloS> HelloS::decode(std::span<const std::uint8_t, kHelloS> in) noexcept {
  HelloS h;
  h.status = static_cast<Status>(in[0]);
  if (!known(h.status)) return std::nullopt;
  if (h.status != Status::ok) return h;
  h.cipher = static_cast<crypto::Cipher>(in[1]);
  h.kinds = load_le16(&in[2]) & kKnownKinds;
  h.max_length = load_le32(&in[4]);
  h.server_time = load_le64(&in[8]);
  const auto lease = Lease::decode(in.subspan<kHelloS - kLease>());
  if (!known(h.cipher) || !plausible(h.max_length, h.kinds) || !lease) return std::nullopt;
  h.lease = *lease;
  return h;
}

std::optional<crypto::Cipher> choose_cipher(std::uint16_t offered, std::uint16_t own) noexcept {
  for (const auto c : kCipherOrder) {
    if ((offered & own & static_cast<unsigned>(c)) != 0) return c;
  }
  return std::nullopt;
}

CookieBytes make_cookie(const Cookie& cookie, const crypto::Key& lease_secret,
                        const Identity& identity) {
  CookieBytes out{};
  put(&out[0], cookie.v4, 4);
  put(&out[4], cookie.v6_suffix);
  store_le64(&out[12], cookie.issued);
  put(&out[kCookieBody], cookie_mac(Bytes(out).first(kCookieBody), lease_secret, identity));
  return out;
}

std::optional<Cookie> read_cookie(const CookieBytes& in, const crypto::Key& lease_secret,
                                  const Identity& identity) {
  const auto mac = cookie_mac(Bytes(in).first(kCookieBody), lease_secret, identity);
  if (!crypto::equal(mac, Bytes(in).subspan(kCookieBody))) return std::nullopt;
  Cookie cookie;
  cookie.v4 = get_v4(&in[0]);
  get(cookie.v6_suffix, &in[4]);
  cookie.issued = load_le64(&in[12]);
  return cookie;
}

}  // namespace vpnd::wire
