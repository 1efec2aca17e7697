// SPDX-License-Identifier: ISC
// pledge(2) and unveil(2).

#include <unistd.h>

#include <cerrno>

#include "bsd/sandbox.h"
#include "core/base/error.h"

namespace vpnd::bsd {
namespace {

// stdio: the device, the event queue, memory. inet: accepting, and options of carriers. recvfd: the
// keeper sends descriptors. error: what is not promised fails and ends nobody; the lock that a
// growing arena of keys asks for is such a call, and it may do without.
constexpr char kPromises[] = "stdio inet recvfd error";

}  // namespace

void confine_here(Confined& out) {
  if (::unveil("/", "") != 0 || ::unveil(nullptr, nullptr) != 0) {
    throw Error("hide all files", errno, {}, Exit::os);
  }
  if (::pledge(kPromises, nullptr) != 0) throw Error("pledge", errno, {}, Exit::os);
  out.files_denied = true;
  out.calls_limited = true;
}

std::string_view sandbox_name() noexcept {
  return "pledge and unveil";
}

}  // namespace vpnd::bsd
