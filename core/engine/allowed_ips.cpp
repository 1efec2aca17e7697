// SPDX-License-Identifier: ISC
#include "core/engine/allowed_ips.h"

#include <algorithm>
#include <functional>

#include "core/engine/source.h"

namespace vpnd::engine {

std::size_t AllowedIps::Hash::operator()(const Prefix& p) const noexcept {
  const Bytes b = p.address.bytes();
  if (p.address.is_v4()) {
    return static_cast<std::size_t>(
        mix_bits((std::uint64_t{p.length} << 32) | load_le32(b.data())));
  }
  return static_cast<std::size_t>(
      mix_bits(load_le64(b.data()) ^ mix_bits(load_le64(b.data() + 8) + p.length)));
}

void AllowedIps::Lengths::add(std::uint8_t length) {
  if (uses[length]++ != 0) return;
  longest_first.insert(
      std::upper_bound(longest_first.begin(), longest_first.end(), length, std::greater<>()),
      length);
}

void AllowedIps::Lengths::drop(std::uint8_t length) {
  if (--uses[length] == 0) std::erase(longest_first, length);
}

void AllowedIps::insert(const Prefix& prefix, Owner owner) {
  const Prefix key = prefix.masked();
  if (owners_.insert_or_assign(key, owner).second) lengths(key.address).add(key.length);
}

bool AllowedIps::erase(const Prefix& prefix, Owner owner) {
  const auto found = owners_.find(prefix.masked());
  if (found == owners_.end() || found->second != owner) return false;
  lengths(found->first.address).drop(found->first.length);
  owners_.erase(found);
  return true;
}

std::optional<AllowedIps::Owner> AllowedIps::find(const Address& address) const noexcept {
  for (const std::uint8_t length : (address.is_v4() ? v4_ : v6_).longest_first) {
    const auto found = owners_.find(Prefix{address, length}.masked());
    if (found != owners_.end()) return found->second;
  }
  return std::nullopt;
}

}  // namespace vpnd::engine
