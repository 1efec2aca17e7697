// SPDX-License-Identifier: ISC
#pragma once

// A server's workers, and what they say to each other. Each is an engine in a thread of its own
// with a queue of the TUN of its own. The first one admits: it accepts, does the handshakes, keeps
// the leases, and knows which session is whose and where. Each session belongs to one worker, and
// each worker knows of every inner address to which worker it leads; so nothing is shared but what
// is here, and nobody locks.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/addr.h"
#include "core/engine/inner_check.h"
#include "core/wire/channel.h"
#include "core/wire/hello.h"

namespace vpnd::engine {

class HandOver;

inline constexpr std::uint32_t kMostWorkers = 16;

// The workers as one of them sees them. Both lists are by number, with nothing at its own.
struct Workers {
  std::uint32_t count = 1, self = 0;
  std::vector<HandOver*> to, from;
};

using SessionNumber = std::uint64_t;  // of one server's run; never used again

// A session on its way to another worker: all of its connection but the socket and what was read
// from that behind its confirmation. It has carried nothing yet.
struct Moved {
  SessionNumber number = 0;
  Endpoint endpoint;
  TimePoint since{};
  std::optional<wire::Channel> channel;
  std::uint64_t rekeys_seen = 0;
  std::uint16_t discard = 0;
  std::uint16_t peer_kinds = 0;
  std::uint32_t send_limit = 0;
  wire::Identity identity;
  std::string name;
  InnerAddresses inner;
};

namespace mail {
// From the first worker to others. Those addresses lead to that worker, or do no longer.
struct Route {
  InnerAddresses inner;
  std::uint32_t worker = 0;
};
struct Unroute {
  InnerAddresses inner;
  std::uint32_t worker = 0;
};
// Whether clients reach each other, from now on.
struct Isolate {
  bool on = true;
};
// From the first to the one that has the session: close it, and say nothing more about it.
struct Close {
  SessionNumber number = 0;
  wire::CloseReason reason = wire::CloseReason::shutdown;
};
// To the first: a session has ended by itself.
struct Left {
  SessionNumber number = 0;
  wire::Identity identity;
  std::string_view why;  // of static storage
};
}  // namespace mail
using Mail = std::variant<mail::Route, mail::Unroute, mail::Isolate, mail::Close, mail::Left>;

struct Post {
  std::uint32_t to = 0;
  Mail mail;
};

}  // namespace vpnd::engine
