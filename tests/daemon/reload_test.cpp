// SPDX-License-Identifier: ISC
// The file of a running tunnel is read again: what it changes, and that nothing else is disturbed.

#include <criterion/criterion.h>
#include <fmt/format.h>

#include <csignal>
#include <fstream>

#include "tests/daemon/lab.h"
#include "tests/daemon/traffic.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

pid_t engine_of(const Child& keeper) {
  const auto below = Lab::children(keeper.pid());
  cr_assert_eq(below.size(), 1, "%zu processes below the keeper", below.size());
  return below.front();
}

// A client of a file, with a download that must never break.
struct Bench {
  Lab lab;
  Responder target{lab.target(), kPort};
  Child server = lab.start_server();
  Child client = lab.run_client("");
  pid_t engine = engine_of(client);
  Download download{lab.client(), kTarget4, kPort};

  Bench() { cr_assert(download.goes_on(), "the download does not work to begin with"); }
  Finished reload(const std::string& settings) {
    (void)lab.client_file(settings);
    return lab.vpnd(lab.client(), "client0", {"reload", "vpn0"});
  }
  std::string way(const std::string& to) {
    return lab.try_ip(lab.client(), "route get " + to).output;
  }
  void undisturbed() {
    cr_assert(download.goes_on(), "the download broke\n%s", client.output().c_str());
    cr_assert_eq(engine_of(client), engine, "another engine");
    cr_assert_eq(client.output().find("reconnected"), std::string::npos, "another session\n%s",
                 client.output().c_str());
  }
};

bool says(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

void expect_code(const Finished& f, int code) {
  cr_assert_eq(f.status, code, "%d: %s", f.status, f.output.c_str());
}

}  // namespace

Test(reload, a_client_changes_what_goes_into_the_tunnel) {
  Bench b;
  cr_assert(says(b.way("192.0.2.9"), "vpn0"));
  const Finished out = b.reload("routing.exclude = [\"192.0.2.0/24\"]\nlog.level = \"debug\"");
  expect_code(out, 0);
  cr_assert(says(out.output, "in force: log.level, routing.exclude"), "%s", out.output.c_str());
  cr_assert(says(b.way("192.0.2.9"), "eth0"), "%s", b.way("192.0.2.9").c_str());
  b.undisturbed();
  const Finished back = b.reload("kill_switch.mode = \"off\"");
  expect_code(back, 0);
  cr_assert(says(b.way("192.0.2.9"), "vpn0"), "%s", b.way("192.0.2.9").c_str());
  const Finished tables = run_program({"nft", "list", "tables"}, b.lab.client().fd());
  cr_assert_not(says(tables.output, "vpnd_vpn0_wall"), "%s", tables.output.c_str());
  b.undisturbed();
  expect_code(b.reload(""), 0);
  const Finished again = run_program({"nft", "list", "tables"}, b.lab.client().fd());
  cr_assert(says(again.output, "vpnd_vpn0_wall"), "%s", again.output.c_str());
  b.undisturbed();
}

Test(reload, the_end_is_clean_after_changes) {
  Lab lab;
  const Snapshot before = lab.snapshot(lab.client());
  const Child server = lab.start_server();
  Child client = lab.run_client("");
  (void)lab.client_file("routing.exclude = [\"192.0.2.0/24\"]\nrouting.lan = \"none\"");
  expect_code(lab.vpnd(lab.client(), "client0", {"reload"}), 0);
  client.signal(SIGTERM);
  cr_assert_eq(client.wait(), 0);
  const Snapshot after = lab.snapshot(lab.client());
  cr_assert(before == after, "%s", before.difference(after).c_str());
}

Test(reload, a_mistake_changes_nothing) {
  Bench b;
  const Snapshot before = b.lab.snapshot(b.lab.client());
  const Finished out = b.reload("routing.exclude = [\"192.0.2.0/24\"]\nlog.levl = \"debug\"");
  expect_code(out, 78);
  cr_assert(says(out.output, "client.toml:6:5: unknown key \"levl\""), "%s", out.output.c_str());
  b.client.signal(SIGHUP);
  cr_assert(b.client.says("unknown key \"levl\" (did you mean \"level\"?); nothing was changed"),
            "%s", b.client.output().c_str());
  const Snapshot after = b.lab.snapshot(b.lab.client());
  cr_assert(before == after, "%s", before.difference(after).c_str());
  b.undisturbed();
}

Test(reload, what_waits_for_a_restart_is_named_each_time) {
  Bench b;
  for (int i = 0; i < 2; ++i) {
    const Finished out = b.reload("interface.fwmark = 7\nlog.level = \"debug\"");
    expect_code(out, 1);
    cr_assert(says(out.output, "not before a restart: interface.fwmark"), "%s", out.output.c_str());
    cr_assert_eq(says(out.output, "in force: log.level"), i == 0, "%s", out.output.c_str());
  }
  b.undisturbed();
}

Test(reload, a_server_takes_more_clients) {
  Lab lab(2);
  Responder target(lab.target(), kPort);
  Child server = lab.run_server("max_clients = 1");
  const pid_t engine = engine_of(server);
  const Child first = lab.start_client(0);
  Download download(lab.client(0), kTarget4, kPort);
  cr_assert(download.goes_on());
  Child second = lab.begin_client(1, {"--timeout", "0"}, "", Lab::kServer);
  cr_assert(second.says("refuses a session"), "%s", second.output().c_str());
  (void)lab.server_file("max_clients = 2\nisolate = false");
  server.signal(SIGHUP);
  cr_assert(server.says("in force: server.max_clients, server.isolate"), "%s",
            server.output().c_str());
  cr_assert(second.says("connected,"), "%s", second.output().c_str());
  cr_assert(lab.ping(lab.client(1), lab.address(lab.client(0))), "they are kept apart still");
  cr_assert(download.goes_on(), "the download broke\n%s", server.output().c_str());
  cr_assert_eq(engine_of(server), engine);
}

Test(reload, a_server_opens_its_network) {
  Lab lab;
  lab.ip(lab.server(), "addr add 10.99.0.1/24 dev eth1");
  lab.ip(lab.target(), "addr add 10.99.0.2/24 dev eth0");
  Child server = lab.run_server("");
  const Child client = lab.start_client();
  server.signal(SIGHUP);
  cr_assert(server.says("nothing is changed"));
  cr_assert_not(lab.ping(lab.client(), "10.99.0.2", 1), "it is open from the start");
  (void)lab.server_file("server_lan = [\"10.99.0.0/24\"]");
  expect_code(lab.vpnd(lab.server(), "server", {"reload"}), 0);
  cr_assert(lab.ping(lab.client(), "10.99.0.2"), "%s", server.output().c_str());
}

Test(reload, a_changed_client_list_disturbs_nobody) {
  Lab lab(2);
  const std::string folder = lab.directory();
  const std::string key = folder + "/server.key";
  const auto vpnd = [&](std::vector<std::string> words) {
    words.insert(words.begin(), vpnd_program());
    const Finished f = run_program(words);
    expect_code(f, 0);
  };
  vpnd({"genkey", "--server", key});
  vpnd({"peer", "add", key, "alice", "-o", folder + "/alice.key"});
  Responder target(lab.target(), kPort);
  Child server = lab.start_server({}, key);
  const pid_t engine = engine_of(server);
  const Child alice = lab.start_client(0, {}, folder + "/alice.key");
  Download download(lab.client(0), kTarget4, kPort);
  cr_assert(download.goes_on());
  vpnd({"peer", "add", key, "bob", "-o", folder + "/bob.key"});
  Child bob = lab.start_client(1, {}, folder + "/bob.key");
  vpnd({"peer", "revoke", key, "bob"});
  cr_assert(bob.says("revoked"), "%s", bob.output().c_str());
  cr_assert(download.goes_on(), "alice's session broke\n%s", server.output().c_str());
  cr_assert_eq(engine_of(server), engine);
}

Test(reload, a_tunnel_without_a_file_ends) {
  Lab lab;
  Child server = lab.start_server();
  const Finished out = lab.vpnd(lab.server(), "server", {"reload"});
  expect_code(out, 64);
  cr_assert(says(out.output, "no file"), "%s", out.output.c_str());
  server.signal(SIGHUP);
  cr_assert_eq(server.wait(), 0, "%s", server.output().c_str());
  expect_code(lab.vpnd(lab.server(), "server", {"reload"}), 3);
}
