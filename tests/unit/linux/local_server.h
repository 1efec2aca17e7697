// SPDX-License-Identifier: ISC
#pragma once

// A folder for sockets, other users who connect to them, and a loop that serves them meanwhile.

#include <criterion/criterion.h>
#include <grp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "linux/fd.h"
#include "tests/support/folder.h"

namespace vpnd::test {

// That everybody may look into.
struct OpenFolder : Folder {
  OpenFolder() : Folder(0755) {}
  bool empty() const { return std::filesystem::is_empty(path); }
};

inline TimePoint mono_now() {
  return TimePoint(
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

// `body` in another process, as that user with one supplementary group; its result is the exit
// status.
inline pid_t as_user(uid_t user, gid_t primary, gid_t extra, const std::function<int()>& body) {
  const pid_t child = fork();
  if (child != 0) return child;
  const bool changed = setgroups(1, &extra) == 0 && setresgid(primary, primary, primary) == 0 &&
                       setresuid(user, user, user) == 0;
  _exit(changed ? body() : 99);
}

// Until the child has ended; its exit status.
template<typename Server, typename Also>
int serve_until_ended(Server& server, pid_t child, Also also) {
  int status = 0;
  while (waitpid(child, &status, WNOHANG) == 0) {
    std::vector<pollfd> fds;
    server.watch(fds);
    poll(fds.data(), fds.size(), 20);
    server.serve(mono_now());
    also();
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// What has come so far, without waiting; `ended` when there will be no more.
inline std::string take_all(const Fd& fd, bool* ended = nullptr) {
  std::string out;
  while (true) {
    char room[65536];
    const ssize_t n = recv(fd.get(), room, sizeof room, MSG_DONTWAIT);
    if (n <= 0) {
      if (ended != nullptr) *ended = n == 0;
      return out;
    }
    out.append(room, static_cast<std::size_t>(n));
  }
}

inline void say(const Fd& fd, std::string_view text) {
  cr_assert_eq(send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT),
               static_cast<ssize_t>(text.size()));
}

// How many descriptors it waits for, the listener's among them.
template<typename Server>
std::size_t watched(const Server& server) {
  std::vector<pollfd> fds;
  server.watch(fds);
  return fds.size();
}

}  // namespace vpnd::test
