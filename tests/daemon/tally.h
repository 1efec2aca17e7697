// SPDX-License-Identifier: ISC
#pragma once

// What the kernel of a namespace counted of packets that were not as they should be: every counter
// of wrong checksums, of bad IP headers and TCP segments, and what the table of connections took
// for no part of any.

#include <cstdint>
#include <map>
#include <string>

#include "tests/support/netns.h"

namespace vpnd::test {

class Tally {
 public:
  static Tally of(const Namespace&);
  // The counters that grew, one a line, behind this word; empty: none did.
  std::string since(const Tally& before, const std::string& where) const;
  std::uint64_t at(const std::string& counter) const;  // "Udp InCsumErrors"

 private:
  std::map<std::string, std::uint64_t> counters_;
};

// From there on this device completes checksums before it sends, so that whoever gets a packet
// looks at its checksum instead of taking the sending kernel's word.
void complete_checksums(const Namespace&, const std::string& device);

}  // namespace vpnd::test
