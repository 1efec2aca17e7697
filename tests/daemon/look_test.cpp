// SPDX-License-Identifier: ISC
// What a running tunnel shows to programs: its status by the schema that is shipped, its events,
// its metrics, and how to wait for it.

#include <criterion/criterion.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "linux/local_socket.h"
#include "tests/daemon/lab.h"
#include "tests/daemon/traffic.h"
#include "tests/support/exposition.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

constexpr const char* kPython = "/usr/bin/python3";
constexpr const char* kStatus = "vpnd.status.1.json";
constexpr const char* kEvent = "vpnd.event.1.json";

// By a library; what it says is wrong is in the output. Closed: nothing beyond the schema either.
Finished validate(const Lab& lab, const char* schema, const std::string& lines,
                  bool closed = true) {
  const std::string path = lab.directory() + "/document";
  std::ofstream(path) << lines;
  std::vector<std::string> words{kPython, VPND_SOURCE_DIR "/tests/schema/validate.py",
                                 std::string(VPND_SOURCE_DIR "/tools/schema/") + schema, path};
  if (closed) words.emplace_back("--closed");
  return run_program(words);
}

std::string content(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::string client_status(Lab& lab) {
  const Finished asked = lab.vpnd(lab.client(), "client0", {"status", "--json"});
  cr_assert_eq(asked.status, 0, "%s", asked.output.c_str());
  return asked.output;
}

Child start_watching(Lab& lab, std::vector<std::string> words) {
  words.insert(words.begin(), lab.client_program);
  for (const auto& w : lab.places("client0")) words.push_back(w);
  return Child(words, lab.client().fd());
}

// What a daemon of Prometheus would see.
std::string http_get(const std::string& path) {
  const Fd fd = nl::connect_locally(path);
  cr_assert(static_cast<bool>(fd), "%s", path.c_str());
  constexpr std::string_view kGet = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
  cr_assert_eq(send(fd.get(), kGet.data(), kGet.size(), MSG_NOSIGNAL),
               static_cast<ssize_t>(kGet.size()));
  std::string out;
  char room[4096];
  for (ssize_t n = 1; n > 0;) {
    n = recv(fd.get(), room, sizeof room, 0);
    out.append(room, static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
  }
  return out;
}

}  // namespace

Test(look, status_is_by_its_schema_while_traffic_flows) {
  Lab lab;
  const Child server = lab.start_server(), client = lab.start_client();
  const Responder responder(lab.target(), kPort);
  Download download(lab.client(), kTarget4, kPort);
  cr_assert(download.goes_on());
  const std::string own = client_status(lab);
  const Finished theirs = lab.vpnd(lab.server(), "server", {"status", "--json"});
  cr_assert_eq(theirs.status, 0);
  for (const std::string& json : {own, theirs.output}) {
    const Finished judged = validate(lab, kStatus, json);
    cr_assert_eq(judged.status, 0, "%s\n%s", judged.output.c_str(), json.c_str());
    const auto j = nlohmann::json::parse(json);
    const char* way = j["role"] == "client" ? "rx_bps" : "tx_bps";
    cr_assert_gt(j["traffic"][way].get<std::uint64_t>(), 1'000'000u, "%s", json.c_str());
    const std::size_t present = j["changes"]["present"], missing = j["changes"]["missing"].size();
    cr_assert_eq(j["changes"]["made"].get<std::size_t>(), present + missing);
    const bool in_order = missing == 0 && (j["dns_set"] == true || j["dns"] == "");
    cr_assert_eq(j["warnings"].empty(), in_order, "%s", json.c_str());
    cr_assert_eq(j["peers"].size(), 1u);
  }
  const auto j = nlohmann::json::parse(own);
  cr_assert_gt(j["path"]["rtt_min_us"].get<int>(), 0);
  cr_assert_leq(j["path"]["rtt_min_us"].get<int>(), 2 * j["path"]["rtt_us"].get<int>());
  cr_assert_gt(j["peer"]["next_rekey_ms"].get<int>(), 0);
  cr_assert_lt(j["since"].get<std::string>(), j["time"].get<std::string>());
  cr_assert(validate(lab, kStatus, "").status != 0, "nothing is no document");
}

Test(look, what_is_not_by_the_schema_is_refused) {
  Lab lab;
  const Child server = lab.start_server(), client = lab.start_client();
  const auto good = nlohmann::json::parse(client_status(lab));
  const auto judge = [&](const nlohmann::json& j, bool closed) {
    return validate(lab, kStatus, j.dump() + "\n", closed);
  };
  cr_assert_eq(judge(good, true).status, 0);
  auto bad = good;
  bad["interface"]["mtu"] = "1420";
  const Finished refused = judge(bad, false);
  cr_assert_eq(refused.status, 1);
  cr_assert(refused.output.find("$.interface.mtu") != std::string::npos, "%s",
            refused.output.c_str());
  for (const char* pointer :
       {"/traffic/rx_bytes", "/peers/0/rtt_us", "/changes/made", "/since", "/state", "/schema"}) {
    bad = good;
    bad[nlohmann::json::json_pointer(pointer)] = "x";
    cr_assert_eq(judge(bad, false).status, 1, "%s", pointer);
  }
  for (const char* member : {"state", "traffic", "drops", "peers"}) {
    bad = good;
    bad.erase(member);
    cr_assert_eq(judge(bad, false).status, 1, "without %s", member);
  }
  // A later version may say more; this one may not without saying so in its schema.
  for (const char* pointer : {"/more", "/interface/more", "/peers/0/more", "/traffic/more"}) {
    bad = good;
    bad[nlohmann::json::json_pointer(pointer)] = 1;
    cr_assert_eq(judge(bad, false).status, 0, "%s", pointer);
    cr_assert_eq(judge(bad, true).status, 1, "%s", pointer);
  }
}

Test(look, status_names_who_removed_what) {
  Lab lab;
  const Child server = lab.start_server(), client = lab.start_client();
  // It waits for more to do: the name of one that has ended at once may not be found.
  const std::string words = temporary_directory() + "/words";
  cr_assert_eq(::mkfifo(words.c_str(), 0600), 0);
  const Child rival({"ip", "-batch", words}, lab.client().fd());
  std::ofstream to_rival(words);
  to_rival << "rule del priority 30001\n" << std::flush;
  std::string text;
  cr_assert(eventually([&] {
              text = lab.vpnd(lab.client(), "client0", {"status"}).output;
              return text.find("restored") != std::string::npos;
            }),
            "%s", text.c_str());
  cr_assert(text.find("rule") != std::string::npos && text.find("(ip); restored") != text.npos,
            "%s", text.c_str());
  const std::string json = client_status(lab);
  cr_assert_eq(validate(lab, kStatus, json).status, 0);
  const auto last = nlohmann::json::parse(json)["changes"]["last_repair"];
  cr_assert(last["by"].get<std::string>().find("(ip)") != std::string::npos, "%s", json.c_str());
}

Test(look, status_is_shown_again_and_again) {
  Lab lab;
  const Child server = lab.start_server();
  Child client = lab.start_client();
  Child watch = start_watching(lab, {"status", "--watch", "vpn0"});
  cr_assert(watch.says("  up  rtt "), "%s", watch.output().c_str());
  const std::size_t first = watch.output().size();
  cr_assert(eventually([&] { return watch.output().size() > first; }));
  cr_assert(watch.output().find("Mbit/s") != std::string::npos ||
                watch.output().find("bit/s") != std::string::npos,
            "%s", watch.output().c_str());
  client.signal(SIGTERM);
  cr_assert_eq(watch.wait(), 3);
}

// The file is called client.toml, the device vpn0.
Test(look, a_tunnel_is_also_called_what_its_file_is) {
  Lab lab;
  const Child server = lab.start_server(), client = lab.run_client("dns.mode = \"off\"");
  for (const char* command : {"status", "wait", "metrics", "confirm", "reload", "doctor"}) {
    const std::vector<std::string> words{command, "--config-dir", lab.directory(), "client"};
    const Finished asked = lab.vpnd(lab.client(), "client0", words);
    cr_assert_eq(asked.status, 0, "%s: %s", command, asked.output.c_str());
  }
  Child events = start_watching(lab, {"events", "--config-dir", lab.directory(), "client"});
  cr_assert(events.says("\"state\":\"up\""), "%s", events.output().c_str());
  (void)lab.server_file("");
  const std::vector<std::string> other{"status", "--config-dir", lab.directory(), "server"};
  cr_assert_eq(lab.vpnd(lab.client(), "client0", other).status, 3);
}

Test(look, events_come_as_they_happen) {
  Lab lab;
  Child server = lab.start_server();
  Child client = lab.start_client();
  Child events = start_watching(lab, {"events", "vpn0"});
  cr_assert(events.says("\"state\":\"up\""), "%s", events.output().c_str());
  server.signal(SIGTERM);
  cr_assert(events.says("\"event\":\"lost\""), "%s", events.output().c_str());
  server = lab.start_server();
  cr_assert(events.says("\"event\":\"connected\""), "%s", events.output().c_str());
  lab.ip(lab.client(), "rule del priority 30001");
  cr_assert(events.says("\"event\":\"repaired\""), "%s", events.output().c_str());
  client.signal(SIGTERM);
  cr_assert(events.says("\"event\":\"reverted\""), "%s", events.output().c_str());
  cr_assert_eq(events.wait(), 3);
  const Finished judged = validate(lab, kEvent, events.output());
  cr_assert_eq(judged.status, 0, "%s\n%s", judged.output.c_str(), events.output().c_str());
  const std::string wrong = R"({"schema":"vpnd.event/1","time":"now","tunnel":"vpn0"})";
  cr_assert_eq(validate(lab, kEvent, wrong + "\n").status, 1);
}

Test(look, wait_until_it_is_so) {
  Lab lab;
  const Child server = lab.start_server();
  Child too_early = start_watching(lab, {"wait", "vpn0", "--timeout=1"});
  cr_assert_eq(too_early.wait(), 3);
  Child connected = start_watching(lab, {"wait", "vpn0"});
  Child client = lab.start_client();
  cr_assert_eq(connected.wait(), 0, "%s", connected.output().c_str());
  Child down = start_watching(lab, {"wait", "vpn0", "--for=down"});
  Child not_down = start_watching(lab, {"wait", "vpn0", "--for=down", "--timeout=1"});
  cr_assert_eq(not_down.wait(), 3);
  client.signal(SIGTERM);
  cr_assert_eq(down.wait(), 0, "%s", down.output().c_str());
}

Test(look, wait_for_resolvers) {
  Lab lab;
  if (!lab.use_resolver_file("nameserver 203.0.113.1\n")) cr_skip_test("needs a mount namespace");
  const Child server = lab.start_server();
  {
    const Child client = lab.run_client("dns.mode = \"off\"");
    Child wait = start_watching(lab, {"wait", "vpn0", "--for=dns", "--timeout=1"});
    cr_assert_eq(wait.wait(), 3);
    Child other = start_watching(lab, {"wait", "vpn0", "--for=connected", "--timeout=9"});
    cr_assert_eq(other.wait(), 0);
  }
  const Child client = lab.run_client("dns = { mode = \"file\", servers = [\"192.0.2.53\"] }");
  Child wait = start_watching(lab, {"wait", "vpn0", "--for=dns", "--timeout=9"});
  cr_assert_eq(wait.wait(), 0, "%s", wait.output().c_str());
}

Test(look, metrics_on_each_of_their_ways) {
  Lab lab;
  const std::string folder = lab.directory();
  const Child server = lab.start_server();
  {
    Child client = lab.run_client(
        fmt::format("metrics = {{ textfile = \"{0}/vpnd.prom\", socket = \"{0}/metrics.sock\" }}\n"
                    "control.group = \"daemon\"",
                    folder));
    const Finished asked = lab.vpnd(lab.client(), "client0", {"metrics"});
    cr_assert_eq(asked.status, 0);
    cr_assert_eq(exposition_fault(asked.output), "", "%s", exposition_fault(asked.output).c_str());
    cr_assert(asked.output.find("vpnd_tunnel_up{tunnel=\"client\",role=\"client\"} 1\n") !=
                  std::string::npos,
              "%s", asked.output.c_str());
    cr_assert(eventually([&] { return !content(folder + "/vpnd.prom").empty(); }));
    cr_assert_eq(exposition_fault(content(folder + "/vpnd.prom")), "");
    const std::string answer = http_get(folder + "/metrics.sock");
    cr_assert(answer.starts_with("HTTP/1.0 200 OK\r\n"), "%s", answer.c_str());
    cr_assert_eq(exposition_fault(answer.substr(answer.find("\r\n\r\n") + 4)), "");
    for (const char* path : {"/metrics.sock", "/client0-run/vpn0.sock"}) {
      struct stat info {};
      cr_assert_eq(stat((folder + path).c_str(), &info), 0, "%s", path);
      cr_assert_eq(info.st_mode & 07777u, 0660u);
      cr_assert_eq(info.st_gid, 1u, "the group daemon");
    }
    client.signal(SIGTERM);
    cr_assert_eq(client.wait(), 0);
  }
  cr_assert_eq(access((folder + "/vpnd.prom").c_str(), F_OK), -1, "its figures stay behind");
  cr_assert_eq(access((folder + "/metrics.sock").c_str(), F_OK), -1);
}

Test(look, a_group_that_is_not_there_is_told_before_anything_is_changed) {
  Lab lab;
  const std::string path = lab.directory() + "/gate.toml";
  std::ofstream(path) << fmt::format(
      "mode = \"server\"\nidentity.key = \"{}\"\ncontrol.group = \"no-such-group\"\n", lab.key());
  const Finished refused = lab.vpnd(lab.server(), "server", {"run", path});
  cr_assert_eq(refused.status, 78);
  cr_assert(refused.output.find("no group \"no-such-group\"") != std::string::npos, "%s",
            refused.output.c_str());
}
