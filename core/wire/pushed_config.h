// SPDX-License-Identifier: ISC
#pragma once

// CONFIG: what a server tells besides the lease, as TLVs "u8 type, u16 length, value". Each CONFIG
// replaces the types it names. PROTOCOL.md 5.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/addr.h"
#include "core/base/bytes.h"

namespace vpnd::wire {

struct PushedConfig {
  std::vector<Address> resolvers;
  std::vector<std::string> domains;
  std::vector<Prefix> routes;
  friend bool operator==(const PushedConfig&, const PushedConfig&) = default;
};

// A reader keeps the first so many of each type and skips the others: what a server sends must not
// decide how much its client holds.
inline constexpr std::size_t kMaxResolvers = 16, kMaxDomains = 64, kMaxRoutes = 1024;

// Names all three types, so that the whole of the older configuration is replaced. Returns the
// bytes written; nullopt if `out` is too small or a value is not fit to be sent.
std::optional<std::size_t> encode_config(const PushedConfig&, MutBytes out) noexcept;
// Changes `config` as the TLVs say. False if they are malformed; `config` is then unchanged.
bool apply_config(Bytes tlvs, PushedConfig& config);

// A name without final dot, at most 253 bytes, made of labels of 1 to 63 letters, digits, '-' and
// '_': it will be written into a resolver file.
bool valid_domain(std::string_view) noexcept;

}  // namespace vpnd::wire
