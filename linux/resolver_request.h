// SPDX-License-Identifier: ISC
#pragma once

// A keeper that is not root can change neither what systemd-resolved knows nor the resolver file.
// It asks a service that may (resolver_service.h): over a SOCK_SEQPACKET socket one request, one
// answer, both below kMostRequestBytes. The answer is kErrandDone and how it was done, or
// kErrandFailed and why (resolver_errand.h).

#include <optional>
#include <string>
#include <vector>

#include "core/base/bytes.h"
#include "linux/objects.h"

namespace vpnd::nl {

inline constexpr char kResolverSocket[] = "/run/vpnd-dns.sock";
inline constexpr std::size_t kMostRequestBytes = 16384;

struct ResolverRequest {
  enum class Task : std::uint8_t { tell, untell, write, restore };
  Task task = Task::restore;
  std::uint32_t link = 0;           // tell, untell: the device's number
  bool even_if_not_heeded = false;  // tell
  DnsServers dns;                   // tell, write: all of it; restore: the interface, or none
  friend bool operator==(const ResolverRequest&, const ResolverRequest&) = default;
};
std::vector<std::uint8_t> encode(const ResolverRequest&);
// nullopt: too long, cut short, or a field that would not do in a resolver file.
std::optional<ResolverRequest> decode_resolver_request(Bytes);

// We are not root, and somebody listens.
bool asks_resolver_service(const std::string& path = kResolverSocket) noexcept;
// How it was done. Throws Error with what the service said, or because it said nothing in time.
std::string ask_resolver_service(const ResolverRequest&, const std::string& path = kResolverSocket);

}  // namespace vpnd::nl
