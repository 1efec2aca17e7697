// SPDX-License-Identifier: ISC
#pragma once

// Two channels that finished one handshake, and the bytes between them.

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "core/wire/channel.h"
#include "tests/support/stream_vectors.h"

namespace vpnd::test {

using namespace std::chrono_literals;
using Buffer = std::vector<std::uint8_t>;
using Buffers = std::vector<Buffer>;
using Event = wire::Channel::Event;

inline TimePoint at(Duration since_start) {
  return TimePoint{} + 1000s + since_start;
}

// A stream of bytes that is the same in each run.
inline Entropy counting_entropy(std::uint8_t seed) {
  auto state = std::make_shared<std::uint32_t>(seed * 2654435761u + 1);
  return [state](MutBytes out) {
    for (auto& b : out) {
      *state = *state * 1664525u + 1013904223u;
      b = static_cast<std::uint8_t>(*state >> 24);
    }
  };
}

// What an end made of one run of bytes.
struct Heard {
  std::vector<Event> events;
  std::vector<Buffer> data;
  Drop drop = Drop::none;
  std::size_t left = 0;  // bytes of a record that is not whole
  bool has(Event e) const { return std::ranges::count(events, e) > 0; }
};

struct End {
  wire::Channel channel;

  Heard hear(Buffer stream, TimePoint now = at(0s)) {
    Heard h;
    MutBytes rest = stream;
    for (;;) {
      const auto r = channel.receive(rest, now);
      if (r.event == Event::need_more) break;
      h.events.push_back(r.event);
      if (r.event == Event::data) h.data.emplace_back(r.data.begin(), r.data.end());
      if (r.event == Event::failed) {
        h.drop = r.drop;
        break;
      }
      rest = rest.subspan(r.consumed);
    }
    h.left = rest.size();
    return h;
  }

  Buffer control(TimePoint now = at(0s)) {
    Buffer out(wire::kControlRoom), all;
    for (int turn = 0; turn < 50 && channel.control_pending(); ++turn) {
      const std::size_t n = channel.write_control(out, now);
      all.insert(all.end(), out.begin(), out.begin() + static_cast<std::ptrdiff_t>(n));
    }
    return all;
  }

  Buffer data(const Buffer& plain, TimePoint now = at(0s), Drop want = Drop::none) {
    Buffer record(wire::kRecordHeader + plain.size() + wire::kMaxTagRoom);
    std::ranges::copy(plain, record.begin() + wire::kRecordHeader);
    std::size_t size = 0;
    if (channel.seal_data(record, plain.size(), size, now) != want) {
      throw std::runtime_error("seal_data answered otherwise");
    }
    record.resize(size);
    return record;
  }
};

inline Buffer operator+(Buffer a, const Buffer& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

struct Pair {
  explicit Pair(const wire::ChannelLimits& limits = {}, std::uint32_t receive_limit = 0x1ffff)
      : Pair(negotiated(), negotiated(), limits, receive_limit) {}
  Pair(wire::Negotiated&& c, wire::Negotiated&& s, const wire::ChannelLimits& limits = {},
       std::uint32_t receive_limit = 0x1ffff)
      : client{wire::Channel(params(true, limits, receive_limit), std::move(c), counting_entropy(1),
                             at(0s))},
        server{wire::Channel(params(false, limits, receive_limit), std::move(s),
                             counting_entropy(2), at(0s))} {}

  static wire::ChannelParams params(bool client, const wire::ChannelLimits& limits,
                                    std::uint32_t receive_limit) {
    crypto::init();
    wire::ChannelParams p;
    p.client = client;
    p.receive_limit = receive_limit;
    p.limits = limits;
    return p;
  }

  // CONFIRM is sent and read.
  Pair& confirmed() {
    if (!server.hear(client.control()).has(Event::confirmed)) {
      throw std::runtime_error("not confirmed");
    }
    return *this;
  }
  // Control goes to and fro until nobody has anything to say.
  void settle(TimePoint now = at(0s)) {
    for (int turn = 0; turn < 20; ++turn) {
      const Buffer a = client.control(now), b = server.control(now);
      if (a.empty() && b.empty()) return;
      if (server.hear(a, now).has(Event::failed) || client.hear(b, now).has(Event::failed)) {
        throw std::runtime_error("failed while settling");
      }
    }
    throw std::runtime_error("never settles");
  }
  // Data passes both ways and is what was sent.
  bool talks(TimePoint now = at(0s)) {
    const Buffer a{1, 2, 3}, b{4, 5};
    const Heard s = server.hear(client.data(a, now), now);
    const Heard c = client.hear(server.data(b, now), now);
    return s.data == Buffers{a} && c.data == Buffers{b};
  }

  End client, server;
};

// A peer made of bare keys, that says anything at all.
struct Puppet {
  wire::SessionKeys keys;

  explicit Puppet(bool client) : keys(wire::session_keys(negotiated(), client)) {}
  Buffer record(wire::RecordType type, const Buffer& plain) {
    Buffer r(wire::kRecordHeader + plain.size() + keys.sending.tag());
    std::ranges::copy(plain, r.begin() + wire::kRecordHeader);
    keys.sending.seal(type, r, plain.size());
    return r;
  }
  Buffer say(wire::Op op, const Buffer& body = {}) {
    return record(wire::RecordType::control, Buffer{static_cast<std::uint8_t>(op)} + body);
  }
  Buffer send(const Buffer& plain) { return record(wire::RecordType::data, plain); }
  // The plaintexts of a run of records, with their type in front.
  std::vector<Buffer> understand(Buffer stream) {
    std::vector<Buffer> out;
    MutBytes rest = stream;
    while (rest.size() >= wire::kRecordHeader) {
      const auto h = keys.receiving.peek(rest.first<wire::kRecordHeader>());
      if (!h) throw std::runtime_error("a header that makes no sense");
      const std::size_t body = h->length + keys.receiving.tag();
      const MutBytes sealed = rest.subspan(wire::kRecordHeader, body);
      if (!keys.receiving.open(*h, sealed)) throw std::runtime_error("a record does not verify");
      Buffer plain{static_cast<std::uint8_t>(h->type)};
      out.push_back(plain + Buffer(sealed.begin(), sealed.begin() + h->length));
      rest = rest.subspan(wire::kRecordHeader + body);
      if (h->type == wire::RecordType::control && out.back()[1] == 6) break;  // caller switches
    }
    if (!rest.empty()) left.assign(rest.begin(), rest.end());
    return out;
  }
  Buffer left;  // behind a SWITCH
};

}  // namespace vpnd::test
