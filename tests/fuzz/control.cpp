// SPDX-License-Identifier: ISC
// Authentic control messages of any kind at any moment: bounded answers, and dead means dead.
#include "tests/fuzz/puppet.h"

using namespace vpnd;
using namespace vpnd::fuzz;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input in{{data, size}};
  const bool client = (in.byte() & 1) != 0;
  wire::SessionKeys keys = wire::session_keys(negotiated(), !client);
  wire::Channel c = channel(client);
  TimePoint now{};
  Buffer out(wire::kControlRoom);
  bool failed = false;
  while (!in.empty()) {
    const std::uint8_t what = in.byte();
    if ((what & 1) != 0) must(c.write_control(out, now) <= out.size());
    if ((what & 2) != 0) c.request_rekey(now);
    now += std::chrono::milliseconds(in.byte() * 10);
    (void)c.tick(now);
    const Buffer plain = in.take(in.byte());
    const auto type = static_cast<wire::RecordType>(what >> 7);
    Buffer r = seal(keys.sending, type, plain);
    const auto got = c.receive(r, now);
    must(!failed || got.event == wire::Channel::Event::failed);
    failed = got.event == wire::Channel::Event::failed;
    must(failed ? got.drop != Drop::none && got.data.empty() : got.consumed == r.size());
    if (type == wire::RecordType::control && plain.size() == 2 && plain[0] == 6 && plain[1] == 0)
      keys.sending.ratchet();
  }
  return 0;
}
