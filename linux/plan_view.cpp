// SPDX-License-Identifier: ISC
// A plan as this host would carry it out.

#include <unistd.h>

#include "core/base/error.h"
#include "core/host.h"
#include "linux/apply.h"
#include "linux/change.h"
#include "linux/lower.h"
#include "linux/nft.h"
#include "linux/resolver.h"
#include "linux/resolver_file.h"
#include "linux/text_file.h"

namespace vpnd::host {
namespace {

nl::ResolverNow resolver_now(const nl::DnsServers& d) {
  nl::ResolverNow now;
  const bool asked = d.mode == plan::DnsMode::resolved;
  const bool may = d.mode == plan::DnsMode::automatic;
  now.by_resolved = asked || (may && nl::resolved_answers({}, nl::resolver_link_target()));
  now.text = nl::read_text(nl::kResolverFile);
  now.elsewhere = nl::of_another_network();
  now.absent = ::access(nl::kResolverFile, F_OK) != 0;
  return now;
}

// Where the accept comes to stand, which is not always where it is needed.
void place(nl::ForeignAccept& a) {
  try {
    nl::NftSocket socket;
    a.chain = nl::chain_for(socket, a);
  } catch (const Error& e) {
    if (e.errnum() != EPERM) throw;  // then it could not be known that there is one
  }
}

}  // namespace

plan::Lowered lowered(const plan::Plan& plan) {
  nl::Host host;
  const nl::HostFacts facts = host.facts_for(plan);
  plan::Lowered out;
  for (nl::Object& object : nl::lower(plan, facts)) {
    nl::ResolverNow resolver;
    if (const auto* dns = std::get_if<nl::DnsServers>(&object)) resolver = resolver_now(*dns);
    if (auto* accept = std::get_if<nl::ForeignAccept>(&object)) place(*accept);
    out.changes.push_back(nl::change(object, resolver));
  }
  out.warnings = nl::warnings(plan, facts);
  return out;
}

}  // namespace vpnd::host
