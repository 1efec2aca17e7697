// SPDX-License-Identifier: ISC
#pragma once

// What is measured, and how a load is told its size.

#include <span>
#include <string>

#include "core/base/addr.h"
#include "core/base/time.h"
#include "tests/load/traffic.h"

namespace vpnd::load {

struct Options {
  std::string key;                        // key=FILE, of mode S
  Endpoint server;                        // server=ADDRESS:PORT
  Endpoint far_end;                       // far_end=ADDRESS:PORT, behind the server
  Address first_source;                   // source=ADDRESS, and those that follow it
  std::size_t sources = 1;                // sources=N; a local route must have them
  std::size_t clients = 1;                // clients=N
  std::size_t moving = 1;                 // moving=N: of those, how many transfer
  Direction direction = Direction::down;  // direction=up|down
  double seconds = 1;                     // seconds=S, of each measurement
  int rounds = 1;                         // rounds=N
  std::size_t window = 512 * 1024;        // window=BYTES of each transfer
  double rate = 0;                        // rate=BYTES a second, instead of a window
  std::uint64_t bytes = 10'000'000;       // bytes=N that each moves, of idle
  std::size_t base = 10;                  // base=N: how many idle ones are counted from
  double within = 5;                      // within=S: how long connecting may take
  int watch = 0;                          // watch=PID whose memory is looked at
};

Options read_options(std::span<const std::string> words);  // throws Error
// A line of JSON. Throws Error.
std::string run_scenario(const std::string& name, const Options&);

}  // namespace vpnd::load
