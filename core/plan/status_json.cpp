// SPDX-License-Identifier: ISC
// The status report as JSON. Times travel as whole milliseconds, round-trip times as microseconds.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "core/plan/human.h"
#include "core/plan/status.h"

namespace vpnd::plan {
namespace {

using Json = nlohmann::ordered_json;
using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr const char* kSchema = "vpnd.status/1";

constexpr engine::ClientState kStates[] = {
    engine::ClientState::idle, engine::ClientState::connecting, engine::ClientState::up,
    engine::ClientState::reconnecting, engine::ClientState::blocked};

constexpr crypto::Cipher kCiphers[] = {crypto::Cipher::chacha20_poly1305,
                                       crypto::Cipher::aes256_gcm, crypto::Cipher::aegis256};

template<typename To>
std::int64_t count(Duration d) {
  return std::chrono::duration_cast<To>(d).count();
}

Json traffic(const engine::Traffic& received, const engine::Traffic& sent) {
  return {{"rx_packets", received.packets},
          {"rx_bytes", received.bytes},
          {"tx_packets", sent.packets},
          {"tx_bytes", sent.bytes}};
}

Json overall_traffic(const Status& s) {
  Json out = traffic(s.report.counters.received, s.report.counters.sent);
  if (!s.rates) return out;
  out["rx_bps"] = s.rates->rx_bps;
  out["tx_bps"] = s.rates->tx_bps;
  return out;
}

std::string time_before(WallMs at, Duration d) {
  const auto ms = static_cast<std::uint64_t>(std::max<std::int64_t>(0, count<milliseconds>(d)));
  return utc_text(at - std::min(at, ms));
}

Json peer(const engine::PeerReport& p, WallMs at) {
  return {{"name", p.name},
          {"endpoint", p.endpoint.text()},
          {"inner_v4", p.inner_v4.text()},
          {"inner_v6", p.inner_v6.text()},
          {"traffic", traffic(p.received, p.sent)},
          {"age_ms", count<milliseconds>(p.age)},
          {"last_handshake", time_before(at, p.age)},
          {"next_rekey_ms", count<milliseconds>(p.next_rekey)},
          {"rtt_us", count<microseconds>(p.rtt)},
          {"rtt_min_us", count<microseconds>(p.rtt_min)},
          {"queue_drops", p.queue_drops},
          {"cipher", cipher_name(p.cipher)},
          {"worker", p.worker}};
}

Json drops(const engine::Counters& counters) {
  Json out = Json::object();
  for (std::size_t i = 1; i < kDropCount; ++i) {
    out[std::string(name(static_cast<Drop>(i)))] = counters.drops[i];
  }
  return out;
}

Json sessions(const engine::Report& r) {
  return {{"handshakes", r.counters.handshakes},
          {"reconnects", r.counters.reconnects},
          {"rekeys", r.counters.rekeys},
          {"half_open", r.half_open},
          {"draining", r.draining}};
}

Json routing(const Status::Routing& r) {
  return {{"endpoints", r.endpoints},     {"into_tunnel", r.into_tunnel},
          {"past_tunnel", r.past_tunnel}, {"lan", r.lan},
          {"kill_switch", r.kill_switch}, {"fwmark", r.fwmark}};
}

Json changes(const Status& s) {
  Json out = {{"made", s.changes_made},
              {"present", s.changes_present},
              {"missing", s.missing},
              {"repairs", s.repairs},
              {"repairs_rest", s.repairs_rest}};
  if (s.last_repair) {
    out["last_repair"] = {{"what", s.last_repair->what},
                          {"by", s.last_repair->by},
                          {"time", utc_text(s.last_repair->at)}};
  }
  return out;
}

// Of a client's session, what most look for, at the top.
void add_session(Json& j, const Status& s) {
  if (s.report.server || s.report.peers.empty()) return;
  const engine::PeerReport& p = s.report.peers.front();
  j["peer"] = {{"endpoint", p.endpoint.text()},
               {"transport", "tcp"},
               {"last_handshake", time_before(s.at, p.age)},
               {"next_rekey_ms", count<milliseconds>(p.next_rekey)}};
  j["path"] = {{"rtt_us", count<microseconds>(p.rtt)},
               {"rtt_min_us", count<microseconds>(p.rtt_min)}};
}

// ---- and back. A field that is absent keeps its default, for a later minor version may have more
// than an earlier one; a field of the wrong type throws.

template<typename T>
void take(const Json& from, const char* key, T& out) {
  if (!from.is_object()) throw std::invalid_argument(key);
  if (const auto it = from.find(key); it != from.end()) it->get_to(out);
}

const Json& part(const Json& from, const char* key) {
  static const Json nothing = Json::object();
  if (!from.is_object()) throw std::invalid_argument(key);
  const auto it = from.find(key);
  return it == from.end() ? nothing : *it;
}

void take_traffic(const Json& from, engine::Traffic& received, engine::Traffic& sent) {
  const Json& t = part(from, "traffic");
  take(t, "rx_packets", received.packets);
  take(t, "rx_bytes", received.bytes);
  take(t, "tx_packets", sent.packets);
  take(t, "tx_bytes", sent.bytes);
}

template<typename Unit>
void take_time(const Json& from, const char* key, Duration& out) {
  std::int64_t n = 0;
  take(from, key, n);
  // Beyond a few centuries the product would overflow.
  constexpr std::int64_t kMost = std::chrono::duration_cast<Unit>(Duration::max()).count();
  if (n < 0 || n > kMost) throw std::range_error(key);
  out = Unit(n);
}

template<typename T>
void take_address(const Json& from, const char* key, T& out) {
  std::string text;
  take(from, key, text);
  if (const auto parsed = T::parse(text)) out = *parsed;
}

void take_instant(const Json& from, const char* key, WallMs& out) {
  std::string text;
  take(from, key, text);
  if (const auto at = parse_utc(text)) out = *at;
}

void take_changes(const Json& from, Status& s) {
  take(from, "made", s.changes_made);
  take(from, "present", s.changes_present);
  take(from, "missing", s.missing);
  take(from, "repairs", s.repairs);
  take(from, "repairs_rest", s.repairs_rest);
  if (!from.contains("last_repair")) return;
  const Json& last = part(from, "last_repair");
  LastRepair& r = s.last_repair.emplace();
  take(last, "what", r.what);
  take(last, "by", r.by);
  take_instant(last, "time", r.at);
}

void take_rates(const Json& traffic, Status& s) {
  if (!traffic.contains("rx_bps")) return;
  Rates& r = s.rates.emplace();
  take(traffic, "rx_bps", r.rx_bps);
  take(traffic, "tx_bps", r.tx_bps);
}

void take_routing(const Json& from, Status::Routing& r) {
  take(from, "endpoints", r.endpoints);
  take(from, "into_tunnel", r.into_tunnel);
  take(from, "past_tunnel", r.past_tunnel);
  take(from, "lan", r.lan);
  take(from, "kill_switch", r.kill_switch);
  take(from, "fwmark", r.fwmark);
}

engine::PeerReport peer_from(const Json& j) {
  engine::PeerReport p;
  take(j, "name", p.name);
  take_address(j, "endpoint", p.endpoint);
  take_address(j, "inner_v4", p.inner_v4);
  take_address(j, "inner_v6", p.inner_v6);
  take_traffic(j, p.received, p.sent);
  take_time<milliseconds>(j, "age_ms", p.age);
  take_time<milliseconds>(j, "next_rekey_ms", p.next_rekey);
  take_time<microseconds>(j, "rtt_us", p.rtt);
  take_time<microseconds>(j, "rtt_min_us", p.rtt_min);
  take(j, "queue_drops", p.queue_drops);
  take(j, "worker", p.worker);
  std::string cipher;
  take(j, "cipher", cipher);
  for (const crypto::Cipher c : kCiphers) {
    if (cipher_name(c) == cipher) p.cipher = c;
  }
  return p;
}

void take_report(const Json& j, engine::Report& r) {
  std::string role, state;
  take(j, "role", role);
  take(j, "state", state);
  r.server = role == "server";
  for (const auto s : kStates) {
    if (name(s) == state) r.state = s;
  }
  take_time<milliseconds>(j, "in_state_ms", r.in_state);
  take_traffic(j, r.counters.received, r.counters.sent);
  const Json& s = part(j, "sessions");
  take(s, "handshakes", r.counters.handshakes);
  take(s, "reconnects", r.counters.reconnects);
  take(s, "rekeys", r.counters.rekeys);
  take(s, "half_open", r.half_open);
  take(s, "draining", r.draining);
  take(part(j, "workers"), "handed_over", r.counters.handed_over);
  take(part(j, "records"), "sent", r.counters.records_sent);
  take(part(j, "records"), "received", r.counters.records_received);
  for (std::size_t i = 1; i < kDropCount; ++i) {
    const std::string key(name(static_cast<Drop>(i)));
    take(part(j, "drops"), key.c_str(), r.counters.drops[i]);
  }
  for (const Json& p : part(j, "peers")) r.peers.push_back(peer_from(p));
}

Status status_from(const Json& j) {
  Status s;
  take(j, "name", s.name);
  take(j, "version", s.version);
  take(j, "host", s.host);
  take(j, "endpoint", s.endpoint);
  take(j, "listen", s.listen);
  take(part(j, "interface"), "name", s.interface);
  take(part(j, "interface"), "addresses", s.addresses);
  take(part(j, "interface"), "mtu", s.mtu);
  const Json& e = part(j, "engine");
  take(e, "driver", s.driver);
  take(part(j, "workers"), "count", s.workers);
  take(e, "offload", s.offload);
  take(e, "congestion", s.congestion);
  take(e, "fallbacks", s.fallbacks);
  take(e, "cipher_library", s.cipher_library);
  take(j, "dns", s.dns);
  take(j, "dns_set", s.dns_set);
  take(j, "warnings", s.warnings);
  take_instant(j, "time", s.at);
  take_rates(part(j, "traffic"), s);
  take_changes(part(j, "changes"), s);
  take_routing(part(j, "routing"), s.routing);
  take_report(j, s.report);
  return s;
}

}  // namespace

std::string to_json(const Status& s) {
  const engine::Report& r = s.report;
  Json j = {
      {"schema", kSchema},
      {"name", s.name},
      {"version", s.version},
      {"role", r.server ? "server" : "client"},
      {"state", r.server ? "serving" : name(r.state)},
      {"time", utc_text(s.at)},
      {"since", time_before(s.at, r.in_state)},
      {"in_state_ms", count<milliseconds>(r.in_state)},
      {"host", s.host},
      {"endpoint", s.endpoint},
      {"listen", s.listen},
      {"interface", {{"name", s.interface}, {"addresses", s.addresses}, {"mtu", s.mtu}}},
      {"dns", s.dns},
      {"dns_set", s.dns_set},
      {"engine",
       {{"driver", s.driver},
        {"offload", s.offload},
        {"congestion", s.congestion},
        {"cipher_library", s.cipher_library},
        {"fallbacks", s.fallbacks}}},
      {"traffic", overall_traffic(s)},
      {"workers", {{"count", s.workers}, {"handed_over", r.counters.handed_over}}},
      {"records", {{"sent", r.counters.records_sent}, {"received", r.counters.records_received}}},
      {"sessions", sessions(r)},
      {"drops", drops(r.counters)},
      {"changes", changes(s)},
      {"warnings", s.warnings},
      {"routing", routing(s.routing)}};
  add_session(j, s);
  j["peers"] = Json::array();
  for (const engine::PeerReport& p : r.peers) j["peers"].push_back(peer(p, s.at));
  // A name need not be UTF-8; what is not is replaced rather than refused.
  return j.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<Status> status_from_json(std::string_view text) noexcept {
  try {
    const Json j = Json::parse(text, nullptr, false);
    if (!j.is_object() || part(j, "schema") != kSchema) return std::nullopt;
    return status_from(j);
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

}  // namespace vpnd::plan
