// SPDX-License-Identifier: ISC
// Capsicum, capsicum(4): from here on there are no names, of files, addresses or processes, only
// descriptors. Those of the channel can receive more; the device and the carriers come by it.

#include <sys/capsicum.h>

#include <cerrno>

#include "bsd/sandbox.h"
#include "core/base/error.h"

namespace vpnd::bsd {

void confine_here(Confined& out) {
  if (::cap_enter() != 0) {
    if (errno == ENOSYS) return;  // a kernel without it; told by what is not set
    throw Error("enter the capability mode", errno, {}, Exit::os);
  }
  out.files_denied = true;
  out.calls_limited = true;
}

std::string_view sandbox_name() noexcept {
  return "Capsicum";
}

}  // namespace vpnd::bsd
