// SPDX-License-Identifier: ISC
// Connections that others make to this host, past the tunnel: their answers go back the way they
// came. The first packet marks the connection; the mark of a packet of it keeps it out of the
// tunnel's routes and lets it through the wall.

#include "linux/filter_words.h"

namespace vpnd::nl {

using namespace words;

void keep_inbound(NftTable& table, const std::string& interface, Fwmark mark) {
  constexpr std::int32_t kPriorityMangle = -150;
  const auto value = static_cast<std::uint32_t>(mark);
  const auto rule = [](std::vector<NftMatch> matches, NftAction action, std::string comment) {
    return NftRule{std::move(matches), true, action, std::move(comment)};
  };
  NftChain in_chain{
      "vpn_came_in", NftChain::Hook::prerouting, kPriorityMangle, NftChain::Type::filter, {}};
  // The mark of a connection is left alone where somebody else uses it.
  in_chain.rules.push_back(rule({not_in(interface), not_in("lo"), NftDirection{false},
                                 NftConnectionMark{0}, NftForThisHost{}},
                                NftSetConnectionMark{value}, "came in past the tunnel"));
  // For a reverse path filter, and for answers of containers.
  in_chain.rules.push_back(rule({not_in(interface), NftConnectionMark{value}}, NftSetMark{value},
                                "goes back past the tunnel"));
  NftChain out_chain{
      "vpn_answers", NftChain::Hook::output, kPriorityMangle, NftChain::Type::route, {}};
  out_chain.rules.push_back(rule({NftDirection{true}, NftConnectionMark{value}}, NftSetMark{value},
                                 "goes back past the tunnel"));
  table.chains.push_back(std::move(in_chain));
  table.chains.push_back(std::move(out_chain));
}

}  // namespace vpnd::nl
