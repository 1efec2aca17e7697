// SPDX-License-Identifier: ISC
#include "core/engine/address_pool.h"

#include <algorithm>

namespace vpnd::engine {
namespace {

constexpr std::uint8_t kShortestPrefix = 12;  // a million addresses; more is a slip of the pen

std::uint32_t host_mask(const Prefix& p) noexcept {
  const auto length = std::clamp<unsigned>(p.length, kShortestPrefix, 32);
  return length == 32 ? 0 : 0xffffffffu >> length;
}

}  // namespace

AddressPool::AddressPool(const Options& options)
    : options_(options), numbers_(host_mask(options.pool) + 1) {
  options_.pool = options.pool.masked();
}

std::uint32_t AddressPool::number(const Address& a) const noexcept {
  return load_be32(a.bytes().data()) & (numbers_ - 1);
}

Address AddressPool::address(std::uint32_t number) const noexcept {
  ByteArray<4> raw{};
  store_be32(raw.data(), load_be32(options_.pool.address.bytes().data()) + number);
  return Address::v4(raw);
}

bool AddressPool::leasable(std::uint32_t number) const noexcept {
  if (number >= numbers_ || address(number) == options_.server) return false;
  return numbers_ < 4 || (number != 0 && number != numbers_ - 1);
}

std::size_t AddressPool::usable() const noexcept {
  std::size_t n = numbers_ < 4 ? numbers_ : numbers_ - 2;
  if (options_.pool.contains(options_.server)) --n;
  return n;
}

// Free for this identity: nobody's, its own, or of one whose time has run out.
bool AddressPool::may_have(std::uint32_t number, const wire::Identity& id, TimePoint now) const {
  if (!leasable(number)) return false;
  const auto pin = pinned_to_.find(number);
  const bool pinned_to_us = pin != pinned_to_.end() && pin->second == id;
  if (pin != pinned_to_.end() && !pinned_to_us) return false;
  const auto owner = owners_.find(number);
  if (owner == owners_.end() || owner->second == id) return true;
  const Entry& e = entries_.at(owner->second);
  return e.held && e.reservations == 0 && (pinned_to_us || e.left + options_.hold <= now);
}

std::optional<std::uint32_t> AddressPool::wanted(const std::optional<Address>& wish,
                                                 const wire::Identity& id, TimePoint now) const {
  if (!wish || !wish->is_v4() || !options_.pool.contains(*wish)) return std::nullopt;
  const std::uint32_t n = number(*wish);
  return may_have(n, id, now) ? std::optional(n) : std::nullopt;
}

std::optional<std::uint32_t> AddressPool::unused(const wire::Identity& id, TimePoint now) {
  for (const std::uint32_t n : returned_) {
    if (may_have(n, id, now)) return n;
  }
  for (; fresh_ < numbers_; ++fresh_) {
    if (may_have(fresh_, id, now)) return fresh_;
    if (leasable(fresh_) && !owners_.contains(fresh_)) returned_.insert(fresh_);  // pinned
  }
  if (numbers_ < 4 && may_have(0, id, now)) return 0;
  for (const auto& [left, n] : held_) {
    if (left + options_.hold > now) break;
    if (may_have(n, id, now)) return n;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> AddressPool::choose(const wire::Identity& id, const Wish& wish,
                                                 TimePoint now) {
  const auto pin = pins_.find(id);
  if (pin != pins_.end()) {
    return may_have(pin->second, id, now) ? std::optional(pin->second) : std::nullopt;
  }
  if (const auto n = wanted(wish.requested, id, now)) return n;
  if (const auto own = entries_.find(id);
      own != entries_.end() && may_have(own->second.number, id, now)) {
    return own->second.number;
  }
  if (const auto n = wanted(wish.cookie, id, now)) return n;
  if (const auto n = wanted(options_.first, id, now)) return n;
  return unused(id, now);
}

std::optional<Address> AddressPool::reserve(const wire::Identity& id, const Wish& wish,
                                            TimePoint now) {
  const auto own = entries_.find(id);
  if (own != entries_.end() && (own->second.live || own->second.reservations != 0)) {
    ++own->second.reservations;
    return address(own->second.number);
  }
  const auto chosen = choose(id, wish, now);
  if (!chosen) return std::nullopt;
  if (own != entries_.end() && own->second.number != *chosen) forget(id);
  if (const auto owner = owners_.find(*chosen); owner != owners_.end() && owner->second != id) {
    forget(wire::Identity(owner->second));
  }
  returned_.erase(*chosen);
  owners_.insert_or_assign(*chosen, id);
  Entry& e = entries_[id];
  e.number = *chosen;
  e.reservations = 1;
  if (e.held) held_.erase({e.left, e.number});
  return address(*chosen);
}

void AddressPool::unhold(Entry& e) {
  held_.erase({e.left, e.number});
  e.held = false;
}

void AddressPool::forget(const wire::Identity& id) {
  const auto found = entries_.find(id);
  if (found->second.held) unhold(found->second);
  owners_.erase(found->second.number);
  returned_.insert(found->second.number);
  entries_.erase(found);
}

void AddressPool::release(const wire::Identity& id, TimePoint) {
  const auto found = entries_.find(id);
  if (found == entries_.end() || found->second.reservations == 0) return;
  Entry& e = found->second;
  if (--e.reservations != 0 || e.live) return;
  if (e.held) {
    held_.insert({e.left, e.number});
  } else {
    forget(id);
  }
}

void AddressPool::commit(const wire::Identity& id) {
  const auto found = entries_.find(id);
  if (found == entries_.end() || found->second.reservations == 0) return;
  --found->second.reservations;
  found->second.live = true;
  found->second.held = false;
}

void AddressPool::disconnect(const wire::Identity& id, TimePoint now) {
  const auto found = entries_.find(id);
  if (found == entries_.end() || !found->second.live) return;
  Entry& e = found->second;
  e.live = false;
  e.held = true;
  e.left = now;
  if (e.reservations == 0) held_.insert({e.left, e.number});
}

std::optional<Address> AddressPool::address_of(const wire::Identity& id) const {
  const auto found = entries_.find(id);
  if (found == entries_.end()) return std::nullopt;
  return address(found->second.number);
}

std::optional<Address> AddressPool::pinned(const wire::Identity& id) const {
  const auto found = pins_.find(id);
  if (found == pins_.end()) return std::nullopt;
  return address(found->second);
}

void AddressPool::pin(std::vector<std::pair<wire::Identity, Address>> pins) {
  pins_.clear();
  pinned_to_.clear();
  for (const auto& [id, a] : pins) {
    if (!a.is_v4() || !options_.pool.contains(a) || !leasable(number(a))) continue;
    if (!pinned_to_.emplace(number(a), id).second) continue;
    pins_.emplace(id, number(a));
  }
}

}  // namespace vpnd::engine
