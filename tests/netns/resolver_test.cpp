// SPDX-License-Identifier: ISC
// /etc/resolv.conf in all the forms in which hosts have it: it comes back to the byte, the inode
// and the mode, however the process ends. In a mount namespace with an /etc of its own.

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>

#include "core/host.h"
#include "linux/apply.h"
#include "linux/resolver_file.h"
#include "tests/support/netns.h"
#include "tests/support/plans.h"
#include "tests/support/private_etc.h"
#include "tests/support/resolver_forms.h"

using namespace vpnd;
using namespace vpnd::nl;
namespace fs = std::filesystem;

namespace {

const std::string kFile = kResolverFile;
constexpr char kOld[] =
    "# of this host\nnameserver 192.0.2.53\nsearch home.example\noptions rotate\n";

using Kind = test::ResolverForm;
constexpr Kind kKinds[] = {Kind::plain, Kind::link, Kind::dangling, Kind::missing, Kind::mounted};
const char* name(Kind kind) {
  return test::name_of(kind);
}

std::string read(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

void write(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

void make(Kind kind) {
  test::make_resolver(kind, kOld);
}

void expect_same(const std::set<std::string>& before, const char* when, Kind kind) {
  const auto after = test::picture_of_etc();
  cr_assert(before == after, "%s, %s: was\n%s\nis\n%s", name(kind), when,
            test::text_of(before).c_str(), test::text_of(after).c_str());
}

DnsServers dns(const char* server = "10.0.0.53", const char* interface = "t0") {
  DnsServers d;
  d.interface = interface;
  d.mode = plan::DnsMode::file;
  d.servers = {*Address::parse(server)};
  d.domains = {"corp.example"};
  return d;
}

bool names(const char* server) {
  return read(kFile).find(std::string("nameserver ") + server + "\n") != std::string::npos;
}

struct Bed {
  std::string state = test::temporary_directory();
  Host host;
  explicit Bed(const char* interface = "t0") { host.note_in(state, interface); }
};

// Each form of the file needs an /etc of its own.
void in_fresh_etc(const std::function<void(Kind)>& body) {
  for (const Kind kind : kKinds) {
    cr_assert_eq(::mount("tmpfs", "/etc", "tmpfs", 0, "mode=755"), 0);
    make(kind);
    body(kind);
    cr_assert_eq(::umount2("/etc", MNT_DETACH), 0);
  }
}

void set_and_kill(const std::string& state, const char* interface = "t0") {
  const pid_t pid = test::child_that_stays([&] {
    auto* host = new Host;
    host->note_in(state, interface);
    (void)new plan::Applied(host->apply({dns("10.0.0.53", interface)}));
  });
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
}

void make_bed() {
  test::fresh_netns();
  test::private_etc();
}

}  // namespace

TestSuite(resolver_file, .init = make_bed);

Test(resolver_file, comes_back_after_a_clean_end) {
  in_fresh_etc([](Kind kind) {
    Bed bed;
    const auto before = test::picture_of_etc();
    {
      auto applied = bed.host.apply({dns()});
      cr_assert(names("10.0.0.53"), "%s: %s", name(kind), bed.host.dns().c_str());
      cr_assert(!names("192.0.2.53") && bed.host.present(dns()), "%s", name(kind));
      const bool in_place = bed.host.dns().find("in place") != std::string::npos;
      cr_assert_eq(in_place, kind == Kind::mounted, "%s", bed.host.dns().c_str());
      if (kind != Kind::dangling && kind != Kind::missing) {
        cr_assert(read(kFile).find("options rotate\n") != std::string::npos, "%s", name(kind));
      }
      if (kind == Kind::link) cr_assert_eq(read("/etc/run/stub"), kOld, "written through the link");
      struct stat s {};
      cr_assert(::lstat(kFile.c_str(), &s) == 0 && (s.st_mode & 0444) == 0444);
    }
    expect_same(before, "after the end", kind);
    cr_assert(bed.host.dns().empty());
    cr_assert(!fs::exists(bed.state + "/resolv.conf.saved"));
  });
}

Test(resolver_file, comes_back_by_a_cleanup_after_a_kill) {
  in_fresh_etc([](Kind kind) {
    const std::string state = test::temporary_directory();
    const auto before = test::picture_of_etc();
    set_and_kill(state);
    cr_assert(names("10.0.0.53"), "nothing was left, so this proves nothing");
    Host host;
    const auto lines = host.sweep("", state);
    cr_assert_eq(lines.size(), 1u, "%s", name(kind));
    expect_same(before, "after the cleanup", kind);
    cr_assert(host.sweep("", state).empty(), "twice is once");
  });
}

Test(resolver_file, comes_back_after_a_kill_a_start_and_an_end) {
  in_fresh_etc([](Kind kind) {
    Bed bed("t1");
    const auto before = test::picture_of_etc();
    for (const bool sweep : {true, false}) {
      set_and_kill(bed.state);
      Host next;
      next.note_in(bed.state, "t0");
      if (sweep) (void)next.sweep("t0", bed.state);
      auto applied = next.apply({dns("10.0.0.54")});
      cr_assert(names("10.0.0.54") && !names("10.0.0.53"), "%s", name(kind));
      applied.revert();
      expect_same(before, sweep ? "after a sweep" : "without a sweep", kind);
    }
  });
}

// The notes are void then; the file in /etc is not.
Test(resolver_file, comes_back_after_a_reboot) {
  in_fresh_etc([](Kind kind) {
    const std::string state = test::temporary_directory();
    const auto before = test::picture_of_etc();
    set_and_kill(state);
    write(state + "/t0.held", "boot 00000000-0000-0000-0000-000000000000 net 1\n");
    Host host;
    (void)host.sweep("t0", state);
    expect_same(before, "after the sweep", kind);
  });
}

Test(resolver_file, a_kill_before_the_exchange_leaves_no_trace) {
  make(Kind::plain);
  const auto before = test::picture_of_etc();
  write(kResolverBackup, "# vpnd: written for the tunnel t0, which\n");
  write("/etc/.resolv.conf.by-vpnd", "half");
  const std::string state = test::temporary_directory();
  Host host;
  cr_assert(host.sweep("t0", state).empty());
  expect_same(before, "after the sweep", Kind::plain);
}

Test(resolver_file, what_somebody_else_wrote_since_stays) {
  in_fresh_etc([](Kind kind) {
    Bed bed;
    auto applied = bed.host.apply({dns()});
    constexpr char kTheirs[] = "nameserver 198.51.100.1\n";
    if (kind == Kind::mounted) {
      write(kFile, kTheirs);
    } else {
      write("/etc/theirs", kTheirs);
      fs::rename("/etc/theirs", kFile);
    }
    cr_assert(!bed.host.present(dns()));
    applied.revert();
    cr_assert_eq(read(kFile), kTheirs, "%s", name(kind));
    cr_assert(!fs::exists(fs::symlink_status(kResolverBackup)));
    cr_assert(!fs::exists(bed.state + "/resolv.conf.saved"));
  });
}

Test(resolver_file, is_not_fought_over) {
  make(Kind::plain);
  const std::string state = test::temporary_directory();
  host::Machine machine{host::Places{state, state}};
  (void)machine.claim("t0");
  const DnsServers d = dns();
  const auto applied =
      machine.apply({"", {plan::Resolver{d.interface, d.mode, d.servers, d.domains}}});
  write(kFile, "nameserver 198.51.100.1\n");
  cr_assert(machine.intact() && machine.repair("t0").put_back.empty());
  cr_assert_eq(machine.check({}).missing.size(), 1u, "but told");
  cr_assert(names("198.51.100.1"));
}

Test(resolver_file, other_servers_for_the_same_tunnel) {
  in_fresh_etc([](Kind kind) {
    const std::string state = test::temporary_directory();
    const auto before = test::picture_of_etc();
    host::Machine machine{host::Places{state, state}};
    (void)machine.claim("t0");
    const auto plan = [](const char* server) {
      return plan::Plan{"",
                        {plan::Resolver{"t0", plan::DnsMode::file, {*Address::parse(server)}, {}}}};
    };
    auto applied = machine.apply(plan("10.0.0.53"));
    machine.replace(applied, plan("10.0.0.53"), plan("10.0.0.54"));
    cr_assert(names("10.0.0.54") && !names("10.0.0.53"), "%s", name(kind));
    const auto presence = machine.check(plan("10.0.0.54"));
    cr_assert(presence.made == 1 && presence.present == 1 && presence.dns.starts_with("10.0.0.54"));
    if (kind == Kind::plain) {
      machine.replace(applied, plan("10.0.0.54"), plan::Plan{});
      expect_same(before, "without a resolver", kind);
    }
    applied.revert();
    expect_same(before, "after the end", kind);
  });
}

Test(resolver_file, the_first_tunnel_has_it) {
  make(Kind::plain);
  const auto before = test::picture_of_etc();
  Bed first("t0");
  Host second;
  second.note_in(first.state, "t1");
  auto a = first.host.apply({dns("10.0.0.53", "t0")});
  auto b = second.apply({dns("10.0.0.54", "t1")});
  cr_assert(names("10.0.0.53"));
  cr_assert(second.dns().find("the tunnel t0 has it") != std::string::npos, "%s",
            second.dns().c_str());
  cr_assert(!second.present(dns("10.0.0.54", "t1")));
  b.revert();
  (void)second.sweep("t1", first.state);
  (void)second.sweep("", first.state);
  cr_assert(names("10.0.0.53"), "the other one's end took it");
  a.revert();
  expect_same(before, "after both", Kind::plain);
}

Test(resolver_file, a_read_only_one_is_told_and_the_rest_goes_on) {
  make(Kind::plain);
  Bed bed;
  cr_assert_eq(::mount(nullptr, "/etc", nullptr, MS_REMOUNT | MS_RDONLY, nullptr), 0);
  const auto before = test::picture_of_etc();
  auto applied = bed.host.apply({dns()});
  cr_assert(bed.host.dns().starts_with("not set: "), "%s", bed.host.dns().c_str());
  cr_assert(bed.host.dns().find("Read-only") != std::string::npos, "%s", bed.host.dns().c_str());
  cr_assert(!bed.host.present(dns()));
  expect_same(before, "while up", Kind::plain);
  applied.revert();
  expect_same(before, "after the end", Kind::plain);
}

// As in a container whose root is read-only.
Test(resolver_file, a_writable_one_in_a_read_only_folder_is_written_in_place) {
  Bed bed;
  const std::string mounted = bed.state + "/mounted";
  write(mounted, kOld);
  write(kFile, "");
  cr_assert_eq(::mount(mounted.c_str(), kFile.c_str(), nullptr, MS_BIND, nullptr), 0);
  cr_assert_eq(::mount(nullptr, "/etc", nullptr, MS_REMOUNT | MS_RDONLY, nullptr), 0);
  auto applied = bed.host.apply({dns()});
  cr_assert(names("10.0.0.53"), "%s", bed.host.dns().c_str());
  applied.revert();
  cr_assert_eq(read(kFile), kOld);
}

Test(resolver_file, a_link_is_never_written_through) {
  make(Kind::link);
  Bed bed;
  cr_assert_eq(::mount("tmpfs", "/etc/run", "tmpfs", 0, nullptr), 0);
  write("/etc/run/stub", kOld);
  cr_assert_eq(::mount(nullptr, "/etc", nullptr, MS_REMOUNT | MS_RDONLY, nullptr), 0);
  auto applied = bed.host.apply({dns()});
  cr_assert(bed.host.dns().starts_with("not set: "), "%s", bed.host.dns().c_str());
  cr_assert_eq(read("/etc/run/stub"), kOld);
}

Test(resolver_file, of_another_hosts_network_is_not_ours) {
  make(Kind::plain);
  const auto lives_in = [](int flags) {
    return test::child_that_stays([flags] {
      cr_assert_eq(::unshare(flags), 0);
      if ((flags & CLONE_NEWNS) == 0) return;
      ::mount("tmpfs", "/etc", "tmpfs", 0, nullptr);
      write(kFile, "nameserver 192.0.2.99\n");
    });
  };
  const pid_t here = lives_in(CLONE_NEWUTS), net = lives_in(CLONE_NEWNET),
              both = lives_in(CLONE_NEWNET | CLONE_NEWNS);
  cr_assert_not(of_another_network(here), "one host");
  cr_assert(of_another_network(net), "the file of a host with another network");
  cr_assert_not(of_another_network(both), "a file of our own");
  fs::remove(kFile);
  cr_assert(of_another_network(net), "its folder");
  for (const pid_t pid : {here, net, both}) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
}

// Whom to ask for the server's name past the tunnel: never the resolver that the tunnel brought.
Test(resolver_file, the_hosts_own_resolvers_are_known_while_ours_stand_there) {
  cr_assert_eq(::mount("tmpfs", "/run", "tmpfs", 0, "mode=755"), 0);
  in_fresh_etc([](Kind kind) {
    const bool none = kind == Kind::dangling || kind == Kind::missing;
    const std::vector<Address> wanted =
        none ? std::vector<Address>{} : std::vector{*Address::parse("192.0.2.53")};
    Bed bed;
    host::Machine machine({bed.state, bed.state});
    cr_assert(machine.outer_resolvers() == wanted, "%s: before", name(kind));
    const auto applied = bed.host.apply({dns()});
    cr_assert(names("10.0.0.53"));
    cr_assert(machine.outer_resolvers() == wanted, "%s: meanwhile", name(kind));
  });
}

Test(resolver_file, behind_a_stub_are_the_resolvers_that_it_asks) {
  cr_assert_eq(::mount("tmpfs", "/run", "tmpfs", 0, "mode=755"), 0);
  write(kFile, "nameserver 127.0.0.53\n");
  const std::string state = test::temporary_directory();
  host::Machine machine({state, state});
  const auto outer = [&] { return machine.outer_resolvers(); };
  cr_assert(outer() == std::vector{*Address::parse("127.0.0.53")}, "the stub, for want of better");
  fs::create_directories("/run/NetworkManager");
  write("/run/NetworkManager/no-stub-resolv.conf", "nameserver 192.0.2.2\n");
  cr_assert(outer() == std::vector{*Address::parse("192.0.2.2")});
  fs::create_directories("/run/systemd/resolve");
  write("/run/systemd/resolve/resolv.conf", "nameserver 192.0.2.1\nnameserver 2001:db8::1\n");
  cr_assert_eq(outer().size(), 2u);
  write(kFile, "nameserver 127.0.0.53\nnameserver 192.0.2.3\n");
  cr_assert(outer() == std::vector{*Address::parse("192.0.2.3")});
}
