// SPDX-License-Identifier: ISC
#pragma once

// The live view of a tunnel: what was seen of it lately, and that as lines for a terminal. Pure:
// who looks, and where the lines go, is the caller's.

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/plan/rate_meter.h"
#include "core/plan/status.h"

namespace vpnd::plan {

class TopHistory {
 public:
  static constexpr std::size_t kKept = 240;  // a minute at four looks a second
  static constexpr std::size_t kEventsKept = 100;

  struct Peer {
    engine::PeerReport report;
    Rates rates;
  };

  void add(Status, TimePoint);
  void add_event(std::string text);  // one line, when it happened and what

  const Status& latest() const noexcept { return latest_; }
  const std::vector<Peer>& peers() const noexcept { return peers_; }    // the busiest first
  const std::deque<std::uint64_t>& rx() const noexcept { return rx_; }  // bits per second
  const std::deque<std::uint64_t>& tx() const noexcept { return tx_; }
  const std::deque<std::uint64_t>& rtt() const noexcept { return rtt_; }  // microseconds
  const std::deque<std::string>& events() const noexcept { return events_; }

 private:
  using Key = std::pair<std::string, std::string>;  // name and inner address
  Status latest_;
  std::vector<Peer> peers_;
  RateMeter meter_;
  std::map<Key, RateMeter> peer_meters_;
  std::deque<std::uint64_t> rx_, tx_, rtt_;
  std::deque<std::string> events_;
};

struct TopScreen {
  unsigned width = 80, height = 24;
  bool utf8 = true;    // else ASCII only
  bool colour = true;  // by the eight colours that every terminal has
  bool paused = false;
};

// At most `height` lines of at most `width` columns, escape sequences of colours not counted, which
// end in the line in which they begin.
std::vector<std::string> top_lines(const TopHistory&, const TopScreen&);

// The last values as a row of `width` columns, the newest on the right, each as high as it is
// beside the largest of them.
std::string sparkline(const std::deque<std::uint64_t>&, std::size_t width, bool utf8);

}  // namespace vpnd::plan
