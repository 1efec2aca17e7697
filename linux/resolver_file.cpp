// SPDX-License-Identifier: ISC
#include "linux/resolver_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <optional>

#include "core/base/error.h"
#include "linux/fd.h"
#include "linux/resolver.h"
#include "linux/resolver_request.h"

namespace vpnd::nl {
namespace {

constexpr char kFolder[] = "/etc";
constexpr char kFresh[] = "/etc/.resolv.conf.by-vpnd";
constexpr std::size_t kMostBytes = 65536;

std::string saved_in(const std::string& state_directory) {
  return state_directory.empty() ? "" : state_directory + "/resolv.conf.saved";
}

struct Found {
  bool there = false, link = false;
  std::optional<std::string> text;  // of a regular file of sensible size, also behind a link
};

Found look(const std::string& path) {
  Found found;
  struct stat info {};
  found.there = !path.empty() && ::lstat(path.c_str(), &info) == 0;
  found.link = found.there && S_ISLNK(info.st_mode);
  // It may be a pipe that nobody writes to.
  const Fd fd(found.there ? ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1);
  if (!fd || ::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) return found;
  std::string text(kMostBytes + 1, '\0');
  const ssize_t n = ::pread(fd.get(), text.data(), text.size(), 0);
  if (n < 0 || static_cast<std::size_t>(n) > kMostBytes) return found;
  text.resize(static_cast<std::size_t>(n));
  found.text = std::move(text);
  return found;
}

std::optional<ResolverMark> mark_of(const Found& found) {
  if (!found.text || found.link) return std::nullopt;
  return resolver_mark(*found.text);
}

// 0, or errno.
int write_all(const Fd& fd, const std::string& text) noexcept {
  if (!fd) return errno;
  const ssize_t n = ::pwrite(fd.get(), text.data(), text.size(), 0);
  if (n < 0) return errno;
  if (static_cast<std::size_t>(n) != text.size()) return ENOSPC;
  const auto length = static_cast<off_t>(text.size());
  return ::ftruncate(fd.get(), length) == 0 && ::fsync(fd.get()) == 0 ? 0 : errno;
}

int write_new(const char* path, const std::string& text, mode_t mode) noexcept {
  (void)::unlink(path);
  const Fd fd(::open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  if (!fd) return errno;
  (void)::fchmod(fd.get(), mode);  // whatever the umask says
  const int why = write_all(fd, text);
  if (why != 0) (void)::unlink(path);
  return why;
}

void sync_folder() noexcept {
  const Fd fd(::open(kFolder, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd) (void)::fsync(fd.get());
}

int move(const char* from, const char* to, unsigned flags) noexcept {
  if (::renameat2(AT_FDCWD, from, AT_FDCWD, to, flags) != 0) return errno;
  sync_folder();
  return 0;
}

// Through a link this would change the file of whoever made the link.
int write_in_place(const std::string& text) noexcept {
  return write_all(Fd(::open(kResolverFile, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)), text);
}

int save_copy(const std::string& path, const std::string& text) noexcept {
  if (path.empty()) return ENOENT;
  const std::string fresh = path + ".new";
  const int why = write_new(fresh.c_str(), text, 0600);
  if (why != 0) return why;
  return ::rename(fresh.c_str(), path.c_str()) == 0 ? 0 : errno;
}

[[noreturn]] void refuse(int why) {
  throw Error(fmt::format("change {}", kResolverFile), why, {}, Exit::os);
}

// `present` is what stands there, ours or not; `why` is what kept it from changing places.
void in_place(const Found& present, bool ours, const std::string& text, const std::string& saved,
              int why) {
  if (present.link || !present.text) refuse(why);
  if (!ours) {
    if (const int copy = save_copy(saved, *present.text); copy != 0) refuse(copy);
  }
  const int failed = write_in_place(text);
  if (failed == 0) return;
  if (!ours) (void)::unlink(saved.c_str());
  refuse(failed);
}

bool drop(const std::string& path) noexcept {
  return !path.empty() && ::unlink(path.c_str()) == 0;
}

// Somebody may have put another file there between our look and our step; that one stays.
void exchange_back() {
  if (const int why = move(kResolverBackup, kResolverFile, RENAME_EXCHANGE); why != 0) refuse(why);
  if (!mark_of(look(kResolverBackup))) {
    if (const int why = move(kResolverBackup, kResolverFile, RENAME_EXCHANGE); why != 0)
      refuse(why);
  }
  drop(kResolverBackup);
  sync_folder();
}

bool same_file(const struct stat& a, const struct stat& b) noexcept {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

}  // namespace

std::string write_resolver_file(const DnsServers& dns, const std::string& state_directory) {
  if (asks_resolver_service()) {
    return ask_resolver_service({ResolverRequest::Task::write, 0, false, dns});
  }
  const std::string saved = saved_in(state_directory);
  const Found present = look(kResolverFile);
  const auto mark = mark_of(present);
  if (!mark) {  // what waits there waits for a file that is not ours any more
    for (const std::string& old : {std::string(kResolverBackup), saved}) drop(old);
  }
  Found before = present;
  if (mark) before = look(kResolverBackup).there ? look(kResolverBackup) : look(saved);
  const bool absent = mark ? mark->absent : !present.there;
  const std::string text = resolver_text(dns, before.text.value_or(""), absent);
  // Ours waits where the old one will: one step later it is the other way round.
  const bool exchange = !mark && !absent;
  const char* const beside = exchange ? kResolverBackup : kFresh;
  int why = write_new(beside, text, 0644);
  if (why == 0) {
    const unsigned flags = exchange ? RENAME_EXCHANGE : mark ? 0u : RENAME_NOREPLACE;
    why = move(beside, kResolverFile, flags);
    if (why == 0) return "by the resolver file";
    drop(beside);
  }
  in_place(present, mark.has_value(), text, saved, why);
  return "by the resolver file, written in place";
}

bool restore_resolver_file(const std::string& interface, const std::string& state_directory) {
  const std::string saved = saved_in(state_directory);
  const auto mark = mark_of(look(kResolverFile));
  // It is asked only if there is something to be done.
  if (mark && asks_resolver_service()) {
    DnsServers whose;
    whose.interface = interface;
    return !ask_resolver_service({ResolverRequest::Task::restore, 0, false, whose}).empty();
  }
  if (mark && !interface.empty() && mark->interface != interface) return false;
  drop(kFresh);
  if (!mark) {
    for (const std::string& old : {std::string(kResolverBackup), saved}) drop(old);
    return false;
  }
  if (look(kResolverBackup).there) {
    exchange_back();
    return true;
  }
  if (const Found copy = look(saved); copy.text) {
    if (const int why = write_in_place(*copy.text); why != 0) refuse(why);
    drop(saved);
    return true;
  }
  if (!mark->absent) {
    throw Error(fmt::format("put {} back", kResolverFile), 0, "its backup is gone", Exit::os,
                "Write the name servers of your network into it.");
  }
  if (!drop(kResolverFile)) refuse(errno);
  sync_folder();
  return true;
}

std::string resolver_file_before(const std::string& state_directory) {
  Found found = look(kResolverFile);
  if (mark_of(found)) {
    found = look(kResolverBackup);
    if (!found.there) found = look(saved_in(state_directory));
  }
  return found.text.value_or("");
}

bool resolver_file_is_ours(const std::string& interface) {
  const auto mark = mark_of(look(kResolverFile));
  return mark && mark->interface == interface;
}

namespace {

// nullopt: it may not be seen.
std::optional<bool> shares_our_network(pid_t pid) noexcept {
  struct stat ours {
  }, theirs{};
  const std::string net = fmt::format("/proc/{}/ns/net", pid);
  if (::stat("/proc/thread-self/ns/net", &ours) != 0) return std::nullopt;
  if (::stat(net.c_str(), &theirs) != 0) return std::nullopt;
  return same_file(ours, theirs);
}

bool shares_our_files(pid_t pid) noexcept {
  const std::string root = fmt::format("/proc/{}/root", pid);
  struct stat ours {
  }, theirs{};
  const bool here = ::lstat(kResolverFile, &ours) == 0;
  if (here && ::lstat((root + kResolverFile).c_str(), &theirs) == 0) return same_file(ours, theirs);
  return ::stat(kFolder, &ours) == 0 && ::stat((root + kFolder).c_str(), &theirs) == 0 &&
         same_file(ours, theirs);
}

}  // namespace

// A confined keeper may not look at other processes any more; it has looked at the first one
// before.
bool in_our_network(pid_t pid) noexcept {
  static const bool first = shares_our_network(1).value_or(true);
  return shares_our_network(pid).value_or(first);
}

bool of_another_network(pid_t first) noexcept {
  if (first != 1) return !in_our_network(first) && shares_our_files(first);
  static const bool answer = !in_our_network(1) && shares_our_files(1);
  return answer;
}

std::string resolver_link_target() {
  std::array<char, 4096> target;
  const ssize_t n = ::readlink(kResolverFile, target.data(), target.size());
  return n > 0 ? std::string(target.data(), static_cast<std::size_t>(n)) : std::string{};
}

}  // namespace vpnd::nl
