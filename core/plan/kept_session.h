// SPDX-License-Identifier: ISC
#pragma once

// What a client's keeper leaves to the next one of the same tunnel, so that it can go on with the
// device, the addresses and the routes as they are. No key of the session is among it: those never
// leave the engine and die with it, which is what forward secrecy stands on. The next engine makes
// new ones, a handshake of one round trip, and the cookie gives it the same lease.

#include <optional>
#include <string>
#include <vector>

#include "core/base/addr.h"
#include "core/wire/hello.h"

namespace vpnd::plan {

struct KeptSession {
  std::string host;  // as configured; with another one the endpoints are not meant
  std::uint16_t port = 0;
  std::vector<Endpoint> endpoints;
  wire::Lease lease;
  wire::CookieBytes cookie{};
  friend bool operator==(const KeptSession&, const KeptSession&) = default;
};

inline constexpr std::size_t kMostKeptSession = 4096;  // bytes

std::vector<std::uint8_t> encode(const KeptSession&);
std::optional<KeptSession> decode_kept_session(Bytes);  // nullopt: of another version, or damaged

}  // namespace vpnd::plan
