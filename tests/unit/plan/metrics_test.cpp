// SPDX-License-Identifier: ISC
#include "core/plan/metrics.h"

#include <criterion/criterion.h>

#include "tests/support/exposition.h"

using namespace vpnd;
using namespace vpnd::plan;
using namespace vpnd::test;
using namespace std::chrono_literals;

namespace {

engine::PeerReport peer(const std::string& name, const char* inner) {
  engine::PeerReport p;
  p.name = name;
  p.inner_v4 = *Address::parse(inner);
  p.received = {10, 5000};
  p.sent = {20, 6000};
  p.age = 90s;
  p.rtt = 18400us;
  return p;
}

Status status(const std::string& name) {
  Status s;
  s.name = name;
  s.version = "0.1.0";
  s.at = 1'000'000'000;
  s.report.state = engine::ClientState::up;
  s.report.counters.received = {1000, 1975684956};
  s.report.counters.reconnects = 1;
  s.report.counters.drops[static_cast<std::size_t>(Drop::bad_tag)] = 2;
  s.changes_made = 14;
  s.changes_present = 12;
  s.report.peers = {peer("", "192.168.192.254")};
  return s;
}

std::string text_of(const Status& s) {
  return metrics_text({&s, 1});
}

bool has(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

Test(metrics, figures_of_a_client) {
  const std::string text = text_of(status("home"));
  for (const char* line :
       {"vpnd_tunnel_up{tunnel=\"home\",role=\"client\"} 1",
        "vpnd_receive_bytes_total{tunnel=\"home\"} 1975684956",
        "# TYPE vpnd_receive_bytes_total counter",
        "vpnd_drops_total{tunnel=\"home\",reason=\"bad_tag\"} 2",
        "vpnd_drops_total{tunnel=\"home\",reason=\"deadline\"} 0",
        "vpnd_reconnects_total{tunnel=\"home\"} 1",
        "vpnd_host_changes{tunnel=\"home\",state=\"present\"} 12",
        "vpnd_host_changes{tunnel=\"home\",state=\"missing\"} 2",
        "vpnd_peer_receive_bytes_total{tunnel=\"home\",peer=\"192.168.192.254\"} 5000",
        "vpnd_peer_transmit_bytes_total{tunnel=\"home\",peer=\"192.168.192.254\"} 6000",
        "# TYPE vpnd_peer_receive_bytes_total counter",
        "vpnd_peer_rtt_seconds{tunnel=\"home\",peer=\"192.168.192.254\"} 0.0184",
        "vpnd_peer_last_handshake_timestamp_seconds{tunnel=\"home\",peer=\"192.168.192.254\"} "
        "999910"}) {
    cr_assert(has(text, line), "%s is not in\n%s", line, text.c_str());
  }
  cr_assert(text.find("vpnd_peer_rtt_min_seconds{") == std::string::npos, "nothing was measured");
  cr_assert_eq(exposition_fault(text), "");
}

Test(metrics, a_client_without_a_session_is_down) {
  Status s = status("home");
  s.report.state = engine::ClientState::reconnecting;
  s.report.peers.clear();
  cr_assert(has(text_of(s), "vpnd_tunnel_up{tunnel=\"home\",role=\"client\"} 0"));
  s.report.server = true;
  cr_assert(has(text_of(s), "vpnd_tunnel_up{tunnel=\"home\",role=\"server\"} 1"));
}

Test(metrics, names_are_escaped_and_stay_utf8) {
  Status s = status("a\"b\\c\nd");
  s.report.peers = {peer("é\xff\x1b", "10.0.0.1")};
  const std::string text = text_of(s);
  cr_assert(has(text, R"(vpnd_reconnects_total{tunnel="a\"b\\c\nd"} 1)"), "%s", text.c_str());
  cr_assert(text.find("peer=\"é??\"") != std::string::npos, "%s", text.c_str());
  cr_assert_eq(exposition_fault(text), "");
}

Test(metrics, a_series_is_there_once) {
  Status s = status("gate");
  s.report.server = true;
  s.report.peers = {peer("laptop", "10.0.0.1"), peer("laptop", "10.0.0.2"), peer("", "10.0.0.3")};
  cr_assert_eq(exposition_fault(text_of(s)), "");
}

Test(metrics, several_tunnels_are_one_exposition) {
  const std::vector<Status> all{status("home"), status("work")};
  const std::string text = metrics_text(all);
  cr_assert_eq(exposition_fault(text), "", "%s", exposition_fault(text).c_str());
  cr_assert(has(text, "vpnd_reconnects_total{tunnel=\"work\"} 1"));
}

// The rules that the tests of the running program lean on.
Test(metrics, what_is_no_exposition_is_found) {
  const std::string good = "# HELP a_total A.\n# TYPE a_total counter\na_total{x=\"1\"} 2\n";
  cr_assert_eq(exposition_fault(good), "");
  for (const char* bad :
       {"", "a_total 1\n", "# HELP a_total A.\n# TYPE a_total counter\na_total 1",
        "# TYPE a_total counter\na_total 1\n", "# HELP a_total A.\na_total 1\n",
        "# HELP a_total A.\n# TYPE a_total gauge\na_total 1\n",
        "# HELP a A.\n# TYPE a counter\na 1\n", "# HELP a A.\n# TYPE a gauge\na one\n",
        "# HELP a A.\n# TYPE a gauge\na{x=1} 1\n", "# HELP a A.\n# TYPE a gauge\na{x=\"1\" 1\n",
        "# HELP a A.\n# TYPE a gauge\na{x=\"\\q\"} 1\n",
        "# HELP a A.\n# TYPE a gauge\na{x=\"1\"} 1\na{x=\"1\"} 2\n",
        "# HELP a A.\n# TYPE a gauge\na 1\n# HELP b B.\n# TYPE b gauge\na{x=\"1\"} 1\n",
        "# HELP a A.\n# TYPE a gauge\na 1\n# HELP a A.\n# TYPE a gauge\n",
        "# HELP a_total A.\n# TYPE a_total counter\na_total -1\n",
        "# HELP a_ms A.\n# TYPE a_ms gauge\na_ms 1\n"}) {
    cr_assert_neq(exposition_fault(bad), "", "%s", bad);
  }
}

Test(metrics_http, requests) {
  using R = HttpRequest;
  const struct {
    const char* text;
    R wanted;
  } kTable[] = {{"", R::incomplete},
                {"GET /metrics HTTP/1.1\r\nHost: x\r\n", R::incomplete},
                {"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", R::metrics},
                {"GET / HTTP/1.0\n\n", R::metrics},
                {"GET /metrics?x=1 HTTP/1.1\r\n\r\n", R::metrics},
                {"HEAD /metrics HTTP/1.1\r\n\r\n", R::head},
                {"GET /x HTTP/1.1\r\n\r\n", R::not_found},
                {"GET http://x/metrics HTTP/1.1\r\n\r\n", R::not_found},
                {"POST /metrics HTTP/1.1\r\n\r\n", R::not_allowed},
                {"GET /metrics\r\n\r\n", R::malformed},
                {"GET  HTTP/1.1\r\n\r\n", R::malformed},
                {"\r\n\r\n", R::malformed},
                {"GET /metrics SIP/2.0\r\n\r\n", R::malformed}};
  for (const auto& row : kTable) {
    cr_assert(http_request(row.text) == row.wanted, "%s", row.text);
  }
}

Test(metrics_http, answers) {
  const std::string got = http_answer(HttpRequest::metrics, "a 1\n");
  cr_assert(got.starts_with("HTTP/1.0 200 OK\r\n"));
  cr_assert(got.ends_with("\r\n\r\na 1\n"));
  cr_assert(got.find("\r\nContent-Length: 4\r\n") != std::string::npos);
  cr_assert(got.find("version=0.0.4") != std::string::npos);
  const std::string head = http_answer(HttpRequest::head, "a 1\n");
  cr_assert(head.find("\r\nContent-Length: 4\r\n") != std::string::npos);
  cr_assert(head.ends_with("\r\n\r\n"));
  for (const auto& [request, line] : {std::pair{HttpRequest::not_found, "HTTP/1.0 404 "},
                                      std::pair{HttpRequest::not_allowed, "HTTP/1.0 405 "},
                                      std::pair{HttpRequest::malformed, "HTTP/1.0 400 "}}) {
    const std::string refusal = http_answer(request, "a 1\n");
    cr_assert(refusal.starts_with(line), "%s", refusal.c_str());
    cr_assert(refusal.find("a 1") == std::string::npos);
  }
}
