// SPDX-License-Identifier: ISC
#pragma once

// The engine's end of the socket pair. What is sent waits here while the keeper is busy; nothing
// blocks, and log lines are the first to be dropped.

#include <deque>
#include <optional>

#include "core/plan/keeper_messages.h"
#include "linux/fd.h"

namespace vpnd::nl {

class KeeperLink {
 public:
  explicit KeeperLink(Fd socket) noexcept : socket_(std::move(socket)) {}

  int fd() const noexcept { return socket_.get(); }
  bool gone() const noexcept { return gone_; }  // the keeper closed its end, or spoke nonsense

  void send(const plan::ToKeeper&);
  bool flush() noexcept;  // true: more is waiting for the socket to be writable

  struct Received {
    plan::ToEngine message;
    Fd fd;
  };
  std::optional<Received> receive();  // nullopt: nothing there, or gone()

 private:
  Fd socket_;
  std::deque<plan::Message> outbox_;
  bool gone_ = false;
};

}  // namespace vpnd::nl
