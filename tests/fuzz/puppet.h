// SPDX-License-Identifier: ISC
#pragma once

// A peer with bare keys, so that the fuzzer speaks behind the authentication.

#include "core/wire/channel.h"
#include "tests/fuzz/fuzz.h"

namespace vpnd::fuzz {

inline wire::Negotiated negotiated() {
  wire::Negotiated n;
  n.c2s.mut()[0] = 1;
  n.s2c.mut()[0] = 2;
  return n;
}

inline Buffer seal(wire::EpochKeys& keys, wire::RecordType type, const Buffer& plain) {
  Buffer r(wire::kRecordHeader + plain.size() + keys.tag());
  std::ranges::copy(plain, r.begin() + wire::kRecordHeader);
  keys.seal(type, r, plain.size());
  return r;
}

inline wire::Channel channel(bool client) {
  wire::ChannelParams p;
  p.client = client;
  p.receive_limit = 4096;
  return {p, negotiated(), ones, TimePoint{}};
}

}  // namespace vpnd::fuzz
