// SPDX-License-Identifier: ISC
// What a host lacks or who manages it, as the doctor sees it, and what helps.

#include <sched.h>
#include <seccomp.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "tests/netns/doctor_ward.h"
#include "tests/support/private_etc.h"

using namespace vpnd;
using namespace vpnd::test;
using enum plan::Verdict;

namespace {

// Of this test alone.
void empty_folder(const char* path) {
  if (::unshare(CLONE_NEWNS) != 0) cr_skip_test("needs mount namespaces: run as root");
  const bool done = ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                    ::mount("tmpfs", path, "tmpfs", MS_NOSUID, "mode=755") == 0;
  if (!done) cr_skip_test("needs mounts: run as root");
}

// In a forked copy that first makes itself less able: is there a finding of that verdict?
bool seen_by(const Ward& ward, const std::function<void()>& weaken, const std::string& id,
             plan::Verdict verdict) {
  return in_child([&] {
           bool found = false;
           ward.ns.run([&] {
             weaken();
             const auto f = Ward::worst(host::doctor({}, ward.config, ward.places), id);
             found = f.verdict == verdict;
           });
           return found ? 0 : 1;
         }) == 0;
}

void forbid_rings() {
  const scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  if (seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(io_uring_setup), 0) != 0 ||
      seccomp_load(filter) != 0) {
    throw Error("forbid io_uring");
  }
  seccomp_release(filter);
}

}  // namespace

Test(doctor_host, names_a_missing_capability) {
  const Ward ward;
  cr_assert(seen_by(ward, become_nobody, "privileges.net-admin", problem));
  cr_assert(seen_by(ward, become_nobody, "conflicts.forward", skipped));
  // As it says: as root.
  cr_assert(seen_by(
      ward, [] {}, "privileges.net-admin", ok));
}

Test(doctor_host, names_a_port_that_is_closed_to_an_ordinary_user) {
  Ward ward;
  auto config = server_config(false);
  config.key = ward.places.state + "/none";
  ward.config = config;
  cr_assert(seen_by(ward, become_nobody, "privileges.port", problem));
  config.port = 8443;
  ward.config = config;
  cr_assert(seen_by(ward, become_nobody, "privileges.port", ok));
}

Test(doctor_host, names_a_missing_tun_device) {
  empty_folder("/dev/net");
  const Ward ward;
  const plan::Finding f = ward.look_at("kernel.tun");
  expect(f, problem, "there is no /dev/net/tun");
  if (::mknod("/dev/net/probe", S_IFCHR | 0600, 0x0ac8) != 0) {
    cr_skip_test("needs CAP_MKNOD to follow the advice");
  }
  ward.follow(f);
  expect(ward.look_at("kernel.tun"), ok);
}

Test(doctor_host, names_a_tun_device_that_may_not_be_opened) {
  empty_folder("/dev/net");
  if (::mknod("/dev/net/tun", S_IFCHR | 0600, 0x0ac8) != 0) cr_skip_test("needs CAP_MKNOD");
  ::chmod("/dev/net/tun", 0600);
  const Ward ward;
  cr_assert(seen_by(ward, become_nobody, "kernel.tun", problem));
  expect(ward.look_at("kernel.tun"), ok);
  ward.shell("chmod 0666 /dev/net/tun");
  cr_assert(seen_by(ward, become_nobody, "kernel.tun", ok));
}

Test(doctor_host, names_a_forbidden_ring) {
  const Ward ward;
  if (ward.look_at("kernel.io-uring").verdict != ok) cr_skip_test("io_uring is forbidden here");
  cr_assert(seen_by(ward, forbid_rings, "kernel.io-uring", note));
}

Test(doctor_host, names_ipv6_that_is_turned_off) {
  const Ward ward;
  ward.shell("sysctl -q -w net.ipv6.conf.all.disable_ipv6=1\n");
  expect_cured(ward, "kernel.ipv6", note, "IPv4 only");
}

Test(doctor_host, names_what_is_wrong_with_a_key_file) {
  Ward ward;
  auto config = client_config();
  config.key = ward.places.state + "/it's a.key";
  ward.config = config;
  expect_cured(ward, "privileges.key", problem, "a.key");
  ::chmod(config.key.c_str(), 0644);
  expect_cured(ward, "privileges.key", problem, "0644");
  config.credential = "vpn-key";
  ward.config = config;
  expect(ward.look_at("privileges.key"), skipped, "vpn-key");
  config.credential.clear();
  ward.config = config;
  if (::chown(config.key.c_str(), 65534, 65534) != 0) cr_skip_test("needs CAP_CHOWN");
  expect_cured(ward, "privileges.key", problem, "another user");
}

// ---- managers

Test(doctor_host, names_a_networkd_that_removes_rules_of_others) {
  empty_folder("/run");
  private_etc();
  const Ward ward;
  expect(ward.look_at("managers.networkd"), ok, "does not run");
  std::filesystem::create_directories("/run/systemd/netif/links");
  expect(ward.look_at("managers.networkd"), ok, "does not run");
  std::ofstream("/run/systemd/netif/state") << "OPER_STATE=routable\n";
  expect(ward.look_at("managers.networkd"), note, "removes rules");
  std::filesystem::create_directories("/etc/systemd");
  std::ofstream("/etc/systemd/networkd.conf")
      << "[Network]\nManageForeignRoutes=no\n[Other]\nManageForeignRoutingPolicyRules=no\n";
  expect_cured(ward, "managers.networkd", note, "removes rules");
  std::ofstream("/etc/systemd/networkd.conf.d/99.conf")
      << "[Network]\nManageForeignRoutingPolicyRules = yes\n";
  expect(ward.look_at("managers.networkd"), note, "removes rules");
}

Test(doctor_host, names_a_networkmanager_that_may_take_the_device) {
  empty_folder("/run");
  private_etc();
  Ward ward;
  expect(ward.look_at("managers.networkmanager"), ok, "does not run");
  std::filesystem::create_directories("/run/NetworkManager");
  std::filesystem::create_directories("/etc/NetworkManager/conf.d");
  std::ofstream("/etc/NetworkManager/conf.d/a.conf")
      << "[keyfile]\nunmanaged-devices=interface-name:wg*;mac:00:22:68:1c:59:b1\n";
  expect_cured(ward, "managers.networkmanager", note, "vpn0");
  auto config = client_config();
  config.interface = "wg7";
  ward.config = config;
  expect(ward.look_at("managers.networkmanager"), ok, "wg7");
  config.interface = "home";
  ward.config = config;
  expect_cured(ward, "managers.networkmanager", note, "home");
}

// ---- names

Test(doctor_host, names_who_writes_the_resolver_file) {
  private_etc();
  const Ward ward;
  expect_cured(ward, "dns.file", problem, "there is no /etc/resolv.conf");
  std::ofstream("/etc/resolv.conf") << "# Generated by NetworkManager\nnameserver 10.0.0.1\n";
  expect(ward.look_at("dns.file"), ok, "NetworkManager");
  std::ofstream("/etc/resolv.conf")
      << "# Dynamic resolv.conf(5) file generated by resolvconf(8)\nnameserver 10.0.0.1\n";
  expect(ward.look_at("dns.file"), note, "resolvconf");
  std::ofstream("/etc/resolv.conf") << "search example.net\n";
  expect_cured(ward, "dns.file", problem, "names no resolver");
  std::filesystem::remove("/etc/resolv.conf");
  std::filesystem::create_symlink("../run/systemd/resolve/nothing.conf", "/etc/resolv.conf");
  expect(ward.look_at("dns.method"), ok, "systemd-resolved");
  expect_cured(ward, "dns.file", problem, "leads to ../run/systemd/resolve/nothing.conf");
}

Test(doctor_host, names_a_way_to_set_the_resolver_that_is_not_there) {
  private_etc();
  std::ofstream("/etc/resolv.conf") << "nameserver 10.0.0.1\n";
  Ward ward;
  auto config = client_config();
  config.dns.mode = plan::DnsMode::resolved;
  ward.config = config;
  expect(ward.look_at("dns.method"), problem, "systemd-resolved");
  config.dns.mode = plan::DnsMode::file;  // "auto" asks whose file it is; here it is nobody's
  ward.config = config;
  expect(ward.look_at("dns.file"), ok);
}

// ---- the path

Test(doctor_host, names_a_strict_reverse_path_filter) {
  const Ward ward;
  ward.shell("sysctl -q -w net.ipv4.conf.all.rp_filter=1\n");
  expect_cured(ward, "path.rp-filter", note, "eth0");
}

Test(doctor_host, names_an_uplink_that_carries_too_little) {
  const Ward ward;
  ward.shell("ip link set dev eth0 mtu 1000\n");
  expect_cured(ward, "path.mtu", problem, "1000");
}

Test(doctor_host, names_a_server_that_cannot_be_reached) {
  Ward ward;
  auto config = client_config();
  config.key = ward.places.state + "/none";
  ward.config = config;
  expect(ward.look_at("path.server"), ok, "by eth0");
  ward.shell("ip route del default\n");
  expect(ward.look_at("path.server"), problem, "no way to 203.0.113.7");
  ward.shell("ip route add default via 10.0.0.1\n");
  expect(ward.look_at("path.server"), ok, "by eth0");
}
