// SPDX-License-Identifier: ISC
#pragma once

// What happens to a tunnel, for people and for programs: a line of the log that has a kind and
// fields. The log is one listener, `vpnd events` another. Never keys, never packets.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/log.h"

namespace vpnd {

enum class EventKind : std::uint8_t {
  resolving,  // the server's name is being looked up
  trying,     // a connection to an endpoint is begun
  handshake,  // a client has agreed on keys
  applied,    // the host was changed
  connected,  // traffic flows; on a server: a peer's
  lost,       // it does not any more
  blocked,    // the server will not have us; nothing is tried for a while
  reverted,   // the host is as it was, but for a wall that stays
  rekeyed,    // a session goes on with other keys
  roamed,     // a session goes on from, or to, another place
  repaired,   // what others had removed from the host is there again
};
inline constexpr std::size_t kEventKinds = 11;

std::string_view name(EventKind) noexcept;  // "resolving"
std::optional<EventKind> event_kind(std::string_view name) noexcept;

struct Event {
  EventKind kind = EventKind::resolving;
  Level level = Level::notice;
  std::string text{};      // one line for people, without the tunnel's name
  std::string peer{};      // server: the client's name, or its inner address; else empty
  std::string endpoint{};  // of the other side, "203.0.113.7:443"; empty: none is meant
  int errnum = 0;          // 0: no error is meant
};

// Tells the process's log and then the listener, whatever the level. For set-up and events only,
// never per packet. Both are set before there are other threads: each of them calls them.
void emit(const Event&);

// Writes an event into the log, as far as log_wants() its level. Without one the text goes to the
// log's own sink, as a line.
using EventSink = void (*)(const Event&);
void set_event_sink(EventSink) noexcept;

// One at a time; an empty one for none. It must not emit. A forked process takes the listener of
// its parent with it, and has to replace it.
using EventListener = std::function<void(const Event&)>;
void set_event_listener(EventListener) noexcept;

}  // namespace vpnd
