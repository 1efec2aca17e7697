// SPDX-License-Identifier: ISC
#include "core/engine/source.h"

#include <algorithm>
#include <array>

namespace vpnd::engine {
namespace {

constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

Source source_of(const Address& address) noexcept {
  const Bytes b = address.bytes();
  if (address.is_v4()) return {load_be32(b.data()), false};
  if (std::equal(kMapped.begin(), kMapped.end(), b.begin())) {
    return {load_be32(b.data() + kMapped.size()), false};
  }
  return {load_le64(b.data()), true};
}

std::size_t SourceHash::operator()(const Source& s) const noexcept {
  return static_cast<std::size_t>(mix_bits((s.bits ^ seed) + (s.v6 ? 1u : 0u)));
}

}  // namespace vpnd::engine
