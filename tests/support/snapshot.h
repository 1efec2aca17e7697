// SPDX-License-Identifier: ISC
#pragma once

// All of a network namespace that our program may change, as text: links without counters,
// addresses, routes of all tables, rules, the nft rule set without counters, and everything under
// /proc/sys/net/ipv4 and ipv6. Two of them are equal when nothing was left behind.

#include <string>

namespace vpnd::test {

class Snapshot {
 public:
  static Snapshot take();  // of the calling thread's namespace
  const std::string& text() const noexcept { return text_; }
  // Lines that only one of the two has, "-" for ours and "+" for the later one.
  std::string difference(const Snapshot& later) const;
  friend bool operator==(const Snapshot&, const Snapshot&) = default;

 private:
  std::string text_;
};

}  // namespace vpnd::test
