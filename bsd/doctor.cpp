// SPDX-License-Identifier: ISC
// The seam's doctor(): what can be seen here without asking the kernel for anything special.

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>

#include "bsd/journal.h"
#include "bsd/sandbox.h"
#include "bsd/system.h"
#include "core/host.h"
#include "core/plan/status.h"

namespace vpnd::host {
namespace {

using plan::Finding;
using plan::Verdict;

Finding system_name() {
  utsname name{};
  if (::uname(&name) < 0) return {"kernel.system", Verdict::skipped, "it does not tell", {}, {}};
  return {"kernel.system",
          Verdict::ok,
          fmt::format("{} {} {}", name.sysname, name.release, name.machine),
          {},
          {}};
}

Finding privileges() {
  if (::geteuid() == 0) return {"privileges.root", Verdict::ok, "root", {}, {}};
  return {"privileges.root",
          Verdict::problem,
          "not root: devices and routes cannot be made",
          "Start it as root; the process that reads packets gives that up by itself.",
          {}};
}

Finding sandbox() {
  const std::string_view name = bsd::sandbox_name();
  if (!name.empty()) {
    return {
        "kernel.sandbox", Verdict::ok, fmt::format("the engine is confined by {}", name), {}, {}};
  }
  return {
      "kernel.sandbox",
      Verdict::note,
      "this system offers nothing to confine the engine with but another user and an empty root",
      {},
      {}};
}

Finding kill_switch() {
  return {"leaks.kill-switch",
          Verdict::note,
          "there is no kill switch on this system: routes alone lead into the tunnel",
          "Have the packet filter block what does not leave by the tunnel.",
          {}};
}

Finding resolver() {
  const std::vector<Address> known = resolvers();
  if (known.empty()) {
    return {"dns.resolvers",
            Verdict::note,
            "/etc/resolv.conf names no resolver that others can ask",
            "A server here has to name one with server.push_dns.",
            {}};
  }
  std::string all;
  for (const Address& a : known) all += (all.empty() ? "" : " ") + a.text();
  return {"dns.resolvers", Verdict::ok, all, {}, {}};
}

void leftovers(const Places& places, plan::Findings& out) {
  const std::size_t before = out.size();
  for (const auto& copy : bsd::journals(bsd::real_system(), places.state, {})) {
    if (copy.living || copy.lines.empty()) continue;
    out.push_back({"leftovers." + copy.interface,
                   Verdict::problem,
                   fmt::format("a process that ended left {} changes of {}", copy.lines.size(),
                               copy.interface),
                   "They go with the next start of that tunnel, or now:",
                   {"vpnd cleanup " + copy.interface}});
  }
  if (out.size() == before) {
    out.push_back({"leftovers.none", Verdict::ok, "no ended process left anything", {}, {}});
  }
}

// Several may run, or another user's, which is not to be asked.
std::optional<plan::Status> status_of(const std::string& name, const Places& places) {
  try {
    const auto json = status(name, places);
    return json ? plan::status_from_json(*json) : std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  }
}

void tunnel(const std::string& name, const Places& places, plan::Findings& out) {
  const auto running = status_of(name, places);
  if (!running) {
    out.push_back({"tunnel.state", Verdict::skipped, "no tunnel of that name answers", {}, {}});
    return;
  }
  out.push_back({"tunnel.state", Verdict::ok, plan::print_line(*running), {}, {}});
  for (const std::string& line : running->missing) {
    out.push_back({"tunnel.changes",
                   Verdict::problem,
                   "somebody removed: " + line,
                   "It is put back by itself unless that happens too often.",
                   {}});
  }
  for (const std::string& line : running->warnings) {
    out.push_back({"tunnel.warnings", Verdict::note, line, {}, {}});
  }
}

}  // namespace

plan::Findings doctor(const std::string& name, const std::optional<plan::Config>&,
                      const Places& places) {
  plan::Findings out{system_name(), sandbox(), privileges(), kill_switch(), resolver()};
  tunnel(name, places, out);
  leftovers(places, out);
  return out;
}

}  // namespace vpnd::host
