// SPDX-License-Identifier: ISC
// The status report for people.
#include <fmt/format.h>

#include <algorithm>

#include "core/plan/human.h"
#include "core/plan/status.h"

namespace vpnd::plan {
namespace {

std::string join(const std::vector<std::string>& parts, const char* between) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : between) + part;
  return out;
}

std::string row(const char* label, const std::string& text) {
  return text.empty() ? std::string{} : fmt::format("  {:<11} {}\n", label, text);
}

std::string state_text(const engine::Report& r) {
  switch (r.state) {
    case engine::ClientState::idle:
      return "idle";
    case engine::ClientState::connecting:
      return "connecting for";
    case engine::ClientState::up:
      return "connected for";
    case engine::ClientState::reconnecting:
      return "reconnecting for";
    case engine::ClientState::blocked:
      return "refused by the server for";
  }
  return {};
}

std::string client_head(const Status& s) {
  const engine::Report& r = s.report;
  std::string out = fmt::format("{} {}  {}", r.state == engine::ClientState::up ? "●" : "○", s.name,
                                state_text(r));
  if (r.state != engine::ClientState::idle) out += " " + human_duration(r.in_state);
  out += "   client → " + s.host;
  if (!s.endpoint.empty()) out += fmt::format(" ({} tcp)", s.endpoint);
  return out + "\n";
}

std::string server_head(const Status& s) {
  const std::size_t clients = s.report.peers.size();
  return fmt::format("● {}  serving {} client{}   server on {}\n", s.name, clients,
                     clients == 1 ? "" : "s", join(s.listen, ", "));
}

std::string interface_row(const Status& s) {
  if (s.interface.empty()) return {};
  return row("interface",
             fmt::format("{}  {}   mtu {}", s.interface, join(s.addresses, "  "), s.mtu));
}

// Whether anything may leave past the tunnel, and what may in any case.
std::string kill_switch_row(const Status& s) {
  const Status::Routing& r = s.routing;
  if (r.kill_switch.empty()) return {};
  std::vector<std::string> past;
  if (!r.lan.empty() && r.lan != "none") {
    past.push_back(r.lan == "list" ? "listed networks" : r.lan + " networks");
  }
  past.insert(past.end(), r.past_tunnel.begin(), r.past_tunnel.end());
  return row("kill switch", past.empty() ? r.kill_switch
                                         : fmt::format("{}   past the tunnel: {}", r.kill_switch,
                                                       join(past, ", ")));
}

std::string traffic_row(const engine::Counters& c) {
  return row("traffic",
             fmt::format("↓ {}   ↑ {}", human_bytes(c.received.bytes), human_bytes(c.sent.bytes)));
}

std::string drops_row(const engine::Counters& counters) {
  std::vector<std::string> parts;
  for (std::size_t i = 1; i < kDropCount; ++i) {
    if (counters.drops[i] == 0) continue;
    parts.push_back(fmt::format("{} {}", name(static_cast<Drop>(i)), counters.drops[i]));
  }
  return row("dropped", join(parts, ", "));
}

std::string engine_rows(const Status& s) {
  std::vector<std::string> parts;
  if (!s.driver.empty()) parts.push_back(s.driver);
  if (!s.offload.empty()) parts.push_back("tun offload " + s.offload);
  if (!s.congestion.empty()) parts.push_back(s.congestion);
  if (!s.cipher_library.empty()) parts.push_back(s.cipher_library);
  std::string out = row("engine", join(parts, ", "));
  for (const std::string& fallback : s.fallbacks) out += row("", fallback);
  return out;
}

std::string host_rows(const Status& s) {
  if (s.changes_made == 0) return {};
  std::string text =
      fmt::format("{} changes made, {} still in place", s.changes_made, s.changes_present);
  if (s.repairs > 0) {
    text += fmt::format(", put back {} time{}", s.repairs, s.repairs == 1 ? "" : "s");
  }
  std::string out = row("host state", text);
  if (s.repairs_rest) out += row("", "removed again and again: left alone for a while");
  for (const std::string& gone : s.missing) out += row("", "missing: " + gone);
  return out;
}

std::string session_row(const Status& s) {
  if (s.report.peers.empty()) return {};
  const engine::PeerReport& p = s.report.peers.front();
  return row("session", fmt::format("handshake {} ago, {}, rtt {}, reconnects {}, rekeys {}",
                                    human_duration(p.age), cipher_name(p.cipher), human_rtt(p.rtt),
                                    s.report.counters.reconnects, s.report.counters.rekeys));
}

std::string handshakes_row(const engine::Report& r) {
  return row("sessions", fmt::format("{} so far, {} half open, rekeys {}", r.counters.handshakes,
                                     r.half_open, r.counters.rekeys));
}

// A name from the client list, kept from moving the terminal's cursor.
std::string client_name(const engine::PeerReport& p) {
  std::string out = p.name.empty() ? "-" : p.name;
  std::replace_if(
      out.begin(), out.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return out;
}

std::string client_table(const std::vector<engine::PeerReport>& peers) {
  if (peers.empty()) return {};
  std::vector<std::array<std::string, 7>> rows{
      {"client", "address", "endpoint", "connected", "received", "sent", "rtt"}};
  for (const engine::PeerReport& p : peers) {
    rows.push_back({client_name(p), p.inner_v4.text(), p.endpoint.text(), human_duration(p.age),
                    human_bytes(p.received.bytes), human_bytes(p.sent.bytes), human_rtt(p.rtt)});
  }
  std::array<std::size_t, 7> widths{};
  for (const auto& r : rows) {
    for (std::size_t i = 0; i < r.size(); ++i) widths[i] = std::max(widths[i], r[i].size());
  }
  std::string out;
  for (const auto& r : rows) {
    out += " ";
    for (std::size_t i = 0; i + 1 < r.size(); ++i) out += fmt::format(" {:<{}} ", r[i], widths[i]);
    out += " " + r.back() + "\n";
  }
  return out;
}

}  // namespace

std::string_view cipher_name(crypto::Cipher cipher) noexcept {
  switch (cipher) {
    case crypto::Cipher::chacha20_poly1305:
      return "chacha20-poly1305";
    case crypto::Cipher::aes256_gcm:
      return "aes-256-gcm";
    case crypto::Cipher::aegis256:
      return "aegis-256";
  }
  return "unknown";
}

std::string print(const Status& s) {
  const engine::Report& r = s.report;
  std::string out = r.server ? server_head(s) : client_head(s);
  out += interface_row(s) + row("dns", s.dns) + kill_switch_row(s);
  out += r.server ? handshakes_row(r) : session_row(s);
  out += traffic_row(r.counters) + drops_row(r.counters) + engine_rows(s) + host_rows(s);
  if (r.server) out += client_table(r.peers);
  return out;
}

}  // namespace vpnd::plan
