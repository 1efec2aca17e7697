// SPDX-License-Identifier: ISC
// What a service manager hears, and what it hands over. Each test plays the manager in a process of
// its own, because the environment and the numbers of descriptors are part of the protocol.

#include "linux/service_manager.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <functional>

#include "linux/socket.h"
#include "tests/support/folder.h"

using namespace vpnd;

namespace {

struct Heard {
  std::string lines;
  std::vector<Fd> fds;
};

// Listens at a path, or, with '@' first, at an abstract name.
class Manager {
 public:
  explicit Manager(std::string path) : path_(std::move(path)) {
    sockaddr_un a{};
    a.sun_family = AF_UNIX;
    path_.copy(a.sun_path, sizeof a.sun_path - 1);
    const bool abstract = path_[0] == '@';
    if (abstract) a.sun_path[0] = '\0';
    const auto size =
        abstract ? offsetof(sockaddr_un, sun_path) + path_.size() : sizeof(sockaddr_un);
    fd_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    cr_assert_eq(
        ::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&a), static_cast<socklen_t>(size)), 0,
        "%s", std::strerror(errno));
  }
  // What was sent is there at once.
  Heard hear() const {
    ByteArray<1024> room;
    auto got = nl::receive_message(fd_.get(), room.data(), room.size());
    if (!got) return {"nothing", {}};
    return {std::string(room.begin(), room.begin() + got->size), std::move(got->fds)};
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  Fd fd_;
};

void expect_heard(const Manager& manager, const std::string& wanted) {
  const std::string lines = manager.hear().lines;
  cr_expect_eq(lines, wanted, "heard: %s", lines.c_str());
}

nl::ServiceManager from(const Manager& manager) {
  ::setenv("NOTIFY_SOCKET", manager.path().c_str(), 1);
  return nl::ServiceManager::from_environment();
}

bool set_anywhere() {
  for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID",
                           "LISTEN_FDS", "LISTEN_FDNAMES"}) {
    if (std::getenv(name) != nullptr) return true;
  }
  return false;
}

// In a child whose descriptors from 3 on are these. It exits with what `body` returns.
int with_passed(const std::vector<int>& fds, const std::function<int()>& body) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    constexpr int kOutOfTheWay = 100;
    for (std::size_t i = 0; i < fds.size(); ++i) {
      ::dup2(fds[i], kOutOfTheWay + static_cast<int>(i));
    }
    for (std::size_t i = 0; i < fds.size(); ++i) {
      ::dup2(kOutOfTheWay + static_cast<int>(i), 3 + static_cast<int>(i));
    }
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    ::setenv("LISTEN_FDS", std::to_string(fds.size()).c_str(), 1);
    ::_exit(body());
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Fd listener() {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  cr_assert_eq(::listen(fd.get(), 1), 0);
  return fd;
}

}  // namespace

Test(service_manager, hears_each_state) {
  const test::Folder folder;
  const std::string path = folder.in("notify");
  for (const std::string& at : {path, std::string("@vpnd-notify-") + std::to_string(::getpid())}) {
    const Manager manager(at);
    nl::ServiceManager us = from(manager);
    cr_assert(us.listens());
    cr_assert(us.ready("waiting for clients"));
    expect_heard(manager, "READY=1\nSTATUS=waiting for clients");
    cr_assert(us.status("rtt\n18 ms"));
    expect_heard(manager, "STATUS=rtt 18 ms");
    cr_assert(us.tick());
    expect_heard(manager, "WATCHDOG=1");
    cr_assert(us.reloading());
    cr_expect(manager.hear().lines.starts_with("RELOADING=1\nMONOTONIC_USEC="));
    cr_assert(us.stopping("bye"));
    expect_heard(manager, "STOPPING=1\nSTATUS=bye");
  }
}

Test(service_manager, keeps_a_descriptor_under_its_name) {
  const test::Folder folder;
  const std::string path = folder.in("notify");
  const Manager manager(path);
  nl::ServiceManager us = from(manager);
  const Fd mine = listener();
  cr_assert(us.store(nl::kKeptListener, mine.get()));
  const Heard heard = manager.hear();
  cr_expect_str_eq(heard.lines.c_str(), "FDSTORE=1\nFDNAME=vpnd-listener\nFDPOLL=0");
  cr_assert_eq(heard.fds.size(), 1);
  int listens = 0;
  socklen_t size = sizeof listens;
  ::getsockopt(heard.fds[0].get(), SOL_SOCKET, SO_ACCEPTCONN, &listens, &size);
  cr_expect_eq(listens, 1, "it is another one");
  cr_assert(us.forget(nl::kKeptListener));
  expect_heard(manager, "FDSTOREREMOVE=1\nFDNAME=vpnd-listener");
  cr_expect_not(us.store(nl::kKeptListener, -1));
}

Test(service_manager, nobody_is_told_where_there_is_none) {
  for (const char* path : {"", "relative", "vsock:2:1234", "/no/such/socket"}) {
    ::setenv("NOTIFY_SOCKET", path, 1);
    nl::ServiceManager us = nl::ServiceManager::from_environment();
    cr_expect_eq(us.listens(), path[0] == '/', "%s", path);
    cr_expect_not(us.ready("x"));
    cr_expect_not(us.store(nl::kKeptTunnel, STDERR_FILENO));
  }
}

Test(service_manager, ticks_at_half_of_its_patience) {
  using namespace std::chrono_literals;
  const auto period = [](const char* usec, const char* pid) {
    ::setenv("WATCHDOG_USEC", usec, 1);
    if (pid != nullptr) ::setenv("WATCHDOG_PID", pid, 1);
    return nl::ServiceManager::from_environment().watchdog();
  };
  cr_expect(period("30000000", nullptr) == 15s);
  cr_expect(period("30000000", std::to_string(::getpid()).c_str()) == 15s);
  cr_expect(period("30000000", "1") == Duration{}, "it is another process that is watched");
  cr_expect(period("soon", nullptr) == Duration{});
  cr_expect_not(set_anywhere());
}

Test(service_manager, takes_what_was_passed_by_name_and_by_kind) {
  const Fd unit = listener(), kept = listener();
  const Fd other(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const Fd deaf(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int code = with_passed({unit.get(), other.get(), kept.get(), deaf.get()}, [] {
    ::setenv("LISTEN_FDNAMES", "vpnd@home.socket:vpnd-tunnel:vpnd-listener:x", 1);
    nl::ServiceManager us = nl::ServiceManager::from_environment();
    if (set_anywhere()) return 1;
    const auto listeners = us.take_listeners();
    if (listeners.size() != 2 || listeners[0].get() != 3 || listeners[1].get() != 5) return 2;
    if (::fcntl(3, F_GETFD) != FD_CLOEXEC) return 3;
    const auto tunnel = us.take(nl::kKeptTunnel);
    if (tunnel.size() != 1 || tunnel[0].get() != 4) return 4;
    return us.take(nl::kKeptTunnel).empty() && us.take_listeners().empty() ? 0 : 5;
  });
  cr_assert_eq(code, 0, "%d", code);
}

Test(service_manager, leaves_alone_what_is_not_meant_for_us) {
  const Fd unit = listener();
  const int code = with_passed({unit.get()}, [] {
    ::setenv("LISTEN_PID", "1", 1);
    nl::ServiceManager us = nl::ServiceManager::from_environment();
    if (!us.take_listeners().empty()) return 1;
    return ::fcntl(3, F_GETFD) >= 0 && !set_anywhere() ? 0 : 2;
  });
  cr_assert_eq(code, 0, "%d", code);
}

// Names may be fewer, and a number may belong to nobody.
Test(service_manager, takes_what_is_there_of_what_was_promised) {
  const Fd unit = listener();
  const int code = with_passed({unit.get()}, [] {
    ::close(4);
    ::setenv("LISTEN_FDS", "2", 1);
    nl::ServiceManager us = nl::ServiceManager::from_environment();
    return us.take_listeners().size() == 1 && us.take("").empty() ? 0 : 1;
  });
  cr_assert_eq(code, 0, "%d", code);
}
