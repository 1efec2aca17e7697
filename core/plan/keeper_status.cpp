// SPDX-License-Identifier: ISC
#include <array>
#include <utility>

#include "core/plan/keeper.h"
#include "core/wire/offload.h"

namespace vpnd::plan {
namespace {

std::string offload_text(std::uint16_t kinds) {
  static constexpr std::array<std::pair<wire::Kind, const char*>, 3> kNames{
      {{wire::Kind::tso4, "tso4"}, {wire::Kind::tso6, "tso6"}, {wire::Kind::uso, "uso"}}};
  std::string out;
  for (const auto& [kind, text] : kNames) {
    if ((kinds & wire::kind_bit(kind)) != 0) out += (out.empty() ? "" : " ") + std::string(text);
  }
  return out.empty() ? "none" : out;
}

std::vector<std::string> fallback_texts(std::uint32_t bits, std::uint16_t kinds,
                                        bool tables_owned) {
  static constexpr std::array<std::pair<Fallback, const char*>, 6> kTexts{
      {{Fallback::no_ring, "io_uring is refused here: epoll"},
       {Fallback::no_defer_taskrun, "io_uring without deferred task work"},
       {Fallback::no_restrictions, "io_uring without restrictions"},
       {Fallback::no_uid_drop, "the engine keeps its user: it and the keeper share one user"},
       {Fallback::no_file_ban, "files are not barred from the engine: no Landlock here"},
       {Fallback::no_call_filter, "the engine's system calls are not limited: no seccomp here"}}};
  std::vector<std::string> out;
  for (const auto& [bit, text] : kTexts) {
    if ((bits & static_cast<std::uint32_t>(bit)) != 0) out.emplace_back(text);
  }
  if ((kinds & wire::kind_bit(wire::Kind::tso4)) == 0) {
    out.emplace_back("the device takes no TCP segments: one packet at a time");
  } else if ((kinds & wire::kind_bit(wire::Kind::uso)) == 0) {
    out.emplace_back("the device takes no UDP segments (kernel before 6.2)");
  }
  if (!tables_owned) out.emplace_back("nft tables without an owner (kernel before 6.9)");
  return out;
}

std::vector<std::string> texts(const auto& values) {
  std::vector<std::string> out;
  for (const auto& value : values) out.push_back(value.text());
  return out;
}

Status::Routing routing_of(const ClientConfig& c, const std::vector<Endpoint>& endpoints) {
  Status::Routing out;
  for (const Endpoint& e : endpoints) {
    if (e.port != 0) out.endpoints.push_back(e.text());
  }
  out.into_tunnel = c.full ? std::vector<std::string>{"0.0.0.0/0", "::/0"} : texts(c.include);
  out.past_tunnel = texts(c.exclude);
  for (const Prefix& p : c.lan_prefixes) out.past_tunnel.push_back(p.text());
  out.lan = lan_name(c.lan);
  out.kill_switch = kill_switch_name(c.kill_switch);
  out.fwmark = static_cast<std::uint32_t>(c.fwmark);
  return out;
}

}  // namespace

Status Keeper::status() {
  Status out;
  out.name = common().name;
  out.interface = common().interface;
  out.report = last_head_.report;
  out.report.server = is_server();
  out.report.peers = last_rows_;
  if (const auto* client = std::get_if<ClientConfig>(&config_)) {
    out.host = client->host;
    out.routing = routing_of(*client, endpoints_);
    if (!last_rows_.empty()) out.endpoint = last_rows_.front().endpoint.text();
  } else {
    for (const Endpoint& e : endpoints_) out.listen.push_back(e.text());
  }
  for (const Step& step : plan_.steps) {
    const auto* interface = std::get_if<Interface>(&step);
    if (interface == nullptr) continue;
    out.mtu = interface->mtu;
    for (const Prefix& p : interface->addresses) out.addresses.push_back(p.text());
  }
  const std::uint16_t kinds = tunnel_ ? tunnel_->kinds() : wire::kKindPlain;
  out.congestion = last_head_.congestion;
  out.driver = ready_.uring ? "io_uring" : "epoll";
  out.workers = queues();
  out.offload = offload_text(kinds);
  const host::Presence presence = machine_.check(plan_);
  out.fallbacks = fallback_texts(ready_.fallbacks, kinds, presence.tables_owned);
  out.changes_made = presence.made;
  out.changes_present = presence.present;
  out.missing = presence.missing;
  out.repairs = repairs_made_;
  out.repairs_rest = rests_;
  out.last_repair = last_repair_;
  out.dns = presence.dns;
  out.dns_set = host::dns_is_set(presence.dns);
  out.warnings = warnings_of(out);
  return out;
}

}  // namespace vpnd::plan
