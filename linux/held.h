// SPDX-License-Identifier: ISC
#pragma once

// One change at a time: made, noted, and held by an object whose destructor takes it back.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/plan/applied.h"
#include "linux/journal.h"
#include "linux/netlink.h"
#include "linux/nft.h"
#include "linux/rtnl.h"

namespace vpnd::nl {

struct Sockets {
  Netlink rt;
  NftSocket nft;
  std::optional<Journal> journal;
  // Left standing by a sweep at start, until they are adopted or not wanted any more.
  std::vector<Dumped<Rule>> spared_rules;
  std::vector<Dumped<Route>> spared_routes;
  std::vector<std::pair<AddressOn, int>> spared_addresses;  // and the device's number
  std::vector<std::string> spared_settings;                 // lines of the journal
  std::string spared_table;                                 // its interface
  std::vector<ForeignAccept> spared_accepts;
  std::string spared_wall;                      // its interface
  bool wall_stays = false;                      // whatever its holders do
  std::optional<bool> counts_connections = {};  // asked of the kernel once
  std::string dns = {};  // the resolvers in force and by what, or why there are none
};

// A line in the journal for as long as the change stands. As a member it goes after the destructor
// of its holder has taken the change back.
class Note {
 public:
  Note(Sockets&, std::string line);  // throws Error
  Note(const Note&) = delete;
  Note& operator=(const Note&) = delete;
  ~Note();
  void leave() noexcept { left_ = true; }  // the change could not be taken back

 private:
  Sockets& sockets_;
  std::string line_;
  bool left_ = false;
};

using HeldPtr = std::unique_ptr<plan::Held>;

// Each throws Error, and then has changed nothing.
HeldPtr hold(Sockets&, const Wall&);
HeldPtr hold(Sockets&, const FilterTable&);
HeldPtr hold(Sockets&, const ForeignAccept&);
HeldPtr hold(Sockets&, const LinkUp&);
HeldPtr hold(Sockets&, const AddressOn&);
HeldPtr hold(Sockets&, const Route&);
HeldPtr hold(Sockets&, const Rule&);
HeldPtr hold(Sockets&, const LinkSetting&);
HeldPtr hold(Sockets&, const Sysctl6&);
HeldPtr hold(Sockets&, const DnsServers&);  // does not throw: what fails is told

// Makes again what somebody removed. `held` is what hold() gave for it and stands for it again,
// as if nothing had happened. Throws Error; then `held` may be empty.
void remake(Sockets&, const Wall&, HeldPtr& held);
void remake(Sockets&, const FilterTable&, HeldPtr& held);
// A route that somebody put in the place of ours gives way.
void remake(Sockets&, const Route&, HeldPtr& held);
template<typename T>
void remake(Sockets& s, const T& object, HeldPtr& held) {
  held.reset();  // there is nothing to take back, and its note goes
  held = hold(s, object);
}

bool is_present(Sockets&, const Wall&);
bool is_present(Sockets&, const FilterTable&);
bool is_present(Sockets&, const ForeignAccept&);
bool is_present(Sockets&, const LinkUp&);
bool is_present(Sockets&, const AddressOn&);
bool is_present(Sockets&, const Route&);
bool is_present(Sockets&, const Rule&);
bool is_present(Sockets&, const LinkSetting&);
bool is_present(Sockets&, const Sysctl6&);
bool is_present(Sockets&, const DnsServers&);

// In the journal of the tunnel that has the resolver file.
inline constexpr char kResolverNote[] = "resolver file";
// A resolver file that a dead tunnel left is put back; `interface` empty: whichever it was. The
// notes are not asked, since the file outlives a reboot and they do not.
void sweep_resolver(Sockets&, const std::string& interface, const std::string& directory,
                    std::vector<std::string>& done);

// Settings that the sweep has spared and that nobody has taken over go back to what they were.
void drop_spared_settings(Sockets&) noexcept;

// The link, or an Error that says what could not be done.
Link need_link(Sockets&, const std::string& name, const std::string& doing);
// True for answers that mean "it is gone already".
bool gone(const Answer&) noexcept;

}  // namespace vpnd::nl
