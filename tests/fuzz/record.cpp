// SPDX-License-Identifier: ISC
// Records cut anywhere, one byte changed or not: what is delivered is a prefix of what was sent.
#include "tests/fuzz/puppet.h"

using namespace vpnd;
using namespace fuzz;
using namespace wire;
using Event = Channel::Event;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input in{{data, size}};
  SessionKeys keys = session_keys(negotiated(), true);
  Channel server = channel(false);
  const std::uint8_t change = in.byte(), step = in.byte();
  const std::size_t where = in.word();
  std::vector<Buffer> sent;
  Buffer stream = seal(keys.sending, RecordType::control, {1});
  while (!in.empty()) {
    sent.push_back(in.take(in.byte()));
    const Buffer r = seal(keys.sending, RecordType::data, sent.back());
    stream.insert(stream.end(), r.begin(), r.end());
  }
  if (where < stream.size()) stream[where] ^= change;
  std::size_t begin = 0, end = 0, got = 0;
  while (end < stream.size()) {
    end = std::min(stream.size(), end + step % 64 + 1);
    for (Channel::Received r; begin < end; begin += r.consumed) {
      r = server.receive(MutBytes(stream).subspan(begin, end - begin), TimePoint{});
      if (r.event == Event::failed) return 0;
      if (r.event == Event::need_more) break;
      if (r.event == Event::data) must(std::ranges::equal(r.data, sent.at(got++)));
    }
  }
  must(change != 0 || got == sent.size() || where >= stream.size());
  return 0;
}
