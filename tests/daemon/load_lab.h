// SPDX-License-Identifier: ISC
#pragma once

// A server under the load of many clients, who are one process (tests/load) behind many addresses
// of the laboratory's first host.

#include <string>
#include <vector>

#include "tests/daemon/lab.h"
#include "tests/vectors/vectors.h"

namespace vpnd::test {

class LoadLab {
 public:
  static constexpr int kSources = 64;
  // `interface`: lines of that section of the server's file.
  explicit LoadLab(const std::string& interface = {});

  // `load NAME` with these words besides those that say where everything is. Its figures; shown on
  // stderr as well.
  Value run(const std::string& name, const std::vector<std::string>& words, int sources = kSources,
            double seconds = 60);
  pid_t engine() const;  // the server's
  Lab& lab() noexcept { return lab_; }

 private:
  Lab lab_;
  Child server_, far_end_;
};

// Of a list in the figures.
std::vector<double> numbers(const Value&);
double median(std::vector<double>);

}  // namespace vpnd::test
