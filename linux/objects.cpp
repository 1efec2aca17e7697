// SPDX-License-Identifier: ISC
#include "linux/objects.h"

#include <fmt/format.h>

namespace vpnd::nl {
namespace {

constexpr std::uint32_t kMainTable = 254;

std::string table_name(Table table) {
  const auto number = static_cast<std::uint32_t>(table);
  return number == kMainTable ? "main" : fmt::format("{}", number);
}

const char* family_name(Family family) noexcept {
  return family == Family::v4 ? "v4" : "v6";
}

std::string destination(const Prefix& to) {
  return to.length == 0 ? "default" : to.text();
}

std::string names(const std::vector<std::string>& values) {
  return fmt::format("{}", fmt::join(values, " "));
}

std::string list(const auto& values) {
  std::string out;
  for (const auto& v : values) out += (out.empty() ? "" : " ") + v.text();
  return out;
}

std::string line(const FilterTable& t) {
  std::string out = fmt::format("+ nft   table inet vpnd_{}", t.interface);
  const char* between = ": ";
  const auto add = [&](const std::string& what) {
    out += between + what;
    between = "; ";
  };
  if (!t.shielded.empty()) add("nothing from elsewhere to " + list(t.shielded));
  if (t.clamp_mss) add("mss clamped");
  if (t.pool_v4) {
    const std::string pools = t.pool_v4->text() + (t.pool_v6 ? " " + t.pool_v6->text() : "");
    if (t.external) {
      add(fmt::format("{} translated to {}", pools, t.external->text()));
    } else {
      add(pools + (t.masquerade ? " translated" : " not translated"));
    }
  }
  if (t.isolate) add("clients apart");
  if (t.connections != 0) add(fmt::format("{} connections a client", t.connections));
  if (!t.server_private.empty()) add("closed to clients: " + list(t.server_private));
  if (!t.server_lan.empty()) add("open to clients: " + list(t.server_lan));
  for (const auto& [ours, theirs] : t.relayed) {
    add(fmt::format("look-ups at {} answered by {}", ours.text(), theirs.text()));
  }
  if (!t.resolvers.empty()) add("resolvers of clients: " + list(t.resolvers));
  if (t.masquerade_others) add("others' traffic under our address");
  if (!t.apart_v4.empty()) add("not routed between (v4): " + names(t.apart_v4));
  if (!t.apart_v6.empty()) add("not routed between (v6): " + names(t.apart_v6));
  return out;
}

std::string line(const Wall& w) {
  std::string out = fmt::format("+ nft   table inet vpnd_{}_wall: {}", w.interface,
                                w.guarded.empty() ? "nothing" : list(w.guarded));
  out += w.own.empty() ? " refused" : fmt::format(" only by {}", w.interface);
  if (!w.endpoints.empty()) {
    std::vector<std::string> servers;
    for (const Endpoint& e : w.endpoints) servers.push_back(e.text());
    out += fmt::format("; our own to {} with mark {}", fmt::join(servers, " "),
                       static_cast<std::uint32_t>(w.mark));
  }
  if (!w.asked.empty()) {
    out += fmt::format("; our own look-up at {} with mark {}", list(w.asked),
                       static_cast<std::uint32_t>(w.mark));
  }
  std::vector<std::string> local;
  for (const Wall::Local& l : w.local) {
    local.push_back(l.prefix.text() + (l.interface.empty() ? "" : " on " + l.interface));
  }
  if (!local.empty()) out += fmt::format("; past it: {}", fmt::join(local, ", "));
  if (!w.resolvers.empty()) out += "; look-ups go to " + list(w.resolvers);
  if (w.keep_inbound) out += "; answers go back where they were asked for";
  return out + (w.session_only ? "; ends with us" : w.stays ? "; stays" : "; outlives us");
}

std::string line(const Route& r) {
  std::string out = fmt::format("+ route {}{}", type_word(r.type), destination(r.to));
  if (r.gateway) out += " via " + r.gateway->text();
  if (!r.interface.empty()) out += " dev " + r.interface;
  out += " table " + table_name(r.table);
  if (r.metric != 0) out += fmt::format(" metric {}", r.metric);
  return out + fmt::format(" ({})", family_name(r.to.address.family()));
}

std::string line(const LinkUp& l) {
  return fmt::format("+ link  {} mtu {}, up", l.name, l.mtu);
}

std::string line(const AddressOn& a) {
  return fmt::format("+ addr  {} dev {}", a.prefix.text(), a.interface);
}

std::string line(const LinkSetting& s) {
  return fmt::format("~ conf  {} {} {} (v4)", s.interface, setting_name(s.index), s.value);
}

std::string line(const Sysctl6& s) {
  return fmt::format("~ conf  {} {} {} (v6)", s.interface, s.key, s.value);
}

std::string line(const Rule& r) {
  std::string out = fmt::format("+ rule  {}", r.priority);
  if (r.mark) {
    out += fmt::format(" {}fwmark {}", r.invert ? "not " : "", static_cast<std::uint32_t>(*r.mark));
  }
  if (r.to) {
    out +=
        fmt::format(" to {} {} port {}", r.to->address.text(), r.udp ? "udp" : "tcp", r.to->port);
  }
  if (r.root_only) out += " of uid 0";
  out += " -> table " + table_name(r.table);
  if (r.suppress_default) out += " but its default";
  return out + fmt::format(" ({})", family_name(r.family));
}

std::string line(const ForeignAccept& a) {
  return fmt::format("+ nft   accept {} in chain {} of table {} {}", a.interface, a.chain,
                     a.inet                   ? "inet"
                     : a.family == Family::v4 ? "ip"
                                              : "ip6",
                     a.table);
}

std::string line(const DnsServers& d) {
  const char* how = d.mode == plan::DnsMode::resolved ? "systemd-resolved"
                    : d.mode == plan::DnsMode::file   ? "/etc/resolv.conf"
                                                    : "systemd-resolved, or else /etc/resolv.conf";
  std::string out = fmt::format("~ dns   {} by {}", list(d.servers), how);
  if (!d.domains.empty()) out += "; search " + names(d.domains);
  return out;
}

}  // namespace

const char* type_word(Route::Type type) noexcept {
  switch (type) {
    case Route::Type::unicast:
      return "";
    case Route::Type::thrown:
      return "throw ";
    case Route::Type::blackhole:
      return "blackhole ";
    case Route::Type::unreachable:
      return "unreachable ";
  }
  return "";
}

std::string setting_name(int index) {
  switch (index) {
    case 1:
      return "forwarding";
    case 8:
      return "rp_filter";
    case 19:
      return "arp_ignore";
    case 24:
      return "src_valid_mark";
    default:
      return fmt::format("setting {}", index);
  }
}

std::string describe(const Object& object) {
  return std::visit([](const auto& o) { return line(o); }, object);
}

}  // namespace vpnd::nl
