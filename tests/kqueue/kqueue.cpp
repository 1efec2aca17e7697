// SPDX-License-Identifier: ISC
#include <poll.h>
#include <sys/event.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <vector>

namespace {

struct Watched {
  struct kevent event {};
  int fd = -1;  // of a process: a descriptor of ours
};
using Queue = std::vector<Watched>;

// By descriptor. One that is made anew under an old number starts empty.
struct Queues {
  std::mutex mutex;
  std::map<int, Queue> all;
};
Queues& queues() {
  static Queues* const kThem = new Queues;  // never destroyed: a process may end in the middle
  return *kThem;
}

int watch(Queue& queue, const struct kevent& change) {
  const auto same = [&change](const Watched& w) {
    return w.event.ident == change.ident && w.event.filter == change.filter;
  };
  const auto found = std::ranges::find_if(queue, same);
  if ((change.flags & EV_DELETE) != 0) {
    if (found == queue.end()) return ENOENT;
    if (found->event.filter == EVFILT_PROC) ::close(found->fd);
    queue.erase(found);
    return 0;
  }
  if ((change.flags & EV_ADD) == 0) return EINVAL;
  if (found != queue.end()) {
    found->event = change;
    return 0;
  }
  int fd = static_cast<int>(change.ident);
  if (change.filter == EVFILT_PROC) {
    fd = static_cast<int>(::syscall(SYS_pidfd_open, fd, 0));
    if (fd < 0) return errno;
  } else {
    pollfd there{fd, 0, 0};
    if (::poll(&there, 1, 0) < 0 || (there.revents & POLLNVAL) != 0) return EBADF;
  }
  queue.push_back({change, fd});
  return 0;
}

bool happened(const Watched& w, short what) {
  const int of_both = POLLERR | POLLHUP;
  const int wanted = w.event.filter == EVFILT_WRITE ? POLLOUT : POLLIN | POLLRDHUP;
  return (what & (of_both | wanted)) != 0;
}

std::vector<pollfd> questions(const Queue& queue) {
  std::vector<pollfd> out;
  for (const Watched& w : queue) {
    const bool write = w.event.filter == EVFILT_WRITE;
    out.push_back({w.fd, static_cast<short>(write ? POLLOUT : POLLIN | POLLRDHUP), 0});
  }
  return out;
}

}  // namespace

int kqueue() {
  const int fd = ::eventfd(0, EFD_CLOEXEC);
  if (fd < 0) return -1;
  const std::scoped_lock lock(queues().mutex);
  queues().all[fd].clear();
  return fd;
}

int kevent(int queue, const struct kevent* changes, int change_count, struct kevent* events,
           int event_count, const timespec* limit) {
  std::vector<pollfd> asked;
  {
    const std::scoped_lock lock(queues().mutex);
    Queue& q = queues().all.at(queue);
    for (int i = 0; i < change_count; ++i) {
      if (const int why = watch(q, changes[i]); why != 0) {
        errno = why;
        return -1;
      }
    }
    if (event_count == 0) return 0;
    asked = questions(q);
  }
  if (::ppoll(asked.data(), asked.size(), limit, nullptr) < 0) return -1;
  const std::scoped_lock lock(queues().mutex);
  Queue& q = queues().all.at(queue);
  int count = 0;
  for (std::size_t i = asked.size(); i > 0 && count < event_count; --i) {
    const pollfd& of = asked[i - 1];
    Watched& w = q[i - 1];
    if ((of.revents & POLLNVAL) != 0) {
      std::fprintf(stderr, "descriptor %d is closed and still watched\n", of.fd);
      std::abort();
    }
    if (!happened(w, of.revents)) continue;
    events[count++] = w.event;
    if ((w.event.flags & EV_ONESHOT) == 0) continue;
    if (w.event.filter == EVFILT_PROC) ::close(w.fd);
    q.erase(q.begin() + static_cast<std::ptrdiff_t>(i - 1));
  }
  return count;
}
