// SPDX-License-Identifier: ISC
#include "tools/private_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "core/wire/key_issue.h"

namespace vpnd {
namespace {

constexpr std::size_t kMaxKeyFile = 4096;
constexpr std::size_t kMaxText = 1 << 20;

class OpenFile {
 public:
  OpenFile(const std::string& path, int flags, mode_t mode = 0)
      : fd_(::open(path.c_str(), flags | O_CLOEXEC | O_NOCTTY, mode)) {}
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  ~OpenFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

[[noreturn]] void fail(const std::string& doing, const std::string& path, int error,
                       Exit code = Exit::failure) {
  throw Error(doing + " " + path, error, {},
              error == EACCES || error == EPERM ? Exit::permission : code);
}

void refuse_unfit(int fd, const std::string& path, bool secret) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) fail("look at", path, errno);
  if (!S_ISREG(info.st_mode)) throw config_error(fmt::format("{} is not a regular file", path));
  if (!secret || (info.st_mode & 077) == 0) return;
  throw Error(fmt::format("{} can be read by others (mode {:04o})", path, info.st_mode & 07777), 0,
              {}, Exit::permission, fmt::format("a key must be 0600: chmod 600 {}", path));
}

// Fills `room` as far as there is something to read.
std::size_t read_all(int fd, MutBytes room, const std::string& path) {
  std::size_t size = 0;
  while (size < room.size()) {
    const ssize_t n = ::read(fd, room.data() + size, room.size() - size);
    if (n == 0) break;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("read", path, errno);
    size += static_cast<std::size_t>(n);
  }
  return size;
}

std::string read_text(const std::string& path, int fd) {
  // Of the final size at once: growing would leave copies of secrets behind.
  struct stat info {};
  if (::fstat(fd, &info) != 0) fail("look at", path, errno);
  if (static_cast<std::uintmax_t>(info.st_size) > kMaxText) {
    throw config_error(fmt::format("{} is larger than 1 MiB", path));
  }
  std::string text(static_cast<std::size_t>(info.st_size), '\0');
  text.resize(read_all(fd, {reinterpret_cast<std::uint8_t*>(text.data()), text.size()}, path));
  return text;
}

void write_all(int fd, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail("write", path, errno);
    content.remove_prefix(static_cast<std::size_t>(n));
  }
}

// Without it a crash of the machine could leave an empty file under the new name.
void sync_folder(const std::string& path) {
  const auto parent = std::filesystem::path(path).parent_path();
  const OpenFile folder(parent.empty() ? "." : parent.string(), O_RDONLY | O_DIRECTORY);
  if (folder.get() >= 0) ::fsync(folder.get());
}

// Whoever reads the old file reads the new one: a server that runs as a user of its own. A first
// list, KEY.peers, belongs to whom KEY belongs.
void keep_owner(int fd, const std::string& path) {
  struct stat old {};
  const std::string beside = path.substr(0, path.rfind('.'));
  if (::stat(path.c_str(), &old) != 0 && ::stat(beside.c_str(), &old) != 0) return;
  if (old.st_uid == ::geteuid()) return;
  if (::fchown(fd, old.st_uid, old.st_gid) != 0) fail("keep the owner of", path, errno);
}

}  // namespace

FileLock::FileLock(const std::string& path)
    : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)) {
  if (fd_ < 0) fail("open", path, errno);
  while (::flock(fd_, LOCK_EX) != 0) {
    if (errno == EINTR) continue;
    const int error = errno;
    ::close(fd_);
    fail("lock", path, error);
  }
}

FileLock::~FileLock() {
  ::close(fd_);
}

wire::KeyFile read_key(const std::string& path) {
  crypto::Secret<kMaxKeyFile> room;
  if (path == "-") {
    const std::size_t size = read_all(STDIN_FILENO, room.mut(), "the standard input");
    return wire::parse_key_file(room.mut().first(size), "the standard input");
  }
  const OpenFile file(path, O_RDONLY | O_NONBLOCK);
  if (file.get() < 0) fail("open", path, errno, Exit::config);
  refuse_unfit(file.get(), path, true);
  const std::size_t size = read_all(file.get(), room.mut(), path);
  return wire::parse_key_file(room.mut().first(size), path);
}

std::string read_private_text(const std::string& path) {
  const OpenFile file(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (file.get() < 0 && errno == ENOENT) return {};
  if (file.get() < 0) fail("open", path, errno);
  refuse_unfit(file.get(), path, true);
  return read_text(path, file.get());
}

std::string read_config_text(const std::string& path) {
  const OpenFile file(path, O_RDONLY | O_NONBLOCK);
  if (file.get() < 0) fail("open", path, errno, Exit::config);
  refuse_unfit(file.get(), path, false);
  return read_text(path, file.get());
}

void write_new_private(const std::string& path, std::string_view content) {
  const OpenFile file(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
  if (file.get() < 0 && errno == EEXIST) {
    throw Error(path + " exists already, and was left as it is", 0, {}, Exit::failure,
                "choose another name, or move the old file away first");
  }
  if (file.get() < 0) fail("create", path, errno);
  try {
    // Whatever the umask took away.
    if (::fchmod(file.get(), 0600) != 0) fail("set the mode of", path, errno);
    write_all(file.get(), content, path);
    if (::fsync(file.get()) != 0) fail("write", path, errno);
  } catch (...) {
    ::unlink(path.c_str());
    throw;
  }
  sync_folder(path);
}

void replace_private(const std::string& path, std::string_view content) {
  std::string temporary = path + ".XXXXXX";
  const int fd = ::mkostemp(temporary.data(), O_CLOEXEC);  // mode 0600
  if (fd < 0) fail("create", temporary, errno);
  try {
    write_all(fd, content, temporary);
    if (::fsync(fd) != 0) fail("write", temporary, errno);
    keep_owner(fd, path);
    if (::rename(temporary.c_str(), path.c_str()) != 0) fail("replace", path, errno);
  } catch (...) {
    ::close(fd);
    ::unlink(temporary.c_str());
    throw;
  }
  ::close(fd);
  sync_folder(path);
}

void write_out(std::string_view text) {
  write_all(STDOUT_FILENO, text, "to the standard output");
}

bool output_is_public() noexcept {
  struct stat info {};
  return ::fstat(STDOUT_FILENO, &info) == 0 && S_ISREG(info.st_mode) && (info.st_mode & 044) != 0;
}

}  // namespace vpnd
