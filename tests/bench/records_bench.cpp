// SPDX-License-Identifier: ISC
// Records out of one channel and into another: the cipher, and everything around it.

#include "tests/bench/bench.h"
#include "tests/support/channel_pair.h"

namespace vpnd::bench {
namespace {

using test::at;
using namespace std::chrono_literals;

// One record of `size` bytes of plaintext after the other, as many as `out` holds; false: refused.
bool seal_all(wire::Channel& channel, MutBytes out, std::size_t size, std::size_t whole) {
  bool good = true;
  for (; out.size() >= whole; out = out.subspan(whole)) {
    std::size_t wire = 0;
    good = channel.seal_data(out, size, wire, at(0s)) == Drop::none && wire == whole && good;
  }
  return good;
}

std::size_t whole_record(crypto::Cipher cipher, std::size_t size) {
  return wire::kRecordHeader + size + crypto::tag_length(cipher);
}

void seal(benchmark::State& state, crypto::Cipher cipher) {
  test::Pair pair(test::negotiated(cipher), test::negotiated(cipher));
  pair.confirmed();
  const auto size = static_cast<std::size_t>(state.range(0));
  const std::size_t whole = whole_record(cipher, size);
  std::vector<std::uint8_t> record(whole);
  for (auto _ : state) {
    if (!seal_all(pair.client.channel, record, size, whole)) {
      return state.SkipWithError("a record was not sealed");
    }
    benchmark::ClobberMemory();
  }
  set_rates(state, state.iterations(), state.iterations() * state.range(0));
}

void receive(benchmark::State& state, crypto::Cipher cipher) {
  test::Pair pair(test::negotiated(cipher), test::negotiated(cipher));
  pair.confirmed();
  const auto size = static_cast<std::size_t>(state.range(0));
  const std::size_t whole = whole_record(cipher, size);
  const std::int64_t ready = ready_at_once(state.range(0));
  std::vector<std::uint8_t> stream(whole * static_cast<std::size_t>(ready));
  while (state.KeepRunningBatch(ready)) {
    state.PauseTiming();
    bool good = seal_all(pair.client.channel, stream, size, whole);
    state.ResumeTiming();
    for (MutBytes rest = stream; good && !rest.empty();) {
      const auto got = pair.server.channel.receive(rest, at(0s));
      good = got.event == wire::Channel::Event::data && got.data.size() == size;
      if (good) rest = rest.subspan(got.consumed);
    }
    if (!good) return state.SkipWithError("a record was not received");
  }
  set_rates(state, state.iterations(), state.iterations() * state.range(0));
}

}  // namespace

void add_records() {
  for_each_cipher("record_seal", seal);
  for_each_cipher("record_receive", receive);
}

}  // namespace vpnd::bench
