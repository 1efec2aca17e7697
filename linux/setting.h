// SPDX-License-Identifier: ISC
#pragma once

// Settings of interfaces that several tunnels may want at once: what was there before, in a form
// that the journal can keep. The last tunnel that lets go restores the first one's old value.

#include <optional>
#include <string>
#include <vector>

#include "linux/held.h"

namespace vpnd::nl {

struct Setting {
  Family family = Family::v4;  // v4: by netlink; v6: by /proc
  std::string interface;
  int index = 0;    // v4; another device of that name is none of our business
  std::string key;  // v4: its number
  int before = 0, ours = 0;

  bool same_place(const Setting&) const noexcept;
  std::string line() const;
  static std::optional<Setting> parse(const std::string& line);
};

std::optional<int> current(Sockets&, const Setting&);
void write(Sockets&, const Setting&, int value);  // throws Error
// The old value comes back, if the value is still ours and nobody else of us wants it. `holder` is
// the tunnel that lets go. True: restored.
bool restore(Sockets&, const Setting&, const std::string& directory, const std::string& holder);

// net.ipv6.conf.all.forwarding overwrites the value of every interface, both when it is set and
// when it is restored. These are the ones that differed, as journal lines of a form of their own.
struct Exception {
  std::string interface, key;
  int value = 0;
  std::string line() const;
  static std::optional<Exception> parse(const std::string& line);
};
std::vector<Exception> exceptions(const Setting&);

// Puts into the facts what stood in the place of settings that tunnels have changed, our own among
// them. A device of ours was made to forward, so it counts as one that does.
void as_before(HostFacts&, const std::string& directory);

}  // namespace vpnd::nl
