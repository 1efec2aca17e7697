// SPDX-License-Identifier: ISC
#pragma once

// Objects to the kernel, one by one; each applied change is held by an object whose destructor
// takes it back. A failure unwinds what was done before it.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/plan/applied.h"
#include "linux/objects.h"

namespace vpnd::nl {

// The keeper's netlink sockets: rtnetlink, and the nftables one that owns our tables.
class Host {
 public:
  Host();  // throws Error
  ~Host();
  Host(Host&&) noexcept;
  Host& operator=(Host&&) noexcept;

  HostFacts facts();
  // Throws Error; then nothing of `objects` is left. Runs `before` with each object's number first
  // (fault injection in tests, progress in logs).
  plan::Applied apply(const std::vector<Object>& objects,
                      const std::function<void(std::size_t)>& before = {});
  // Is this object still there as we made it? For `status`.
  bool present(const Object&);
  // Removes what an earlier process of ours left for this interface (empty: for every interface
  // without a living keeper): rules and routes of protocol 85, vpnd_* tables, settings noted in the
  // state directory. Returns one line for each thing removed. Foreign objects that only look like
  // ours stay.
  std::vector<std::string> sweep(const std::string& interface, const std::string& state_dir);

 private:
  struct Sockets;
  std::unique_ptr<Sockets> sockets_;
};

}  // namespace vpnd::nl
