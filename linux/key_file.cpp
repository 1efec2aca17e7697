// SPDX-License-Identifier: ISC
#include "linux/key_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "core/base/error.h"

namespace vpnd::nl {
namespace {

constexpr off_t kMostKeyBytes = 4096, kMostPeersBytes = 16 * 1024 * 1024;

// `shared`: the permissions of its group that are no harm.
void judge(const Fd& fd, const std::string& path, off_t most, mode_t shared = 0) {
  struct stat info {};
  if (fstat(fd.get(), &info) < 0) throw Error("look at " + path, errno, {}, Exit::config);
  if (!S_ISREG(info.st_mode)) {
    throw Error(path + " is not a regular file", 0, {}, Exit::config);
  }
  if (info.st_uid != 0 && info.st_uid != geteuid()) {
    throw Error(path + " belongs to another user", 0, {}, Exit::config,
                "A private key belongs to root or to the user that runs vpnd: chown root " + path);
  }
  if ((info.st_mode & 077 & ~shared) != 0) {
    throw Error(fmt::format("{} can be read by others (mode {:04o})", path, info.st_mode & 07777),
                0, {}, Exit::permission, "A private key must be 0600: chmod 600 " + path);
  }
  if (info.st_size > most) {
    throw Error(path + " is too large for what it should hold", 0, {}, Exit::config);
  }
}

}  // namespace

Fd open_key_file(const std::string& path) {
  // Without O_NONBLOCK a FIFO of that name would hold us here.
  Fd fd(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) {
    const bool link = errno == ELOOP;
    throw Error("open the key file " + path, errno, link ? "a symbolic link" : "", Exit::config,
                errno == ENOENT ? "Make one with: vpnd genkey " + path : "");
  }
  judge(fd, path, kMostKeyBytes);
  return fd;
}

// An access list that lets our user read it shows as a permission of the group. Nobody else comes
// into the folder.
Fd open_key(const plan::Common& common) {
  const char* const folder = std::getenv("CREDENTIALS_DIRECTORY");
  if (common.credential.empty() || folder == nullptr) return open_key_file(common.key);
  const std::string path = std::string(folder) + "/" + common.credential;
  Fd fd(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) {
    throw Error(
        fmt::format("open the credential \"{}\"", common.credential), errno, {}, Exit::config,
        fmt::format("The unit gives it: LoadCredential={}:{}", common.credential, common.key));
  }
  judge(fd, path, kMostKeyBytes, 040);
  return fd;
}

Fd open_peers_file(const std::string& key_path) {
  const std::string path = key_path + ".peers";
  Fd fd(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd && errno == ENOENT) return fd;
  if (!fd) {
    throw Error("open the client list " + path, errno, {}, Exit::config,
                errno == EACCES ? "It belongs to the user that runs vpnd." : "");
  }
  judge(fd, path, kMostPeersBytes);
  return fd;
}

FileStamp stamp_of(const std::string& path) noexcept {
  struct stat s {};
  if (lstat(path.c_str(), &s) < 0) return {};
  return {static_cast<std::int64_t>(s.st_dev), static_cast<std::int64_t>(s.st_ino), s.st_size,
          s.st_mtim.tv_sec, s.st_mtim.tv_nsec};
}

}  // namespace vpnd::nl
