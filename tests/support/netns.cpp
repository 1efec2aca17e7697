// SPDX-License-Identifier: ISC
#include "tests/support/netns.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <sstream>
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

// The kernel makes the local route of a v6 address some time after it was added and its link came
// up, on a thread of its own.
bool has_local_routes(const std::vector<std::string>& addresses) {
  std::ostringstream routes;
  routes << std::ifstream("/proc/thread-self/net/ipv6_route").rdbuf();
  return std::ranges::all_of(addresses, [&](const std::string& text) {
    const Address address = Prefix::parse(text)->address;
    if (address.is_v4()) return true;
    std::string digits;
    for (const std::uint8_t byte : address.bytes()) digits += fmt::format("{:02x}", byte);
    return routes.str().find(digits + " 80 ") != std::string::npos;
  });
}

void await_side(const std::string& name, const std::vector<std::string>& addresses) {
  for (int i = 0; !has_local_routes(addresses); ++i) {
    if (i == 5000) throw Error("wait for the addresses of " + name, ETIMEDOUT);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
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
  b.run([&] {
    raise_side(name_b, addresses_b);
    await_side(name_b, addresses_b);
  });
  a.run([&] { await_side(name_a, addresses_a); });
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
