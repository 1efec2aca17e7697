// SPDX-License-Identifier: ISC
#include "linux/listeners.h"

#include <algorithm>

#include "core/base/log.h"
#include "linux/patience.h"
#include "linux/socket.h"

namespace vpnd::nl {
namespace {

bool dual_stack(const Endpoint& e) {
  return !e.address.is_v4() && e.address.unspecified();
}

Fd kept_for(const Endpoint& e, bool dual, std::vector<Fd>& kept) {
  for (Fd& fd : kept) {
    if (fd && take_listener(fd) == e && (e.address.is_v4() || takes_v4(fd) == dual)) {
      return std::move(fd);
    }
  }
  return {};
}

}  // namespace

Listeners open_listeners(const std::vector<Endpoint>& endpoints, std::vector<Fd> kept) {
  Listeners out;
  out.endpoints = endpoints;
  for (const Endpoint& e : endpoints) {
    const auto other = [&e](const Endpoint& o) { return o.port == e.port && o.address.is_v4(); };
    const bool dual = dual_stack(e) && std::ranges::none_of(endpoints, other);
    Fd fd = kept_for(e, dual, kept);
    // One that listens there for the other families is in the way.
    if (!fd)
      std::erase_if(kept, [&e](const Fd& k) { return k && take_listener(k).port == e.port; });
    out.sockets.push_back(fd ? std::move(fd)
                             : patiently([&] { return listening_socket(e, dual); }));
    log(Level::notice, "listening on {}", e.text());
  }
  return out;
}

Listeners given_listeners(std::vector<Fd> given) {
  Listeners out;
  for (Fd& fd : given) {
    out.endpoints.push_back(take_listener(fd));
    out.sockets.push_back(std::move(fd));
    log(Level::notice, "listening on {}, by a socket unit", out.endpoints.back().text());
  }
  return out;
}

}  // namespace vpnd::nl
