// SPDX-License-Identifier: ISC
#pragma once

// What the workers of one engine share: for each pair a mailbox and a hand-over
// (core/base/mailbox.h, core/engine/hand_over.h), and for each worker a bell, an eventfd(2) that
// wakes it. Worker 0 is the engine's first thread, and the only one that speaks to the keeper.

#include <atomic>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "core/base/event.h"
#include "core/base/mailbox.h"
#include "core/engine/engine.h"
#include "core/engine/hand_over.h"
#include "linux/carrier.h"
#include "linux/fd.h"

namespace vpnd::nl {

namespace letter {
// ---- from the first worker
struct Session {  // with its carrier, of which nothing is in flight
  engine::Moved session;
  Fd fd;
  ReceiveBuffers::Buffer unread;  // bytes [begin, end) of it
  std::size_t begin = 0, end = 0;
};
struct Queue {  // of the TUN
  Fd fd;
};
struct ReportPlease {};
struct Stop {};
struct Quit {};
// ---- to the first worker
struct ReportPart {
  engine::Report report;
  std::string congestion;
};
struct Line {
  Level level = Level::info;
  std::string text;
};
struct Happened {
  Event event;
};
struct Ended {  // its thread is done
  std::string failure;
};
}  // namespace letter
using Letter =
    std::variant<engine::Mail, letter::Session, letter::Queue, letter::ReportPlease, letter::Stop,
                 letter::Quit, letter::ReportPart, letter::Line, letter::Happened, letter::Ended>;

class Crew {
 public:
  explicit Crew(std::uint32_t workers);  // throws Error. One alone needs nothing, and has nothing
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  std::uint32_t size() const noexcept { return size_; }
  engine::Workers as_seen_by(std::uint32_t worker) noexcept;
  int bell(std::uint32_t worker) const noexcept;  // -1: one alone

  // By the thread of `from`. Rings.
  void post(std::uint32_t from, std::uint32_t to, Letter);
  void ring(std::uint32_t to) noexcept;
  // By the thread of `to`: first the bell, then what may have rung it.
  void answer(std::uint32_t to) noexcept;
  bool rung(std::uint32_t to) const noexcept {
    return !bells_.empty() && bells_[to].rung.load(std::memory_order_acquire);
  }
  std::optional<Letter> next_letter(std::uint32_t to);

 private:
  struct Pair {
    explicit Pair(std::uint32_t workers) : packets(workers) {}
    Mailbox<Letter> letters;
    engine::HandOver packets;
  };
  struct Bell {
    Fd fd;
    alignas(64) std::atomic<bool> rung{false};
  };
  Pair& pair(std::uint32_t from, std::uint32_t to) noexcept { return *pairs_[from * size_ + to]; }

  std::uint32_t size_;
  std::vector<std::unique_ptr<Pair>> pairs_;  // none from a worker to itself
  std::vector<Bell> bells_;
};

}  // namespace vpnd::nl
