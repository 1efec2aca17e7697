// SPDX-License-Identifier: ISC
// The status report as JSON. Times travel as whole milliseconds, round-trip times as microseconds.
#include <nlohmann/json.hpp>
#include <stdexcept>

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

Json peer(const engine::PeerReport& p) {
  return {{"name", p.name},
          {"endpoint", p.endpoint.text()},
          {"inner_v4", p.inner_v4.text()},
          {"inner_v6", p.inner_v6.text()},
          {"traffic", traffic(p.received, p.sent)},
          {"age_ms", count<milliseconds>(p.age)},
          {"rtt_us", count<microseconds>(p.rtt)},
          {"queue_drops", p.queue_drops},
          {"cipher", cipher_name(p.cipher)}};
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
  take_time<microseconds>(j, "rtt_us", p.rtt);
  take(j, "queue_drops", p.queue_drops);
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
  take(e, "offload", s.offload);
  take(e, "congestion", s.congestion);
  take(e, "fallbacks", s.fallbacks);
  take(e, "cipher_library", s.cipher_library);
  take(j, "dns", s.dns);
  take(part(j, "changes"), "made", s.changes_made);
  take(part(j, "changes"), "present", s.changes_present);
  take(part(j, "changes"), "missing", s.missing);
  take(part(j, "changes"), "repairs", s.repairs);
  take(part(j, "changes"), "repairs_rest", s.repairs_rest);
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
      {"in_state_ms", count<milliseconds>(r.in_state)},
      {"host", s.host},
      {"endpoint", s.endpoint},
      {"listen", s.listen},
      {"interface", {{"name", s.interface}, {"addresses", s.addresses}, {"mtu", s.mtu}}},
      {"dns", s.dns},
      {"engine",
       {{"driver", s.driver},
        {"offload", s.offload},
        {"congestion", s.congestion},
        {"cipher_library", s.cipher_library},
        {"fallbacks", s.fallbacks}}},
      {"traffic", traffic(r.counters.received, r.counters.sent)},
      {"records", {{"sent", r.counters.records_sent}, {"received", r.counters.records_received}}},
      {"sessions", sessions(r)},
      {"drops", drops(r.counters)},
      {"changes",
       {{"made", s.changes_made},
        {"present", s.changes_present},
        {"missing", s.missing},
        {"repairs", s.repairs},
        {"repairs_rest", s.repairs_rest}}},
      {"routing", routing(s.routing)}};
  j["peers"] = Json::array();
  for (const engine::PeerReport& p : r.peers) j["peers"].push_back(peer(p));
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
