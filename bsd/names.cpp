// SPDX-License-Identifier: ISC
// The seam's resolve() and resolvers().

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "bsd/socket.h"
#include "bsd/text_file.h"
#include "core/host.h"
#include "core/plan/resolv_conf.h"

namespace vpnd::host {

std::vector<Endpoint> resolve(const std::string& host, std::uint16_t port) {
  if (const auto address = Address::parse(host)) return {{*address, port}};
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
#ifdef AI_ADDRCONFIG
  hints.ai_flags = AI_ADDRCONFIG;
#endif
  addrinfo* list = nullptr;
  const int failed = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (failed != 0) {
    const char* why = failed == EAI_SYSTEM ? std::strerror(errno) : ::gai_strerror(failed);
    throw Error("the name " + host + " does not resolve", 0, why, Exit::unavailable);
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(list, ::freeaddrinfo);
  std::vector<Endpoint> out;
  for (const addrinfo* a = list; a != nullptr; a = a->ai_next) {
    sockaddr_storage address{};
    std::memcpy(&address, a->ai_addr, std::min<std::size_t>(a->ai_addrlen, sizeof address));
    Endpoint e = bsd::from_sockaddr(address);
    e.port = port;
    if (std::ranges::find(out, e) == out.end()) out.push_back(e);
  }
  return out;
}

std::vector<Address> resolvers() {
  return plan::askable(plan::nameservers(bsd::read_text("/etc/resolv.conf")));
}

}  // namespace vpnd::host
