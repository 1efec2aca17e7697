// SPDX-License-Identifier: ISC
// systemd-resolved on a bus of its own, with an /etc and a /run of its own; and what is done where
// there is none. Its program is taken from VPND_TEST_RESOLVED, or from where Debian installs it.

#include <criterion/criterion.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <thread>

#include "core/host.h"
#include "linux/apply.h"
#include "linux/resolver_bus.h"
#include "linux/resolver_file.h"
#include "linux/rtnl.h"
#include "linux/tun.h"
#include "tests/support/netns.h"
#include "tests/support/plans.h"
#include "tests/support/private_etc.h"

using namespace vpnd;
using namespace vpnd::nl;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

constexpr char kStub[] = "../run/systemd/resolve/stub-resolv.conf";
constexpr int kUser = 994;

std::string program() {
  const char* named = std::getenv("VPND_TEST_RESOLVED");
  return named != nullptr ? named : "/lib/systemd/systemd-resolved";
}

std::string read(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

bool eventually(const std::function<bool()>& check, std::chrono::milliseconds within = 5s) {
  const auto end = std::chrono::steady_clock::now() + within;
  while (!check()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(10ms);
  }
  return true;
}

// A system bus on which everybody may do everything that resolved itself allows.
test::Child start_bus() {
  std::ofstream("/etc/passwd") << "root:x:0:0::/:/bin/false\nsystemd-resolve:x:" << kUser << ":"
                               << kUser << "::/:/bin/false\n";
  std::ofstream("/etc/group") << "root:x:0:\nsystemd-resolve:x:" << kUser << ":\n";
  std::ofstream("/etc/bus.conf")
      << "<busconfig><type>system</type><listen>unix:path=/run/bus</listen>"
         "<auth>EXTERNAL</auth><policy context='default'><allow user='*'/><allow own='*'/>"
         "<allow send_destination='*'/><allow receive_sender='*'/></policy></busconfig>";
  test::Child bus({"dbus-daemon", "--config-file=/etc/bus.conf", "--nofork"});
  cr_assert(eventually([] { return fs::exists("/run/bus"); }), "%s", bus.output().c_str());
  return bus;
}

test::Child start_resolved(int netns = -1) {
  fs::create_directories("/run/systemd/resolve");
  cr_assert_eq(::chown("/run/systemd/resolve", kUser, kUser), 0);
  test::Child resolved({program()}, netns);
  cr_assert(eventually([] { return fs::exists("/run/systemd/resolve/stub-resolv.conf"); }), "%s",
            resolved.output().c_str());
  return resolved;
}

DnsServers dns(plan::DnsMode mode = plan::DnsMode::automatic) {
  DnsServers d;
  d.interface = "t0";
  d.mode = mode;
  d.servers = {*Address::parse("10.0.0.53"), *Address::parse("fd00::53")};
  d.domains = {"corp.example"};
  return d;
}

struct Bed {
  std::string state = test::temporary_directory();
  Tun tun = open_tun("t0");
  Host host;
  int link = 0;
  Bed() {
    host.note_in(state, "t0");
    Netlink rt;
    link = find_link(rt, std::string("t0"))->index;
  }
  // Where resolved notes, for its own restart, what a link was told.
  std::string told() const { return read("/run/systemd/resolve/netif/" + std::to_string(link)); }
};

void make_bed() {
  test::fresh_netns();
  test::private_etc();
  cr_assert_eq(::mount("tmpfs", "/run", "tmpfs", 0, "mode=755"), 0);
  ::setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/run/bus", 1);
}

void need_resolved() {
  if (!fs::exists(program())) {
    cr_skip_test("there is no systemd-resolved; VPND_TEST_RESOLVED names its program");
  }
  fs::create_directory("/run/of-another");
  if (::chown("/run/of-another", kUser, kUser) != 0) {
    cr_skip_test("systemd-resolved runs as a user of its own: run as root");
  }
}

bool in_the_file(const char* server) {
  return read(kResolverFile).find(std::string("nameserver ") + server) != std::string::npos;
}

// A bus that takes connections and says nothing.
Fd silent_bus() {
  Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string("/run/bus").copy(address.sun_path, sizeof address.sun_path - 1);
  cr_assert_eq(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  cr_assert_eq(::listen(fd.get(), 5), 0);
  return fd;
}

}  // namespace

TestSuite(resolved, .init = make_bed);

Test(resolved, is_told_and_forgets) {
  need_resolved();
  fs::create_symlink(kStub, kResolverFile);
  Bed bed;
  const test::Child bus = start_bus(), resolved = start_resolved();
  auto applied = bed.host.apply({dns()});
  cr_assert_eq(bed.host.dns(), "10.0.0.53 fd00::53, by systemd-resolved");
  cr_assert(bed.host.present(dns()));
  const std::string told = bed.told();
  for (const char* line : {"SERVERS=10.0.0.53 fd00::53\n", "LLMNR=no\n", "MDNS=no\n",
                           "DEFAULT_ROUTE=yes\n", "DNSOVERTLS=no\n"}) {
    cr_assert(told.find(line) != told.npos, "no %s in\n%s", line, told.c_str());
  }
  cr_assert(told.find("corp.example") != told.npos && told.find("~.") != told.npos, "%s",
            told.c_str());
  cr_assert_eq(fs::read_symlink(kResolverFile), kStub);
  applied.revert();
  cr_assert(bed.told().find("10.0.0.53") == std::string::npos, "%s", bed.told().c_str());
  cr_assert_eq(fs::read_symlink(kResolverFile), kStub);
}

Test(resolved, is_passed_over_where_programs_do_not_ask_it) {
  need_resolved();
  std::ofstream(kResolverFile) << "nameserver 192.0.2.53\n";
  Bed bed;
  const test::Child bus = start_bus(), resolved = start_resolved();
  {
    auto applied = bed.host.apply({dns()});
    cr_assert(bed.host.dns().ends_with("by the resolver file"), "%s", bed.host.dns().c_str());
    cr_assert(in_the_file("10.0.0.53") && bed.told().empty());
  }
  // Who names it gets it.
  auto applied = bed.host.apply({dns(plan::DnsMode::resolved)});
  cr_assert(bed.host.dns().ends_with("by systemd-resolved"), "%s", bed.host.dns().c_str());
  cr_assert(in_the_file("192.0.2.53") && !bed.told().empty());
}

// The same number may be the uplink there.
Test(resolved, of_another_network_namespace_is_not_told_about_our_link) {
  need_resolved();
  fs::create_symlink(kStub, kResolverFile);
  Bed bed;
  const test::Namespace other;
  other.run([&bed] {
    Netlink rt;
    while (!find_link(rt, bed.link)) add_veth(rt, "x0", "y0");
  });
  const test::Child bus = start_bus(), resolved = start_resolved(other.fd());
  auto applied = bed.host.apply({dns(plan::DnsMode::resolved)});
  cr_assert(bed.host.dns().find("another network namespace") != std::string::npos, "%s",
            bed.host.dns().c_str());
  cr_assert(bed.told().empty(), "%s", bed.told().c_str());
}

Test(resolved, is_told_again_of_a_device_that_came_back) {
  need_resolved();
  fs::create_symlink(kStub, kResolverFile);
  const std::string state = test::temporary_directory();
  host::Machine machine{host::Places{state, state}};
  cr_assert_eq(machine.claim("t0"), "t0");
  const test::Child bus = start_bus(), resolved = start_resolved();
  const auto told = [] {
    Netlink rt;
    return read("/run/systemd/resolve/netif/" +
                std::to_string(find_link(rt, std::string("t0"))->index));
  };
  std::optional<Tun> tun{open_tun("t0")};
  const DnsServers d = dns();
  auto applied = machine.apply({"", {plan::Resolver{d.interface, d.mode, d.servers, d.domains}}});
  cr_assert(told().find("10.0.0.53") != std::string::npos, "%s", machine.check({}).dns.c_str());
  cr_assert(machine.repair({}).put_back.empty());
  tun.reset();
  tun.emplace(open_tun("t0"));
  cr_assert(told().empty(), "it is another link");
  cr_assert_eq(machine.repair("t0").put_back.size(), 1u);
  cr_assert(told().find("10.0.0.53") != std::string::npos, "%s", machine.check({}).dns.c_str());
}

Test(resolved, that_is_not_there_is_done_without) {
  std::ofstream(kResolverFile) << "nameserver 192.0.2.53\n";
  Bed bed;
  {
    auto applied = bed.host.apply({dns()});
    cr_assert(in_the_file("10.0.0.53"), "without a bus: %s", bed.host.dns().c_str());
  }
  const test::Child bus = start_bus();
  auto applied = bed.host.apply({dns()});
  cr_assert(in_the_file("10.0.0.53"), "nobody on the bus: %s", bed.host.dns().c_str());
  applied.revert();
  applied = bed.host.apply({dns(plan::DnsMode::resolved)});
  cr_assert(bed.host.dns().starts_with("not set: "), "%s", bed.host.dns().c_str());
  cr_assert(in_the_file("192.0.2.53"));
}

Test(resolved, silence_ends_after_three_seconds_and_the_messenger_has_nothing) {
  std::ofstream(kResolverFile) << "nameserver 192.0.2.53\n";
  const Fd bus = silent_bus();
  Bed bed;
  std::string status;
  std::size_t descriptors = 0;
  std::thread watcher([&] {
    std::string child;
    const std::string children = "/proc/self/task/" + std::to_string(::getpid()) + "/children";
    if (!eventually([&] { return std::ifstream(children) >> child && !child.empty(); })) return;
    std::this_thread::sleep_for(500ms);
    status = read("/proc/" + child + "/status");
    for (const auto& fd : fs::directory_iterator("/proc/" + child + "/fd")) {
      descriptors += std::stoi(fd.path().filename()) > 2;
    }
  });
  const auto start = std::chrono::steady_clock::now();
  auto applied = bed.host.apply({dns()});
  const auto taken = std::chrono::steady_clock::now() - start;
  watcher.join();
  cr_assert(taken > 2s && taken < 4s, "%.1f s", std::chrono::duration<double>(taken).count());
  cr_assert(in_the_file("10.0.0.53"), "%s", bed.host.dns().c_str());
  for (const char* line : {"CapEff:\t0000000000000000", "CapPrm:\t0000000000000000",
                           "CapBnd:\t0000000000000000", "NoNewPrivs:\t1", "Uid:\t0\t"}) {
    cr_assert(status.find(line) != status.npos, "no %s in\n%s", line, status.c_str());
  }
  cr_assert_eq(descriptors, 2u, "its pair, and the bus: %zu", descriptors);
}
