// SPDX-License-Identifier: ISC
#pragma once

// Inner addresses of a server's clients: one an identity, kept for it after it left, never two
// owners. An address is live (a confirmed session), reserved (named in a handshake that is not yet
// confirmed) or held (for one who left). Times of holding run out in the order of leaving.

#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/addr.h"
#include "core/base/time.h"
#include "core/wire/hello.h"

namespace vpnd::engine {

class AddressPool {
 public:
  struct Options {
    Prefix pool;     // IPv4
    Address server;  // not given out; nor are the network's own and its broadcast address
    std::optional<Address> first;
    Duration hold;  // after disconnect() nobody else gets it before
  };
  struct Wish {
    std::optional<Address> requested;  // by the user
    std::optional<Address> cookie;     // of an earlier lease that we signed
  };
  explicit AddressPool(const Options&);

  // Mode P: addresses that only one identity may have. Replaces all earlier pins.
  void pin(std::vector<std::pair<wire::Identity, Address>> pins);
  // Names an address for one handshake. An identity's own lease is named again. nullopt: none is
  // free. Each success must be followed by one commit() or release().
  std::optional<Address> reserve(const wire::Identity&, const Wish&, TimePoint now);
  void release(const wire::Identity&, TimePoint now);
  void commit(const wire::Identity&);  // the reservation becomes the live lease
  void disconnect(const wire::Identity&, TimePoint now);

  std::optional<Address> address_of(const wire::Identity&) const;
  std::optional<Address> pinned(const wire::Identity&) const;
  std::uint32_t number(const Address&) const noexcept;  // host part; pre: in the pool
  std::size_t owned() const noexcept { return owners_.size(); }
  std::size_t usable() const noexcept;

 private:
  struct Entry {
    std::uint32_t number = 0, reservations = 0;
    bool live = false, held = false;
    TimePoint left{};
  };
  Address address(std::uint32_t number) const noexcept;
  bool leasable(std::uint32_t number) const noexcept;
  bool may_have(std::uint32_t number, const wire::Identity&, TimePoint now) const;
  std::optional<std::uint32_t> wanted(const std::optional<Address>&, const wire::Identity&,
                                      TimePoint now) const;
  std::optional<std::uint32_t> choose(const wire::Identity&, const Wish&, TimePoint now);
  std::optional<std::uint32_t> unused(const wire::Identity&, TimePoint now);
  void forget(const wire::Identity&);
  void unhold(Entry&);

  Options options_;
  std::uint32_t numbers_;  // 0 .. numbers_ - 1
  std::uint32_t fresh_ = 1;
  std::set<std::uint32_t> returned_;  // below fresh_ and owned by nobody
  std::set<std::pair<TimePoint, std::uint32_t>> held_;
  std::map<wire::Identity, Entry> entries_;
  std::unordered_map<std::uint32_t, wire::Identity> owners_;
  std::map<wire::Identity, std::uint32_t> pins_;
  std::unordered_map<std::uint32_t, wire::Identity> pinned_to_;
};

}  // namespace vpnd::engine
