// SPDX-License-Identifier: ISC
#include "core/plan/status.h"

#include <criterion/criterion.h>

#include <nlohmann/json.hpp>
#include <random>

#include "core/plan/human.h"
#include "tests/support/golden.h"
#include "tests/support/plans.h"

using namespace vpnd;
using namespace vpnd::plan;
using namespace vpnd::test;
using namespace std::chrono_literals;

namespace {

Status client_status() {
  Status s;
  s.name = "home";
  s.version = "0.1.0";
  s.host = "vpn.example.net";
  s.endpoint = "203.0.113.7:443";
  s.interface = "vpn0";
  s.addresses = {"192.168.192.1/32", "fd76:706e::1/128"};
  s.mtu = 1420;
  s.dns = "10.0.0.53, by the resolver file";
  s.routing.lan = "private";
  s.routing.past_tunnel = {"198.51.100.0/24"};
  s.routing.kill_switch = "on";
  s.driver = "io_uring";
  s.offload = "tso4 tso6 uso";
  s.congestion = "bbr";
  s.cipher_library = "libsodium 1.0.18";
  s.at = 1763622072345;
  s.rates = Rates{312'000'000, 8'100'000};
  s.changes_made = 14;
  s.changes_present = 13;
  s.repairs = 1;
  s.last_repair = LastRepair{{"rule 5210"}, "process 412 (networkd)", s.at - 4000};
  s.missing = {"+ rule  30001 not fwmark 42069 -> table 42069 (v4)"};
  auto& r = s.report;
  r.state = engine::ClientState::up;
  r.in_state = 2h + 14min + 3s;
  r.counters.received = {1000, 1975684956};
  r.counters.sent = {900, 222298112};
  r.counters.drops[static_cast<std::size_t>(Drop::bad_tag)] = 2;
  r.counters.records_sent = 5;
  r.counters.records_received = 6;
  r.counters.handshakes = 2;
  r.counters.reconnects = 1;
  r.counters.rekeys = 67;
  engine::PeerReport p;
  p.endpoint = Endpoint::parse("203.0.113.7:443").value();
  p.inner_v4 = address("192.168.192.254");
  p.received = {1000, 1975684956};
  p.age = 41s;
  p.rtt = 18400us;
  p.rtt_min = 17900us;
  p.next_rekey = 79s;
  p.cipher = crypto::Cipher::aes256_gcm;
  r.peers.push_back(p);
  return s;
}

Status server_status() {
  Status s;
  s.name = "gate";
  s.listen = {"[::]:443", "0.0.0.0:443"};
  s.interface = "vpn0";
  s.addresses = {"192.168.192.254/24"};
  s.mtu = 1420;
  s.driver = "epoll";
  s.offload = "none";
  s.fallbacks = {"io_uring is refused here: epoll"};
  s.changes_made = s.changes_present = 9;
  auto& r = s.report;
  r.server = true;
  r.in_state = 3h + 2min;
  r.half_open = 3;
  r.counters.handshakes = 12;
  for (int i = 0; i < 2; ++i) {
    engine::PeerReport p;
    p.name = i == 0 ? "laptop" : "";
    p.endpoint = Endpoint::parse(i == 0 ? "198.51.100.20:51000" : "[2001:db8::9]:40000").value();
    p.inner_v4 = address(i == 0 ? "192.168.192.1" : "192.168.192.2");
    p.received = {10, i == 0 ? 5u : 5'000'000u};
    p.sent = {10, 123456};
    p.age = i == 0 ? 59s : 26h;
    p.rtt = i == 0 ? 0us : 350us;
    r.peers.push_back(p);
  }
  return s;
}

Status random_status(std::mt19937_64& rng) {
  Status s = rng() % 2 == 0 ? client_status() : server_status();
  auto& r = s.report;
  r.state = static_cast<engine::ClientState>(rng() % 5);
  r.in_state = std::chrono::milliseconds(rng() % 1'000'000'000);
  s.at = rng() % 253402300799999;
  if (rng() % 2 == 0) s.rates.reset();
  if (rng() % 2 == 0) s.last_repair.reset();
  s.warnings.assign(rng() % 3, "so and so");
  s.dns_set = rng() % 2 == 0;
  r.half_open = static_cast<std::uint32_t>(rng());
  r.draining = static_cast<std::uint32_t>(rng());
  for (std::size_t i = 1; i < kDropCount; ++i) r.counters.drops[i] = rng();
  r.counters.sent = {rng(), rng()};
  r.counters.handed_over = rng();
  s.workers = static_cast<std::uint32_t>(rng() % 16);
  r.peers.resize(rng() % 4);
  for (auto& p : r.peers) {
    p.inner_v6 = address("fd00::5");
    p.queue_drops = rng();
    p.worker = static_cast<std::uint32_t>(rng() % 16);
    p.cipher = static_cast<crypto::Cipher>(1u << rng() % 3);
    p.rtt = std::chrono::microseconds(rng() % 1'000'000'000);
    p.rtt_min = std::chrono::microseconds(rng() % 1'000'000'000);
    p.next_rekey = std::chrono::milliseconds(rng() % 1'000'000'000);
    p.name = std::string(rng() % 4, '"') + "é\n";
  }
  return s;
}

}  // namespace

Test(status, json_reads_back) {
  std::mt19937_64 rng(1);
  for (int i = 0; i < 500; ++i) {
    const Status s = random_status(rng);
    const std::string json = to_json(s);
    const auto back = status_from_json(json);
    cr_assert(back.has_value());
    // Every field of the report is in its JSON, so equal texts are equal reports.
    cr_assert_eq(to_json(*back), json);
  }
  const auto back = status_from_json(to_json(client_status()));
  cr_assert_eq(back->report.counters.received.bytes, 1975684956u);
  cr_assert_eq(back->report.peers.at(0).endpoint.text(), "203.0.113.7:443");
  cr_assert(back->report.peers.at(0).rtt == 18400us);
  cr_assert(back->report.in_state == 2h + 14min + 3s);
  cr_assert(back->report.state == engine::ClientState::up);
  cr_assert_eq(back->missing, client_status().missing);
  cr_assert_eq(back->dns, client_status().dns);
  cr_assert(status_from_json(to_json(server_status()))->report.server);
  cr_assert_eq(print(*back).size(), print(client_status()).size());
}

Test(status, json_is_one_line_with_its_schema) {
  const std::string json = to_json(client_status());
  cr_assert(json.find('\n') == std::string::npos);
  const auto j = nlohmann::json::parse(json);
  cr_assert_eq(j["schema"], "vpnd.status/1");
  cr_assert_eq(j["role"], "client");
  cr_assert_eq(j["drops"]["bad_tag"], 2);
  cr_assert_eq(j["changes"]["made"], 14);
  cr_assert_eq(j["peers"][0]["cipher"], "aes-256-gcm");
}

Test(status, repairs_are_shown_when_there_were_any) {
  Status s = client_status();
  cr_assert(
      print(s).find("13 still in place: rule 5210 removed by process 412 (networkd); restored "
                    "4 s ago\n") != std::string::npos);
  s.last_repair->what = {"a", "b", "c", "d"};
  s.last_repair->by.clear();
  s.repairs = 2;
  cr_assert(
      print(s).find("place: a; b and 2 more removed by somebody; restored 4 s ago, put back 2 "
                    "times\n") != std::string::npos,
      "%s", print(s).c_str());
  s.last_repair.reset();
  s.repairs = 0;
  cr_assert(print(s).find("put back") == std::string::npos);
  s.repairs = 3;
  cr_assert(print(s).find("still in place, put back 3 times\n") != std::string::npos, "%s",
            print(s).c_str());
  cr_assert(print(s).find("left alone") == std::string::npos);
  s.repairs_rest = true;
  cr_assert(print(s).find("left alone for a while") != std::string::npos);
  const auto back = status_from_json(to_json(s));
  cr_assert(back.has_value());
  cr_assert_eq(back->repairs, 3u);
  cr_assert(back->repairs_rest);
}

Test(status, what_most_look_for_stands_at_the_top) {
  const auto j = nlohmann::json::parse(to_json(client_status()));
  cr_assert_eq(j["time"], "2025-11-20T07:01:12.345Z");
  cr_assert_eq(j["since"], "2025-11-20T04:47:09.345Z");
  cr_assert_eq(j["traffic"]["rx_bps"], 312'000'000);
  cr_assert_eq(j["peer"]["last_handshake"], "2025-11-20T07:00:31.345Z");
  cr_assert_eq(j["peer"]["next_rekey_ms"], 79000);
  cr_assert_eq(j["path"]["rtt_us"], 18400);
  cr_assert_eq(j["path"]["rtt_min_us"], 17900);
  cr_assert_eq(j["changes"]["last_repair"]["time"], "2025-11-20T07:01:08.345Z");
  Status waiting = client_status();
  waiting.report.peers.clear();
  waiting.rates.reset();
  const auto without = nlohmann::json::parse(to_json(waiting));
  cr_assert(!without.contains("peer") && !without.contains("path"));
  cr_assert(!without["traffic"].contains("rx_bps"));
}

Test(status, warnings_name_what_needs_attention) {
  Status s = server_status();
  cr_assert(warnings_of(s).empty());
  s.dns = "10.0.0.53, by the resolver file";
  s.dns_set = true;
  cr_assert(warnings_of(s).empty());
  s.dns = "not set: no such file";
  s.dns_set = false;
  cr_assert_eq(warnings_of(s).size(), 1u);
  s.missing = {"+ rule"};
  s.repairs_rest = true;
  cr_assert_eq(warnings_of(s).size(), 3u);
}

Test(status, one_line) {
  cr_assert_eq(print_line(client_status()),
               "up  rtt 18.4 ms  ↓ 312 Mbit/s  ↑ 8.1 Mbit/s  dropped 2  changes 13/14");
  Status s = server_status();
  s.warnings = {"a\nb"};
  cr_assert_eq(print_line(s), "2 clients  dropped 0  changes 9/9  ! a?b");
}

Test(status, json_of_later_versions_is_read) {
  auto j = nlohmann::json::parse(to_json(server_status()));
  j["more"] = {1, 2, 3};
  j.erase("records");
  const auto s = status_from_json(j.dump());
  cr_assert(s.has_value());
  cr_assert_eq(s->name, "gate");
}

Test(status, json_that_is_something_else) {
  for (const char* text :
       {"", "{", "[]", "3", "null", "{}", "{\"schema\":\"vpnd.status/2\"}",
        "{\"schema\":\"vpnd.status/1\",\"name\":3}", "{\"schema\":\"vpnd.status/1\",\"peers\":[3]}",
        "{\"schema\":\"vpnd.status/1\",\"peers\":5}", "{\"schema\":\"vpnd.status/1\",\"drops\":[]}",
        "{\"schema\":\"vpnd.status/1\",\"in_state_ms\":-1}",
        "{\"schema\":\"vpnd.status/1\",\"in_state_ms\":9223372036854775807}",
        "{\"schema\":\"vpnd.status/1\",\"interface\":7}",
        "{\"schema\":\"vpnd.status/1\",\"traffic\":{\"rx_bps\":\"fast\"}}",
        "{\"schema\":\"vpnd.status/1\",\"changes\":{\"last_repair\":3}}",
        "{\"schema\":\"vpnd.status/1\",\"warnings\":3}"}) {
    cr_assert(!status_from_json(text).has_value(), "%s", text);
  }
}

Test(status, a_name_that_is_not_utf8_is_no_failure) {
  Status s = client_status();
  s.name = "a\xff";
  cr_assert(status_from_json(to_json(s)).has_value());
}

Test(status, control_characters_do_not_reach_the_terminal) {
  Status s = server_status();
  s.report.peers[0].name = "a\x1b[2Jb";
  cr_assert(print(s).find('\x1b') == std::string::npos);
}

Test(status, prints) {
  Status waiting = client_status();
  waiting.report.state = engine::ClientState::connecting;
  waiting.report.in_state = 5s;
  waiting.report.peers.clear();
  waiting.interface.clear();
  waiting.dns.clear();
  waiting.routing.lan = "none";
  waiting.routing.past_tunnel.clear();
  waiting.routing.kill_switch = "session";
  waiting.endpoint.clear();
  waiting.changes_made = 0;
  waiting.rates.reset();
  compare_golden("status_print.txt",
                 print(client_status()) + "\n" + print(waiting) + "\n" + print(server_status()));
}

Test(human, bytes) {
  const struct {
    std::uint64_t bytes;
    const char* text;
  } kTable[] = {{0, "0 B"},
                {1023, "1023 B"},
                {1024, "1.00 KiB"},
                {10 * 1024, "10.0 KiB"},
                {1024 * 1024 - 1, "1.00 MiB"},
                {222298112, "212 MiB"},
                {1975684956, "1.84 GiB"},
                {~std::uint64_t{0}, "16.0 EiB"}};
  for (const auto& row : kTable) {
    cr_assert_eq(human_bytes(row.bytes), row.text, "%s", human_bytes(row.bytes).c_str());
  }
}

Test(human, durations) {
  cr_assert_eq(human_duration(0s), "0 s");
  cr_assert_eq(human_duration(-5s), "0 s");
  cr_assert_eq(human_duration(59s), "59 s");
  cr_assert_eq(human_duration(60s), "1 min 0 s");
  cr_assert_eq(human_duration(2h + 14min), "2 h 14 min");
  cr_assert_eq(human_duration(49h), "2 d 1 h");
  cr_assert_eq(human_rtt(0s), "-");
  cr_assert_eq(human_rtt(90us), "90 us");
  cr_assert_eq(human_rtt(18400us), "18.4 ms");
}
