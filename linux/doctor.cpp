// SPDX-License-Identifier: ISC
#include "linux/doctor.h"

#include <algorithm>

#include "core/base/error.h"
#include "linux/apply.h"
#include "linux/facts.h"
#include "linux/journal.h"
#include "linux/setting.h"

namespace vpnd::nl {
namespace {

void read_config(Patient& p, const plan::Config& config) {
  p.client = std::get_if<plan::ClientConfig>(&config);
  p.server = std::get_if<plan::ServerConfig>(&config);
  const auto& common = plan::common_of(config);
  p.mark = common.fwmark;
  p.table = common.table;
  if (common.interface.empty()) return;
  p.interface = common.interface;
  p.named = true;
}

void read_status(Patient& p, const std::string& json) {
  p.running = plan::status_from_json(json);
  if (!p.running) return;
  if (!p.running->interface.empty()) p.interface = p.running->interface;
  if (p.running->routing.fwmark != 0) p.mark = Fwmark{p.running->routing.fwmark};
  p.named = true;
}

// Several may run, or another user's, which is not to be asked: then the host alone is examined.
std::optional<std::string> status_of(const std::string& name, const host::Places& places) {
  try {
    return host::status(name, places);
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace

bool Patient::serves() const noexcept {
  return server != nullptr || (running && !running->listen.empty());
}

bool Patient::connects() const noexcept {
  return client != nullptr || (running && running->listen.empty());
}

bool Patient::is_ours(const std::string& name) const noexcept {
  return std::ranges::find(ours, name) != ours.end();
}

const Link* Patient::link(const std::string& name) const noexcept {
  const auto at = std::ranges::find(links, name, &Link::name);
  return at == links.end() ? nullptr : &*at;
}

}  // namespace vpnd::nl

namespace vpnd::host {

plan::Findings doctor(const std::string& name, const std::optional<plan::Config>& config,
                      const Places& places) {
  nl::Patient patient;
  patient.state_dir = places.state;
  if (config) nl::read_config(patient, *config);
  if (const auto json = nl::status_of(name, places)) nl::read_status(patient, *json);
  nl::Netlink rt;
  patient.facts = nl::gather(rt);
  nl::as_before(patient.facts, places.state);
  patient.links = nl::links(rt);
  for (const nl::JournalCopy& journal : nl::journals(places.state)) {
    if (journal.living) patient.ours.push_back(journal.interface);
  }
  plan::Findings out;
  nl::examine_kernel(patient, out);
  nl::examine_privileges(patient, out);
  nl::examine_other_routing(patient, rt, out);
  nl::examine_conflicts(patient, out);
  nl::examine_managers(patient, out);
  nl::examine_forwarding(patient, out);
  nl::examine_dns(patient, out);
  nl::examine_leaks(patient, rt, out);
  nl::examine_path(patient, rt, out);
  nl::examine_leftovers(patient, rt, out);
  return out;
}

}  // namespace vpnd::host
