// SPDX-License-Identifier: ISC
// The seam as the BSDs have it, from keep() to stop(), with real processes and sockets.
#include <criterion/criterion.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "tests/unit/bsd_host/host_lab.h"
#include "tests/unit/bsd_host/pair.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

template<typename F>
Error thrown(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    return e;
  }
  cr_assert_fail("nothing was thrown");
  std::abort();
}

// Also one that ended and that nobody waits for is not alive.
bool lives(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string word, state;
  stat >> word >> word >> state;
  return !state.empty() && state != "Z";
}

bool contains(const std::string& text, std::string_view what) {
  return text.find(what) != std::string::npos;
}

}  // namespace

Test(bsd_host, a_tunnel_carries_packets_and_takes_everything_back) {
  Pair p;
  for (std::uint32_t i = 0; i < 20; ++i) cr_assert(p.passes(i));
  cr_assert(host::stop("tun0", p.bench.client_places, 10s));
  cr_assert_eq(p.client->wait(1s), 0, "%s", p.client->log().c_str());
  cr_assert(host::stop("tun0", p.bench.places, 10s));
  cr_assert_eq(p.server.wait(1s), 0, "%s", p.server.log().c_str());
  cr_assert(!host::stop("tun0", p.bench.places, 1s));
  cr_assert(!host::runs("tun0", p.bench.places));
}

Test(bsd_host, the_status_tells_what_is_here) {
  Pair p;
  const auto status = status_of("tun0", p.bench.client_places);
  cr_assert(status.has_value());
  cr_assert_eq(status->driver, "kqueue");
  cr_assert_eq(status->offload, "none");
  cr_assert_eq(status->routing.kill_switch, "off");
  cr_assert_eq(status->changes_made, status->changes_present);
  cr_assert_gt(status->changes_made, 3u);
  for (const std::string& f : status->fallbacks) {
    cr_assert(!contains(f, "Landlock") && !contains(f, "seccomp"), "%s", f.c_str());
  }
  cr_assert_eq(host::running(p.bench.places).size(), 1u);
  cr_assert(host::runs("tun0", p.bench.places));
  const auto served = status_of("", p.bench.places);
  cr_assert(served.has_value());
  cr_assert_eq(served->report.peers.size(), 1u);
}

Test(bsd_host, a_name_of_ours_is_what_a_tunnel_is_asked_by) {
  Bench bench;
  plan::ServerConfig config = bench.server();
  config.interface = config.name = "home";
  Tunnel server(config, bench.places);
  cr_assert(soon([&] { return host::runs("home", bench.places); }), "%s", server.log().c_str());
  const auto status = status_of("home", bench.places);
  cr_assert(status.has_value());
  cr_assert_eq(status->interface, "tun0");
  cr_assert(host::stop("home", bench.places, 10s));
  cr_assert_eq(server.wait(1s), 0);
}

Test(bsd_host, signals_end_it_or_ask) {
  Pair p;
  p.client->signal(SIGUSR2);
  cr_assert(soon([&] { return contains(p.client->log(), "kqueue"); }));
  p.client->signal(SIGUSR1);
  cr_assert(p.passes(1));
  p.client->signal(SIGTERM);
  cr_assert_eq(p.client->wait(), 0, "%s", p.client->log().c_str());
  p.server.signal(SIGHUP);  // there is no file to be read again
  cr_assert_eq(p.server.wait(), 0, "%s", p.server.log().c_str());
}

Test(bsd_host, a_killed_engine_is_replaced_and_the_tunnel_goes_on) {
  Pair p;
  cr_assert(p.passes(1));
  const auto engines = p.client->children();
  cr_assert_eq(engines.size(), 1u);
  cr_assert_eq(kill(engines.front(), SIGKILL), 0);
  cr_assert(soon([&] {
    const auto now = p.client->children();
    return now.size() == 1 && now != engines;
  }));
  // What is given to the device before that is dropped, as it must be.
  cr_assert(soon([&] { return contains(p.client->log(), "reconnected"); }), "%s",
            p.client->log().c_str());
  cr_assert(p.passes(2));
  cr_assert(contains(p.client->log(), "the engine ended unexpectedly"));
}

Test(bsd_host, an_engine_does_not_outlive_its_keeper) {
  Pair p;
  const auto engines = p.client->children();
  cr_assert_eq(engines.size(), 1u);
  cr_assert(lives(engines.front()));
  p.client->signal(SIGKILL);
  cr_assert_eq(p.client->wait(), 128 + SIGKILL);
  cr_assert(soon([&] { return !lives(engines.front()); }));
}

Test(bsd_host, an_engine_is_another_user) {
  if (geteuid() != 0) cr_skip_test("not root");
  Pair p;
  const auto engines = p.client->children();
  cr_assert_eq(engines.size(), 1u);
  std::ifstream lines("/proc/" + std::to_string(engines.front()) + "/status");
  std::string line;
  while (std::getline(lines, line) && !line.starts_with("Uid:")) {
  }
  cr_assert(!contains(line, "\t0"), "%s", line.c_str());
}

Test(bsd_host, a_trial_ends_unless_it_is_confirmed) {
  host::Caution caution;
  caution.try_for = 3s;
  Pair p(caution);
  cr_assert_eq(p.client->wait(10s), static_cast<int>(Exit::temporary), "%s",
               p.client->log().c_str());
  Bench& bench = p.bench;
  p.client.emplace(bench.client(), bench.client_places, caution);
  cr_assert(soon([&] { return is_up(bench.client_places); }));
  cr_assert(host::confirm("", bench.client_places));
  cr_assert_eq(p.client->wait(4s), -1);
}

Test(bsd_host, a_file_is_read_again_and_told_of) {
  Bench bench;
  plan::ServerConfig config = bench.server();
  const std::filesystem::path wish = bench.folder.in("wish");
  const host::ReadAgain again{"file", [&config, wish]() -> plan::Config {
                                if (!std::filesystem::exists(wish)) throw config_error("no wish");
                                plan::ServerConfig next = config;
                                next.max_clients = 3;
                                return next;
                              }};
  Tunnel server(config, bench.places, {}, again);
  cr_assert(soon([&] { return serves(bench.places); }), "%s", server.log().c_str());
  const auto refused = host::reload("", bench.places);
  cr_assert(refused.has_value());
  cr_assert_eq(static_cast<int>(refused->code), static_cast<int>(Exit::config));
  std::ofstream(wish.string()) << "x";
  const auto done = host::reload("", bench.places);
  cr_assert(done.has_value());
  cr_assert_eq(static_cast<int>(done->code), 0, "%s", done->line.c_str());
  cr_assert(contains(done->line, "max_clients"), "%s", done->line.c_str());
  server.signal(SIGHUP);
  cr_assert(soon([&] { return contains(server.log(), "the file was read again"); }));
  Bench other;
  Tunnel plain(other.server(), other.places);
  cr_assert(soon([&] { return serves(other.places); }));
  cr_assert_eq(static_cast<int>(host::reload("", other.places)->code),
               static_cast<int>(Exit::usage));
}

Test(bsd_host, events_come_as_they_happen_and_end_with_the_tunnel) {
  Pair p;
  host::Events events("", p.bench.client_places);
  const auto first = events.next(5s);
  cr_assert(first.has_value());
  cr_assert(contains(*first, "\"state\":\"up\""), "%s", first->c_str());
  cr_assert(!events.next(50ms).has_value() && !events.ended());
  p.server.signal(SIGTERM);
  const auto lost = events.next(10s);
  cr_assert(lost.has_value());
  p.client->signal(SIGTERM);
  cr_assert(soon([&] {
    while (events.next(0ms)) {
    }
    return events.ended();
  }));
  const Error e = thrown([&] { host::Events none("", p.bench.places); });
  cr_assert_eq(static_cast<int>(e.code()), static_cast<int>(Exit::not_running));
}

Test(bsd_host, several_readers_and_askers_do_not_hold_it_up) {
  Pair p;
  std::vector<host::Events> readers;
  for (int i = 0; i < 8; ++i) {
    readers.emplace_back("", p.bench.client_places);
    cr_assert(readers.back().next(5s).has_value(), "%d", i);
  }
  // One too many is turned away, and who asks for something else is still answered.
  host::Events ninth("", p.bench.client_places);
  cr_assert(!ninth.next(5s).has_value() && ninth.ended());
  for (int i = 0; i < 20; ++i) cr_assert(status_of("", p.bench.client_places).has_value());
  cr_assert(p.passes(1));
}

Test(bsd_host, in_the_background_it_is_waited_for) {
  Bench bench;
  const plan::Config config = bench.server();
  std::filesystem::create_directories(bench.places.run);
  const std::string log = bench.folder.in("log");
  int ends[2];
  cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
  use_device(ends[1]);
  std::string interface;
  const pid_t self = getpid();
  const Exit code = host::in_background(
      [&](const host::Running& running) {
        host::Caution caution;
        caution.running = running;
        return host::keep(config, bench.places, caution);
      },
      log, [&](const std::string& name) { interface = name; });
  if (getpid() != self) _exit(static_cast<int>(code));
  cr_assert_eq(interface, "tun0");
  cr_assert(host::runs("tun0", bench.places));
  cr_assert(contains((std::stringstream() << std::ifstream(log).rdbuf()).str(), "listening on"));
  cr_assert(host::stop("tun0", bench.places, 10s));
  int status = -1;
  cr_assert(soon([&] { return waitpid(-1, &status, WNOHANG) > 0; }));
  cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

Test(bsd_host, in_the_background_a_failure_is_told_here) {
  Bench bench;
  plan::ServerConfig config = bench.server();
  config.key = "/nonexistent";
  const pid_t self = getpid();
  const auto start = [&](const std::string& log) {
    (void)host::in_background(
        [&](const host::Running&) -> Exit {
          try {
            return host::keep(config, bench.places, {});
          } catch (const Error& e) {
            throw Error("so: " + std::string(e.what()), 0, {}, e.code(), e.remedy());
          }
        },
        log, [](const std::string&) { cr_assert_fail("it runs"); });
  };
  try {
    start(bench.folder.in("log"));
  } catch (const Error& e) {
    if (getpid() != self) _exit(static_cast<int>(e.code()));
    cr_assert(contains(e.what(), "so: ") && contains(e.what(), "/nonexistent"), "%s", e.what());
    cr_assert_eq(static_cast<int>(e.code()), static_cast<int>(Exit::config));
    const Error none = thrown([&] { start(""); });
    cr_assert_eq(static_cast<int>(none.code()), static_cast<int>(Exit::usage));
    return;
  }
  cr_assert_fail("nothing was thrown");
}

// Nobody is listened for at an address that is taken, and nothing is left of the attempt.
Test(bsd_host, a_port_in_use_is_told_of) {
  Pair p;
  Bench other;
  plan::ServerConfig config = other.server();
  config.listen = {{Address::v4(127, 0, 0, 1), p.bench.port}};
  Tunnel second(config, other.places);
  cr_assert_eq(second.wait(), static_cast<int>(Exit::temporary), "%s", second.log().c_str());
}

Test(bsd_host, what_is_not_here_says_so) {
  Bench bench;
  use_device(-1);
  for (const auto& call : std::vector<std::function<void()>>{
           [&] { (void)host::check("", bench.places); },
           [] { (void)host::demo({}); },
           [&] { (void)host::lock(bench.client(), bench.places); },
           [&] { (void)host::serve_resolver(bench.places); },
           [&] { (void)host::cleanup_after_service("x", bench.places, {}); },
       }) {
    const Error e = thrown(call);
    cr_assert(contains(e.what(), "on this system"), "%s", e.what());
    cr_assert(!e.remedy().empty());
  }
  plan::ServerConfig metrics = bench.server(), queues = bench.server();
  metrics.metrics_textfile = bench.folder.in("x");
  queues.queues = 2;
  for (const plan::ServerConfig& config : {metrics, queues}) {
    const Error e = thrown([&] { (void)host::keep(config, bench.places, {}); });
    cr_assert_eq(static_cast<int>(e.code()), static_cast<int>(Exit::config));
    cr_assert(contains(e.what(), "on this system"), "%s", e.what());
  }
  cr_assert(!host::journal_listens());
  cr_assert_eq(host::log_prefix(Level::error), "");
}

Test(bsd_host, an_ssh_shell_is_not_cut) {
  Bench bench;
  Tunnel server(bench.server(), bench.places);
  cr_assert(soon([&] { return serves(bench.places); }));
  // 192.0.2.10 is the made-up host's own address, 192.0.2.0/24 its network.
  setenv("SSH_CONNECTION", "203.0.113.99 50000 192.0.2.10 22", 1);
  Tunnel cut(bench.client(), bench.client_places);
  cr_assert_eq(cut.wait(), static_cast<int>(Exit::config), "%s", cut.log().c_str());
  cr_assert(contains(cut.log(), "203.0.113.99"));
  plan::ClientConfig spared = bench.client();
  spared.exclude = {Prefix::host(Address::v4(203, 0, 113, 99))};
  Tunnel other(spared, bench.client_places);
  cr_assert(soon([&] { return is_up(bench.client_places); }), "%s", other.log().c_str());
  cr_assert(host::stop("tun0", bench.client_places, 10s));
  setenv("SSH_CONNECTION", "192.0.2.99 50000 192.0.2.10 22", 1);
  Tunnel near(bench.client(), bench.client_places);
  cr_assert(soon([&] { return is_up(bench.client_places); }), "%s", near.log().c_str());
}

Test(bsd_host, the_doctor_looks) {
  Pair p;
  const plan::Findings found = host::doctor("", std::nullopt, p.bench.client_places);
  const auto of = [&](const std::string& id) {
    const auto at = std::ranges::find(found, id, &plan::Finding::id);
    cr_assert(at != found.end(), "%s", id.c_str());
    return *at;
  };
  cr_assert(of("tunnel.state").verdict == plan::Verdict::ok);
  cr_assert(of("leaks.kill-switch").verdict == plan::Verdict::note);
  cr_assert((of("privileges.root").verdict == plan::Verdict::ok) == (geteuid() == 0));
}
