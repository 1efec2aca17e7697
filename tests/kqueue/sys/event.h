// SPDX-License-Identifier: ISC
#pragma once

// As much of kqueue(2) as bsd/kqueue.cpp asks for, on top of poll(2), so that the BSDs' own event
// loop runs on Linux: descriptors that can be read or written, and the end of a process, both
// level-triggered. Names and meanings are those of FreeBSD's manual; numbers are NetBSD's, whose
// filters start at 0, so that nothing may take a filter for a truth value.

#include <sys/types.h>

#include <cstdint>
#include <ctime>

#define EVFILT_READ 0u
#define EVFILT_WRITE 1u
#define EVFILT_PROC 4u

#define EV_ADD 0x0001u
#define EV_DELETE 0x0002u
#define EV_ONESHOT 0x0010u
#define EV_ERROR 0x4000u

#define NOTE_EXIT 0x80000000u

struct kevent {
  std::uintptr_t ident;
  std::uint32_t filter;
  std::uint32_t flags;
  std::uint32_t fflags;
  std::int64_t data;
  void* udata;
};

inline void EV_SET(struct kevent* e, std::uintptr_t ident, std::uint32_t filter,
                   std::uint32_t flags, std::uint32_t fflags, std::int64_t data, void* udata) {
  *e = {ident, filter, flags, fflags, data, udata};
}

// As the manual has them. Where a program still watches a descriptor that it has closed, which a
// kernel forgives until another one gets that number, kevent() ends the process.
int kqueue();
int kevent(int queue, const struct kevent* changes, int change_count, struct kevent* events,
           int event_count, const timespec* limit);
