// SPDX-License-Identifier: ISC
#pragma once

// Four hosts in a row, made of network namespaces that no other process can see:
//
//   client ---- router ---- server ---- target
//
// The client's and the router's part is what a stranger on the way could listen to. The target has
// no route but to its own network, so it answers only what the server translated.

#include <array>
#include <cstdint>
#include <functional>
#include <string>

#include "core/base/addr.h"
#include "linux/fd.h"

namespace vpnd::demo {

enum class Place : std::uint8_t { client, router, server, target };
inline constexpr std::array<Place, 4> kPlaces = {Place::client, Place::router, Place::server,
                                                 Place::target};
const char* name(Place) noexcept;

class Bed {
 public:
  // Takes the calling process, which must have one thread, out of the machine's namespaces for
  // good; an ordinary user becomes root of a user namespace. Throws Error (Exit::permission) where
  // that is refused.
  Bed();
  Bed(const Bed&) = delete;
  Bed& operator=(const Bed&) = delete;

  // The calling thread goes there, and stays.
  void enter(Place) const;
  // Goes there for the time of `work`.
  void in(Place, const std::function<void()>& work) const;

  // The cable between client and router: with it out, both ends have no carrier.
  void pull_uplink() const;
  void plug_uplink() const;

  const std::string& folder() const noexcept { return folder_; }  // in memory, gone with us
  bool as_root() const noexcept { return as_root_; }
  int descriptor(Place place) const noexcept {  // of its network namespace
    return netns_[static_cast<std::size_t>(place)].get();
  }

  static Address server_outside() noexcept { return Address::v4(203, 0, 113, 2); }
  static Address server_inside() noexcept { return Address::v4(198, 51, 100, 1); }
  static Address target_v4() noexcept { return Address::v4(198, 51, 100, 2); }
  static Address target_v6();
  static Address server_inside_v6();
  static const char* watched_link() noexcept {
    return "r0";
  }  // the router's end towards the client

 private:
  void make_namespaces();
  void make_links();

  std::array<Fd, 4> netns_;
  Fd home_;
  std::string folder_;
  bool as_root_ = false;
};

}  // namespace vpnd::demo
