// SPDX-License-Identifier: ISC
#include "core/plan/lease_policy.h"

#include <fmt/format.h>

#include <algorithm>

namespace vpnd::plan {
namespace {

// An address that a host may wear or that names one other host.
bool plain_unicast(const Address& a) {
  const Bytes b = a.bytes();
  if (a.unspecified()) return false;
  if (a.is_v4()) return b[0] != 0 && b[0] != 127 && b[0] < 224;
  const Prefix mapped{Address::v6(ByteArray<16>{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}), 96};
  const Prefix loopback{Address::v6(ByteArray<16>{}), 96};  // ::1 and the old v4-compatible ones
  const bool link_local = b[0] == 0xfe && (b[1] & 0xc0) == 0x80;
  return b[0] != 0xff && !link_local && !mapped.contains(a) && !loopback.contains(a);
}

std::optional<std::string> bad_address(const char* what, const Address& a, Family family) {
  if (a.family() == family && plain_unicast(a)) return std::nullopt;
  return fmt::format("{} is {}", what, a.text());
}

std::optional<std::string> bad_v6(const wire::Lease& l) {
  if (!l.has_v6()) return std::nullopt;
  if (l.client_v6.length > 128) return "the IPv6 prefix length is over 128";
  if (l.mtu < kMinMtuV6) return fmt::format("mtu {} is too small for IPv6", l.mtu);
  if (auto bad = bad_address("the IPv6 address", l.client_v6.address, Family::v6)) return bad;
  return bad_address("the server's IPv6 address", l.server_v6, Family::v6);
}

// A resolver is written into the host's settings; none is named by an unspecified address. Our own
// connection reaches an endpoint past the tunnel, and under a strict reverse-path filter so does
// root, so names could go to it in clear.
std::optional<std::string> bad_resolver(const char* what, const Address& a, Family family,
                                        const std::vector<Endpoint>& endpoints,
                                        const wire::Lease& l) {
  if (a.unspecified()) return std::nullopt;
  if (auto bad = bad_address(what, a, family)) return bad;
  if (a == l.client_v4.address || a == l.client_v6.address) {
    return fmt::format("{} is {}, which is our own address", what, a.text());
  }
  const auto here = [&a](const Endpoint& e) { return e.address == a; };
  if (std::none_of(endpoints.begin(), endpoints.end(), here)) return std::nullopt;
  return fmt::format("{} is {}, where the server is reached outside the tunnel", what, a.text());
}

}  // namespace

std::optional<std::string> refusal(const ClientConfig& config,
                                   const std::vector<Endpoint>& endpoints, const wire::Lease& l) {
  if (l.mtu < kMinMtu || l.mtu > kMaxMtu) return fmt::format("mtu {}", l.mtu);
  if (l.client_v4.length == 0 || l.client_v4.length > 32) return "the IPv4 prefix length";
  if (auto bad = bad_address("the address", l.client_v4.address, Family::v4)) return bad;
  if (auto bad = bad_address("the server's address", l.server_v4, Family::v4)) return bad;
  if (l.server_v4 == l.client_v4.address) return "both ends have one address";
  if (config.local_v4 && *config.local_v4 != l.client_v4.address) {
    return fmt::format("it gives {} where {} was asked for", l.client_v4.address.text(),
                       config.local_v4->text());
  }
  if (config.remote_v4 && *config.remote_v4 != l.server_v4) {
    return fmt::format("the server is {} where {} was expected", l.server_v4.text(),
                       config.remote_v4->text());
  }
  if (auto bad = bad_resolver("the resolver", l.dns_v4, Family::v4, endpoints, l)) return bad;
  if (auto bad = bad_resolver("the IPv6 resolver", l.dns_v6, Family::v6, endpoints, l)) return bad;
  return bad_v6(l);
}

}  // namespace vpnd::plan
