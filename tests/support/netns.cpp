// SPDX-License-Identifier: ISC
#include "tests/support/netns.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <thread>

#include "core/base/error.h"
#include "linux/rtnl.h"
#include "linux/sysctl.h"

namespace vpnd::test {
namespace {

constexpr char kWhy[] = "needs network namespaces: run as root, or under unshare -Urn";

void raise_loopback() {
  nl::Netlink rt;
  if (const auto lo = nl::find_link(rt, std::string("lo"))) nl::set_up(rt, *lo, true);
}

void on_thread(const std::function<void()>& body) {
  std::exception_ptr thrown;
  std::thread thread([&] {
    try {
      body();
    } catch (...) {
      thrown = std::current_exception();
    }
  });
  thread.join();
  if (thrown) std::rethrow_exception(thrown);
}

void raise_side(const std::string& name, const std::vector<std::string>& addresses) {
  nl::Netlink rt;
  const auto link = nl::find_link(rt, name);
  if (!link) throw Error("find " + name, ENODEV);
  if (link->gen_mode) nl::set_gen_mode(rt, *link, 1);
  (void)nl::set_sysctl6(name, "accept_dad", 0);
  nl::set_up(rt, *link, true);
  for (const std::string& text : addresses) {
    nl::add(rt, nl::AddressOn{name, *Prefix::parse(text)}, link->index);
  }
}

struct Directories {
  std::vector<std::string> paths;
  pid_t owner = ::getpid();
  ~Directories() {
    std::error_code ignored;
    if (::getpid() != owner) return;  // a forked copy
    for (const auto& path : paths) std::filesystem::remove_all(path, ignored);
  }
};

}  // namespace

void fresh_netns() {
  if (::unshare(CLONE_NEWNET) != 0) cr_skip_test("%s", kWhy);
  raise_loopback();
}

Namespace::Namespace() {
  bool made = false;
  on_thread([&] {
    made = ::unshare(CLONE_NEWNET) == 0;
    if (!made) return;
    raise_loopback();
    fd_.reset(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  });
  if (!made) cr_skip_test("%s", kWhy);
}

void Namespace::run(const std::function<void()>& body) const {
  on_thread([&] {
    if (::setns(fd_.get(), CLONE_NEWNET) != 0) throw Error("enter a namespace", errno);
    body();
  });
}

void join(const Namespace& a, const std::string& name_a,
          const std::vector<std::string>& addresses_a, const Namespace& b,
          const std::string& name_b, const std::vector<std::string>& addresses_b) {
  a.run([&] {
    nl::Netlink rt;
    nl::add_veth(rt, name_a, name_b, b.fd());
    raise_side(name_a, addresses_a);
  });
  b.run([&] { raise_side(name_b, addresses_b); });
}

void become_nobody() {
  // In a user namespace nobody else may be mapped; then dropping the capabilities has to do.
  (void)::setgroups(0, nullptr);
  if (::setresgid(65534, 65534, 65534) == 0 && ::setresuid(65534, 65534, 65534) == 0) return;
  throw Error("become nobody", errno);
}

std::string temporary_directory() {
  static Directories made;
  std::string pattern = (std::filesystem::temp_directory_path() / "vpnd-test-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw Error("make a directory", errno);
  made.paths.push_back(pattern);
  return pattern;
}

}  // namespace vpnd::test
