// SPDX-License-Identifier: ISC
#include "crypto/hash.h"

#include <sodium.h>

namespace vpnd::crypto {
namespace {

using Parts = std::initializer_list<std::span<const std::uint8_t>>;
constexpr std::size_t kHmacBlock = 128;

// The state holds what was hashed last, key included, so it does not outlive its use.
class Blake2b {
 public:
  Blake2b(std::span<const std::uint8_t> key, std::size_t length) noexcept : length_(length) {
    crypto_generichash_init(&state_, key.data(), key.size(), length_);
  }
  ~Blake2b() { sodium_memzero(&state_, sizeof state_); }
  Blake2b(const Blake2b&) = delete;
  Blake2b& operator=(const Blake2b&) = delete;

  void add(std::span<const std::uint8_t> part) noexcept {
    crypto_generichash_update(&state_, part.data(), part.size());
  }
  void finish(std::uint8_t* out) noexcept { crypto_generichash_final(&state_, out, length_); }

 private:
  crypto_generichash_state state_;
  std::size_t length_;
};

void keyed(std::span<const std::uint8_t> key, Parts parts, std::span<std::uint8_t> out) noexcept {
  Blake2b h(key, out.size());
  for (const auto& part : parts) h.add(part);
  h.finish(out.data());
}

// key.size() <= kHmacBlock, so it is never hashed first.
void hmac(std::span<const std::uint8_t, 64> key, Parts parts, std::span<std::uint8_t, 64> out) {
  Secret<kHmacBlock> pad;
  const auto fill = [&](std::uint8_t with) {
    for (std::size_t i = 0; i < kHmacBlock; ++i) {
      pad.mut()[i] = static_cast<std::uint8_t>((i < key.size() ? key[i] : 0) ^ with);
    }
  };
  Secret<64> inner;
  fill(0x36);
  Blake2b first({}, 64);
  first.add(pad.bytes());
  for (const auto& part : parts) first.add(part);
  first.finish(inner.mut().data());
  fill(0x5c);
  Blake2b second({}, 64);
  second.add(pad.bytes());
  second.add(inner.bytes());
  second.finish(out.data());
}

}  // namespace

Hash hash(Parts parts) {
  Hash out{};
  keyed({}, parts, out);
  return out;
}

Key derive(std::span<const std::uint8_t> key, Parts parts) {
  Key out;
  keyed(key, parts, out.mut());
  return out;
}

std::array<std::uint8_t, 16> mac16(std::span<const std::uint8_t> key, Parts parts) {
  std::array<std::uint8_t, 16> out{};
  keyed(key, parts, out);
  return out;
}

Hkdf2 hkdf2(const Secret<64>& chaining_key, std::span<const std::uint8_t> input) {
  auto three = hkdf3(chaining_key, input);
  return {std::move(three.first), std::move(three.second)};
}

Hkdf3 hkdf3(const Secret<64>& chaining_key, std::span<const std::uint8_t> input) {
  static constexpr std::array<std::uint8_t, 3> kNumber{1, 2, 3};
  const std::span<const std::uint8_t> number(kNumber);
  Secret<64> temp;
  hmac(chaining_key.bytes(), {input}, temp.mut());
  Hkdf3 out;
  hmac(temp.bytes(), {number.subspan(0, 1)}, out.first.mut());
  hmac(temp.bytes(), {out.first.bytes(), number.subspan(1, 1)}, out.second.mut());
  hmac(temp.bytes(), {out.second.bytes(), number.subspan(2, 1)}, out.third.mut());
  return out;
}

std::uint64_t short_hash(const ShortHashKey& key, std::span<const std::uint8_t> bytes) noexcept {
  static_assert(crypto_shorthash_KEYBYTES == std::tuple_size_v<ShortHashKey>);
  std::array<std::uint8_t, crypto_shorthash_BYTES> out;
  crypto_shorthash(out.data(), bytes.data(), bytes.size(), key.data());
  std::uint64_t number = 0;
  for (const std::uint8_t byte : out) number = number << 8 | byte;
  return number;
}

bool equal(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b) noexcept {
  return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

void wipe(std::span<std::uint8_t> bytes) noexcept {
  sodium_memzero(bytes.data(), bytes.size());
}

}  // namespace vpnd::crypto
