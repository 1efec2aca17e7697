// SPDX-License-Identifier: ISC
#pragma once

// The pair of sockets between keeper and engine: a packet is a message of
// core/plan/keeper_messages.h, with at most one descriptor beside it.

#include <deque>
#include <optional>

#include "bsd/fd.h"
#include "core/plan/keeper_messages.h"

namespace vpnd::bsd {

struct ChannelPair {
  Fd keeper, engine;
};
// Throws Error.
ChannelPair make_channel();

// 0, or errno. `descriptor` stays the caller's; -1: none.
int send_message(const Fd& socket, const plan::Message&, int descriptor = -1) noexcept;

struct ReceivedMessage {
  std::size_t size = 0;  // 0: the other side is gone; more than there is room for: it was cut
  Fd descriptor;
};
// nullopt: nothing is there.
std::optional<ReceivedMessage> receive_message(const Fd& socket, MutBytes room) noexcept;

// The engine's end. What the keeper has no room for waits here; lines are the first to be dropped.
class KeeperLink {
 public:
  explicit KeeperLink(Fd socket) noexcept : socket_(std::move(socket)) {}

  int fd() const noexcept { return socket_.get(); }
  bool gone() const noexcept { return gone_; }  // the keeper is, or it spoke nonsense

  void send(const plan::ToKeeper&);
  bool flush() noexcept;  // true: something waits until the socket is writable

  struct Received {
    plan::ToEngine message;
    Fd descriptor;
  };
  std::optional<Received> receive();  // nullopt: nothing is there, or gone()

 private:
  Fd socket_;
  std::deque<plan::Message> waiting_;
  bool gone_ = false;
};

}  // namespace vpnd::bsd
