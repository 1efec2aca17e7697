// SPDX-License-Identifier: ISC
#include "linux/demo_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "core/base/error.h"

namespace vpnd::demo {
namespace {

constexpr mode_t kMode = 0644;

[[noreturn]] void fail(const std::string& path, int error) {
  throw Error("write " + path, error, {},
              error == EACCES || error == EPERM ? Exit::permission : Exit::failure);
}

bool write_all(int fd, std::string_view content) noexcept {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

}  // namespace

PageFile::PageFile(std::string path) : path_(std::move(path)) {
  const auto slash = path_.rfind('/');
  const std::string folder = slash == path_.npos ? "." : path_.substr(0, slash + 1);
  name_ = slash == path_.npos ? path_ : path_.substr(slash + 1);
  temporary_ = fmt::format(".{}.{}", name_.substr(0, 200), ::getpid());
  if (name_.empty()) fail(path_, EISDIR);
  folder_ = Fd(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder_) fail(path_, errno);
  struct stat there {};
  if (::fstatat(folder_.get(), name_.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0) {
    if (S_ISDIR(there.st_mode)) fail(path_, EISDIR);
    if (!S_ISREG(there.st_mode))
      throw Error(fmt::format("cannot write {}: it is not a regular file", path_));
  }
  (void)make();
  ::unlinkat(folder_.get(), temporary_.c_str(), 0);
}

Fd PageFile::make() const {
  Fd file(
      ::openat(folder_.get(), temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kMode));
  if (!file) fail(path_, errno);
  return file;
}

void PageFile::write(std::string_view content) const {
  const Fd file = make();
  if (write_all(file.get(), content) && ::fchmod(file.get(), kMode) == 0 &&
      ::fsync(file.get()) == 0 &&
      ::renameat(folder_.get(), temporary_.c_str(), folder_.get(), name_.c_str()) == 0) {
    return;
  }
  const int error = errno;
  ::unlinkat(folder_.get(), temporary_.c_str(), 0);
  fail(path_, error);
}

}  // namespace vpnd::demo
