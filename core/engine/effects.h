// SPDX-License-Identifier: ISC
#pragma once

// What the engine wants done by its host: low-rate events as values. Packets do not go this way.

#include <string>
#include <variant>
#include <vector>

#include "core/base/addr.h"
#include "core/base/error.h"
#include "core/base/time.h"
#include "core/wire/channel.h"

namespace vpnd::engine {

// One carrier connection. The generation tells a late completion from the slot's next tenant.
struct ConnId {
  std::uint32_t index = ~0u;
  std::uint32_t generation = 0;
  friend auto operator<=>(const ConnId&, const ConnId&) noexcept = default;
};

enum class ClientState : std::uint8_t { idle, connecting, up, reconnecting, blocked };
std::string_view name(ClientState) noexcept;

// Client: connect to endpoint number `endpoint` of the settings; answer with connected() or
// closed().
struct Dial {
  ConnId conn;
  std::uint32_t endpoint = 0;
};
// Send what gather() still gives, then FIN; read and discard until the peer closes or two seconds
// pass, so that no RST is sent. The id is dead for the engine: never call it with that id again,
// but for gather() and sent() until gather() gives nothing, or closed() when the socket failed
// before that.
struct Hangup {
  ConnId conn;
};
// Server: the connection goes to that worker. Read no more of it; when nothing of it is in flight,
// take() it and have the other adopt() it, with its socket and what was read and not used.
struct Move {
  ConnId conn;
  std::uint32_t worker = 0;
};
// Client: the state changed. With `up` the lease may be new: the keeper compares.
struct Became {
  ClientState state = ClientState::idle;
  wire::Lease lease;          // up only
  wire::PushedConfig config;  // up only
};
// Client: keep this for the next engine.
struct KeepCookie {
  wire::CookieBytes cookie{};
};
// Client: a new socket is wanted, to number `resolver` of those that this host asks; answer with
// resolver_opened(). A new one each time has a new port, which who forges answers must guess.
struct AskResolver {
  std::uint32_t round = 0;
  std::uint32_t resolver = 0;
};
// One datagram to that resolver, by the socket that was opened for it; if that fails, say
// resolver_failed().
struct SendQuery {
  std::uint32_t resolver = 0;
  std::vector<std::uint8_t> query;
};
struct EndLookUp {};  // close the sockets to resolvers
// Client: where the server may be, from now on. Dial counts in this list.
struct UseAddresses {
  std::vector<Address> addresses;
};
// Client: the engine is done and will not go on; the program ends with this.
struct Ended {
  Exit code = Exit::failure;
  std::string line, remedy;
};

using Effect = std::variant<Dial, Hangup, Move, Became, KeepCookie, AskResolver, SendQuery,
                            EndLookUp, UseAddresses, Ended>;

}  // namespace vpnd::engine
