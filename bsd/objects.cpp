// SPDX-License-Identifier: ISC
#include "bsd/objects.h"

#include <fmt/format.h>

namespace vpnd::bsd {
namespace {

std::string hop_text(const Hop& hop) {
  if (!hop.router) return fmt::format("link#{}", hop.interface);
  const std::string scope = hop.scope != 0 ? fmt::format("%{}", hop.scope) : "";
  return hop.router->text() + scope;
}

std::string list(const std::vector<Address>& all) {
  std::string out;
  for (const Address& a : all) out += (out.empty() ? "" : " ") + a.text();
  return out;
}

const char* family_word(const Address& a) noexcept {
  return a.is_v4() ? "inet" : "inet6";
}

bool same(const LinkUp& a, const LinkUp& b) noexcept {
  return a.interface == b.interface;
}
bool same(const AddressOn& a, const AddressOn& b) noexcept {
  return a.interface == b.interface && a.own.family() == b.own.family();
}
bool same(const Route& a, const Route& b) noexcept {
  return a.to == b.to;
}
bool same(const Forwarding& a, const Forwarding& b) noexcept {
  return a == b;
}
bool same(const plan::Resolver&, const plan::Resolver&) noexcept {
  return true;
}

std::string text(const LinkUp& l) {
  return fmt::format("{} mtu {}, up", l.interface, l.mtu);
}
std::string text(const AddressOn& a) {
  return fmt::format("{} on {}, other end {}", a.own.text(), a.interface, a.peer.text());
}
std::string text(const Route& r) {
  const std::string to = r.to.text();
  switch (r.kind) {
    case Route::Kind::tunnel:
      return fmt::format("{} via {}", to, hop_text(r.hop));
    case Route::Kind::outside:
      return fmt::format("{} via {}, past the tunnel", to, hop_text(r.hop));
    case Route::Kind::refused:
      break;
  }
  return to + " refused";
}
std::string text(const Forwarding& f) {
  return f.family == Family::v4 ? "forwarding of IPv4" : "forwarding of IPv6";
}
std::string text(const plan::Resolver& d) {
  return list(d.servers);
}

struct Words {
  const char* kind;
  const char* message;
  const char* undo;
};

Words words(const LinkUp&) {
  return {"link", "SIOCSIFMTU, SIOCSIFFLAGS", "goes with the device"};
}
Words words(const AddressOn& a) {
  return {"addr", a.own.is_v4() ? "SIOCAIFADDR" : "SIOCAIFADDR_IN6", "goes with the device"};
}
Words words(const Route&) {
  return {"route", "RTM_ADD", "removed at the end, or by the next start or cleanup"};
}
Words words(const Forwarding&) {
  return {"conf", "sysctl(3)",
          "the old value comes back at the end, or by the next start or cleanup"};
}
Words words(const plan::Resolver&) {
  return {"dns", "link and rename of /etc/resolv.conf",
          "the file comes back at the end, or by the next start or cleanup"};
}

std::string commands(const Traits&, const LinkUp& l) {
  return fmt::format("ifconfig {} mtu {} up\n", l.interface, l.mtu);
}
std::string commands(const Traits&, const AddressOn& a) {
  const char* const length = a.own.is_v4() ? "netmask 255.255.255.255" : "prefixlen 128";
  return fmt::format("ifconfig {} {} {} {} {} alias\n", a.interface, family_word(a.own),
                     a.own.text(), a.peer.text(), length);
}
std::string commands(const Traits&, const Route& r) {
  const char* const loopback = r.to.address.is_v4() ? "127.0.0.1" : "::1";
  const bool refused = r.kind == Route::Kind::refused;
  return fmt::format("route add -{} {} {}{}\n", family_word(r.to.address), r.to.text(),
                     refused ? loopback : hop_text(r.hop), refused ? " -reject" : "");
}
std::string commands(const Traits& t, const Forwarding& f) {
  const char* const key =
      f.family == Family::v4 ? "net.inet.ip.forwarding" : "net.inet6.ip6.forwarding";
  const bool by_option = t.name == kNetBsd.name || t.name == kMacOs.name;
  return fmt::format("sysctl {}{}=1\n", by_option ? "-w " : "", key);
}
std::string commands(const Traits&, const plan::Resolver& d) {
  std::string out = "cp -p /etc/resolv.conf /etc/.resolv.conf.before-vpnd\n: > /etc/resolv.conf\n";
  for (const Address& a : d.servers) {
    out += fmt::format("echo nameserver {} >> /etc/resolv.conf\n", a.text());
  }
  if (d.domains.empty()) return out;
  return out + fmt::format("echo search {} >> /etc/resolv.conf\n", fmt::join(d.domains, " "));
}

}  // namespace

bool same_thing(const Object& a, const Object& b) noexcept {
  return a.index() == b.index() && std::visit(
                                       [&b](const auto& one) {
                                         using Kind = std::decay_t<decltype(one)>;
                                         return same(one, *std::get_if<Kind>(&b));
                                       },
                                       a);
}

std::string name_of(const Object& object) {
  return std::visit([](const auto& o) { return fmt::format("{} {}", words(o).kind, text(o)); },
                    object);
}

std::string describe(const Object& object) {
  const bool differs =
      std::holds_alternative<Forwarding>(object) || std::holds_alternative<plan::Resolver>(object);
  return std::visit(
      [differs](const auto& o) {
        return fmt::format("{} {:<5} {}", differs ? '~' : '+', words(o).kind, text(o));
      },
      object);
}

std::string note_of(const Route& r) {
  return fmt::format("{}{}", kRouteNote, r.to.text());
}

plan::Change change(const Traits& t, const Object& object) {
  const Words w = std::visit([](const auto& o) { return words(o); }, object);
  return {w.kind, describe(object), w.message, w.undo,
          std::visit([&t](const auto& o) { return commands(t, o); }, object)};
}

}  // namespace vpnd::bsd
