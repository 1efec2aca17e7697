// SPDX-License-Identifier: ISC
#include "core/wire/pushed_config.h"

#include <algorithm>
#include <array>
#include <utility>

namespace vpnd::wire {
namespace {

enum class Tlv : std::uint8_t { resolver = 1, domain = 2, route = 3, load = 4 };
constexpr std::size_t kTlvHeader = 3, kLoad = 6;

struct Writer {
  MutBytes out;
  std::size_t used = 0;
  bool ok = true;

  void put(Tlv type, Bytes first, Bytes second = {}) noexcept {
    const std::size_t length = first.size() + second.size();
    if (!ok || out.size() - used < kTlvHeader + length) {
      ok = false;
      return;
    }
    out[used] = static_cast<std::uint8_t>(type);
    store_le16(&out[used + 1], static_cast<std::uint16_t>(length));
    const auto at = out.begin() + static_cast<std::ptrdiff_t>(used + kTlvHeader);
    std::ranges::copy(second, std::ranges::copy(first, at).out);
    used += kTlvHeader + length;
  }
};

std::optional<Address> read_address(Bytes value) noexcept {
  if (value.size() == 4) return Address::v4(value);
  if (value.size() == 16) return Address::v6(value);
  return std::nullopt;
}

bool read_resolver(Bytes value, PushedConfig& c) {
  const auto address = read_address(value);
  if (!address || address->unspecified()) return false;
  if (c.resolvers.size() < kMaxResolvers) c.resolvers.push_back(*address);
  return true;
}

bool read_domain(Bytes value, PushedConfig& c) {
  const std::string name(value.begin(), value.end());
  if (!valid_domain(name)) return false;
  if (c.domains.size() < kMaxDomains) c.domains.push_back(name);
  return true;
}

bool read_route(Bytes value, PushedConfig& c) {
  const auto address = read_address(value.subspan(1));
  if (!address || value[0] > address->bits()) return false;
  if (c.routes.size() < kMaxRoutes) c.routes.push_back(Prefix{*address, value[0]}.masked());
  return true;
}

// One TLV. `named` remembers which types this message has named already.
bool read_tlv(std::uint8_t type, Bytes value, std::array<bool, 5>& named, PushedConfig& c) {
  if (type == 0 || type >= named.size()) return true;  // unknown types are skipped
  const auto known = static_cast<Tlv>(type);
  const bool first = !std::exchange(named[type], true);
  switch (known) {
    case Tlv::resolver:
      if (first) c.resolvers.clear();
      return value.empty() || read_resolver(value, c);
    case Tlv::domain:
      if (first) c.domains.clear();
      return value.empty() || read_domain(value, c);
    case Tlv::route:
      if (first) c.routes.clear();
      return value.empty() || read_route(value, c);
    case Tlv::load:
      return value.empty() || value.size() == kLoad;
  }
  return true;
}

bool label_char(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

Bytes text_bytes(std::string_view s) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(s.data()), s.size()};
}

}  // namespace

bool valid_domain(std::string_view name) noexcept {
  if (name.empty() || name.size() > 253) return false;
  std::size_t label = 0;
  for (const char c : name) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
    } else if (!label_char(c) || ++label > 63) {
      return false;
    }
  }
  return label != 0;
}

std::optional<std::size_t> encode_config(const PushedConfig& c, MutBytes out) noexcept {
  Writer w{out};
  if (c.resolvers.empty()) w.put(Tlv::resolver, {});
  for (const Address& a : c.resolvers) w.put(Tlv::resolver, a.bytes());
  if (c.domains.empty()) w.put(Tlv::domain, {});
  for (const std::string& d : c.domains) {
    if (!valid_domain(d)) return std::nullopt;
    w.put(Tlv::domain, text_bytes(d));
  }
  if (c.routes.empty()) w.put(Tlv::route, {});
  for (const Prefix& p : c.routes) w.put(Tlv::route, Bytes(&p.length, 1), p.address.bytes());
  if (!w.ok) return std::nullopt;
  return w.used;
}

bool apply_config(Bytes tlvs, PushedConfig& config) {
  PushedConfig next = config;
  std::array<bool, 5> named{};
  while (!tlvs.empty()) {
    if (tlvs.size() < kTlvHeader) return false;
    const std::size_t length = load_le16(&tlvs[1]);
    if (tlvs.size() - kTlvHeader < length) return false;
    if (!read_tlv(tlvs[0], tlvs.subspan(kTlvHeader, length), named, next)) return false;
    tlvs = tlvs.subspan(kTlvHeader + length);
  }
  config = std::move(next);
  return true;
}

}  // namespace vpnd::wire
