// SPDX-License-Identifier: ISC
#include "bsd/filter_lines.h"

#include <fmt/format.h>

namespace vpnd::bsd {
namespace {

constexpr unsigned kHeadersV4 = 40, kHeadersV6 = 60;  // of a TCP segment, without options
// What clients have no business with unless server_lan says so.
constexpr const char* kPrivateV4 = "10/8, 172.16/12, 192.168/16, 169.254/16, 100.64/10, 127/8";
constexpr const char* kPrivateV6 = "fc00::/7, fe80::/10, ::1";

using Lines = std::vector<std::string>;

struct Pool {
  std::string net;
  const char* family;
  bool v4;
};

std::vector<Pool> pools(const plan::Forward& f) {
  std::vector<Pool> out{{f.pool_v4.masked().text(), "inet", true}};
  if (f.pool_v6) out.push_back({f.pool_v6->masked().text(), "inet6", false});
  return out;
}

// pf of OpenBSD and of the others agree on filtering, but not on translating and normalising.
void guard(const plan::Forward& f, Lines& out) {
  for (const Pool& pool : pools(f)) {
    out.push_back(fmt::format("pass in quick on {} {} from {} to ({})", f.interface, pool.family,
                              pool.net, f.interface));
    for (const Prefix& p : f.server_lan) {
      if (p.address.is_v4() != pool.v4) continue;
      out.push_back(fmt::format("pass in quick on {} {} from {} to {}", f.interface, pool.family,
                                pool.net, p.masked().text()));
    }
    out.push_back(fmt::format("block in quick on {} {} from any to {{ {} }}", f.interface,
                              pool.family, pool.v4 ? kPrivateV4 : kPrivateV6));
    out.push_back(fmt::format("block in quick on {} {} from ! {} to any", f.interface, pool.family,
                              pool.net));
  }
}

bool translates(const plan::Forward& f, const Pool& pool) {
  return f.masquerade && (pool.v4 || !f.external || !f.external->is_v4());
}

std::string external(const plan::Forward& f, const Pool& pool, const std::string& otherwise) {
  return f.external && f.external->is_v4() == pool.v4 ? f.external->text() : otherwise;
}

FilterLines openbsd(const plan::Forward& f, Mtu mtu) {
  FilterLines out{"/etc/pf.conf", {}};
  out.lines.push_back(
      fmt::format("match on {} inet scrub (max-mss {})", f.interface, mtu - kHeadersV4));
  if (f.pool_v6) {
    out.lines.push_back(
        fmt::format("match on {} inet6 scrub (max-mss {})", f.interface, mtu - kHeadersV6));
  }
  guard(f, out.lines);
  for (const Pool& pool : pools(f)) {
    if (!translates(f, pool)) continue;
    out.lines.push_back(fmt::format("pass out on egress {} from {} to any nat-to {}", pool.family,
                                    pool.net, external(f, pool, "(egress)")));
  }
  return out;
}

FilterLines classic_pf(const plan::Forward& f, Mtu mtu, const std::string& uplink) {
  FilterLines out{"/etc/pf.conf", {}};
  out.lines.push_back(fmt::format("scrub on {} all max-mss {}", f.interface,
                                  mtu - (f.pool_v6 ? kHeadersV6 : kHeadersV4)));
  for (const Pool& pool : pools(f)) {
    if (!translates(f, pool)) continue;
    out.lines.push_back(fmt::format("nat on {} {} from {} to any -> {}", uplink, pool.family,
                                    pool.net, external(f, pool, fmt::format("({})", uplink))));
  }
  guard(f, out.lines);
  return out;
}

FilterLines npf(const plan::Forward& f, const std::string& uplink) {
  FilterLines out{"/etc/npf.conf", {}};
  for (const Pool& pool : pools(f)) {
    if (!translates(f, pool)) continue;
    const std::string to = fmt::format("{}({})", pool.v4 ? "inet4" : "inet6", uplink);
    out.lines.push_back(
        fmt::format("map {} dynamic {} -> {}", uplink, pool.net, external(f, pool, to)));
  }
  return out;
}

FilterLines ipfw(const plan::Forward& f, const std::string& uplink) {
  FilterLines out{"ipfw(8)", {}};
  if (!f.masquerade) return out;
  const bool given = f.external && f.external->is_v4();
  out.lines.push_back(
      fmt::format("ipfw nat 42 config {}", given ? "ip " + f.external->text() : "if " + uplink));
  out.lines.push_back(fmt::format("ipfw add nat 42 ip4 from any to any via {}", uplink));
  return out;
}

}  // namespace

std::vector<FilterLines> filter_lines(const Traits& t, const plan::Forward& f, Mtu mtu,
                                      const std::string& uplink) {
  const std::string by = uplink.empty() ? "UPLINK" : uplink;
  if (t.name == kOpenBsd.name) return {openbsd(f, mtu)};
  if (t.name == kNetBsd.name) return {npf(f, by)};
  if (t.name == kFreeBsd.name) return {classic_pf(f, mtu, by), ipfw(f, by)};
  return {classic_pf(f, mtu, by)};
}

}  // namespace vpnd::bsd
