// SPDX-License-Identifier: ISC
// Networks, names, firewalls and ports that somebody else has already.

#include <dirent.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <set>
#include <sstream>

#include "core/base/error.h"
#include "linux/change.h"
#include "linux/doctor.h"
#include "linux/networks.h"
#include "linux/nft.h"
#include "linux/nft_dump.h"
#include "linux/text_file.h"

namespace vpnd::nl {
namespace {

using enum plan::Verdict;
using plan::Finding;
using plan::Findings;

// ---- networks

std::vector<Prefix> inner_networks(const Patient& p) {
  std::vector<Prefix> out;
  if (p.server != nullptr) {
    out.push_back(p.server->pool_v4);
    if (p.server->pool_v6) out.push_back(*p.server->pool_v6);
    return out;
  }
  if (p.running) {
    for (const std::string& text : p.running->addresses) {
      const auto prefix = Prefix::parse(text);
      const auto address = prefix ? prefix->address : Address::parse(text).value_or(Address());
      // A client wears its own address only; the pool is a /24 unless its server says otherwise.
      const std::uint8_t usual = address.is_v4() ? 24 : 64;
      out.push_back(Prefix{address, prefix ? std::min(prefix->length, usual) : usual}.masked());
    }
  }
  if (!out.empty()) return out;
  const auto local = p.client != nullptr ? p.client->local_v4 : std::nullopt;
  out.push_back(Prefix{local.value_or(Address::v4(192, 168, 192, 1)), 24}.masked());
  return out;
}

// A private /24 that this host knows no way to.
std::string free_pool(const HostFacts& facts) {
  for (std::uint8_t i = 73; i != 72; ++i) {
    const Prefix pool{Address::v4(10, i, 192, 0), 24};
    const bool taken = std::ranges::any_of(facts.links, [&](const HostFacts::Link& link) {
      return overlaps_any(pool, link.connected) || overlaps_any(pool, link.routed);
    });
    if (!taken) return fmt::format("10.{}.192", i);
  }
  return "172.31.192";
}

Finding overlap_found(const Patient& p, const Prefix& lan, const std::string& device,
                      const Prefix& inner) {
  Finding f{"conflicts.overlap",
            problem,
            fmt::format("{} on {} overlaps {}, the tunnel's own network", lan.text(), device,
                        inner.text()),
            {},
            {}};
  const std::string free = free_pool(p.facts);
  if (p.server != nullptr) {
    f.advice = inner.address.is_v4()
                   ? fmt::format(
                         "give clients another: pool = \"{}.0/24\" under [server], or as "
                         "arguments LOCAL-IP {}.254 and REMOTE-IP {}.1",
                         free, free, free)
                   : "give clients another: pool6 and address6 under [server]";
  } else {
    f.advice = fmt::format(
        "the server decides: there, pool = \"{0}.0/24\" under [server], or as arguments LOCAL-IP "
        "{0}.254 and REMOTE-IP {0}.1",
        free);
  }
  return f;
}

void overlaps(const Patient& p, Findings& out) {
  const auto inner = inner_networks(p);
  bool any = false;
  for (const HostFacts::Link& link : p.facts.links) {
    if (link.name == "lo" || (link.name == p.interface && p.running)) continue;
    if (link.name == p.interface && p.is_ours(link.name)) continue;
    for (const Prefix& lan : link.connected) {
      for (const Prefix& mine : inner) {
        if (is_link_local(lan) || !overlap(lan, mine)) continue;
        out.push_back(overlap_found(p, lan.masked(), link.name, mine));
        any = true;
      }
    }
  }
  if (any) return;
  std::string all;
  for (const Prefix& mine : inner) all += (all.empty() ? "" : " ") + mine.text();
  out.push_back(
      {"conflicts.overlap", ok, fmt::format("no local network overlaps {}", all), {}, {}});
}

void interface_name(const Patient& p, Findings& out) {
  if (!p.named || p.running || p.link(p.interface) == nullptr || p.is_ours(p.interface)) return;
  out.push_back(
      {"conflicts.interface",
       problem,
       fmt::format("there is an interface {}, and it is not of a vpnd that runs", p.interface),
       "remove it if nobody needs it, or give the tunnel another name",
       {fmt::format("ip link del dev {}", p.interface)}});
}

// ---- firewalls

const char* family_word(const HostFacts::DropChain& c) noexcept {
  if (c.inet) return "inet";
  return c.family == Family::v4 ? "ip" : "ip6";
}

Finding chain_found(const Patient& p, NftSocket& socket, const HostFacts::DropChain& c) {
  const ForeignAccept accept{c.family, c.inet, c.table, c.chain, p.interface};
  const std::string name = fmt::format("chain {} of table {} {}", c.chain, family_word(c), c.table);
  if (present(socket, accept)) {
    return {"conflicts.forward",
            ok,
            fmt::format("{} drops what is forwarded, but lets {} pass", name, p.interface),
            {},
            {}};
  }
  Finding f{"conflicts.forward", problem, fmt::format("{} drops what is forwarded", name), {}, {}};
  if (c.owned) {
    f.advice = fmt::format(
        "another program owns that table: have it forward from and to {}, with firewalld: "
        "firewall-cmd --zone=trusted --add-interface={}",
        p.interface, p.interface);
    if (!p.serves()) f.verdict = note;
    return f;
  }
  for (const char* side : {"oifname", "iifname"}) {
    f.commands.push_back(fmt::format("nft insert rule {} {} {} {} {} counter accept",
                                     family_word(c), shell_word(c.table),
                                     shell_word(chain_for(socket, accept)), side, p.interface));
  }
  f.advice = "\"vpnd server\" lets its own device pass as long as it runs; by hand:";
  if (!(p.serves() && p.running)) {
    f.verdict = note;
    f.detail += p.serves() ? "; the server will let its own device pass"
                           : ": that matters only where this host is a server";
  }
  return f;
}

void forward_chains(const Patient& p, Findings& out) {
  if (const auto hidden = firewall_hidden()) {
    out.push_back({"conflicts.forward", skipped, *hidden, {}, {}});
    return;
  }
  NftSocket socket;
  const auto chains = forward_drop_chains(socket);
  for (const HostFacts::DropChain& c : chains) out.push_back(chain_found(p, socket, c));
  if (chains.empty()) {
    out.push_back({"conflicts.forward", ok, "no firewall drops what is forwarded", {}, {}});
  }
  const auto tables = list_tables(socket);
  if (std::ranges::any_of(tables, [](const SeenTable& t) { return t.name == "firewalld"; })) {
    out.push_back(
        {"conflicts.firewalld",
         note,
         "firewalld refuses what is forwarded, by rules that show no policy",
         fmt::format("on a server: firewall-cmd --zone=trusted --add-interface={}", p.interface),
         {}});
  }
}

// ---- the port

// /proc/net/tcp: "sl local rem st ... inode", numbers in hexadecimal but the last.
void listeners(const std::string& table, std::uint16_t port, std::set<std::string>& inodes,
               std::set<std::uint16_t>& ports) {
  std::istringstream in(read_text("/proc/thread-self/net/" + table));
  std::string line;
  std::getline(in, line);  // its head
  while (std::getline(in, line)) {
    std::istringstream words(line);
    std::string number, local, remote, state, skip, inode;
    words >> number >> local >> remote >> state >> skip >> skip >> skip >> skip >> skip >> inode;
    const auto colon = local.rfind(':');
    if (state != "0A" || colon == local.npos) continue;  // TCP_LISTEN
    const auto found = static_cast<std::uint16_t>(std::strtoul(&local[colon + 1], nullptr, 16));
    ports.insert(found);
    if (found == port) inodes.insert("socket:[" + inode + "]");
  }
}

using Directory = std::unique_ptr<DIR, int (*)(DIR*)>;

bool holds(const std::string& process, const std::set<std::string>& sockets) {
  const std::string folder = "/proc/" + process + "/fd";
  const Directory dir(::opendir(folder.c_str()), ::closedir);
  while (const dirent* entry = dir ? ::readdir(dir.get()) : nullptr) {
    std::array<char, 64> target{};
    const std::string path = folder + "/" + entry->d_name;
    const ssize_t n = ::readlink(path.c_str(), target.data(), target.size());
    if (n > 0 && sockets.contains({target.data(), static_cast<std::size_t>(n)})) return true;
  }
  return false;
}

// "nginx (process 812)"; what may not be seen is "another program".
std::string holder(const std::set<std::string>& sockets) {
  const Directory dir(::opendir("/proc"), ::closedir);
  while (const dirent* entry = dir ? ::readdir(dir.get()) : nullptr) {
    const std::string process = entry->d_name;
    if (process.find_first_not_of("0123456789") != process.npos || !holds(process, sockets)) {
      continue;
    }
    std::string name = read_text("/proc/" + process + "/comm");
    if (!name.empty() && name.back() == '\n') name.pop_back();
    return fmt::format("{} (process {})", name, process);
  }
  return "another program";
}

void port(const Patient& p, Findings& out) {
  if (!p.serves() || p.running) return;
  std::uint16_t wanted = p.server != nullptr ? p.server->port : 443;
  if (p.server != nullptr && !p.server->listen.empty()) wanted = p.server->listen.front().port;
  std::set<std::string> inodes;
  std::set<std::uint16_t> ports;
  listeners("tcp", wanted, inodes, ports);
  listeners("tcp6", wanted, inodes, ports);
  if (inodes.empty()) {
    out.push_back({"conflicts.port", ok, fmt::format("port {} is free", wanted), {}, {}});
    return;
  }
  std::uint16_t free = 8443;
  while (ports.contains(free)) ++free;
  out.push_back(
      {"conflicts.port",
       problem,
       fmt::format("{} listens at port {}", holder(inodes), wanted),
       fmt::format("stop it, or listen elsewhere: listen = [\"[::]:{0}\"] under [server], "
                   "or {0} as PORT",
                   free),
       {}});
}

}  // namespace

void examine_conflicts(const Patient& p, Findings& out) {
  overlaps(p, out);
  interface_name(p, out);
  forward_chains(p, out);
  port(p, out);
}

}  // namespace vpnd::nl
