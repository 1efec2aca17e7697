// SPDX-License-Identifier: ISC
// The keeper's half: an errand in a process of its own, and what comes back from it.
#include "linux/resolver_bus.h"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <optional>

#include "core/base/error.h"
#include "linux/confine.h"
#include "linux/fd.h"
#include "linux/resolver.h"
#include "linux/resolver_errand.h"
#include "linux/resolver_file.h"
#include "linux/resolver_request.h"

namespace vpnd::nl {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto kWithin = 3s;

class Messenger {
 public:
  explicit Messenger(const ResolverErrand& errand) : end_(Clock::now() + kWithin) {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
      throw Error("make a socket pair", errno, {}, Exit::os);
    }
    socket_.reset(pair[0]);
    const Fd theirs(pair[1]);
    const pid_t parent = ::getpid();
    child_ = ::fork();
    if (child_ < 0) throw Error("start a process", errno, {}, Exit::os);
    if (child_ == 0) {
      close_others({theirs.get()});
      ::_exit(run_resolver_errand(errand, theirs.get(), parent));
    }
  }
  Messenger(const Messenger&) = delete;
  Messenger& operator=(const Messenger&) = delete;
  ~Messenger() {
    ::kill(child_, SIGKILL);
    while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }

  // nullopt: its time is up, or it ended without a word.
  std::optional<std::string> hear() const {
    for (;;) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(end_ - Clock::now()).count();
      if (left <= 0) return std::nullopt;
      pollfd waiting{socket_.get(), POLLIN, 0};
      const int n = ::poll(&waiting, 1, static_cast<int>(left));
      if (n < 0 && errno != EINTR) return std::nullopt;
      if (n > 0) break;
    }
    std::array<char, 1024> room;
    const ssize_t n = ::recv(socket_.get(), room.data(), room.size(), MSG_DONTWAIT);
    if (n <= 0) return std::nullopt;
    return std::string(room.data(), static_cast<std::size_t>(n));
  }

  void go_on() const { (void)::send(socket_.get(), "", 1, MSG_NOSIGNAL); }

 private:
  Clock::time_point end_;
  Fd socket_;
  pid_t child_ = -1;
};

[[noreturn]] void refuse(const std::string& why) {
  throw Error("name resolvers to systemd-resolved", 0, why);
}

std::string need(const Messenger& messenger) {
  auto said = messenger.hear();
  if (!said) refuse("no answer in time");
  if (said->starts_with(kErrandFailed)) refuse(said->substr(kErrandFailed.size()));
  return std::move(*said);
}

// "PID MODE" of the one who would be told.
void examine(const std::string& who, bool even_if_not_heeded) {
  const auto blank = who.find(' ');
  if (blank == who.npos) refuse("it answered nonsense");
  const auto pid = static_cast<pid_t>(std::atoi(who.substr(0, blank).c_str()));
  // The number of our link is another link there.
  if (pid <= 0 || !in_our_network(pid)) refuse("it serves another network namespace");
  const std::string mode = who.substr(blank + 1);
  if (even_if_not_heeded || resolved_answers(mode, resolver_link_target())) return;
  refuse("programs here do not ask it");
}

}  // namespace

void tell_resolved(const DnsServers& dns, int link, bool even_if_not_heeded) {
  if (asks_resolver_service()) {
    ask_resolver_service(
        {ResolverRequest::Task::tell, static_cast<std::uint32_t>(link), even_if_not_heeded, dns});
    return;
  }
  const ResolverErrand errand{link, &dns};
  const Messenger messenger(errand);
  examine(need(messenger), even_if_not_heeded);
  messenger.go_on();
  (void)need(messenger);
}

void untell_resolved(int link) {
  if (asks_resolver_service()) {
    ask_resolver_service(
        {ResolverRequest::Task::untell, static_cast<std::uint32_t>(link), false, {}});
    return;
  }
  const ResolverErrand errand{link, nullptr};
  const Messenger messenger(errand);
  examine(need(messenger), true);
  messenger.go_on();
  (void)need(messenger);
}

}  // namespace vpnd::nl
