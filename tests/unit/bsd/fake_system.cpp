// SPDX-License-Identifier: ISC
#include "tests/unit/bsd/fake_system.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "bsd/alias.h"
#include "bsd/native.h"
#include "bsd/sockaddr.h"

namespace vpnd::test {
namespace {

using bsd::kRtfGateway;
using bsd::kRtfHost;
using bsd::kRtfReject;
using bsd::kRtfUp;

constexpr std::uint16_t kUplink = 1, kLoopback = 2;

Prefix prefix(const char* text) {
  return Prefix::parse(text).value();
}
Address address(const char* text) {
  return Address::parse(text).value();
}

Address address_at(Bytes argument, std::size_t at, Family family) {
  const Bytes from = argument.subspan(at);
  return family == Family::v4 ? Address::v4(from.subspan(4, 4)) : Address::v6(from.subspan(8, 16));
}

// The folder's own files come and go with locks.
bool of_journal(const std::string& path) {
  return path.ends_with(".held") || path.ends_with(".lock");
}

}  // namespace

FakeSystem* FakeSystem::living = nullptr;

FakeSystem::FakeSystem(const bsd::Traits& t) : traits(t) {
  living = this;
  interfaces["em0"] = {
      kUplink, true, 1500, -1, {{prefix("192.0.2.10/24"), {}}, {prefix("2001:db8::10/64"), {}}}};
  interfaces["lo0"] = {
      kLoopback, true, 16384, -1, {{prefix("127.0.0.1/8"), {}}, {prefix("::1/128"), {}}}};
  routes = {{prefix("192.0.2.0/24"), {std::nullopt, kUplink}, kRtfUp, kUplink},
            {prefix("2001:db8::/64"), {std::nullopt, kUplink}, kRtfUp, kUplink},
            {prefix("127.0.0.1"), {std::nullopt, kLoopback}, kRtfUp | kRtfHost, kLoopback},
            {prefix("::1"), {std::nullopt, kLoopback}, kRtfUp | kRtfHost, kLoopback}};
  set_default(Family::v4, "192.0.2.1");
  set_default(Family::v6, "2001:db8::1");
  files["/etc/resolv.conf"] = "nameserver 192.0.2.53\n";
}

FakeSystem::~FakeSystem() {
  living = nullptr;
}

void FakeSystem::set_default(Family family, const std::string& router) {
  const Prefix all{family == Family::v4 ? Address{} : Address::v6(ByteArray<16>{}), 0};
  std::erase_if(routes, [&all](const FakeRoute& r) { return r.to == all; });
  if (router.empty()) return;
  routes.push_back(
      {all, {address(router.c_str())}, kRtfUp | kRtfGateway | bsd::kRtfStatic, kUplink});
}

const FakeRoute* FakeSystem::route(const std::string& to) const {
  const auto found = std::ranges::find(routes, prefix(to.c_str()), &FakeRoute::to);
  return found == routes.end() ? nullptr : &*found;
}

std::string FakeSystem::state() const {
  std::vector<std::string> lines;
  for (const FakeRoute& r : routes) {
    lines.push_back(fmt::format("route {} via {} flags {:x}", r.to.text(),
                                r.hop.router ? r.hop.router->text() : "-", r.flags));
  }
  for (const auto& [name, i] : interfaces) {
    lines.push_back(
        fmt::format("interface {} up {} mtu {} open {}", name, i.up, i.mtu, i.device >= 0));
    for (const auto& [own, peer] : i.addresses) {
      lines.push_back(fmt::format("address {} peer {} on {}", own.text(), peer.text(), name));
    }
  }
  lines.push_back(fmt::format("forwarding {} {}", forwarding_v4, forwarding_v6));
  for (const auto& [path, text] : files) {
    if (!of_journal(path)) lines.push_back(fmt::format("file {}: {}", path, text));
  }
  std::ranges::sort(lines);
  return fmt::format("{}", fmt::join(lines, "\n"));
}

bool FakeSystem::did(const std::string& what) const {
  return at(what) < done.size();
}

std::size_t FakeSystem::at(const std::string& what) const {
  return static_cast<std::size_t>(std::ranges::find(done, what) - done.begin());
}

int FakeSystem::step(const std::string& what) {
  done.push_back(what);
  return ++count_ == fail_at ? ENOMEM : 0;
}

// ---- devices

int FakeSystem::open_device(const std::string& name) {
  if (busy.contains(name)) return -EBUSY;
  if (const int why = step("open " + name); why != 0) return -why;
  FakeInterface& i = interfaces[name];
  if (i.device >= 0) return -EBUSY;
  if (i.index == 0) i.index = static_cast<std::uint16_t>(next_++);
  i.device = next_++;
  if (&traits == &bsd::kOpenBsd) i.up = true;
  return i.device;
}

int FakeSystem::control(int device, std::uint32_t request, MutBytes argument) {
  for (const auto& [name, i] : interfaces) {
    if (i.device != device) continue;
    if (request != traits.tun_header || bsd::load<std::uint32_t>(argument.data()) != 1)
      return ENOTTY;
    return step("header of " + name);
  }
  return EBADF;
}

void FakeSystem::drop_routes_by(std::uint16_t interface, bool hosts_only) {
  std::erase_if(routes, [&](const FakeRoute& r) {
    return r.interface == interface && (!hosts_only || (r.flags & kRtfHost) != 0);
  });
}

void FakeSystem::close(int descriptor) {
  if (locks_.erase(descriptor) != 0) return;
  for (auto& [name, i] : interfaces) {
    if (i.device != descriptor) continue;
    done.push_back("close " + name);
    i.device = -1;
    if (!traits.destroys) {
      drop_routes_by(i.index, false);
      interfaces.erase(name);
      return;
    }
    i.up = false;
    drop_routes_by(i.index, &traits == &bsd::kNetBsd);
    if (&traits != &bsd::kNetBsd) i.addresses.clear();
    return;
  }
}

int FakeSystem::destroy(const std::string& name) {
  if (const int why = step("destroy " + name); why != 0) return why;
  if (interfaces[name].device >= 0) return EBUSY;
  drop_routes_by(interfaces[name].index, false);
  interfaces.erase(name);
  return 0;
}

// ---- interfaces

int FakeSystem::configure(Family family, std::uint32_t request, MutBytes argument) {
  const std::string name(reinterpret_cast<const char*>(argument.data()));
  const auto found = interfaces.find(name);
  if (found == interfaces.end()) return ENXIO;
  FakeInterface& i = found->second;
  const bool v4 = family == Family::v4;
  if (request == (v4 ? traits.add_v4 : traits.add_v6)) return add_address(name, family, argument);
  if (request == (v4 ? traits.delete_v4 : traits.delete_v6)) {
    return delete_address(name, family, argument);
  }
  if (argument.size() != traits.ifreq) return ENOTTY;
  if (request == traits.get_flags) {
    bsd::store<std::uint16_t>(&argument[16], i.up ? 0x11 : 0x10);
    return 0;
  }
  if (request == traits.set_flags) {
    const auto flags = bsd::load<std::uint16_t>(&argument[16]);
    if ((flags & 0x10) == 0) return EINVAL;  // what was set before has to stay
    const int why = step(fmt::format("flags of {}", name));
    if (why == 0) i.up = (flags & bsd::kIffUp) != 0;
    return why;
  }
  if (request == traits.set_mtu) {
    const auto mtu = bsd::load<std::uint32_t>(&argument[16]);
    if (mtu > traits.most_mtu) return EINVAL;
    const int why = step(fmt::format("mtu {} of {}", mtu, name));
    if (why == 0) i.mtu = mtu;
    return why;
  }
  return request == traits.destroy ? destroy(name) : ENOTTY;
}

int FakeSystem::add_address(const std::string& name, Family family, Bytes argument) {
  const bool v4 = family == Family::v4;
  if (argument.size() != (v4 ? traits.alias_v4 : traits.alias_v6)) return ENOTTY;
  const Address own = address_at(argument, 16, family);
  const Address peer = address_at(argument, v4 ? 32 : 44, family);
  const auto length = static_cast<std::uint8_t>(v4 ? 32 : 128);
  if (argument[v4 ? 52 : 80] != 0xff || own == peer) return EINVAL;
  const int why = step(fmt::format("address {} peer {}", own.text(), peer.text()));
  if (why != 0) return why;
  FakeInterface& i = interfaces[name];
  // One end cannot be that of two addresses.
  if (exactly(Prefix::host(peer)) != nullptr) return EEXIST;
  i.addresses.push_back({{own, length}, peer});
  i.up = true;
  routes.push_back({Prefix::host(peer), {std::nullopt, i.index}, kRtfUp | kRtfHost, i.index});
  return 0;
}

int FakeSystem::delete_address(const std::string& name, Family family, Bytes argument) {
  if (argument.size() != (family == Family::v4 ? traits.ifreq : traits.ifreq_v6)) return ENOTTY;
  const Address own = address_at(argument, 16, family);
  FakeInterface& i = interfaces[name];
  const auto found =
      std::ranges::find_if(i.addresses, [&own](const auto& a) { return a.first.address == own; });
  if (found == i.addresses.end()) return EADDRNOTAVAIL;
  if (const int why = step("no address " + own.text()); why != 0) return why;
  const Address peer = found->second;
  i.addresses.erase(found);
  std::erase_if(routes, [&](const FakeRoute& r) {
    return r.interface == i.index && (r.to == Prefix::host(peer) || r.hop.router == peer);
  });
  return 0;
}

std::uint16_t FakeSystem::index_of(const std::string& interface) {
  const auto found = interfaces.find(interface);
  return found == interfaces.end() ? std::uint16_t{0} : found->second.index;
}

std::vector<bsd::Link> FakeSystem::links() {
  std::vector<bsd::Link> out;
  for (const auto& [name, i] : interfaces) {
    bsd::Link link{name, i.index, i.up, {}};
    for (const auto& [own, peer] : i.addresses) link.addresses.push_back(own);
    out.push_back(std::move(link));
  }
  return out;
}

// ---- settings and files

std::optional<int> FakeSystem::forwarding(Family family) {
  return family == Family::v4 ? forwarding_v4 : forwarding_v6;
}

int FakeSystem::set_forwarding(Family family, int value) {
  const bool v4 = family == Family::v4;
  const int why = step(fmt::format("forwarding v{} {}", v4 ? 4 : 6, value));
  if (why == 0) (v4 ? forwarding_v4 : forwarding_v6) = value;
  return why;
}

std::optional<std::string> FakeSystem::read_text(const std::string& path) {
  const auto found = files.find(path);
  return found == files.end() ? std::nullopt : std::optional(found->second);
}

int FakeSystem::write_text(const std::string& path, const std::string& text, unsigned) {
  if (!of_journal(path)) {
    if (const int why = step("write " + path); why != 0) return why;
  }
  files[path] = text;
  return 0;
}

int FakeSystem::link(const std::string& from, const std::string& to) {
  if (!links_work) return EOPNOTSUPP;
  if (files.contains(to)) return EEXIST;
  if (const int why = step("link " + to); why != 0) return why;
  files[to] = files.at(from);
  return 0;
}

int FakeSystem::rename(const std::string& from, const std::string& to) {
  if (!files.contains(from)) return ENOENT;
  if (const int why = step("rename " + to); why != 0) return why;
  files[to] = files.at(from);
  files.erase(from);
  return 0;
}

int FakeSystem::remove(const std::string& path) {
  return files.erase(path) != 0 ? 0 : ENOENT;
}

bool FakeSystem::exists(const std::string& path) {
  return files.contains(path);
}

std::vector<std::string> FakeSystem::names_in(const std::string& directory) {
  std::vector<std::string> out;
  for (const auto& [path, text] : files) {
    if (path.starts_with(directory + "/")) out.push_back(path.substr(directory.size() + 1));
  }
  return out;
}

int FakeSystem::lock(const std::string& path) {
  if (locked_by_others.contains(path)) return -EWOULDBLOCK;
  for (const auto& [fd, held] : locks_) {
    if (held == path) return -EWOULDBLOCK;
  }
  files[path];
  locks_[next_] = path;
  return next_++;
}

}  // namespace vpnd::test
