// SPDX-License-Identifier: ISC
// The data ciphers by themselves, as core/wire calls them.

#include <array>
#include <vector>

#include "core/base/bytes.h"
#include "tests/bench/bench.h"

namespace vpnd::bench {
namespace {

constexpr ByteArray<32> kKey{1, 2, 3};
constexpr ByteArray<4> kAd{};  // as long as a record's header

void seal(benchmark::State& state, crypto::Cipher cipher) {
  const crypto::AeadKey key(cipher, crypto::Key(kKey));
  std::vector<std::uint8_t> text(static_cast<std::size_t>(state.range(0)));
  ByteArray<crypto::kMaxTag> tag{};
  crypto::NonceCounter counter;
  for (auto _ : state) {
    key.seal(counter.take(), kAd, text, tag);
    benchmark::ClobberMemory();
  }
  set_rates(state, state.iterations(), state.iterations() * state.range(0));
}

void open(benchmark::State& state, crypto::Cipher cipher) {
  const crypto::AeadKey key(cipher, crypto::Key(kKey));
  const auto size = static_cast<std::size_t>(state.range(0));
  const std::int64_t ready = ready_at_once(state.range(0));
  const crypto::Nonce nonce = crypto::NonceCounter().take();
  std::vector<std::uint8_t> sealed(size);
  ByteArray<crypto::kMaxTag> tag{};
  key.seal(nonce, kAd, sealed, tag);
  std::vector<std::uint8_t> copies(size * static_cast<std::size_t>(ready));
  while (state.KeepRunningBatch(ready)) {
    state.PauseTiming();
    for (std::size_t at = 0; at < copies.size(); at += size) {
      std::copy(sealed.begin(), sealed.end(), copies.begin() + static_cast<std::ptrdiff_t>(at));
    }
    state.ResumeTiming();
    bool good = true;
    for (std::size_t at = 0; at < copies.size(); at += size) {
      good = key.open(nonce, kAd, MutBytes(copies).subspan(at, size), tag) && good;
    }
    if (!good) return state.SkipWithError("what was sealed does not open");
  }
  set_rates(state, state.iterations(), state.iterations() * state.range(0));
}

}  // namespace

void add_aead() {
  for_each_cipher("aead_seal", seal);
  for_each_cipher("aead_open", open);
}

}  // namespace vpnd::bench
