// SPDX-License-Identifier: ISC
// The watch of a leak check by itself.

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <chrono>
#include <set>
#include <thread>

#include "core/base/error.h"
#include "linux/fd.h"
#include "linux/leak_watch.h"
#include "tests/support/netns.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

const std::string kWord = "planted";

Bytes word() {
  return {reinterpret_cast<const std::uint8_t*>(kWord.data()), kWord.size()};
}

int index_of(const char* name) {
  return static_cast<int>(::if_nametoindex(name));
}

// Devices by which the word left.
std::multiset<int> seen(nl::LeakWatch& watch) {
  std::multiset<int> out;
  watch.drain([&out](const nl::LeakWatch::Frame& f) {
    if (f.type == nl::kPlantType && std::ranges::equal(f.packet.first(kWord.size()), word())) {
      out.insert(f.device);
    }
  });
  return out;
}

// A frame of somebody else's that is being written holds up those behind it.
std::multiset<int> soon_seen(nl::LeakWatch& watch) {
  std::multiset<int> out;
  for (int i = 0; i < 200 && out.empty(); ++i) {
    if (i > 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    out = seen(watch);
  }
  return out;
}

// More such frames than there is room for, through one socket: to close one waits for the whole
// kernel.
void flood(int device) {
  const Fd fd(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = device;
  to.sll_protocol = htons(nl::kPlantType);
  for (int i = 0; i < 60000; ++i) {
    cr_assert_gt(::sendto(fd.get(), word().data(), word().size(), 0,
                          reinterpret_cast<const sockaddr*>(&to), sizeof to),
                 0);
  }
}

}  // namespace

Test(leaks_watch, sees_what_leaves_by_any_device_and_only_that, .init = fresh_netns) {
  nl::LeakWatch watch;
  const int lo = index_of("lo");
  cr_assert(nl::plant_frame(lo, "lo", word()));
  // It comes in there as well.
  cr_assert(seen(watch) == std::multiset<int>{lo});
  cr_assert(seen(watch).empty());
  cr_assert_eq(watch.lost(), 0u);
}

Test(leaks_watch, sees_a_device_that_came_later) {
  Namespace a, b;
  std::multiset<int> here, there;
  int device = 0;
  std::unique_ptr<nl::LeakWatch> watch, far;
  a.run([&] { watch = std::make_unique<nl::LeakWatch>(); });
  b.run([&] { far = std::make_unique<nl::LeakWatch>(); });
  join(a, "va", {"10.0.0.1/24"}, b, "vb", {"10.0.0.2/24"});
  bool planted = false;
  a.run([&] {
    device = index_of("va");
    // What is sent before the kernel has put the queue of a new device to work goes nowhere.
    for (int i = 0; i < 10 && here.empty(); ++i) {
      planted = nl::plant_frame(device, "va", word());
      here = soon_seen(*watch);
    }
  });
  b.run([&] { there = seen(*far); });
  cr_assert(planted);
  cr_assert(here == std::multiset<int>{device});
  cr_assert(there.empty(), "it came in there, which is no leak");
}

Test(leaks_watch, tells_when_it_could_not_keep_up, .init = fresh_netns) {
  nl::LeakWatch watch;
  const int lo = index_of("lo");
  flood(lo);
  cr_assert_gt(watch.lost(), 0u);
  cr_assert_gt(seen(watch).size(), 1000u);
  // And once it was told, it can go on.
  cr_assert_eq(watch.lost(), 0u);
  cr_assert(nl::plant_frame(lo, "lo", word()));
  cr_assert_eq(seen(watch).size(), 1u);
}

Test(leaks_watch, a_device_that_is_gone_or_of_another_kind_is_not_planted, .init = fresh_netns) {
  cr_assert_not(nl::plant_frame(9999, "gone0", word()));
}

Test(leaks_watch, needs_the_right_to_look, .init = fresh_netns) {
  const int code = in_child([] {
    become_nobody();
    try {
      const nl::LeakWatch watch;
    } catch (const Error& e) {
      return static_cast<int>(e.code());
    }
    return 0;
  });
  cr_assert_eq(code, 77);
}
