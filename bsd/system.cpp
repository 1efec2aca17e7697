// SPDX-License-Identifier: ISC
// The kernel's calls. Plain libc only, so that the objects also run over kernel code in user space.
#include "bsd/system.h"

#include <sys/types.h>
// Before the others, which need what these declare.
#include <sys/socket.h>
#include <sys/sysctl.h>
#include <sys/time.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>
#include <ctime>

#include "bsd/device.h"
#include "bsd/native.h"
#include "core/base/error.h"

namespace vpnd::bsd {
namespace {

constexpr std::size_t kMostText = 65536;
constexpr int kLockAttempts = 20;  // 10 ms apart: a reader looks whether we live

// 0 or errno.
int result(int returned) noexcept {
  return returned == 0 ? 0 : errno;
}

int close_on_exec(int fd) noexcept {
  if (fd < 0) return -errno;
  (void)::fcntl(fd, F_SETFD, FD_CLOEXEC);
  return fd;
}

std::uint8_t length_of_mask(const sockaddr* mask, Family family) noexcept {
  if (mask == nullptr) return family == Family::v4 ? 32 : 128;
  // A mask may be cut, and its family unset.
  const std::size_t at = family == Family::v4 ? 4 : 8, whole = family == Family::v4 ? 4 : 16;
  const std::size_t size = std::min<std::size_t>(mask->sa_len, at + whole);
  std::array<std::uint8_t, 32> bytes{};
  std::memcpy(bytes.data(), mask, size);
  std::uint8_t bits = 0;
  for (std::size_t i = at; i < at + whole; ++i) {
    for (unsigned b = bytes[i]; (b & 0x80) != 0; b = (b << 1) & 0xff) ++bits;
  }
  return bits;
}

std::optional<Prefix> prefix_of(const ifaddrs& entry) {
  if (entry.ifa_addr == nullptr) return std::nullopt;
  std::array<std::uint8_t, sizeof(sockaddr_in6)> bytes{};
  const std::size_t size = std::min<std::size_t>(entry.ifa_addr->sa_len, bytes.size());
  std::memcpy(bytes.data(), entry.ifa_addr, size);
  if (entry.ifa_addr->sa_family == AF_INET) {
    return Prefix{Address::v4(Bytes(bytes).subspan(4, 4)),
                  length_of_mask(entry.ifa_netmask, Family::v4)};
  }
  if (entry.ifa_addr->sa_family != AF_INET6) return std::nullopt;
  if (bytes[8] == 0xfe && (bytes[9] & 0xc0) == 0x80) bytes[10] = bytes[11] = 0;  // the scope
  return Prefix{Address::v6(Bytes(bytes).subspan(8, 16)),
                length_of_mask(entry.ifa_netmask, Family::v6)};
}

// Text is written beside the file and takes its place in one step.
int write_whole(const std::string& path, const std::string& text, unsigned mode) {
  (void)::unlink(path.c_str());
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
  if (fd < 0) return errno;
  (void)::fchmod(fd, static_cast<mode_t>(mode));  // whatever the umask says
  const ssize_t n = ::write(fd, text.data(), text.size());
  int why = n < 0 ? errno : static_cast<std::size_t>(n) != text.size() ? ENOSPC : 0;
  if (why == 0) why = result(::fsync(fd));
  ::close(fd);
  if (why != 0) (void)::unlink(path.c_str());
  return why;
}

void sync_folder_of(const std::string& path) noexcept {
  const std::string folder = path.substr(0, path.rfind('/') + 1);
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  (void)::fsync(fd);
  ::close(fd);
}

// The file may have been removed by its last holder between our open and our lock.
bool still_there(int fd, const std::string& path) noexcept {
  struct stat ours {
  }, named{};
  return ::fstat(fd, &ours) == 0 && ::lstat(path.c_str(), &named) == 0 &&
         ours.st_ino == named.st_ino && ours.st_dev == named.st_dev;
}

class Kernel final : public System {
 public:
  ~Kernel() override {
    for (const int fd : {route_, v4_, v6_}) {
      if (fd >= 0) ::close(fd);
    }
  }

  int open_device(const std::string& name) override { return open_tun(name); }

  int control(int device, std::uint32_t request, MutBytes argument) override {
    return result(::ioctl(device, request, argument.data()));
  }

  void close(int descriptor) override {
    if (descriptor >= 0) ::close(descriptor);
  }

  int configure(Family family, std::uint32_t request, MutBytes argument) override {
    int& fd = family == Family::v4 ? v4_ : v6_;
    if (fd < 0) {
      fd = close_on_exec(::socket(family == Family::v4 ? AF_INET : AF_INET6, SOCK_DGRAM, 0));
    }
    return fd < 0 ? -fd : result(::ioctl(fd, request, argument.data()));
  }

  std::uint16_t index_of(const std::string& interface) override {
    return static_cast<std::uint16_t>(::if_nametoindex(interface.c_str()));
  }

  std::vector<Link> links() override {
    ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) throw Error("list the interfaces", errno, {}, Exit::os);
    std::vector<Link> out;
    for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
      const std::string name = entry->ifa_name;
      auto at = std::ranges::find(out, name, &Link::name);
      if (at == out.end()) {
        out.push_back({name, index_of(name), (entry->ifa_flags & IFF_UP) != 0, {}});
        at = std::prev(out.end());
      }
      if (const auto prefix = prefix_of(*entry)) at->addresses.push_back(*prefix);
    }
    ::freeifaddrs(list);
    return out;
  }

  int say(Bytes message) override {
    if (const int fd = route_socket(); fd < 0) return -fd;
    const ssize_t n = ::write(route_, message.data(), message.size());
    if (n < 0) return errno;
    return static_cast<std::size_t>(n) == message.size() ? 0 : EMSGSIZE;
  }

  int hear(MutBytes room) override {
    if (const int fd = route_socket(); fd < 0) return fd;
    const ssize_t n = ::read(route_, room.data(), room.size());
    return n < 0 ? -errno : static_cast<int>(n);
  }

  std::vector<std::uint8_t> dump_routes(Family family) override {
    std::array<int, 6> name{CTL_NET,     PF_ROUTE, 0, family == Family::v4 ? AF_INET : AF_INET6,
                            NET_RT_DUMP, 0};
    // It may grow between the two questions.
    for (int attempt = 0; attempt < 5; ++attempt) {
      std::size_t size = 0;
      if (::sysctl(name.data(), name.size(), nullptr, &size, nullptr, 0) != 0) break;
      std::vector<std::uint8_t> out(size + size / 4 + 4096);
      size = out.size();
      if (::sysctl(name.data(), name.size(), out.data(), &size, nullptr, 0) == 0) {
        out.resize(size);
        return out;
      }
      if (errno != ENOMEM) break;
    }
    // This machine may have no such addresses.
    if (errno == EAFNOSUPPORT || errno == EINVAL || errno == ENOENT) return {};
    throw Error("list the routes", errno, {}, Exit::os);
  }

  std::uint32_t pid() const override { return static_cast<std::uint32_t>(::getpid()); }
  std::uint32_t routing_table() const override { return own_routing_table(); }

  std::optional<int> forwarding(Family family) override {
    auto name = forwarding_name(family);
    int value = 0;
    std::size_t size = sizeof value;
    if (::sysctl(name.data(), name.size(), &value, &size, nullptr, 0) != 0) return std::nullopt;
    return value;
  }

  int set_forwarding(Family family, int value) override {
    auto name = forwarding_name(family);
    return result(::sysctl(name.data(), name.size(), nullptr, nullptr, &value, sizeof value));
  }

  std::optional<std::string> read_text(const std::string& path) override {
    // It may be a pipe that nobody writes to.
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return std::nullopt;
    struct stat info {};
    std::string text(kMostText + 1, '\0');
    ssize_t n = -1;
    if (::fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) {
      n = ::pread(fd, text.data(), text.size(), 0);
    }
    ::close(fd);
    if (n < 0 || static_cast<std::size_t>(n) > kMostText) return std::nullopt;
    text.resize(static_cast<std::size_t>(n));
    return text;
  }

  int write_text(const std::string& path, const std::string& text, unsigned mode) override {
    const std::string fresh = path + ".by-vpnd";
    if (const int why = write_whole(fresh, text, mode); why != 0) return why;
    const int why = rename(fresh, path);
    if (why != 0) (void)::unlink(fresh.c_str());
    return why;
  }

  int link(const std::string& from, const std::string& to) override {
    return result(::linkat(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), 0));
  }

  int rename(const std::string& from, const std::string& to) override {
    const int why = result(::rename(from.c_str(), to.c_str()));
    if (why == 0) sync_folder_of(to);
    return why;
  }

  int remove(const std::string& path) override { return result(::unlink(path.c_str())); }

  bool exists(const std::string& path) override {
    struct stat info {};
    return ::lstat(path.c_str(), &info) == 0;
  }

  std::vector<std::string> names_in(const std::string& directory) override {
    std::vector<std::string> out;
    DIR* const dir = ::opendir(directory.c_str());
    if (dir == nullptr) return out;
    while (const dirent* entry = ::readdir(dir)) out.emplace_back(entry->d_name);
    ::closedir(dir);
    return out;
  }

  int lock(const std::string& path) override {
    const std::string folder = path.substr(0, path.rfind('/'));
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return -errno;
    for (int attempt = 0; attempt < kLockAttempts; ++attempt) {
      const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
      if (fd < 0) return -errno;
      if (::flock(fd, LOCK_EX | LOCK_NB) == 0 && still_there(fd, path)) return fd;
      ::close(fd);
      const timespec pause{0, 10'000'000};
      (void)::nanosleep(&pause, nullptr);
    }
    return -EWOULDBLOCK;
  }

  std::int64_t boot_time() override {
    std::array<int, 2> name{CTL_KERN, KERN_BOOTTIME};
    timeval at{};
    std::size_t size = sizeof at;
    if (::sysctl(name.data(), name.size(), &at, &size, nullptr, 0) != 0) return 0;
    return static_cast<std::int64_t>(at.tv_sec);
  }

 private:
  static std::array<int, 4> forwarding_name(Family family) noexcept {
    if (family == Family::v4) return {CTL_NET, PF_INET, IPPROTO_IP, 1};  // IPCTL_FORWARDING
    return {CTL_NET, PF_INET6, IPPROTO_IPV6, 1};                         // IPV6CTL_FORWARDING
  }

  // It must not wait for ever for an answer, which may be lost when many messages come.
  int route_socket() {
    if (route_ >= 0) return route_;
    route_ = close_on_exec(::socket(PF_ROUTE, SOCK_RAW, 0));
    if (route_ < 0) return route_;
    const timeval second{1, 0};
    (void)::setsockopt(route_, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second);
    return route_;
  }

  int route_ = -1, v4_ = -1, v6_ = -1;
};

}  // namespace

System& real_system() {
  static Kernel kernel;
  return kernel;
}

}  // namespace vpnd::bsd
