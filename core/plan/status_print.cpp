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
  const Duration time = s.report.in_state;
  return fmt::format(
      "● {}  serving {} client{}{}   server on {}\n", s.name, clients, clients == 1 ? "" : "s",
      time > Duration{} ? " for " + human_duration(time) : std::string(), join(s.listen, ", "));
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

std::string traffic_row(const Status& s) {
  const engine::Counters& c = s.report.counters;
  std::string text =
      fmt::format("↓ {}   ↑ {}", human_bytes(c.received.bytes), human_bytes(c.sent.bytes));
  if (s.rates) {
    text +=
        fmt::format("   now ↓ {}   ↑ {}", human_rate(s.rates->rx_bps), human_rate(s.rates->tx_bps));
  }
  return row("traffic", text);
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
  if (s.workers > 1) parts.push_back(fmt::format("{} workers", s.workers));
  if (!s.offload.empty()) parts.push_back("tun offload " + s.offload);
  if (!s.congestion.empty()) parts.push_back(s.congestion);
  if (!s.cipher_library.empty()) parts.push_back(s.cipher_library);
  std::string out = row("engine", join(parts, ", "));
  for (const std::string& fallback : s.fallbacks) out += row("", fallback);
  return out;
}

// The first of them, and how many more.
std::string some_of(const std::vector<std::string>& things) {
  constexpr std::size_t kShown = 2;
  std::string out =
      join({things.begin(),
            things.begin() + static_cast<std::ptrdiff_t>(std::min(things.size(), kShown))},
           "; ");
  if (things.size() > kShown) out += fmt::format(" and {} more", things.size() - kShown);
  return out;
}

std::string host_rows(const Status& s) {
  if (s.changes_made == 0) return {};
  std::string text =
      fmt::format("{} changes made, {} still in place", s.changes_made, s.changes_present);
  if (const auto& r = s.last_repair) {
    const auto ago = std::chrono::milliseconds(s.at - std::min(s.at, r->at));
    text += fmt::format(": {} removed by {}; restored {} ago", some_of(r->what),
                        r->by.empty() ? "somebody" : r->by, human_duration(ago));
  }
  if (s.repairs > (s.last_repair ? 1u : 0u)) {
    text += fmt::format(", put back {} time{}", s.repairs, s.repairs == 1 ? "" : "s");
  }
  std::string out = row("host state", text);
  if (s.repairs_rest) out += row("", "removed again and again: left alone for a while");
  for (const std::string& gone : s.missing) out += row("", "missing: " + gone);
  return out;
}

std::string session_rows(const Status& s) {
  if (s.report.peers.empty()) return {};
  const engine::PeerReport& p = s.report.peers.front();
  const std::string next =
      p.next_rekey > Duration{} ? ", next rekey in " + human_duration(p.next_rekey) : "";
  const std::string least =
      p.rtt_min > Duration{} ? fmt::format(" (min {})", human_rtt(p.rtt_min)) : "";
  return row("session", fmt::format("handshake {} ago, {}{}", human_duration(p.age),
                                    cipher_name(p.cipher), next)) +
         row("path", fmt::format("rtt {}{}, reconnects {}, rekeys {}", human_rtt(p.rtt), least,
                                 s.report.counters.reconnects, s.report.counters.rekeys));
}

std::string handshakes_row(const engine::Report& r) {
  return row("sessions", fmt::format("{} so far, {} half open, rekeys {}", r.counters.handshakes,
                                     r.half_open, r.counters.rekeys));
}

std::string client_name(const engine::PeerReport& p) {
  return p.name.empty() ? "-" : printable(p.name);
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
  out += r.server ? handshakes_row(r) : session_rows(s);
  out += traffic_row(s) + drops_row(r.counters) + engine_rows(s) + host_rows(s);
  if (r.server) out += client_table(r.peers);
  return out;
}

std::string print_line(const Status& s) {
  const engine::Report& r = s.report;
  std::string out = r.server
                        ? fmt::format("{} client{}", r.peers.size(), r.peers.size() == 1 ? "" : "s")
                        : std::string(name(r.state));
  if (!r.server && !r.peers.empty()) out += "  rtt " + human_rtt(r.peers.front().rtt);
  if (s.rates) {
    out += fmt::format("  ↓ {}  ↑ {}", human_rate(s.rates->rx_bps), human_rate(s.rates->tx_bps));
  }
  std::uint64_t dropped = 0;
  for (const std::uint64_t n : r.counters.drops) dropped += n;
  out += fmt::format("  dropped {}  changes {}/{}", dropped, s.changes_present, s.changes_made);
  for (const std::string& warning : s.warnings) out += "  ! " + printable(warning);
  return out;
}

std::vector<std::string> warnings_of(const Status& s) {
  std::vector<std::string> out;
  if (s.repairs_rest) {
    out.emplace_back("its changes to the host are removed again and again: left alone for a while");
  }
  if (!s.missing.empty()) {
    out.push_back(fmt::format("{} of its {} changes to the host {} missing", s.missing.size(),
                              s.changes_made, s.missing.size() == 1 ? "is" : "are"));
  }
  if (!s.dns_set && !s.dns.empty()) out.push_back("its resolvers are " + s.dns);
  return out;
}

}  // namespace vpnd::plan
