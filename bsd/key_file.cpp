// SPDX-License-Identifier: ISC
#include "bsd/key_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "core/base/error.h"

namespace vpnd::bsd {
namespace {

constexpr off_t kMostKeyBytes = 4096, kMostPeersBytes = 16 * 1024 * 1024;

// Without O_NONBLOCK a FIFO of that name would hold us here.
Fd open_secret(const std::string& path) noexcept {
  return Fd(::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
}

void judge(const Fd& fd, const std::string& path, off_t most) {
  struct stat info {};
  if (::fstat(fd.get(), &info) < 0) throw Error("look at " + path, errno, {}, Exit::config);
  const unsigned mode = info.st_mode & 07777;
  if (!S_ISREG(info.st_mode)) {
    throw Error(path + " is not a regular file", 0, {}, Exit::config);
  }
  if (info.st_uid != 0 && info.st_uid != ::geteuid()) {
    throw Error(path + " belongs to another user", 0, {}, Exit::config,
                "A private key belongs to root or to the user that runs vpnd: chown root " + path);
  }
  if ((mode & 077) != 0) {
    throw Error(fmt::format("{} can be read by others (mode {:04o})", path, mode), 0, {},
                Exit::permission, "A private key must be 0600: chmod 600 " + path);
  }
  if (info.st_size > most) {
    throw Error(path + " is too large for what it should hold", 0, {}, Exit::config);
  }
}

}  // namespace

Fd open_key_file(const std::string& path) {
  Fd fd = open_secret(path);
  if (!fd) {
    throw Error("open the key file " + path, errno, {}, Exit::config,
                errno == ENOENT ? "Make one with: vpnd genkey " + path : "");
  }
  judge(fd, path, kMostKeyBytes);
  return fd;
}

Fd open_peers_file(const std::string& key_path) {
  const std::string path = key_path + ".peers";
  Fd fd = open_secret(path);
  if (!fd && errno == ENOENT) return fd;
  if (!fd) throw Error("open the client list " + path, errno, {}, Exit::config);
  judge(fd, path, kMostPeersBytes);
  return fd;
}

FileStamp stamp_of(const std::string& path) noexcept {
  struct stat s {};
  if (::lstat(path.c_str(), &s) < 0) return {};
  return {static_cast<std::int64_t>(s.st_dev), static_cast<std::int64_t>(s.st_ino), s.st_size,
          static_cast<std::int64_t>(s.st_mtime)};
}

}  // namespace vpnd::bsd
