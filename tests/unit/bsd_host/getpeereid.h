// SPDX-License-Identifier: ISC
#pragma once

// getpeereid(3) of the BSDs, for the sources of bsd/ that this machine's C library would not build.

#include <sys/types.h>

extern "C" int getpeereid(int socket, uid_t* user, gid_t* group) noexcept;
