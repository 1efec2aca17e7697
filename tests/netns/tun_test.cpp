// SPDX-License-Identifier: ISC
#include "linux/tun.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "core/base/error.h"
#include "core/host.h"
#include "core/wire/ip.h"
#include "core/wire/offload.h"
#include "linux/rtnl.h"
#include "tests/support/netns.h"

using namespace vpnd;
using namespace vpnd::nl;

namespace {

constexpr int kNotMapped = 125;

// Attaches one more queue to t0, as any program may try. Returns errno or 0.
int attach(const Fd& fd) {
  ifreq request{};
  std::string("t0").copy(request.ifr_name, sizeof request.ifr_name - 1);
  request.ifr_flags = static_cast<short>(IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE);
  return ::ioctl(fd.get(), TUNSETIFF, &request) == 0 ? 0 : errno;
}

int attach_queue(Fd& fd) {
  fd.reset(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  return fd ? attach(fd) : errno;
}

void raise(const Tun& tun) {
  Netlink rt;
  const auto link = find_link(rt, tun.name);
  set_gen_mode(rt, *link, 1);
  set_up(rt, *link, true);
  nl::add(rt, AddressOn{tun.name, *Prefix::parse("10.9.0.2/24")}, tun.index);
}

Exit code_of(const std::string& name, std::string* line = nullptr, std::string* remedy = nullptr) {
  try {
    (void)open_tun(name);
  } catch (const Error& e) {
    if (line != nullptr) *line = e.what();
    if (remedy != nullptr) *remedy = e.remedy();
    return e.code();
  }
  return Exit::ok;
}

}  // namespace

TestSuite(tun, .init = test::fresh_netns);

Test(tun, is_down_and_bare_and_of_our_kind) {
  const Tun tun = open_tun("t0");
  cr_assert_eq(tun.name, "t0");
  Netlink rt;
  const auto link = find_link(rt, std::string("t0"));
  cr_assert_eq(link->index, tun.index);
  cr_assert(!link->up());
  cr_assert(addresses_of(rt, tun.index).empty());
  ifreq request{};
  cr_assert_eq(::ioctl(tun.fd.get(), TUNGETIFF, &request), 0);
  const int flags = static_cast<unsigned short>(request.ifr_flags);
  for (const int flag : {IFF_TUN, IFF_NO_PI, IFF_VNET_HDR, IFF_MULTI_QUEUE}) {
    cr_assert_eq(flags & flag, flag);
  }
  int header = 0;
  cr_assert_eq(::ioctl(tun.fd.get(), TUNGETVNETHDRSZ, &header), 0);
  cr_assert_eq(header, 10);
  cr_assert_neq(::fcntl(tun.fd.get(), F_GETFL) & O_NONBLOCK, 0);
  cr_assert_neq(::fcntl(tun.fd.get(), F_GETFD) & FD_CLOEXEC, 0);
  cr_assert(tun.kinds == wire::kKindsAll || tun.kinds == wire::kKindsNoUso);
}

Test(tun, goes_with_its_descriptor) {
  Netlink rt;
  { const Tun tun = open_tun("t0"); }
  cr_assert(!find_link(rt, std::string("t0")));
}

Test(tun, lives_as_long_as_a_copy_of_it) {
  Netlink rt;
  Fd copy;
  {
    const Tun tun = open_tun("t0");
    copy = tun.fd.duplicate();
  }
  cr_assert(find_link(rt, std::string("t0")).has_value());
}

// As the ring of an engine that was killed has one for a while.
Test(tun, removed_it_goes_whoever_has_a_copy) {
  Netlink rt;
  Fd copy;
  {
    const Tun tun = open_tun("t0");
    copy = tun.fd.duplicate();
    nl::remove(tun);
    cr_assert_not(find_link(rt, std::string("t0")));
    cr_assert_not(alive(tun));
  }
  host::Tunnel tunnel("t0");
  copy = Fd(::dup(tunnel.descriptor()));
  tunnel.remove();
  cr_assert_not(find_link(rt, std::string("t0")));
  cr_assert_not(tunnel.alive());
}

// Somebody gave it another name, or has one of its name: what is not ours is not removed.
Test(tun, removing_it_touches_no_other_device) {
  Netlink rt;
  Tun tun = open_tun("t0");
  cr_assert_eq(test::run_program({"ip", "link", "set", "t0", "name", "t1"}).status, 0);
  add_veth(rt, "t0", "t2");
  nl::remove(tun);
  cr_assert(find_link(rt, std::string("t0")) && find_link(rt, std::string("t1")));
}

Test(tun, without_a_name_takes_the_lowest_free_number) {
  const Tun a = open_tun(""), b = open_tun("vpn2");
  const Tun c = open_tun(""), d = open_tun("");
  cr_assert_eq(a.name, "vpn0");
  cr_assert_eq(c.name, "vpn1");
  cr_assert_eq(d.name, "vpn3");
  cr_assert_eq(b.name, "vpn2");
}

Test(tun, a_name_in_use_is_said_whatever_holds_it) {
  const Tun tun = open_tun("t0");
  std::string line, remedy;
  cr_assert(code_of("t0", &line, &remedy) == Exit::temporary);
  cr_assert(line.find("t0") != line.npos && !remedy.empty(), "%s", line.c_str());
  cr_assert(code_of("lo") == Exit::temporary);
  cr_assert(code_of("a-name-that-is-too-long") == Exit::usage);
}

// With the owner taken out of open_tun this fails: any user becomes a queue, and reads.
Test(tun, an_ordinary_user_can_neither_attach_nor_read) {
  const Tun tun = open_tun("t0");
  raise(tun);
  const int code = test::in_child([] {
    test::become_nobody();
    Fd queue;
    return attach_queue(queue);
  });
  // The device itself may be closed to others, which would hide what is to be shown.
  if (code == kNotMapped) cr_skip_test("only one user is mapped here");
  if (code == EACCES) cr_skip_test("/dev/net/tun is not open to all here");
  cr_assert_eq(code, EPERM);
}

// The same by a descriptor that was opened with privilege, wherever the device file is closed.
Test(tun, an_open_device_file_does_not_help_an_ordinary_user) {
  const Tun tun = open_tun("t0");
  raise(tun);
  const int code = test::in_child([] {
    const Fd fd(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
    test::become_nobody();
    const int attached = attach(fd);
    std::array<char, 100> packet{};
    const bool read = ::read(fd.get(), packet.data(), packet.size()) > 0;
    return read ? 200 : attached;
  });
  if (code == kNotMapped) cr_skip_test("only one user is mapped here");
  cr_assert_eq(code, EPERM);
}

// The positive twin: what protects above is the owner alone.
Test(tun, without_an_owner_an_ordinary_user_would_get_in) {
  Fd bare;
  cr_assert_eq(attach_queue(bare), 0);
  const int code = test::in_child([] {
    const Fd fd(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
    test::become_nobody();
    return attach(fd);
  });
  if (code == kNotMapped) cr_skip_test("only one user is mapped here");
  // Some kernels (6.12 of Debian's backports) let in nobody who is not the owner.
  if (code == EPERM) cr_skip_test("this kernel refuses even then");
  cr_assert_eq(code, 0, "%d", code);
}

Test(tun, no_privilege_says_so_and_names_the_demo) {
  const int code = test::in_child([] {
    test::become_nobody();
    std::string line, remedy;
    if (code_of("t1", &line, &remedy) != Exit::permission) return 1;
    return remedy.find("vpnd demo") != remedy.npos ? 0 : 2;
  });
  if (code == kNotMapped) cr_skip_test("only one user is mapped here");
  cr_assert_eq(code, 0);
}

Test(tun, no_device_file_says_how_to_get_one) {
  const int code = test::in_child([] {
    if (::unshare(CLONE_NEWNS) != 0) return 10;
    if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return 11;
    if (::mount("none", "/dev/net", "tmpfs", 0, nullptr) != 0) return 12;
    std::string line, remedy;
    if (code_of("t0", &line, &remedy) != Exit::os) return 1;
    return line.find("/dev/net/tun") != line.npos && remedy.find("modprobe") != remedy.npos ? 0 : 2;
  });
  if (code >= 10) cr_skip_test("no private mounts here (%d)", code);
  cr_assert_eq(code, 0);
}

Test(tun, carries_a_packet_each_way_with_its_offload_header) {
  const Tun tun = open_tun("t0");
  raise(tun);
  test::Child ping({"ping", "-c1", "-W3", "10.9.0.7"});
  std::array<std::uint8_t, 2048> packet{};
  ssize_t n = 0;
  for (int i = 0; i < 20 && n < 94; ++i) {
    pollfd ready{tun.fd.get(), POLLIN, 0};
    ::poll(&ready, 1, 500);
    n = ::read(tun.fd.get(), packet.data(), packet.size());
  }
  cr_assert_eq(n, 10 + 84);
  std::uint8_t* ip = packet.data() + 10;
  cr_assert_eq(ip[9], 1);   // ICMP
  cr_assert_eq(ip[20], 8);  // echo request; made an answer, with the checksum mended by as much
  for (int i = 0; i < 4; ++i) std::swap(ip[12 + i], ip[16 + i]);
  ip[20] = 0;
  const std::uint32_t sum = std::uint32_t{load_be16(ip + 22)} + 0x0800;
  store_be16(ip + 22, static_cast<std::uint16_t>(sum + (sum >> 16)));
  std::fill_n(packet.begin(), 10, std::uint8_t{0});
  cr_assert_eq(::write(tun.fd.get(), packet.data(), static_cast<std::size_t>(n)), n);
  cr_assert_eq(ping.wait(), 0, "%s", ping.output().c_str());
}

namespace {

constexpr std::uint16_t kHere = 5000;

// A datagram from 10.9.0.9 to 10.9.0.2, with its offload header.
std::array<std::uint8_t, 10 + 20 + 8> datagram(std::uint16_t from) {
  std::array<std::uint8_t, 38> out{};
  std::uint8_t* ip = out.data() + 10;
  ip[0] = 0x45;
  ip[3] = 28;
  ip[8] = 64;
  ip[9] = IPPROTO_UDP;
  store_be32(ip + 12, 0x0a090009);
  store_be32(ip + 16, 0x0a090002);
  const MutBytes header(ip, 20);
  store_be16(ip + 10, static_cast<std::uint16_t>(~wire::checksum_add(header)));
  store_be16(ip + 20, from);
  store_be16(ip + 22, kHere);
  ip[25] = 8;
  return out;
}

bool has_datagram_to(const Fd& queue, std::uint16_t port) {
  std::array<std::uint8_t, 2048> room;
  for (;;) {
    const auto n = ::read(queue.get(), room.data(), room.size());
    if (n < 0) return false;
    if (n >= 38 && room[10] == 0x45 && room[19] == IPPROTO_UDP && room[32] == port >> 8 &&
        room[33] == (port & 0xff)) {
      return true;
    }
  }
}

}  // namespace

// What lets most packets reach the worker of their client by themselves.
Test(tun, a_flow_comes_out_of_the_queue_that_it_was_written_to) {
  const Tun tun = open_tun("t0", 2);
  cr_assert_eq(tun.more.size(), 1u);
  raise(tun);
  const Fd here(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(kHere);
  cr_assert_eq(::bind(here.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
  for (std::uint16_t port = 2000; port < 2020; ++port) {
    const bool second = port % 2 != 0;
    const Fd &used = second ? tun.more[0] : tun.fd, &other = second ? tun.fd : tun.more[0];
    const auto packet = datagram(port);
    cr_assert_eq(::write(used.get(), packet.data(), packet.size()), 38);
    sockaddr_in from{};
    socklen_t size = sizeof from;
    std::uint8_t byte = 0;
    cr_assert_eq(::recvfrom(here.get(), &byte, 1, 0, reinterpret_cast<sockaddr*>(&from), &size), 0);
    cr_assert_eq(::sendto(here.get(), &byte, 1, 0, reinterpret_cast<sockaddr*>(&from), size), 1);
    cr_assert(has_datagram_to(used, port), "%u", port);
    cr_assert_not(has_datagram_to(other, port), "%u", port);
  }
}

// As from one process to the next: one queue was kept, and the device with it.
Test(tun, taken_over_by_one_queue_it_gets_the_others_anew) {
  Tun before = open_tun("t0", 3);
  Fd kept = before.fd.duplicate();
  before = Tun{};
  Netlink rt;
  cr_assert(find_link(rt, std::string("t0")), "it is gone with the others");
  const Tun tun = take_over_tun(std::move(kept), "t0", 2);
  cr_assert_eq(tun.more.size(), 1u);
  raise(tun);
  const auto packet = datagram(2000);
  for (const Fd* queue : {&tun.fd, &tun.more[0]}) {
    cr_assert_eq(::write(queue->get(), packet.data(), packet.size()), 38);
    ifreq request{};
    cr_assert_eq(::ioctl(queue->get(), TUNGETIFF, &request), 0);
    cr_assert_str_eq(request.ifr_name, "t0");
  }
}
