// SPDX-License-Identifier: ISC
#pragma once

// The demo's lines: what was checked, whether it held, and with which figures.

#include <string>
#include <vector>

#include "linux/demo_story.h"

namespace vpnd::demo {

class Report {
 public:
  Report();
  void title() const;
  // Returns `held`, and remembers if it did not.
  bool line(bool held, const std::string& what, const std::string& figures);
  void note(const std::string& text) const;  // indented, under the last line
  bool all_held() const noexcept;
  const std::vector<Proof>& lines() const noexcept { return lines_; }
  // One character for each value, higher for more.
  std::string curve(const std::vector<double>& values) const;

 private:
  bool utf8_;
  std::vector<Proof> lines_;
};

// 3100000000 is "3.1 Gbit/s".
std::string rate(double bits_per_second);

}  // namespace vpnd::demo
