// SPDX-License-Identifier: ISC
#include "crypto/secret.h"

#include <sodium.h>

#include <array>
#include <bit>
#include <mutex>
#include <new>
#include <vector>

namespace vpnd::crypto::arena {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{2} << 20;
constexpr std::size_t kSmallest = 32;  // slot sizes are powers of two from here up
constexpr std::size_t kClasses = 8;    // 32 ... 4096

constexpr std::size_t class_of(std::size_t bytes) noexcept {
  const std::size_t rounded = std::bit_ceil(bytes < kSmallest ? kSmallest : bytes);
  return static_cast<std::size_t>(std::countr_zero(rounded) - std::countr_zero(kSmallest));
}

// Cut from the front of the newest block on demand; a slot that came back serves its own size only.
struct Arena {
  std::mutex mutex;
  std::array<std::vector<std::uint8_t*>, kClasses> free;
  std::array<std::size_t, kClasses> made{};
  std::uint8_t* rest = nullptr;
  std::size_t rest_bytes = 0;
  bool locked = true;

  void grow(std::size_t bytes) {
    auto* block = static_cast<std::uint8_t*>(sodium_malloc(bytes));
    if (block == nullptr) throw std::bad_alloc();
    // sodium_malloc locks too but keeps quiet about failure; asking again tells.
    if (sodium_mlock(block, bytes) != 0) locked = false;
    sodium_memzero(block, bytes);
    rest = block;
    rest_bytes = bytes;
  }

  std::uint8_t* cut(std::size_t size_class) {
    const std::size_t bytes = kSmallest << size_class;
    // Room for its return is made now, so that give_back never allocates.
    free[size_class].reserve(std::bit_ceil(made[size_class] + 1));
    if (rest_bytes < bytes) grow(kBlockBytes);
    std::uint8_t* slot = rest;
    rest += bytes;
    rest_bytes -= bytes;
    ++made[size_class];
    return slot;
  }
};

// Never destroyed: a Secret of static storage may outlive anything destroyed at exit.
Arena& arena() {
  static auto* const instance = new Arena;
  return *instance;
}

}  // namespace

std::uint8_t* take(std::size_t bytes) {
  const std::size_t size_class = class_of(bytes);
  if (bytes == 0 || size_class >= kClasses) throw std::bad_alloc();
  Arena& a = arena();
  const std::lock_guard lock(a.mutex);
  auto& free = a.free[size_class];
  if (free.empty()) return a.cut(size_class);
  std::uint8_t* slot = free.back();
  free.pop_back();
  return slot;
}

void give_back(std::uint8_t* slot, std::size_t bytes) noexcept {
  const std::size_t size_class = class_of(bytes);
  sodium_memzero(slot, kSmallest << size_class);
  Arena& a = arena();
  const std::lock_guard lock(a.mutex);
  a.free[size_class].push_back(slot);
}

void reserve(std::size_t bytes) {
  Arena& a = arena();
  const std::lock_guard lock(a.mutex);
  if (a.rest_bytes < bytes) a.grow((bytes + kBlockBytes - 1) / kBlockBytes * kBlockBytes);
}

bool locked() noexcept {
  Arena& a = arena();
  const std::lock_guard lock(a.mutex);
  return a.locked;
}

}  // namespace vpnd::crypto::arena
