// SPDX-License-Identifier: ISC
// What the kernel can do, and what of it this process may.

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "core/base/error.h"
#include "linux/change.h"
#include "linux/doctor.h"
#include "linux/filter.h"
#include "linux/key_file.h"
#include "linux/lower.h"
#include "linux/nft.h"
#include "linux/nft_batch.h"
#include "linux/nft_dump.h"
#include "linux/ring.h"
#include "linux/text_file.h"

namespace vpnd::nl {
namespace {

using enum plan::Verdict;
using plan::Finding;
using plan::Findings;

constexpr char kTun[] = "/dev/net/tun";
constexpr char kNoFirewall[] = "the firewall cannot be seen without CAP_NET_ADMIN";

Finding release() {
  utsname name{};
  (void)::uname(&name);
  return {"kernel.release", ok, fmt::format("{} {}", name.sysname, name.release), {}, {}};
}

Finding tun_device() {
  const Fd fd(::open(kTun, O_RDWR | O_NONBLOCK | O_CLOEXEC));
  unsigned features = 0;
  if (fd && ::ioctl(fd.get(), TUNGETFEATURES, &features) == 0) {
    constexpr unsigned kNeeded = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE;
    if ((features & kNeeded) == kNeeded)
      return {"kernel.tun", ok, "tun with offload headers", {}, {}};
    return {"kernel.tun",
            problem,
            "the kernel's tun lacks queues or offload headers",
            "a kernel of 3.8 or later has them",
            {}};
  }
  if (errno == EACCES || errno == EPERM) {
    return {"kernel.tun",
            problem,
            fmt::format("{} may not be opened: {}", kTun, std::strerror(errno)),
            "run as root; in a container or service, allow the device 10:200",
            {fmt::format("chmod 0666 {}", kTun)}};
  }
  if (errno == ENOENT) {
    return {"kernel.tun",
            problem,
            fmt::format("there is no {}", kTun),
            "load the module (modprobe tun); where it is there already, make the device; in a "
            "container, pass it in: --device /dev/net/tun",
            {"mkdir -p /dev/net", fmt::format("mknod -m 0666 {} c 10 200", kTun)}};
  }
  return {"kernel.tun",
          problem,
          fmt::format("{} does not open: {}", kTun, std::strerror(errno)),
          "the module is missing",
          {"modprobe tun"}};
}

Finding ring() {
  if (Ring::make(4)) return {"kernel.io-uring", ok, "io_uring", {}, {}};
  const std::string setting = read_text("/proc/sys/kernel/io_uring_disabled");
  if (!setting.empty() && setting[0] != '0') {
    return {"kernel.io-uring",
            note,
            "io_uring is turned off; epoll is used, which is slower",
            {},
            {"sysctl -w kernel.io_uring_disabled=0"}};
  }
  return {"kernel.io-uring",
          note,
          "io_uring is forbidden here; epoll is used, which is slower",
          "in a container, allow the calls io_uring_setup, io_uring_enter and io_uring_register",
          {}};
}

Finding ipv6(const Patient& p) {
  if (p.facts.has_v6) return {"kernel.ipv6", ok, "IPv6", {}, {}};
  const bool built_in = ::access("/proc/sys/net/ipv6", F_OK) == 0;
  Finding f{"kernel.ipv6", note, "IPv6 is turned off: the tunnel carries IPv4 only", {}, {}};
  if (built_in) {
    f.commands = {"sysctl -w net.ipv6.conf.all.disable_ipv6=0",
                  "sysctl -w net.ipv6.conf.default.disable_ipv6=0"};
  } else {
    f.advice = "start the kernel without ipv6.disable=1";
  }
  return f;
}

Finding policy_routing() {
  try {
    Netlink rt;
    (void)rules(rt, Family::v4);
    return {"kernel.policy-routing", ok, "policy routing", {}, {}};
  } catch (const Error& e) {
    return {"kernel.policy-routing",
            problem,
            e.what(),
            "a kernel with CONFIG_IP_MULTIPLE_TABLES is needed",
            {}};
  }
}

// Every kind of rule that a client or a server makes, in a batch whose last step always fails: that
// takes all of it back before anybody can see it.
std::optional<NftRefusal> try_all_rules(const NftSocket& socket) {
  Wall wall;
  wall.interface = "probe";
  wall.endpoints = {{Address::v4(192, 0, 2, 1), 443}};
  wall.guarded = {*Prefix::parse("0.0.0.0/0"), *Prefix::parse("::/0")};
  wall.own = {Address::v4(192, 0, 2, 2)};
  wall.guard_names = wall.keep_inbound = true;
  wall.resolvers = {Address::v4(192, 0, 2, 3)};
  FilterTable client, server;
  client.interface = server.interface = "probe";
  client.shielded = server.shielded = wall.own;
  client.clamp_mss = client.masquerade_others = true;
  server.pool_v4 = Prefix::parse("192.0.2.0/24");
  server.masquerade = server.isolate = true;
  NftBatch batch;
  int number = 0;
  const auto add = [&](NftTable table) {
    table.name = fmt::format("vpnd_probe{}", ++number);
    batch.add(table, 0, "vpnd probe");
  };
  add(render(wall));
  for (const NftTable& table : render(client)) add(table);
  for (const NftTable& table : render(server)) add(table);
  batch.delete_rule(nft_family(NftTable::Kind::inet), "vpnd_probe1", "vpn_none", 1);
  return socket.send(batch);
}

void firewall(Findings& out) {
  const NftSocket socket;
  if (const auto hidden = firewall_hidden()) {
    out.push_back({"kernel.nftables", skipped, *hidden, {}, {}});
    return;
  }
  const auto refusal = try_all_rules(socket);
  if (refusal && refusal->doing.starts_with("delete rule")) {
    out.push_back(
        {"kernel.nftables", ok, "nftables, with every kind of rule that is needed", {}, {}});
  } else {
    out.push_back(
        {"kernel.nftables",
         problem,
         refusal ? fmt::format("cannot {}: {}", refusal->doing, std::strerror(refusal->errnum))
                 : "nftables answers nonsense",
         "this kernel lacks a part of nf_tables; load its modules, or use another kernel",
         {"modprobe -a nf_tables nft_ct nft_masq nft_nat nft_reject_inet nft_fib_inet"}});
    return;
  }
  const NftSupport support = nl::support(socket);
  out.push_back(
      support.persist
          ? Finding{"kernel.table-owner", ok, "tables that nobody else can change", {}, {}}
          : Finding{"kernel.table-owner",
                    note,
                    "tables have no lasting owner before Linux 6.9: another program's "
                    "\"flush ruleset\" removes them until they are put back",
                    {},
                    {}});
}

// ---- privileges

Finding net_admin() {
  if (capable(CAP_NET_ADMIN)) return {"privileges.net-admin", ok, "CAP_NET_ADMIN", {}, {}};
  return {"privileges.net-admin",
          problem,
          "CAP_NET_ADMIN is missing: no tunnel can be set up",
          "run it as root: sudo vpnd; in a container, add --cap-add NET_ADMIN; \"vpnd demo\" needs "
          "none",
          {}};
}

Finding low_port(const Patient& p) {
  std::uint16_t port = p.server != nullptr ? p.server->port : 443;
  if (p.server != nullptr && !p.server->listen.empty()) port = p.server->listen.front().port;
  const int first = std::atoi(read_text("/proc/sys/net/ipv4/ip_unprivileged_port_start").c_str());
  if (port >= first || capable(CAP_NET_BIND_SERVICE)) {
    return {"privileges.port", ok, fmt::format("port {} may be listened at", port), {}, {}};
  }
  return {"privileges.port",
          problem,
          fmt::format("CAP_NET_BIND_SERVICE is missing: port {} is closed to this process", port),
          fmt::format("run it as root, or listen at a port from {} up", first),
          {}};
}

Finding key_file(const std::string& path) {
  try {
    (void)open_key_file(path);
    return {"privileges.key", ok, fmt::format("{} is closed to others", path), {}, {}};
  } catch (const Error& e) {
    Finding f{"privileges.key", problem, e.what(), {}, {}};
    struct stat info {};
    const std::string word = shell_word(path);
    if (::stat(path.c_str(), &info) != 0) {
      f.commands = {"vpnd genkey " + word};
      f.advice = "a key must be the other side's as well; make one only if there is none yet";
      return f;
    }
    if (!S_ISREG(info.st_mode)) {
      f.advice = "a key is a regular file";
      return f;
    }
    if (info.st_uid != 0 && info.st_uid != ::geteuid()) f.commands.push_back("chown root " + word);
    if ((info.st_mode & 077) != 0) f.commands.push_back("chmod 600 " + word);
    if (f.commands.empty()) f.advice = e.remedy();
    return f;
  }
}

}  // namespace

bool capable(int capability) noexcept {
  __user_cap_header_struct header{};
  header.version = _LINUX_CAPABILITY_VERSION_3;
  std::array<__user_cap_data_struct, 2> halves{};
  if (::syscall(SYS_capget, &header, halves.data()) < 0) return false;
  const auto half = static_cast<std::size_t>(capability) / 32;
  return (halves[half].effective >> (static_cast<unsigned>(capability) % 32) & 1u) != 0;
}

std::optional<std::string> firewall_hidden() {
  try {
    (void)list_tables(NftSocket());
    return std::nullopt;
  } catch (const Error& e) {
    return e.errnum() == EPERM ? std::string(kNoFirewall) : std::string(e.what());
  }
}

void examine_kernel(const Patient& p, Findings& out) {
  out.push_back(release());
  out.push_back(tun_device());
  out.push_back(policy_routing());
  firewall(out);
  out.push_back(ipv6(p));
  out.push_back(ring());
}

void examine_privileges(const Patient& p, Findings& out) {
  out.push_back(net_admin());
  if (p.serves()) out.push_back(low_port(p));
  const plan::Common* common = p.client;
  if (p.server != nullptr) common = p.server;
  if (common == nullptr) return;
  out.push_back(
      common->credential.empty()
          ? key_file(common->key)
          : Finding{"privileges.key",
                    skipped,
                    "the service manager holds it, as the credential " + common->credential,
                    {},
                    {}});
}

}  // namespace vpnd::nl
