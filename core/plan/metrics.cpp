// SPDX-License-Identifier: ISC
#include "core/plan/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <set>
#include <utility>

#include "core/base/text.h"
#include "core/base/utf8.h"

namespace vpnd::plan {
namespace {

using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

// A backslash, a quote and a line's end would end the value. All is UTF-8 in the end.
std::string escaped(std::string_view value) {
  std::string out;
  while (!value.empty()) {
    const CodePoint c = first_code_point(value);
    if (c.value == '\\' || c.value == '"') {
      out += '\\';
      out += value.front();
    } else if (c.value == '\n') {
      out += "\\n";
    } else if (!c.valid || c.value < 0x20 || c.value == 0x7f) {
      out += '?';
    } else {
      out += value.substr(0, c.bytes);
    }
    value.remove_prefix(c.bytes);
  }
  return out;
}

// One family: its two lines of comment, and then all that belongs to it.
class Family {
 public:
  Family(std::string& out, std::string_view name, std::string_view type, std::string_view help)
      : out_(out), name_(name) {
    out_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
  }
  // A series that was there already is left out: the format allows each once.
  template<typename Number>
  void add(Labels labels, Number value) {
    std::string series = fmt::format("{}{{", name_);
    for (const auto& [key, text] : labels) {
      if (series.back() != '{') series += ',';
      series += fmt::format("{}=\"{}\"", key, escaped(text));
    }
    series += '}';
    if (seen_.insert(series).second) out_ += fmt::format("{} {}\n", series, value);
  }

 private:
  std::string& out_;
  std::string_view name_;
  std::set<std::string> seen_;
};

using Statuses = std::span<const Status>;

double seconds(Duration d) {
  return std::chrono::duration<double>(d).count();
}

bool is_up(const Status& s) {
  return s.report.server || s.report.state == engine::ClientState::up;
}

void add_tunnels(std::string& out, Statuses all) {
  Family info(out, "vpnd_build_info", "gauge", "The program that runs the tunnel; always 1.");
  for (const Status& s : all) {
    info.add({{"tunnel", s.name}, {"version", s.version}, {"cipher_library", s.cipher_library}}, 1);
  }
  Family up(out, "vpnd_tunnel_up", "gauge", "1 while there is a session; of a server always.");
  for (const Status& s : all) {
    up.add({{"tunnel", s.name}, {"role", s.report.server ? "server" : "client"}}, is_up(s) ? 1 : 0);
  }
  Family changes(out, "vpnd_host_changes", "gauge",
                 "Changes to the host that the tunnel needs, by whether they are in place.");
  for (const Status& s : all) {
    changes.add({{"tunnel", s.name}, {"state", "present"}}, s.changes_present);
    changes.add({{"tunnel", s.name}, {"state", "missing"}},
                s.changes_made - std::min(s.changes_made, s.changes_present));
  }
}

// A counter of each tunnel without any other label.
struct Count {
  const char *name, *help;
  std::uint64_t (*of)(const Status&);
};
constexpr Count kCounts[] = {
    {"vpnd_receive_bytes_total", "Bytes of packets that came out of the tunnel.",
     [](const Status& s) { return s.report.counters.received.bytes; }},
    {"vpnd_transmit_bytes_total", "Bytes of packets that went into the tunnel.",
     [](const Status& s) { return s.report.counters.sent.bytes; }},
    {"vpnd_receive_packets_total", "Packets that came out of the tunnel.",
     [](const Status& s) { return s.report.counters.received.packets; }},
    {"vpnd_transmit_packets_total", "Packets that went into the tunnel.",
     [](const Status& s) { return s.report.counters.sent.packets; }},
    {"vpnd_handshakes_total", "Sessions that came up.",
     [](const Status& s) { return s.report.counters.handshakes; }},
    {"vpnd_reconnects_total", "A client's sessions after its first.",
     [](const Status& s) { return s.report.counters.reconnects; }},
    {"vpnd_rekeys_total", "Renewals of a session's keys.",
     [](const Status& s) { return s.report.counters.rekeys; }},
    {"vpnd_handed_over_packets_total",
     "Packets that came out of another worker's queue of the device than their client's.",
     [](const Status& s) { return s.report.counters.handed_over; }},
    {"vpnd_host_repairs_total", "Times that something others removed from the host was put back.",
     [](const Status& s) { return std::uint64_t{s.repairs}; }},
};

void add_counts(std::string& out, Statuses all) {
  for (const Count& count : kCounts) {
    Family family(out, count.name, "counter", count.help);
    for (const Status& s : all) family.add({{"tunnel", s.name}}, count.of(s));
  }
  Family drops(out, "vpnd_drops_total", "counter", "What went no further, by reason; see vpnd(8).");
  for (const Status& s : all) {
    for (std::size_t i = 1; i < kDropCount; ++i) {
      drops.add({{"tunnel", s.name}, {"reason", name(static_cast<Drop>(i))}},
                s.report.counters.drops[i]);
    }
  }
}

// A figure of each peer. `given` false: this peer has none.
struct PeerFigure {
  const char *name, *type, *help;
  bool (*given)(const engine::PeerReport&);
  double (*of)(const engine::PeerReport&, const Status&);
};

constexpr bool always(const engine::PeerReport&) {
  return true;
}

constexpr PeerFigure kPeerFigures[] = {
    {"vpnd_peer_last_handshake_timestamp_seconds", "gauge", "When the peer's session came up.",
     always,
     [](const engine::PeerReport& p, const Status& s) {
       return static_cast<double>(s.at) / 1000 - seconds(p.age);
     }},
    {"vpnd_peer_rtt_seconds", "gauge", "Round trip to the peer, smoothed.",
     [](const engine::PeerReport& p) { return p.rtt > Duration{}; },
     [](const engine::PeerReport& p, const Status&) { return seconds(p.rtt); }},
    {"vpnd_peer_rtt_min_seconds", "gauge", "The shortest round trip of the peer's session.",
     [](const engine::PeerReport& p) { return p.rtt_min > Duration{}; },
     [](const engine::PeerReport& p, const Status&) { return seconds(p.rtt_min); }},
};

struct PeerCount {
  const char *name, *help;
  std::uint64_t (*of)(const engine::PeerReport&);
};
constexpr PeerCount kPeerCounts[] = {
    {"vpnd_peer_receive_bytes_total", "Bytes of packets from the peer, in its present session.",
     [](const engine::PeerReport& p) { return p.received.bytes; }},
    {"vpnd_peer_transmit_bytes_total", "Bytes of packets to the peer, in its present session.",
     [](const engine::PeerReport& p) { return p.sent.bytes; }},
    {"vpnd_peer_queue_drops_total", "Packets to the peer that its queues dropped.",
     [](const engine::PeerReport& p) { return p.queue_drops; }},
};

// With every client's key the same, its inner address is what tells it from others.
std::string peer_name(const engine::PeerReport& p) {
  return p.name.empty() ? p.inner_v4.text() : p.name;
}

void add_peers(std::string& out, Statuses all) {
  Family peers(out, "vpnd_peers", "gauge", "Peers with a session.");
  for (const Status& s : all) peers.add({{"tunnel", s.name}}, s.report.peers.size());
  for (const PeerCount& count : kPeerCounts) {
    Family family(out, count.name, "counter", count.help);
    for (const Status& s : all) {
      for (const engine::PeerReport& p : s.report.peers) {
        family.add({{"tunnel", s.name}, {"peer", peer_name(p)}}, count.of(p));
      }
    }
  }
  for (const PeerFigure& figure : kPeerFigures) {
    Family family(out, figure.name, figure.type, figure.help);
    for (const Status& s : all) {
      for (const engine::PeerReport& p : s.report.peers) {
        if (figure.given(p)) {
          family.add({{"tunnel", s.name}, {"peer", peer_name(p)}}, figure.of(p, s));
        }
      }
    }
  }
}

}  // namespace

std::string metrics_text(std::span<const Status> all) {
  std::string out;
  add_tunnels(out, all);
  add_counts(out, all);
  add_peers(out, all);
  return out;
}

HttpRequest http_request(std::string_view received) noexcept {
  // Header lines say nothing that matters here, but the client is not to be cut short.
  const bool whole = received.find("\r\n\r\n") != std::string_view::npos ||
                     received.find("\n\n") != std::string_view::npos;
  if (!whole) return HttpRequest::incomplete;
  std::string_view line = take_until(received, '\n');
  if (line.ends_with('\r')) line.remove_suffix(1);
  const std::string_view method = take_until(line, ' '), target = take_until(line, ' ');
  if (method.empty() || target.empty() || !line.starts_with("HTTP/1.")) {
    return HttpRequest::malformed;
  }
  if (method != "GET" && method != "HEAD") return HttpRequest::not_allowed;
  if (target.substr(0, target.find('?')) != "/" &&
      target.substr(0, target.find('?')) != "/metrics") {
    return HttpRequest::not_found;
  }
  return method == "GET" ? HttpRequest::metrics : HttpRequest::head;
}

std::string http_answer(HttpRequest request, std::string_view metrics) {
  const auto answer = [](std::string_view status, std::string_view type, std::string_view body,
                         bool with_body) {
    return fmt::format(
        "HTTP/1.0 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}",
        status, type, body.size(), with_body ? body : std::string_view());
  };
  constexpr std::string_view kText = "text/plain; charset=utf-8";
  constexpr std::string_view kMetrics = "text/plain; version=0.0.4; charset=utf-8";
  switch (request) {
    case HttpRequest::metrics:
    case HttpRequest::head:
      return answer("200 OK", kMetrics, metrics, request == HttpRequest::metrics);
    case HttpRequest::not_found:
      return answer("404 Not Found", kText, "metrics are at /metrics\n", true);
    case HttpRequest::not_allowed:
      return answer("405 Method Not Allowed\r\nAllow: GET, HEAD", kText, "", true);
    case HttpRequest::incomplete:
    case HttpRequest::malformed:
      break;
  }
  return answer("400 Bad Request", kText, "", true);
}

}  // namespace vpnd::plan
