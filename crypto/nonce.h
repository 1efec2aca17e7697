// SPDX-License-Identifier: ISC
#pragma once

// A nonce that cannot be named twice: Nonce has no public constructor, and a counter hands each
// number out once.

#include <cstdint>

namespace vpnd::crypto {

class Nonce {
 public:
  std::uint64_t number() const noexcept { return number_; }

 private:
  friend class NonceCounter;
  explicit Nonce(std::uint64_t n) noexcept : number_(n) {}
  std::uint64_t number_;
};

class NonceCounter {
 public:
  NonceCounter() noexcept = default;
  // A counter that begins elsewhere, for known answers; there is no way back to a used number.
  static NonceCounter starting_at(std::uint64_t n) noexcept {
    NonceCounter c;
    c.next_ = n;
    return c;
  }
  NonceCounter(const NonceCounter&) = delete;
  NonceCounter& operator=(const NonceCounter&) = delete;
  NonceCounter(NonceCounter&& other) noexcept : next_(other.next_) { other.next_ = kSpent; }
  NonceCounter& operator=(NonceCounter&& other) noexcept {
    next_ = other.next_;
    other.next_ = kSpent;
    return *this;
  }

  bool spent() const noexcept { return next_ == kSpent; }
  std::uint64_t next() const noexcept { return next_; }  // to look at, not to encrypt with
  Nonce take() noexcept { return Nonce(next_ == kSpent ? kSpent : next_++); }  // pre: !spent()

 private:
  static constexpr std::uint64_t kSpent = ~std::uint64_t{0};
  std::uint64_t next_ = 0;
};

}  // namespace vpnd::crypto
