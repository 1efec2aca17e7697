// SPDX-License-Identifier: ISC
#include "bsd/ssh_origin.h"

#include <algorithm>
#include <array>

#include "core/base/text.h"

namespace vpnd::bsd {
namespace {

bool any_holds(const std::vector<Prefix>& prefixes, const Address& a) noexcept {
  return std::ranges::any_of(prefixes, [&a](const Prefix& p) {
    return p.address.family() == a.family() && p.contains(a);
  });
}

bool captured(const plan::Capture& capture, const Address& a) noexcept {
  const bool endpoint =
      std::ranges::any_of(capture.endpoints, [&a](const Endpoint& e) { return e.address == a; });
  return any_holds(capture.into_tunnel, a) && !any_holds(capture.past_tunnel, a) && !endpoint;
}

}  // namespace

std::optional<SshConnection> ssh_connection(std::string_view value) noexcept {
  std::array<std::string_view, 3> words;
  for (std::string_view& word : words) word = take_until(value, ' ');
  const auto from = Address::parse(words[0]), to = Address::parse(words[2]);
  return from && to ? std::optional(SshConnection{*from, *to}) : std::nullopt;
}

bool cuts(const plan::Plan& plan, const SshConnection& shell, const std::vector<Link>& links) {
  bool ours = false;
  for (const Link& link : links) {
    if (any_holds(link.addresses, shell.from)) return false;
    ours = ours || std::ranges::any_of(link.addresses,
                                       [&shell](const Prefix& p) { return p.address == shell.to; });
  }
  return ours && std::ranges::any_of(plan.steps, [&shell](const plan::Step& step) {
           const auto* capture = std::get_if<plan::Capture>(&step);
           return capture != nullptr && captured(*capture, shell.from);
         });
}

}  // namespace vpnd::bsd
