// SPDX-License-Identifier: ISC
#pragma once

// Objects to the kernel, one by one; each applied change is held by an object whose destructor
// takes it back. A failure unwinds what was done before it.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/plan/applied.h"
#include "core/plan/plan.h"
#include "linux/fd.h"
#include "linux/objects.h"

namespace vpnd::nl {

// What sweep() takes away.
enum class Sweep {
  everything,
  // For the next process of the same interface: the nft table, accepts in foreign chains and
  // blackhole routes stay where they are until apply() has swapped or adopted them, because running
  // connections lean on them. What apply() does not adopt is removed when it has succeeded.
  at_start,
  // For the next client: all but the wall, which holds until apply() has swapped it, or, when what
  // is applied has none, until apply() is done.
  but_the_wall,
  // For the next process of an interface whose device outlived the last one: everything stays until
  // apply() has taken over what it wants. The rest of it goes then.
  adopt,
};

struct Sockets;

// The keeper's netlink sockets: rtnetlink, and the nftables one that owns our tables. They belong
// to the network namespace in which the Host was made. Outlives every Applied it returned.
class Host {
 public:
  // With the netfilter socket of an earlier process, if there is one. Throws Error.
  explicit Host(Fd nft = {});
  ~Host();
  Host(Host&&) noexcept;
  Host& operator=(Host&&) noexcept;

  // From now on every change is noted in `state_dir` before it is made, under the name of the
  // tunnel it is made for. Without it a killed process leaves changed settings that no sweep can
  // restore. Locks the name: Exit::temporary while another living process has it. Once, before
  // sweep().
  void note_in(const std::string& state_dir, const std::string& interface);

  // A note that is no change, unless it cannot be made.
  void note(const std::string& line) noexcept;

  // With note_in(): as if no tunnel of ours had changed a setting.
  HostFacts facts();
  // And, where the plan forwards, what the firewall of this host has to say to that.
  HostFacts facts_for(const plan::Plan&);
  // Throws Error; then nothing of `objects` is left. Runs `before` with each object's number first
  // (fault injection in tests, progress in logs). An object that exists already and is not ours is
  // an Error, never taken over.
  plan::Applied apply(const std::vector<Object>& objects,
                      const std::function<void(std::size_t)>& before = {});
  // Is this object still there as we made it? For `status`.
  bool present(const Object&);
  // Makes again what apply() had made and somebody removed; `held` stands for it again. Throws
  // Error; then `held` may be empty.
  void remake(const Object&, std::unique_ptr<plan::Held>& held);
  // Does that chain still drop what passes? When its owner took it away, our accept went with it
  // and is missed by nobody.
  bool drops(const ForeignAccept&);
  std::string way_to(const Address&, Fwmark);  // way.h
  int tables() const noexcept;                 // the netfilter socket
  // The resolvers in force and by what they were set, or why they were not. Empty: left alone.
  const std::string& dns() const noexcept;
  // Removes what an earlier process of ours left for this interface (empty: for every interface
  // without a living keeper): rules and routes of protocol 85 that no other tunnel has noted,
  // vpnd_* tables, settings noted in the state directory. Returns one line for each thing removed.
  // Foreign objects that only look like ours stay. Throws Error, Exit::temporary when the interface
  // is held by a living process (other than through our own note_in).
  std::vector<std::string> sweep(const std::string& interface, const std::string& state_dir,
                                 Sweep mode = Sweep::everything);
  // Of that, the resolver file only.
  std::vector<std::string> sweep_resolver(const std::string& interface,
                                          const std::string& state_dir);

 private:
  std::unique_ptr<Sockets> sockets_;
};

}  // namespace vpnd::nl
