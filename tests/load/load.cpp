// SPDX-License-Identifier: ISC
// One process that is many clients of a vpnd server, each an engine of core over real connections,
// or the far end of their traffic.
//
//   load far-end PORT
//   load connect WORDS   how long until all of them are up who begin at once
//   load share WORDS     one that transfers against many, in turn
//   load stopped WORDS   round trips beside one that reads, and beside one that stopped, in turn
//   load idle WORDS      what the server keeps for each that moved its bytes and went quiet
//
// WORDS are name=value; Options below says which. Each ends with one line of JSON. tests/README.md

#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "crypto/random.h"
#include "tests/load/far_end.h"
#include "tests/load/scenarios.h"

using namespace vpnd;
using namespace vpnd::load;

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  try {
    crypto::init();
    if (words.size() == 2 && words[0] == "far-end") {
      run_far_end(static_cast<std::uint16_t>(std::stoul(words[1])));
    }
    const Options options = read_options({words.begin() + (words.empty() ? 0 : 1), words.end()});
    const std::string what = words.empty() ? "" : words[0];
    const std::string line = run_scenario(what, options);
    std::puts(line.c_str());
    return 0;
  } catch (const std::exception& e) {
    fmt::print(stderr, "load: {}\n", e.what());
    return 1;
  }
}
