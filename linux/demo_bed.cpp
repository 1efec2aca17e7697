// SPDX-License-Identifier: ISC
#include "linux/demo_bed.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "core/base/error.h"
#include "linux/netlink.h"
#include "linux/rtnl.h"

namespace vpnd::demo {
namespace {

constexpr const char* kFolder = "/run";
constexpr int kForwarding = 1;            // IPV4_DEVCONF_FORWARDING
constexpr std::uint8_t kNoLinkLocal = 1;  // IN6_ADDR_GEN_MODE_NONE

[[noreturn]] void refused(const char* doing, int error) {
  throw Error(doing, error, {}, Exit::permission,
              "This machine does not let ordinary users make user namespaces; as root it works:\n"
              "sudo vpnd demo");
}

void write_file(const char* path, const std::string& text, const char* doing) {
  const Fd file(::open(path, O_WRONLY | O_CLOEXEC));
  if (!file) refused(doing, errno);
  const ssize_t n = ::write(file.get(), text.data(), text.size());
  if (n != static_cast<ssize_t>(text.size())) refused(doing, n < 0 ? errno : EIO);
}

// Root needs no user namespace, unless it is the root of a container without rights.
bool leave_as_root() {
  return ::geteuid() == 0 && ::unshare(CLONE_NEWNET | CLONE_NEWNS) == 0;
}

void leave_as_user() {
  const auto uid = ::geteuid();
  const auto gid = ::getegid();
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS) != 0) {
    refused("make a user namespace", errno);
  }
  write_file("/proc/self/setgroups", "deny", "set up the user namespace");
  write_file("/proc/self/uid_map", fmt::format("0 {} 1", uid), "set up the user namespace");
  write_file("/proc/self/gid_map", fmt::format("0 {} 1", gid), "set up the user namespace");
}

// What the demo writes stays in memory that only this process and its children see.
void mount_folder() {
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    if (errno == EINVAL) {
      throw Error(
          "keep mounts private", errno, {}, Exit::os,
          "This is a chroot whose / is no mount point: \"mount --bind\" it onto itself first.");
    }
    refused("keep mounts private", errno);
  }
  if (::mount("vpnd-demo", kFolder, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC,
              "mode=0755,size=16m") != 0) {
    refused("mount a folder in memory", errno);
  }
}

Fd own_netns() {
  Fd fd(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!fd) throw Error("open /proc/self/ns/net", errno, {}, Exit::os);
  return fd;
}

void go(const Fd& netns) {
  if (::setns(netns.get(), CLONE_NEWNET) != 0) {
    throw Error("enter a network namespace", errno, {}, Exit::os);
  }
}

nl::Link link_named(nl::Netlink& nl, const std::string& name) {
  if (auto link = nl::find_link(nl, name)) return *link;
  throw Error("find the interface " + name, ENODEV, {}, Exit::software);
}

struct Interface {
  const char* name;
  const char* v4;
  const char* v6;
  const char* link_local;
};

constexpr Interface kRouterToClient = {"r0", "192.168.1.1/24", "2001:db8:1::1/64", "fe80::2/64"};

Prefix prefix(const char* text) {
  if (const auto p = Prefix::parse(text)) return *p;
  throw Error("read an address of the demo", EINVAL, text, Exit::software);
}

// Link-local addresses of our own making, for the kernel's would come late (after duplicate
// detection), and the comparison at the end would see it. A router cannot do without: it asks for
// its neighbours from there (RFC 4861 7.2.2).
void set_up_interface(nl::Netlink& nl, const Interface& interface) {
  const nl::Link link = link_named(nl, interface.name);
  nl::set_gen_mode(nl, link, kNoLinkLocal);
  nl::set_up(nl, link, true);
  for (const char* text : {interface.v4, interface.v6, interface.link_local}) {
    nl::add(nl, {interface.name, prefix(text)}, link.index);
  }
}

void add_route(nl::Netlink& nl, const char* to, const char* gateway) {
  const Prefix target = prefix(to);
  nl::Message m(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
  auto& fixed = m.fixed<rtmsg>();
  fixed.rtm_family = target.address.is_v4() ? AF_INET : AF_INET6;
  fixed.rtm_dst_len = target.length;
  fixed.rtm_table = RT_TABLE_MAIN;
  fixed.rtm_protocol = RTPROT_STATIC;  // an administrator's, not one of ours
  fixed.rtm_type = RTN_UNICAST;
  fixed.rtm_scope = RT_SCOPE_UNIVERSE;
  if (target.length > 0) m.put(RTA_DST, target.address.bytes());
  m.put(RTA_GATEWAY, prefix(gateway).address.bytes());
  nl.request(m, fmt::format("add the route {}", to));
}

void forward_everything(nl::Netlink& nl) {
  for (const char* name : {"r0", "r1"}) {
    nl::set_setting4(nl, link_named(nl, name), kForwarding, 1);
  }
  write_file("/proc/sys/net/ipv6/conf/all/forwarding", "1", "let the router forward IPv6");
}

}  // namespace

const char* name(Place place) noexcept {
  switch (place) {
    case Place::client:
      return "client";
    case Place::router:
      return "router";
    case Place::server:
      return "server";
    case Place::target:
      return "target";
  }
  return "";
}

Address Bed::target_v6() {
  return prefix("2001:db8:3::2").address;
}

Address Bed::server_inside_v6() {
  return prefix("2001:db8:3::1").address;
}

Bed::Bed() : folder_(kFolder) {
  as_root_ = leave_as_root();
  if (!as_root_) leave_as_user();
  mount_folder();
  make_namespaces();
  make_links();
}

void Bed::make_namespaces() {
  home_ = own_netns();
  for (Fd& netns : netns_) {
    if (::unshare(CLONE_NEWNET) != 0) refused("make a network namespace", errno);
    netns = own_netns();
    nl::Netlink nl;
    nl::set_up(nl, link_named(nl, "lo"), true);
  }
}

void Bed::make_links() {
  const auto fd = [this](Place p) { return netns_[static_cast<std::size_t>(p)].get(); };
  in(Place::client, [&] {
    nl::Netlink nl;
    nl::add_veth(nl, "c0", "r0", fd(Place::router));
    set_up_interface(nl, {"c0", "192.168.1.2/24", "2001:db8:1::2/64", "fe80::1/64"});
  });
  in(Place::router, [&] {
    nl::Netlink nl;
    nl::add_veth(nl, "r1", "s0", fd(Place::server));
    set_up_interface(nl, kRouterToClient);
    set_up_interface(nl, {"r1", "203.0.113.1/24", "2001:db8:2::1/64", "fe80::3/64"});
    forward_everything(nl);
  });
  in(Place::server, [&] {
    nl::Netlink nl;
    nl::add_veth(nl, "s1", "t0", fd(Place::target));
    set_up_interface(nl, {"s0", "203.0.113.2/24", "2001:db8:2::2/64", "fe80::4/64"});
    set_up_interface(nl, {"s1", "198.51.100.1/24", "2001:db8:3::1/64", "fe80::5/64"});
    add_route(nl, "0.0.0.0/0", "203.0.113.1");
    add_route(nl, "::/0", "2001:db8:2::1");
  });
  in(Place::target, [&] {
    nl::Netlink nl;
    set_up_interface(nl, {"t0", "198.51.100.2/24", "2001:db8:3::2/64", "fe80::6/64"});
  });
  // With these a packet that misses the tunnel does travel, in clear, where it is counted.
  in(Place::router, [&] {
    nl::Netlink nl;
    add_route(nl, "198.51.100.0/24", "203.0.113.2");
    add_route(nl, "2001:db8:3::/64", "2001:db8:2::2");
  });
  in(Place::client, [&] {
    nl::Netlink nl;
    add_route(nl, "0.0.0.0/0", "192.168.1.1");
    add_route(nl, "::/0", "2001:db8:1::1");
  });
}

void Bed::pull_uplink() const {
  in(Place::router, [] {
    nl::Netlink nl;
    nl::set_up(nl, link_named(nl, kRouterToClient.name), false);
  });
}

// A device that goes down loses its IPv6 addresses (net/ipv6/addrconf.c), not those of IPv4.
void Bed::plug_uplink() const {
  in(Place::router, [] {
    nl::Netlink nl;
    const nl::Link link = link_named(nl, kRouterToClient.name);
    nl::set_up(nl, link, true);
    for (const char* text : {kRouterToClient.v6, kRouterToClient.link_local}) {
      nl::add(nl, {link.name, prefix(text)}, link.index);
    }
  });
}

void Bed::enter(Place place) const {
  go(netns_[static_cast<std::size_t>(place)]);
}

void Bed::in(Place place, const std::function<void()>& work) const {
  enter(place);
  try {
    work();
  } catch (...) {
    go(home_);
    throw;
  }
  go(home_);
}

}  // namespace vpnd::demo
