// SPDX-License-Identifier: ISC
#include "linux/tun.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "core/base/error.h"
#include "core/base/log.h"
#include "core/wire/offload.h"
#include "linux/rtnl.h"
#include "linux/tun_offload.h"

namespace vpnd::nl {
namespace {

constexpr char kDevice[] = "/dev/net/tun";

Fd open_device() {
  Fd fd(::open(kDevice, O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (fd) return fd;
  const std::string doing = fmt::format("open {}", kDevice);
  if (errno == ENOENT || errno == ENODEV || errno == ENXIO) {
    throw Error(doing, errno, {}, Exit::os,
                "The kernel module is missing: \"sudo modprobe tun\"; in a container, pass the "
                "device in (--device /dev/net/tun).");
  }
  throw Error(doing, errno, {}, errno == EACCES || errno == EPERM ? Exit::permission : Exit::os,
              "Run with sudo, or try \"vpnd demo\", which needs no privileges.");
}

// `wanted` may be a pattern, "vpn%d": the kernel takes the lowest number that is free.
std::string attach(const Fd& fd, const std::string& wanted, int exclusive) {
  ifreq request{};
  if (wanted.size() >= sizeof request.ifr_name) {
    throw Error(fmt::format("create the interface {}", wanted), EINVAL, "the name is too long",
                Exit::usage);
  }
  wanted.copy(request.ifr_name, sizeof request.ifr_name - 1);
  const int flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE | exclusive;
  request.ifr_flags = static_cast<short>(flags);
  if (::ioctl(fd.get(), TUNSETIFF, &request) == 0) return request.ifr_name;
  const std::string doing = fmt::format("create the interface {}", wanted);
  if (errno == EBUSY) {
    throw Error(doing, errno, "an interface of that name exists", Exit::temporary,
                "Another vpnd may be running (\"vpnd status\"); otherwise choose another name.");
  }
  if (errno == EPERM) {
    throw Error(doing, errno, {}, Exit::permission,
                "Run with sudo, or try \"vpnd demo\", which needs no privileges.");
  }
  throw Error(doing, errno, {}, errno == EINVAL ? Exit::os : Exit::failure);
}

// Without an owner any local user may attach a queue and read what passes.
void own(const Fd& fd, const std::string& name) {
  if (::ioctl(fd.get(), TUNSETOWNER, 0UL) == 0) return;
  throw Error(fmt::format("make root the owner of {}", name), errno,
              "other users could read its packets", Exit::os,
              "In a user namespace uid 0 has to be mapped.");
}

int index_of(const std::string& name) {
  const Fd any(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  name.copy(request.ifr_name, sizeof request.ifr_name - 1);
  if (!any || ::ioctl(any.get(), SIOCGIFINDEX, &request) != 0) {
    throw Error(fmt::format("find the interface {}", name), errno);
  }
  return request.ifr_ifindex;
}

void agree_on_form(Tun& tun) {
  own(tun.fd, tun.name);
  int header = sizeof(wire::VnetHeader);
  if (::ioctl(tun.fd.get(), TUNSETVNETHDRSZ, &header) != 0) {
    throw Error(fmt::format("set the offload header of {}", tun.name), errno, {}, Exit::os);
  }
  tun.kinds = negotiate_offload(tun.fd);
  tun.index = index_of(tun.name);
}

void add_queues(Tun& tun, std::uint32_t queues) {
  for (std::uint32_t i = 1; i < queues; ++i) {
    tun.more.push_back(open_device());
    attach(tun.more.back(), tun.name, 0);
  }
}

}  // namespace

Tun open_tun(const std::string& name, std::uint32_t queues) {
  Tun tun;
  tun.fd = open_device();
  // EXCL, because root could otherwise become one more queue of somebody's living tunnel.
  tun.name = attach(tun.fd, name.empty() ? "vpn%d" : name, IFF_TUN_EXCL);
  agree_on_form(tun);
  add_queues(tun, queues);
  return tun;
}

Tun take_over_tun(Fd fd, const std::string& name, std::uint32_t queues) {
  Tun tun;
  tun.fd = std::move(fd);
  tun.name = name;
  ifreq request{};
  const bool is = ::ioctl(tun.fd.get(), TUNGETIFF, &request) == 0 && name == request.ifr_name;
  constexpr int kForm = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE;
  if (!is || (request.ifr_flags & kForm) != kForm) {
    throw Error(fmt::format("go on with the interface {}", name), 0, "it is another one");
  }
  agree_on_form(tun);
  add_queues(tun, queues);
  return tun;
}

bool alive(const Tun& tun) noexcept {
  ifreq request{};
  // EBADFD when the device was deleted; after a renaming, the new name.
  if (::ioctl(tun.fd.get(), TUNGETIFF, &request) != 0 || tun.name != request.ifr_name) return false;
  try {
    return index_of(tun.name) == tun.index;
  } catch (const Error&) {
    return false;
  }
}

void remove(const Tun& tun) noexcept {
  if (!alive(tun)) return;
  try {
    Netlink rt;
    Link link;
    link.index = tun.index;
    remove(rt, link);
  } catch (const Error& e) {
    log(Level::warning, "{}", e.what());  // then it goes with its descriptors
  }
}

}  // namespace vpnd::nl
