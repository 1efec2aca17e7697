// SPDX-License-Identifier: ISC
#pragma once

// Which connection owns an inner address: longest prefix match. Nearly all prefixes are leases, so
// one hash table and a short list of the prefix lengths in use beats a tree.

#include <array>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "core/base/addr.h"

namespace vpnd::engine {

class AllowedIps {
 public:
  using Owner = std::uint32_t;
  void insert(const Prefix&, Owner);  // replaces the owner
  bool erase(const Prefix&, Owner);   // false: somebody else's, or unknown
  std::optional<Owner> find(const Address&) const noexcept;
  std::size_t size() const noexcept { return owners_.size(); }

 private:
  struct Hash {
    std::size_t operator()(const Prefix&) const noexcept;
  };
  struct Lengths {
    std::array<std::uint32_t, 129> uses{};
    std::vector<std::uint8_t> longest_first;
    void add(std::uint8_t length);
    void drop(std::uint8_t length);
  };
  Lengths& lengths(const Address& a) noexcept { return a.is_v4() ? v4_ : v6_; }

  std::unordered_map<Prefix, Owner, Hash> owners_;  // keys are masked
  Lengths v4_, v6_;
};

}  // namespace vpnd::engine
