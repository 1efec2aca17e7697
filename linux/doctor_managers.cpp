// SPDX-License-Identifier: ISC
// Programs that manage this host's network: what they do to what is not theirs.

#include <dirent.h>
#include <fmt/format.h>
#include <fnmatch.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <memory>
#include <sstream>

#include "core/plan/resolv_conf.h"
#include "linux/doctor.h"
#include "linux/resolver.h"
#include "linux/resolver_file.h"
#include "linux/text_file.h"

namespace vpnd::nl {
namespace {

using enum plan::Verdict;
using plan::Finding;
using plan::Findings;

bool exists(const std::string& path) noexcept {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0;
}

// The drop-ins of these folders that end in ".conf": the first folder's file of a name hides those
// of the others, and all are read in the order of their names (systemd.unit(5)).
std::vector<std::string> drop_ins(const std::vector<std::string>& folders) {
  std::map<std::string, std::string> files;
  for (const std::string& folder : folders) {
    const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(folder.c_str()), ::closedir);
    while (const dirent* entry = dir ? ::readdir(dir.get()) : nullptr) {
      const std::string name = entry->d_name;
      if (name.ends_with(".conf")) files.try_emplace(name, folder + "/" + name);
    }
  }
  std::vector<std::string> paths;
  for (const auto& [name, path] : files) paths.push_back(path);
  return paths;
}

std::string stripped(const std::string& text) {
  const auto from = text.find_first_not_of(" \t\r"), to = text.find_last_not_of(" \t\r");
  return from == text.npos ? std::string() : text.substr(from, to - from + 1);
}

// Of "[section]" and "key=value" lines the last value of a key; empty: nowhere.
std::string setting_in(const std::vector<std::string>& paths, const std::string& section,
                       const std::string& key) {
  std::string value;
  for (const std::string& path : paths) {
    std::istringstream in(read_text(path));
    bool inside = false;
    for (std::string line; std::getline(in, line);) {
      line = stripped(line);
      if (line.starts_with('[')) inside = line == "[" + section + "]";
      const auto equals = line.find('=');
      if (!inside || equals == line.npos || stripped(line.substr(0, equals)) != key) continue;
      value = stripped(line.substr(equals + 1));
    }
  }
  return value;
}

bool says_no(const std::string& value) noexcept {
  return value == "no" || value == "false" || value == "0" || value == "off" || value == "n" ||
         value == "f";
}

Finding networkd() {
  const char* id = "managers.networkd";
  // The folder is made at every boot; this file is its own, and outlives it.
  if (!exists("/run/systemd/netif/state")) {
    return {id, ok, "systemd-networkd does not run", {}, {}};
  }
  std::vector<std::string> paths{"/etc/systemd/networkd.conf"};
  for (std::string& path :
       drop_ins({"/etc/systemd/networkd.conf.d", "/run/systemd/networkd.conf.d",
                 "/usr/local/lib/systemd/networkd.conf.d", "/usr/lib/systemd/networkd.conf.d",
                 "/lib/systemd/networkd.conf.d"})) {
    paths.push_back(std::move(path));
  }
  const bool keeps_rules = says_no(setting_in(paths, "Network", "ManageForeignRoutingPolicyRules"));
  const bool keeps_routes = says_no(setting_in(paths, "Network", "ManageForeignRoutes"));
  if (keeps_rules && keeps_routes) {
    return {id, ok, "systemd-networkd leaves rules and routes of others alone", {}, {}};
  }
  return {
      id,
      note,
      "systemd-networkd removes rules and routes of others when it configures a link; a running "
      "vpnd puts its own back at once",
      "tell it not to:",
      {"mkdir -p /etc/systemd/networkd.conf.d",
       "printf '[Network]\\nManageForeignRoutingPolicyRules=no\\nManageForeignRoutes=no\\n' > "
       "/etc/systemd/networkd.conf.d/90-vpnd.conf",
       "systemctl restart systemd-networkd"}};
}

// "interface-name:vpn*;mac:..." (NetworkManager.conf(5), Device List Format).
bool lists(const std::string& devices, const std::string& interface) {
  std::istringstream in(devices);
  constexpr std::string_view kByName = "interface-name:";
  for (std::string one; std::getline(in, one, ';');) {
    for (std::string part; !one.empty();) {
      const auto comma = one.find(',');
      part = stripped(one.substr(0, comma));
      one = comma == one.npos ? std::string() : one.substr(comma + 1);
      std::string pattern = part.starts_with(kByName) ? part.substr(kByName.size()) : part;
      if (pattern.starts_with('=')) pattern.erase(0, 1);
      if (!pattern.empty() && ::fnmatch(pattern.c_str(), interface.c_str(), 0) == 0) return true;
    }
  }
  return false;
}

Finding network_manager(const Patient& p) {
  const char* id = "managers.networkmanager";
  if (!exists("/run/NetworkManager")) return {id, ok, "NetworkManager does not run", {}, {}};
  auto paths = drop_ins({"/etc/NetworkManager/conf.d", "/run/NetworkManager/conf.d",
                         "/usr/lib/NetworkManager/conf.d"});
  paths.push_back("/etc/NetworkManager/NetworkManager.conf");
  bool unmanaged = false;
  for (const std::string& path : paths) {
    for (const char* key : {"unmanaged-devices", "unmanaged-devices+"}) {
      unmanaged = unmanaged || lists(setting_in({path}, "keyfile", key), p.interface);
    }
  }
  if (unmanaged)
    return {id, ok, fmt::format("NetworkManager leaves {} alone", p.interface), {}, {}};
  return {id,
          note,
          fmt::format("NetworkManager may take {} for its own, and give it routes", p.interface),
          "tell it not to:",
          {"mkdir -p /etc/NetworkManager/conf.d",
           fmt::format("printf '[keyfile]\\nunmanaged-devices+=interface-name:{}\\n' > "
                       "/etc/NetworkManager/conf.d/90-vpnd-{}.conf",
                       p.interface, p.interface),
           "nmcli general reload"}};
}

// ---- names

std::string author_of(const std::string& text, const std::string& target) {
  const auto says = [&](const char* part) { return text.find(part) != text.npos; };
  if (target.find("/systemd/resolve/") != target.npos) return "systemd-resolved";
  if (target.find("NetworkManager") != target.npos || says("Generated by NetworkManager")) {
    return "NetworkManager";
  }
  if (target.find("resolvconf") != target.npos || says("by resolvconf")) return "resolvconf";
  if (says("Generated by dhcpcd") || says("dhclient")) return "a DHCP client";
  return {};
}

std::vector<std::string> new_file(const Patient& p) {
  if (!p.facts.gateway_v4) return {};
  return {fmt::format("rm -f {}", kResolverFile),
          fmt::format("printf 'nameserver {}\\n' > {}", p.facts.gateway_v4->text(), kResolverFile)};
}

Finding resolver_file(const Patient& p) {
  const char* id = "dns.file";
  const std::string target = resolver_link_target();
  if (!exists(kResolverFile)) {
    return {id, problem,
            target.empty()
                ? fmt::format("there is no {}", kResolverFile)
                : fmt::format("{} leads to {}, which is not there", kResolverFile, target),
            "start what makes it, or name your network's resolver in it; the router often is one:",
            new_file(p)};
  }
  const std::string text = read_text(kResolverFile);
  if (const auto mark = resolver_mark(text)) {
    return {id,
            ok,
            fmt::format("{} is written by the tunnel {}", kResolverFile, mark->interface),
            {},
            {}};
  }
  if (plan::nameservers(text).empty()) {
    return {id, problem, fmt::format("{} names no resolver", kResolverFile),
            "name your network's resolver in it; the router often is one:", new_file(p)};
  }
  const std::string author = author_of(text, target);
  if (author == "resolvconf" || author == "a DHCP client") {
    return {id,
            note,
            fmt::format("{} is written by {}, which may write it anew meanwhile; look-ups go into "
                        "the tunnel all the same",
                        kResolverFile, author),
            {},
            {}};
  }
  return {id,
          ok,
          author.empty() ? std::string(kResolverFile)
                         : fmt::format("{} is written by {}", kResolverFile, author),
          {},
          {}};
}

Finding method(const Patient& p) {
  const char* id = "dns.method";
  const plan::DnsMode mode = p.client != nullptr ? p.client->dns.mode : plan::DnsMode::automatic;
  if (mode == plan::DnsMode::off) return {id, skipped, "the tunnel's file turns it off", {}, {}};
  const bool resolved = resolved_answers({}, resolver_link_target());
  if (mode == plan::DnsMode::resolved && !resolved) {
    return {id,
            problem,
            "the tunnel's file wants systemd-resolved, and programs here do not ask it",
            "set mode = \"auto\" under [dns] in the tunnel's file",
            {}};
  }
  if (resolved && mode != plan::DnsMode::file) {
    return {id, ok, "would be set by systemd-resolved, for the tunnel's link", {}, {}};
  }
  if (of_another_network()) {
    return {id,
            note,
            fmt::format("{} is another network's as well, and would be left alone", kResolverFile),
            {},
            {}};
  }
  struct statvfs place {};
  if (::statvfs("/etc", &place) == 0 && (place.f_flag & ST_RDONLY) != 0) {
    return {id,
            note,
            "/etc cannot be written: look-ups are sent into the tunnel by the firewall alone",
            {},
            {}};
  }
  return {id,
          ok,
          fmt::format("would be set by {}, which comes back at the end", kResolverFile),
          {},
          {}};
}

}  // namespace

void examine_managers(const Patient& p, Findings& out) {
  out.push_back(networkd());
  out.push_back(network_manager(p));
}

void examine_dns(const Patient& p, Findings& out) {
  if (p.serves()) {
    out.push_back({"dns.method", skipped, "a server asks for names as it did before", {}, {}});
    return;
  }
  out.push_back(resolver_file(p));
  out.push_back(method(p));
}

}  // namespace vpnd::nl
