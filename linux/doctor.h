// SPDX-License-Identifier: ISC
#pragma once

// The examinations of `vpnd doctor`, a group each. None changes anything or runs a command. What
// cannot be seen without privileges is skipped, and says so.

#include <optional>
#include <string>
#include <vector>

#include "core/host.h"
#include "core/plan/doctor.h"
#include "core/plan/status.h"
#include "linux/objects.h"
#include "linux/rtnl.h"

namespace vpnd::nl {

// What is examined: this host, for one tunnel if one was named.
struct Patient {
  std::string interface = "vpn0";  // what a fix names
  bool named = false;              // it was asked for, or runs
  const plan::ClientConfig* client = nullptr;
  const plan::ServerConfig* server = nullptr;
  std::optional<plan::Status> running;  // the tunnel of that name
  std::string state_dir;
  Fwmark mark = kDefaultFwmark;
  Table table = kDefaultTable;

  HostFacts facts;
  std::vector<Link> links;
  std::vector<std::string> ours;  // interfaces that living processes of ours hold

  bool serves() const noexcept;    // known to be a server
  bool connects() const noexcept;  // known to be a client
  bool is_ours(const std::string& interface) const noexcept;
  const Link* link(const std::string& name) const noexcept;
};

void examine_kernel(const Patient&, plan::Findings&);
void examine_privileges(const Patient&, plan::Findings&);
void examine_other_routing(const Patient&, Netlink&, plan::Findings&);
void examine_conflicts(const Patient&, plan::Findings&);
void examine_managers(const Patient&, plan::Findings&);
void examine_forwarding(const Patient&, plan::Findings&);
void examine_dns(const Patient&, plan::Findings&);
void examine_leaks(const Patient&, Netlink&, plan::Findings&);
void examine_path(const Patient&, Netlink&, plan::Findings&);
void examine_leftovers(const Patient&, Netlink&, plan::Findings&);

// Has this process that capability, CAP_*.
bool capable(int capability) noexcept;

// One line for what a socket for nf_tables would not do without privilege; nullopt: it does.
std::optional<std::string> firewall_hidden();

}  // namespace vpnd::nl
