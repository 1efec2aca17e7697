// SPDX-License-Identifier: ISC
#include "linux/change.h"

#include <fmt/format.h>

#include "linux/held.h"

namespace vpnd::nl {
namespace {

constexpr const char* kWithDevice = "goes with the device";
constexpr const char* kNoted =
    "the old value comes back at the end, or by the next start or cleanup";
constexpr const char* kTagged = "removed at the end, or by the next start or cleanup";

struct Words {
  const char* kind;
  const char* message;
  const char* undo;
};

Words words(const Wall& w) {
  return {"nft", "NFT_MSG_NEWTABLE and what is in it, one batch",
          w.session_only ? "goes with the process, however it ends"
          : w.stays      ? "stays until the next start or cleanup"
                    : "removed at a clean end, last; after a crash by the next start or cleanup"};
}

Words words(const FilterTable& t) {
  return {"nft", "NFT_MSG_NEWTABLE and what is in it, one batch",
          t.session_only ? "goes with the process, however it ends" : kTagged};
}

Words words(const Route& r) {
  const bool device = r.type == Route::Type::unicast && !r.gateway;
  return {"route", "RTM_NEWROUTE", device ? kWithDevice : kTagged};
}

Words words(const LinkUp&) {
  return {"link", "TUNSETIFF, RTM_SETLINK", "goes with the process that has it open"};
}

Words words(const AddressOn&) {
  return {"addr", "RTM_NEWADDR", kWithDevice};
}

Words words(const LinkSetting&) {
  return {"conf", "RTM_SETLINK with IFLA_INET_CONF", kNoted};
}

Words words(const Sysctl6&) {
  return {"conf", "/proc/sys/net/ipv6/conf", kNoted};
}

Words words(const Rule&) {
  return {"rule", "RTM_NEWRULE", kTagged};
}

Words words(const ForeignAccept&) {
  return {"nft", "NFT_MSG_NEWRULE, one batch", kTagged};
}

Words words(const DnsServers& d) {
  const char* message = d.mode == plan::DnsMode::resolved ? "D-Bus, org.freedesktop.resolve1"
                        : d.mode == plan::DnsMode::file
                            ? "renameat2 with RENAME_EXCHANGE"
                            : "D-Bus, org.freedesktop.resolve1, or else renameat2";
  return {"dns", message, "the link's goes with the device; a file comes back at the end"};
}

}  // namespace

std::string shell_commands(const Object&, const ResolverNow&);  // commands.cpp

plan::Change change(const Object& object, const ResolverNow& resolver) {
  const Words w = std::visit([](const auto& o) { return words(o); }, object);
  return {w.kind, describe(object), w.message, w.undo, shell_commands(object, resolver)};
}

}  // namespace vpnd::nl
