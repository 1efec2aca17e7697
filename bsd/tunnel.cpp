// SPDX-License-Identifier: ISC
// The seam's Tunnel: a tun device, or a utun on macOS. Its name is the system's: "tun" or "utun"
// and a number.

#include <fmt/format.h>

#include <cerrno>

#include "bsd/alias.h"
#include "bsd/native.h"
#include "bsd/sockaddr.h"
#include "bsd/system.h"
#include "core/host.h"
#include "core/wire/offload.h"

namespace vpnd::host {
namespace {

constexpr int kMostDevices = 256;

int destroy(const std::string& name) {
  bsd::Ioctl r = bsd::destroy(bsd::native(), name);
  return bsd::real_system().configure(r.family, r.number, r.argument);
}

int open_device(const std::string& name) {
  const int fd = bsd::real_system().open_device(name);
  if (fd >= 0) return fd;
  const bool taken = fd == -EBUSY;
  throw Error(fmt::format("open the device {}", name), -fd, {},
              taken                           ? Exit::temporary
              : fd == -EACCES || fd == -EPERM ? Exit::permission
                                              : Exit::os,
              taken ? "Another program has it open." : "");
}

// One that a dead process has left still has its addresses, and routes hang on it. Nobody else has
// it open, or it could not be opened.
int open_fresh(const std::string& name) {
  bsd::System& system = bsd::real_system();
  const bool stale = bsd::native().destroys && system.index_of(name) != 0;
  const int fd = open_device(name);
  if (!stale) return fd;
  system.close(fd);
  (void)destroy(name);
  return open_device(name);
}

std::string free_name() {
  for (int i = 0; i < kMostDevices; ++i) {
    std::string name = fmt::format("{}{}", bsd::native().device, i);
    if (bsd::real_system().index_of(name) == 0) return name;
  }
  throw Error("find a free interface name", 0, "all of them are in use", Exit::temporary);
}

}  // namespace

struct Tunnel::State {
  std::string name;
  int fd = -1;
  std::uint16_t index = 0;

  State(std::string called, int kept) : name(called.empty() ? free_name() : std::move(called)) {
    fd = kept >= 0 ? kept : open_fresh(name);
    if (const int why = ask_for_header(); why != 0) {
      remove();
      throw Error(fmt::format("set up the device {}", name), why, {}, Exit::os);
    }
    index = bsd::real_system().index_of(name);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { remove(); }

  // Without it every packet that is written is taken for IPv4.
  int ask_for_header() const {
    const std::uint32_t request = bsd::native().tun_header;
    if (request == 0) return 0;
    ByteArray<4> one;
    bsd::store<std::uint32_t>(one.data(), 1);
    return bsd::real_system().control(fd, request, one);
  }

  void remove() noexcept {
    if (fd < 0) return;
    bsd::real_system().close(std::exchange(fd, -1));
    if (bsd::native().destroys) (void)destroy(name);
  }
};

Tunnel::Tunnel(const std::string& name, int kept, std::uint32_t /*queues*/)
    : state_(std::make_unique<State>(name, kept)) {}
Tunnel::Tunnel(Tunnel&&) noexcept = default;
Tunnel& Tunnel::operator=(Tunnel&&) noexcept = default;
Tunnel::~Tunnel() = default;

const std::string& Tunnel::name() const noexcept {
  return state_->name;
}
int Tunnel::descriptor() const noexcept {
  return state_->fd;
}
std::vector<int> Tunnel::descriptors() const {
  return {state_->fd};
}
// One packet at a time, with its checksum.
std::uint16_t Tunnel::kinds() const noexcept {
  return wire::kKindPlain;
}
bool Tunnel::alive() const noexcept {
  return state_->fd >= 0 && state_->index != 0 &&
         bsd::real_system().index_of(state_->name) == state_->index;
}
void Tunnel::remove() noexcept {
  state_->remove();
}

}  // namespace vpnd::host
