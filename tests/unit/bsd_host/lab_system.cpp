// SPDX-License-Identifier: ISC
// The kernel that is made up (tests/unit/bsd), but that its device can be read and written.

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "bsd/native.h"
#include "bsd/route_watch.h"
#include "core/base/error.h"
#include "tests/unit/bsd/fake_system.h"
#include "tests/unit/bsd_host/host_lab.h"

namespace vpnd::test {
namespace {

class LabSystem final : public bsd::System {
 public:
  FakeSystem fake{bsd::kFreeBsd};
  int device = -1;  // a duplicate of it is opened

  int open_device(const std::string& name) override {
    fake_fd_ = fake.open_device(name);
    if (fake_fd_ < 0) return fake_fd_;
    real_fd_ = dup(device);
    return real_fd_;
  }
  int control(int fd, std::uint32_t request, MutBytes argument) override {
    return fake.control(known(fd), request, argument);
  }
  void close(int fd) override {
    fake.close(known(fd));
    if (fd == real_fd_) ::close(std::exchange(real_fd_, -1));
  }

  int configure(Family f, std::uint32_t request, MutBytes argument) override {
    return fake.configure(f, request, argument);
  }
  std::uint16_t index_of(const std::string& name) override { return fake.index_of(name); }
  std::vector<bsd::Link> links() override { return fake.links(); }
  int say(Bytes message) override { return fake.say(message); }
  int hear(MutBytes room) override { return fake.hear(room); }
  std::vector<std::uint8_t> dump_routes(Family f) override { return fake.dump_routes(f); }
  std::uint32_t pid() const override { return fake.pid(); }
  std::uint32_t routing_table() const override { return fake.routing_table(); }
  std::optional<int> forwarding(Family f) override { return fake.forwarding(f); }
  int set_forwarding(Family f, int value) override { return fake.set_forwarding(f, value); }
  std::optional<std::string> read_text(const std::string& path) override {
    return fake.read_text(path);
  }
  int write_text(const std::string& path, const std::string& text, unsigned mode) override {
    return fake.write_text(path, text, mode);
  }
  int link(const std::string& from, const std::string& to) override { return fake.link(from, to); }
  int rename(const std::string& from, const std::string& to) override {
    return fake.rename(from, to);
  }
  int remove(const std::string& path) override { return fake.remove(path); }
  bool exists(const std::string& path) override { return fake.exists(path); }
  std::vector<std::string> names_in(const std::string& directory) override {
    return fake.names_in(directory);
  }
  int lock(const std::string& path) override { return fake.lock(path); }
  std::int64_t boot_time() override { return fake.boot_time(); }

 private:
  int known(int fd) const noexcept { return fd == real_fd_ ? fake_fd_ : fd; }
  int fake_fd_ = -1, real_fd_ = -1;
};

LabSystem& lab() {
  static LabSystem system;
  return system;
}

}  // namespace

void use_device(int fd) {
  lab().device = fd;
}

std::string kernel_state() {
  return lab().fake.state();
}

}  // namespace vpnd::test

namespace vpnd::bsd {

System& real_system() {
  return test::lab();
}

const Traits& native() noexcept {
  return kFreeBsd;
}

// Nothing changes by itself here.
int open_route_watch() {
  int ends[2];
  if (pipe(ends) != 0) throw Error("watch the routes", errno);
  return ends[0];
}

bool ways_changed(int) noexcept {
  return false;
}

}  // namespace vpnd::bsd
