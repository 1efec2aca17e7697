// SPDX-License-Identifier: ISC
#pragma once

// A peer that is gone is an error of send(2) and not a signal: by this flag where there is one, by
// SO_NOSIGPIPE (prepare() of fd.h) where there is that.

#include <sys/socket.h>

namespace vpnd::bsd {

#ifdef MSG_NOSIGNAL
inline constexpr int kNoSignal = MSG_NOSIGNAL;
#else
inline constexpr int kNoSignal = 0;
#endif

}  // namespace vpnd::bsd
