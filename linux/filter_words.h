// SPDX-License-Identifier: ISC
#pragma once

// Short words for what filter.cpp and wall.cpp say in many rules.

#include "linux/filter.h"

namespace vpnd::nl::words {

inline constexpr std::int32_t kPriorityDstnat = -100;
inline constexpr std::uint8_t kTcp = 6, kUdp = 17;
inline constexpr std::uint16_t kDns = 53;

inline NftDevice in(const std::string& name) {
  return {NftDevice::Side::in, false, name};
}
inline NftDevice not_in(const std::string& name) {
  return {NftDevice::Side::in, true, name};
}
inline NftDevice out(const std::string& name) {
  return {NftDevice::Side::out, false, name};
}
inline NftDevice not_out(const std::string& name) {
  return {NftDevice::Side::out, true, name};
}
inline NftAddress from(const Prefix& p) {
  return {NftAddress::Side::source, false, p};
}
inline NftAddress not_from(const Prefix& p) {
  return {NftAddress::Side::source, true, p};
}
inline NftAddress to(const Prefix& p) {
  return {NftAddress::Side::destination, false, p};
}

inline NftRule drop(std::vector<NftMatch> matches, std::string comment) {
  return {std::move(matches), true, NftDrop{}, std::move(comment)};
}
inline NftRule accept(std::vector<NftMatch> matches, std::string comment) {
  return {std::move(matches), true, NftAccept{}, std::move(comment)};
}

// Look-ups by either protocol that match, and what is to become of them.
inline void for_lookups(NftChain& chain, const std::vector<NftMatch>& matches,
                        const NftAction& action, const std::string& comment) {
  for (const std::uint8_t protocol : {kUdp, kTcp}) {
    std::vector<NftMatch> all = matches;
    all.push_back(NftProtocol{protocol});
    all.push_back(NftPort{kDns});
    chain.rules.push_back({std::move(all), true, action, comment});
  }
}

}  // namespace vpnd::nl::words
