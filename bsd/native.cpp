// SPDX-License-Identifier: ISC
// Which table describes the system this is compiled on, and whether it does so rightly. The one
// place that names systems.
#include "bsd/native.h"

#include <sys/types.h>
// Before the others, which need what these declare.
#include <sys/socket.h>
#include <sys/time.h>

#include <net/if.h>
#include <net/if_dl.h>
#include <net/route.h>
#include <netinet/in.h>
#include <sys/ioctl.h>

#include <cstddef>

// macOS ships none of these to others than its own programs.
#if __has_include(<netinet6/in6_var.h>)
#if __has_include(<netinet/in_var.h>)
#include <netinet/in_var.h>
#endif
#include <netinet6/in6_var.h>
#endif
#if __has_include(<net/if_tun.h>)
#include <net/if_tun.h>
#elif __has_include(<net/tun/if_tun.h>)
#include <net/tun/if_tun.h>
#endif

#include "bsd/alias.h"

namespace vpnd::bsd {

#if defined(__FreeBSD__)
inline constexpr Traits kNative = kFreeBsd;
#elif defined(__NetBSD__)
inline constexpr Traits kNative = kNetBsd;
#elif defined(__OpenBSD__)
inline constexpr Traits kNative = kOpenBsd;
#elif defined(__DragonFly__)
inline constexpr Traits kNative = kDragonFly;
#elif defined(__APPLE__)
inline constexpr Traits kNative = kMacOs;
#else
#error "bsd/traits.h does not describe this system"
#endif

namespace {

// An ioctl(2) number in the 32 bits that it has, whatever type the header gives it.
template<typename T>
constexpr std::uint32_t number(T request) noexcept {
  return static_cast<std::uint32_t>(request);
}

}  // namespace

static_assert(kNative.inet6 == AF_INET6 && kNative.route == AF_ROUTE);
static_assert(kInet == AF_INET && kLink == AF_LINK);
static_assert(kNative.link_address == sizeof(sockaddr_dl));
static_assert(kNative.version == RTM_VERSION && kNative.header == sizeof(rt_msghdr));
static_assert(kNative.index == offsetof(rt_msghdr, rtm_index));
static_assert(kNative.flags == offsetof(rt_msghdr, rtm_flags));
static_assert(kNative.addrs == offsetof(rt_msghdr, rtm_addrs));
static_assert(kNative.pid == offsetof(rt_msghdr, rtm_pid));
static_assert(kNative.seq == offsetof(rt_msghdr, rtm_seq));
static_assert(kNative.errnum == offsetof(rt_msghdr, rtm_errno));
static_assert(kAdd == RTM_ADD && kDelete == RTM_DELETE && kChange == RTM_CHANGE && kGet == RTM_GET);
static_assert(kRtfUp == RTF_UP && kRtfGateway == RTF_GATEWAY && kRtfHost == RTF_HOST);
static_assert(kRtfReject == RTF_REJECT && kRtfStatic == RTF_STATIC);
static_assert(kRtfBlackhole == RTF_BLACKHOLE && kRtfOurs == RTF_PROTO1);
static_assert(kRtaDst == RTA_DST && kRtaGateway == RTA_GATEWAY && kRtaNetmask == RTA_NETMASK);
static_assert(kRtaIfp == RTA_IFP && kRtaIfa == RTA_IFA);
static_assert(kNative.new_address == RTM_NEWADDR && kNative.delete_address == RTM_DELADDR);
static_assert(kNative.link_info == RTM_IFINFO);
#ifdef RTM_IFANNOUNCE
static_assert(kNative.link_announce == RTM_IFANNOUNCE);
#else
static_assert(kNative.link_announce == 0);
#endif
#ifdef RTM_DESYNC
static_assert(kNative.desync == RTM_DESYNC);
static_assert(kNative.header_length == offsetof(rt_msghdr, rtm_hdrlen));
static_assert(kNative.table == offsetof(rt_msghdr, rtm_tableid));
#else
static_assert(kNative.desync == 0 && kNative.header_length == 0 && kNative.table == 0);
#endif

static_assert(kNative.ifreq == sizeof(ifreq) && IFNAMSIZ == 16 && kIffUp == IFF_UP);
static_assert(offsetof(ifreq, ifr_ifru) == 16);
static_assert(kNative.get_flags == number(SIOCGIFFLAGS) &&
              kNative.set_flags == number(SIOCSIFFLAGS));
static_assert(kNative.set_mtu == number(SIOCSIFMTU) && kNative.destroy == number(SIOCIFDESTROY));
static_assert(kNative.delete_v4 == number(SIOCDIFADDR) && kNative.add_v4 == number(SIOCAIFADDR));
static_assert(kNative.alias_v4 == sizeof(ifaliasreq));
static_assert(offsetof(ifaliasreq, ifra_addr) == 16 && offsetof(ifaliasreq, ifra_mask) == 48);
#if __has_include(<netinet6/in6_var.h>)
static_assert(kNative.alias_v6 == sizeof(in6_aliasreq) && kNative.ifreq_v6 == sizeof(in6_ifreq));
static_assert(kNative.add_v6 == number(SIOCAIFADDR_IN6));
static_assert(kNative.delete_v6 == number(SIOCDIFADDR_IN6));
static_assert(offsetof(in6_aliasreq, ifra_dstaddr) == 44);
static_assert(offsetof(in6_aliasreq, ifra_prefixmask) == 72);
static_assert(offsetof(in6_aliasreq, ifra_flags) == 100);
static_assert(offsetof(in6_aliasreq, ifra_lifetime) + offsetof(in6_addrlifetime, ia6t_vltime) ==
              120);
static_assert(offsetof(in6_aliasreq, ifra_lifetime) + offsetof(in6_addrlifetime, ia6t_pltime) ==
              124);
#ifdef IN6_IFF_NODAD
static_assert(kNative.no_dad == IN6_IFF_NODAD);
#else
static_assert(kNative.no_dad == 0);
#endif
#endif
#ifdef TUNSIFHEAD
static_assert(kNative.tun_header == number(TUNSIFHEAD));
#else
static_assert(kNative.tun_header == 0);
#endif

const Traits& native() noexcept {
  return kNative;
}

}  // namespace vpnd::bsd
