// SPDX-License-Identifier: ISC
#pragma once

// A predecessor that was killed a moment ago may have an engine that is still dying, and with it
// the port and the device. What is "in use" gets one second to become free.

#include <chrono>
#include <thread>

#include "core/base/error.h"

namespace vpnd::nl {

template<typename Make>
auto patiently(Make make) -> decltype(make()) {
  constexpr int kTurns = 50;
  for (int turn = 0;; ++turn) {
    try {
      return make();
    } catch (const Error& e) {
      if (e.code() != Exit::temporary || turn == kTurns) throw;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

}  // namespace vpnd::nl
