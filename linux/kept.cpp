// SPDX-License-Identifier: ISC
#include "linux/kept.h"

#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/log.h"

// linux/if_tun.h since 5.2 and linux/sockios.h since 4.10; both give a descriptor of a namespace.
#ifndef TUNGETDEVNETNS
#define TUNGETDEVNETNS _IO('T', 227)
#endif

namespace vpnd::nl {
namespace {

// `question`: an ioctl that opens the network namespace of a descriptor.
bool is_of_our_network(const Fd& fd, unsigned long question) noexcept {
  const Fd theirs(ioctl(fd.get(), question));
  struct stat there {
  }, here{};
  return theirs && fstat(theirs.get(), &there) == 0 &&
         stat("/proc/thread-self/ns/net", &here) == 0 && there.st_ino == here.st_ino &&
         there.st_dev == here.st_dev;
}

// The name of the device; empty: it is none, or it is gone.
std::string device_of(const Fd& fd) {
  ifreq request{};
  if (ioctl(fd.get(), TUNGETIFF, &request) != 0) return {};
  return is_of_our_network(fd, TUNGETDEVNETNS) ? request.ifr_name : std::string();
}

bool owns_tables(const Fd& fd) noexcept {
  int protocol = -1;
  socklen_t size = sizeof protocol;
  if (getsockopt(fd.get(), SOL_SOCKET, SO_PROTOCOL, &protocol, &size) < 0) return false;
  int domain = -1;
  size = sizeof domain;
  if (getsockopt(fd.get(), SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0) return false;
  return domain == AF_NETLINK && protocol == NETLINK_NETFILTER && is_of_our_network(fd, SIOCGSKNS);
}

}  // namespace

Kept take_kept(ServiceManager& manager) {
  Kept out;
  auto tunnels = manager.take(kKeptTunnel);
  for (Fd& fd : tunnels) {
    std::string name = device_of(fd);
    if (out.tunnel || name.empty()) continue;
    out.tunnel = std::move(fd);
    out.interface = std::move(name);
  }
  if (!tunnels.empty() && !out.tunnel) manager.forget(kKeptTunnel);
  auto tables = manager.take(kKeptTables);
  for (Fd& fd : tables) {
    if (!out.tables && owns_tables(fd)) out.tables = std::move(fd);
  }
  if (!tables.empty() && !out.tables) manager.forget(kKeptTables);
  out.listeners = manager.take(kKeptListener);
  auto sessions = manager.take(kKeptSession);
  if (!sessions.empty()) out.session_file = std::move(sessions.front());
  out.session = read_session(out.session_file);
  return out;
}

Fd make_session_file() {
  Fd fd(memfd_create("vpnd-session", MFD_CLOEXEC));
  if (!fd) log(Level::warning, "no memory file for the session: it will not outlive a restart");
  return fd;
}

void write_session(const Fd& fd, const std::optional<plan::KeptSession>& session) noexcept {
  if (!fd) return;
  const auto bytes = session ? plan::encode(*session) : std::vector<std::uint8_t>{};
  const auto n = pwrite(fd.get(), bytes.data(), bytes.size(), 0);
  if (n != static_cast<ssize_t>(bytes.size()) ||
      ftruncate(fd.get(), static_cast<off_t>(bytes.size())) != 0) {
    log(Level::warning, "the session is not kept: it will not outlive a restart");
  }
}

std::optional<plan::KeptSession> read_session(const Fd& fd) {
  ByteArray<plan::kMostKeptSession> room;
  const auto n = fd ? pread(fd.get(), room.data(), room.size(), 0) : 0;
  if (n <= 0) return std::nullopt;
  return plan::decode_kept_session(Bytes(room).first(static_cast<std::size_t>(n)));
}

}  // namespace vpnd::nl
