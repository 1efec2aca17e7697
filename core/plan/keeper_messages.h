// SPDX-License-Identifier: ISC
#pragma once

// What keeper and engine say to each other over a SOCK_SEQPACKET pair: one message a packet, each
// kind of one size, integers little-endian. Descriptors travel beside them. The keeper treats what
// it receives as hostile: decode() checks kind, size and the range of every field, and whoever
// sends anything else is replaced.

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/base/event.h"
#include "core/engine/engine.h"
#include "core/engine/resolver.h"

namespace vpnd::plan {

inline constexpr std::size_t kMaxMessage = 4096;
inline constexpr std::size_t kLogText = 512;    // longer lines are cut
inline constexpr std::size_t kEventField = 64;  // an endpoint, or a peer's name
inline constexpr std::size_t kPeersAMessage = 16;
inline constexpr std::uint32_t kMaxEndpoints = 64;
inline constexpr std::size_t kMostAddresses = 2 * wire::kMostLookedUp;

namespace to_engine {
struct Tun {  // with the descriptor of one of its queues
  std::uint16_t kinds = 1;
  std::uint32_t queue = 0;  // that of the worker of the same number
};
struct Listener {};  // with its descriptor
struct Dialled {     // with the connecting socket, unless errnum is not 0
  engine::ConnId conn;
  std::uint32_t errnum = 0;
};
struct Peers {};  // the client list was changed; with its descriptor, to be read by pread
struct ReportPlease {};
struct Stop {};
struct NetworkChanged {};  // client: there is another way to the server
struct Resolver {          // with a socket to it, unless errnum is not 0
  std::uint32_t round = 0;
  std::uint32_t resolver = 0;
  std::uint32_t errnum = 0;
};
struct Settings {  // others than those that it was started with
  Level log_level = Level::info;
  engine::ServerChanges server;  // a server's only
};
}  // namespace to_engine
using ToEngine = std::variant<to_engine::Tun, to_engine::Listener, to_engine::Dialled,
                              to_engine::Peers, to_engine::ReportPlease, to_engine::Stop,
                              to_engine::NetworkChanged, to_engine::Resolver, to_engine::Settings>;

namespace to_keeper {
struct Ready {  // keys read, ring made, confined
  bool uring = false;
  std::uint32_t fallbacks = 0;  // bits of Fallback
};
struct Became {
  engine::ClientState state = engine::ClientState::idle;
  wire::Lease lease;  // up only
};
struct LogLine {
  Level level = Level::info;
  std::string text;
};
struct Happened {
  Event event;
};
struct ReportHead {  // peers is left empty; the rows follow
  engine::Report report;
  std::uint32_t rows = 0;
  std::string congestion;  // of carriers that left the keeper's choice; empty: none did
};
struct ReportRows {  // at most kPeersAMessage
  std::vector<engine::PeerReport> rows;
};
struct Stopped {};  // every peer was told
}  // namespace to_keeper
using ToKeeper = std::variant<to_keeper::Ready, engine::Dial, to_keeper::Became, engine::KeepCookie,
                              to_keeper::LogLine, to_keeper::ReportHead, to_keeper::ReportRows,
                              engine::Ended, to_keeper::Stopped, engine::AskResolver,
                              engine::UseAddresses, to_keeper::Happened>;

// What the engine's driver does without; Ready::fallbacks.
enum class Fallback : std::uint32_t {
  no_ring = 1,           // io_uring is refused: epoll
  no_defer_taskrun = 2,  // kernel before 6.1
  no_restrictions = 4,   // the ring's operations cannot be limited
  no_uid_drop = 8,       // user 65534 is not mapped here, or we are not root
  no_file_ban = 16,      // no Landlock: files could be opened by their names
  no_call_filter = 32,   // no seccomp: any system call could be made
};

using Message = std::vector<std::uint8_t>;
Message encode(const ToEngine&);
Message encode(const ToKeeper&);
std::optional<ToEngine> decode_to_engine(Bytes);
std::optional<ToKeeper> decode_to_keeper(Bytes);

}  // namespace vpnd::plan
