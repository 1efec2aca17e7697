// SPDX-License-Identifier: ISC
#include "bsd/device.h"

#include <sys/types.h>
// Before the others, which need what it declares.
#include <sys/socket.h>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#if __has_include(<sys/kern_control.h>)
#include <sys/kern_control.h>
#endif

namespace vpnd::bsd {
namespace {

// O_NONBLOCK given to open() is not heeded by every tun driver.
int prepared(int fd) noexcept {
  const int flags = ::fcntl(fd, F_GETFL);
  const bool done = flags >= 0 && ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
                    ::fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
  if (done) return fd;
  const int why = errno;
  ::close(fd);
  return -why;
}

}  // namespace

#ifdef CTLIOCGINFO

namespace {

constexpr int kSystemControl = 2;        // SYSPROTO_CONTROL, sys/sys_domain.h
constexpr std::uint16_t kAfControl = 2;  // AF_SYS_CONTROL, likewise
constexpr const char* kUtun = "com.apple.net.utun_control";

// "utun3" is unit 4: 0 would mean any.
std::uint32_t unit_of(const std::string& name) noexcept {
  constexpr std::size_t kStem = 4;
  std::uint32_t number = 0;
  const char* const end = name.data() + name.size();
  const auto read = std::from_chars(name.data() + kStem, end, number);
  return read.ec == std::errc{} && read.ptr == end ? number + 1 : 0;
}

}  // namespace

int open_tun(const std::string& name) {
  const std::uint32_t unit = name.starts_with("utun") ? unit_of(name) : 0;
  if (unit == 0) return -EINVAL;
  const int fd = ::socket(PF_SYSTEM, SOCK_DGRAM, kSystemControl);
  if (fd < 0) return -errno;
  ctl_info info{};
  std::strncpy(info.ctl_name, kUtun, sizeof info.ctl_name - 1);
  sockaddr_ctl address{};
  int why = ::ioctl(fd, CTLIOCGINFO, &info) == 0 ? 0 : errno;
  if (why == 0) {
    address.sc_len = sizeof address;
    address.sc_family = AF_SYSTEM;
    address.ss_sysaddr = kAfControl;
    address.sc_id = info.ctl_id;
    address.sc_unit = unit;
    const auto* const to = reinterpret_cast<const sockaddr*>(&address);
    why = ::connect(fd, to, sizeof address) == 0 ? 0 : errno;
  }
  if (why == 0) return prepared(fd);
  ::close(fd);
  return -why;
}

#else

int open_tun(const std::string& name) {
  const std::string path = "/dev/" + name;
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  return fd < 0 ? -errno : prepared(fd);
}

#endif

#ifdef SO_RTABLE
std::uint32_t own_routing_table() noexcept {
  const int table = ::getrtable();
  return table > 0 ? static_cast<std::uint32_t>(table) : 0;
}
#else
std::uint32_t own_routing_table() noexcept {
  return 0;
}
#endif

}  // namespace vpnd::bsd
