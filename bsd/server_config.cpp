// SPDX-License-Identifier: ISC
#include "bsd/server_config.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "bsd/socket.h"
#include "core/base/error.h"
#include "core/base/log.h"
#include "core/host.h"

namespace vpnd::bsd {
namespace {

using namespace std::chrono_literals;

// A predecessor that was killed a moment ago may have an engine that is still dying, and with it
// the port.
Fd patiently(const Endpoint& on) {
  constexpr int kTurns = 50;
  for (int turn = 0;; ++turn) {
    try {
      return listening_socket(on);
    } catch (const Error& e) {
      if (e.code() != Exit::temporary || turn == kTurns) throw;
    }
    std::this_thread::sleep_for(20ms);
  }
}

}  // namespace

std::vector<Endpoint> listen_endpoints(const plan::ServerConfig& c, bool has_v6) {
  std::vector<Endpoint> out = c.listen;
  if (out.empty() && !c.bind_host.empty()) return host::resolve(c.bind_host, c.port);
  if (out.empty()) out.push_back({has_v6 ? Address::v6(ByteArray<16>{}) : Address(), c.port});
  const std::vector<Endpoint> asked = out;
  for (const Endpoint& e : asked) {
    const auto same_port = [&e](const Endpoint& o) {
      return o.address.is_v4() && o.port == e.port;
    };
    const bool every = !e.address.is_v4() && e.address.unspecified();
    if (every && std::ranges::none_of(out, same_port)) out.push_back({Address(), e.port});
  }
  return out;
}

void announce_resolvers(plan::ServerConfig& c) {
  if (!c.dns_forward) return;
  c.dns_forward = false;
  if (!c.push_dns.empty()) return;
  for (const Address& a : host::resolvers()) {
    const auto same = [&a](const Address& o) { return o.family() == a.family(); };
    if (std::ranges::none_of(c.push_dns, same)) c.push_dns.push_back(a);
  }
  if (!c.push_dns.empty()) return;
  log(Level::warning,
      "clients are told of no resolver, for this host has none that others can ask; name one with "
      "server.push_dns");
}

std::vector<Fd> open_listeners(const std::vector<Endpoint>& endpoints) {
  std::vector<Fd> out;
  for (const Endpoint& e : endpoints) {
    out.push_back(patiently(e));
    log(Level::notice, "listening on {}", e.text());
  }
  return out;
}

}  // namespace vpnd::bsd
