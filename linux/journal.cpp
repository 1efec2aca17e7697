// SPDX-License-Identifier: ISC
#include "linux/journal.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <string_view>

#include "core/base/error.h"
#include "linux/text_file.h"

namespace vpnd::nl {
namespace {

constexpr std::string_view kSuffix = ".held";
constexpr std::size_t kRewriteAt = 65536;  // bytes
constexpr int kLockAttempts = 20;          // 10 ms apart: a reader looks whether we live
constexpr int kFlags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_APPEND;

std::string path_of(const std::string& directory, const std::string& interface) {
  return fmt::format("{}/{}{}", directory, interface, kSuffix);
}

// Which boot and which network namespace the notes speak of.
std::string here() {
  const Fd fd(::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC));
  std::string boot;
  std::array<char, 64> text{};
  // A file of /proc is read from its beginning or not at all.
  const ssize_t n = fd ? ::read(fd.get(), text.data(), text.size()) : 0;
  if (n > 1) boot.assign(text.data(), static_cast<std::size_t>(n) - 1);
  struct stat net {};
  (void)::stat("/proc/thread-self/ns/net", &net);
  return fmt::format("boot {} net {}", boot, net.st_ino);
}

// The first line says where; then "+" notes and "-" strikes. A last line that was cut is nothing.
std::vector<std::string> outstanding(std::string_view text) {
  std::vector<std::string> lines;
  bool first = true, valid = false;
  for (std::size_t end = text.find('\n'); end != text.npos; end = text.find('\n')) {
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (first) valid = line == here();
    first = false;
    if (!valid) return {};
    if (line.size() < 3) continue;
    const std::string_view rest = line.substr(2);
    if (line[0] == '+') lines.emplace_back(rest);
    if (line[0] != '-') continue;
    const auto at = std::find(lines.begin(), lines.end(), rest);
    if (at != lines.end()) lines.erase(at);
  }
  return lines;
}

// The file may have been removed by its last holder between our open and our lock.
bool still_there(const Fd& fd, const std::string& path) noexcept {
  struct stat ours {
  }, named{};
  return ::fstat(fd.get(), &ours) == 0 && ::lstat(path.c_str(), &named) == 0 &&
         ours.st_ino == named.st_ino && ours.st_dev == named.st_dev;
}

void write_line(const Fd& fd, const std::string& line) {
  const std::string whole = line + "\n";
  if (::write(fd.get(), whole.data(), whole.size()) == static_cast<ssize_t>(whole.size())) return;
  throw Error("note a change in the state directory", errno, {}, Exit::os);
}

Fd lock(const std::string& path, const std::string& interface) {
  for (int attempt = 0; attempt < kLockAttempts; ++attempt) {
    Fd fd(::open(path.c_str(), kFlags | O_CREAT, 0600));
    if (!fd) {
      throw Error(fmt::format("open {}", path), errno, {},
                  errno == EACCES ? Exit::permission : Exit::os,
                  "Run with sudo, or choose another state directory.");
    }
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0 && still_there(fd, path)) return fd;
    const timespec pause{0, 10'000'000};
    (void)::nanosleep(&pause, nullptr);
  }
  throw Error(fmt::format("cannot take {}", interface), 0, "another vpnd holds it", Exit::temporary,
              "\"vpnd status\" shows what runs.");
}

}  // namespace

Journal::Journal(std::string directory, std::string interface)
    : directory_(std::move(directory)), interface_(std::move(interface)) {
  if (::mkdir(directory_.c_str(), 0700) != 0 && errno != EEXIST) {
    throw Error(fmt::format("make the directory {}", directory_), errno, {},
                errno == EACCES ? Exit::permission : Exit::os);
  }
  fd_ = lock(path_of(directory_, interface_), interface_);
  const std::string text = read_text(fd_.get());
  lines_ = outstanding(text);
  // Left alone when it can be continued: whoever is killed while writing it anew loses the notes.
  if (text.starts_with(here() + "\n") && text.ends_with('\n') && text.size() < kRewriteAt) return;
  if (::ftruncate(fd_.get(), 0) != 0) throw Error("empty the journal", errno, {}, Exit::os);
  write_line(fd_, here());
  for (const std::string& line : lines_) write_line(fd_, "+ " + line);
}

Journal::~Journal() {
  const auto of_whom = [](const std::string& line) { return line.starts_with(kTunnelNote); };
  if (fd_ && std::ranges::all_of(lines_, of_whom))
    (void)::unlink(path_of(directory_, interface_).c_str());
}

void Journal::note(const std::string& line) {
  write_line(fd_, "+ " + line);
  lines_.push_back(line);
}

void Journal::strike(const std::string& line) noexcept {
  const auto at = std::find(lines_.begin(), lines_.end(), line);
  if (at == lines_.end()) return;
  try {
    write_line(fd_, "- " + line);
  } catch (const Error&) {
    // The note stays in the file: the next sweep finds nothing to do for it.
  }
  lines_.erase(at);
}

std::vector<JournalCopy> journals(const std::string& directory) {
  std::vector<JournalCopy> all;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(directory.c_str()), ::closedir);
  if (!dir) return all;
  while (const dirent* entry = ::readdir(dir.get())) {
    const std::string_view name = entry->d_name;
    if (name.size() <= kSuffix.size() || !name.ends_with(kSuffix)) continue;
    JournalCopy copy;
    copy.interface = name.substr(0, name.size() - kSuffix.size());
    const Fd fd(::open(path_of(directory, copy.interface).c_str(), kFlags));
    if (!fd) continue;
    copy.living = ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0;
    copy.lines = outstanding(read_text(fd.get()));
    all.push_back(std::move(copy));
  }
  return all;
}

Fd serialise(const std::string& directory) noexcept {
  Fd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd) (void)::flock(fd.get(), LOCK_EX);
  return fd;
}

}  // namespace vpnd::nl
