// SPDX-License-Identifier: ISC
#pragma once

// Fixed bytes that move, never copy, and wipe themselves. All of them live in one locked arena
// (guard pages, mlock, left out of core dumps), in slots; a Secret is a handle on its slots.

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace vpnd::crypto {

namespace arena {
// Slots are zero, and 16-byte aligned, as AES-GCM's expanded key must be. At most 4096 bytes. The
// arena grows by whole locked blocks; std::bad_alloc only when the system has no memory left. Only
// set-up and handshakes take slots, and their number is bounded.
std::uint8_t* take(std::size_t bytes);
void give_back(std::uint8_t* slot, std::size_t bytes) noexcept;  // wipes
// Makes the next `bytes` of slots come without a system call, for a process about to be confined.
// Locks do not survive fork: call it, and take the first slot, in the process that keeps the keys.
void reserve(std::size_t bytes);
bool locked() noexcept;  // false where RLIMIT_MEMLOCK did not allow it: warn once and go on
}  // namespace arena

template<std::size_t N>
class Secret {
 public:
  static constexpr std::size_t size = N;

  Secret() : bytes_(arena::take(N)) {}  // all zero
  explicit Secret(std::span<const std::uint8_t, N> from) : Secret() {
    for (std::size_t i = 0; i < N; ++i) bytes_[i] = from[i];
  }
  Secret(Secret&& other) noexcept : bytes_(std::exchange(other.bytes_, nullptr)) {}
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      wipe();
      bytes_ = std::exchange(other.bytes_, nullptr);
    }
    return *this;
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { wipe(); }

  // Copies are made by name only. Pre: !empty().
  Secret clone() const { return Secret(bytes()); }
  std::span<const std::uint8_t, N> bytes() const noexcept {
    return std::span<const std::uint8_t, N>(bytes_, N);
  }
  std::span<std::uint8_t, N> mut() noexcept { return std::span<std::uint8_t, N>(bytes_, N); }
  bool empty() const noexcept { return bytes_ == nullptr; }  // moved from, or wiped
  void wipe() noexcept {
    if (bytes_ != nullptr) arena::give_back(std::exchange(bytes_, nullptr), N);
  }

 private:
  std::uint8_t* bytes_;
};

using Key = Secret<32>;

}  // namespace vpnd::crypto
