// SPDX-License-Identifier: ISC
// Objects as commands of iproute2, nft and sysctl. Every word that may hold the name of somebody
// else's device is quoted.

#include <fmt/format.h>

#include <algorithm>

#include "linux/change.h"
#include "linux/filter.h"
#include "linux/nft_dump.h"
#include "linux/resolver.h"
#include "linux/resolver_file.h"
#include "linux/rtnl.h"

namespace vpnd::nl {
namespace {

const char* ip_of(Family family) noexcept {
  return family == Family::v4 ? "ip -4" : "ip -6";
}

std::string here(const std::string& text) {
  return fmt::format("<<'END'\n{}END\n", text);
}

std::string shell(const Wall& w) {
  return "nft -f - " + here(text(render(w), tag(w.interface, Part::wall)));
}

std::string shell(const FilterTable& t) {
  std::string all;
  for (const NftTable& table : render(t)) all += text(table, tag(t.interface));
  return "nft -f - " + here(all);
}

std::string shell(const Route& r) {
  const Prefix to = r.to.masked();
  std::string out = fmt::format("{} route add {}{}", ip_of(to.address.family()), type_word(r.type),
                                to.length == 0 ? "default" : to.text());
  if (r.gateway) out += " via " + r.gateway->text();
  if (!r.interface.empty()) out += " dev " + shell_word(r.interface);
  out += fmt::format(" table {} proto {}", static_cast<std::uint32_t>(r.table), kRouteProtocol);
  if (to.address.is_v4()) out += " scope global";
  if (r.metric != 0) out += fmt::format(" metric {}", r.metric);
  return out + "\n";
}

// The device is there before anything names it; root owns it, or any user could attach to it.
std::string shell(const LinkUp& l) {
  const std::string name = shell_word(l.name);
  return fmt::format(
      "ip tuntap add dev {0} mode tun user 0 multi_queue vnet_hdr\n"
      "ip link set dev {0} addrgenmode none\n"
      "ip link set dev {0} mtu {1} up\n",
      name, l.mtu);
}

std::string shell(const AddressOn& a) {
  return fmt::format("{} addr add {} dev {}{}\n", ip_of(a.prefix.address.family()), a.prefix.text(),
                     shell_word(a.interface), a.prefix.address.is_v4() ? "" : " nodad");
}

// Slashes, since the name of a device may have a dot in it.
std::string setting(const char* family, const std::string& interface, const std::string& key,
                    int value) {
  return fmt::format("sysctl -q -w {}={}\n",
                     shell_word(fmt::format("net/{}/conf/{}/{}", family, interface, key)), value);
}

std::string shell(const LinkSetting& s) {
  return setting("ipv4", s.interface, setting_name(s.index), s.value);
}

std::string shell(const Sysctl6& s) {
  return setting("ipv6", s.interface, s.key, s.value);
}

std::string shell(const Rule& r) {
  std::string out = fmt::format("{} rule add pref {}", ip_of(r.family), r.priority);
  if (r.mark) {
    out += fmt::format(" {}fwmark {}", r.invert ? "not " : "", static_cast<std::uint32_t>(*r.mark));
  }
  if (r.to) {  // by number: the names are in /etc/protocols, which not every host has
    out +=
        fmt::format(" to {} ipproto {} dport {}", r.to->address.text(), r.udp ? 17 : 6, r.to->port);
  }
  if (r.root_only) out += " uidrange 0-0";
  out += fmt::format(" lookup {} protocol {}", static_cast<std::uint32_t>(r.table), kRouteProtocol);
  return out + (r.suppress_default ? " suppress_prefixlength 0\n" : "\n");
}

// Each comes before all others of the chain.
std::string shell(const ForeignAccept& a) {
  const char* family = a.inet ? "inet" : a.family == Family::v4 ? "ip" : "ip6";
  std::string out;
  for (const char* side : {"oifname", "iifname"}) {
    out += fmt::format("insert rule {} {} {} {} \"{}\" counter accept comment \"{}\"\n", family,
                       a.table, a.chain, side, a.interface, tag(a.interface));
  }
  return "nft -f - " + here(out);
}

std::string shell(const DnsServers& d, const ResolverNow& now) {
  if (now.by_resolved) {
    const std::string name = shell_word(d.interface);
    std::string servers, domains = " '~.'";
    for (const Address& a : d.servers) servers += " " + a.text();
    for (const std::string& word : d.domains) domains += " " + shell_word(word);
    return fmt::format(
        "resolvectl dns {0}{1}\nresolvectl domain {0}{2}\nresolvectl default-route {0} yes\n"
        "resolvectl llmnr {0} no\nresolvectl mdns {0} no\nresolvectl dnsovertls {0} no\n",
        name, servers, domains);
  }
  if (now.elsewhere) return "# nothing: the resolver file is another network's as well\n";
  std::string out;
  if (!now.absent) out += fmt::format("cp -a {} {}\n", kResolverFile, kResolverBackup);
  return out + fmt::format("cat > {}.new {}mv {}.new {}\n", kResolverFile,
                           here(resolver_text(d, now.text, now.absent)), kResolverFile,
                           kResolverFile);
}

template<typename T>
std::string shell(const T& object, const ResolverNow&) {
  return shell(object);
}

}  // namespace

std::string shell_word(const std::string& word) {
  const bool plain = !word.empty() && std::ranges::all_of(word, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-_./:@%+,").find(c) != std::string_view::npos;
  });
  if (plain) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

std::string shell_commands(const Object& object, const ResolverNow& now) {
  return std::visit([&now](const auto& o) { return shell(o, now); }, object);
}

}  // namespace vpnd::nl
