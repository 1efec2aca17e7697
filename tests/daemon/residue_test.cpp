// SPDX-License-Identifier: ISC
// Nothing is left behind, however it ends.

#include <criterion/criterion.h>

#include <csignal>

#include "tests/daemon/lab.h"
#include "tests/daemon/traffic.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

// Both sides as they were before anything began.
struct Before {
  Lab lab;
  Snapshot server = lab.snapshot(lab.server());
  Snapshot client = lab.snapshot(lab.client());

  void equal(const char* when) {
    const Snapshot s = lab.snapshot(lab.server()), c = lab.snapshot(lab.client());
    cr_assert(server == s, "%s, on the server:\n%s", when, server.difference(s).c_str());
    cr_assert(client == c, "%s, on the client:\n%s", when, client.difference(c).c_str());
  }
};

void ends_cleanly(int signal, int times) {
  Before b;
  Child server = b.lab.start_server();
  Child client = b.lab.start_client();
  cr_assert(b.lab.ping(b.lab.client(), Lab::kTarget4));
  const Snapshot during = b.lab.snapshot(b.lab.client());
  cr_assert_not(b.client == during, "the snapshot sees nothing");
  for (int i = 0; i < times; ++i) {
    client.signal(signal);
    server.signal(signal);
  }
  cr_assert_eq(client.wait(5), 0, "%s", client.output().c_str());
  cr_assert_eq(server.wait(5), 0, "%s", server.output().c_str());
  b.equal("after a clean stop");
}

}  // namespace

Test(residue, none_after_term) {
  ends_cleanly(SIGTERM, 1);
}
Test(residue, none_after_int) {
  ends_cleanly(SIGINT, 1);
}
Test(residue, none_after_hup_twice) {
  ends_cleanly(SIGHUP, 2);
}

Test(residue, none_after_both_were_killed_started_and_stopped) {
  Before b;
  {
    Child server = b.lab.start_server();
    Child client = b.lab.start_client();
    client.signal(SIGKILL);
    server.signal(SIGKILL);
    client.wait();
    server.wait();
  }
  {
    Child server = b.lab.start_server();
    Child client = b.lab.start_client();
    cr_assert(b.lab.ping(b.lab.client(), Lab::kTarget4));
    client.signal(SIGTERM);
    server.signal(SIGTERM);
    cr_assert_eq(client.wait(5), 0, "%s", client.output().c_str());
    cr_assert_eq(server.wait(5), 0, "%s", server.output().c_str());
  }
  b.equal("after SIGKILL, a start and a stop");
}

Test(residue, cleanup_removes_what_the_killed_left) {
  Before b;
  {
    Child server = b.lab.start_server();
    Child client = b.lab.start_client();
    client.signal(SIGKILL);
    server.signal(SIGKILL);
    client.wait();
    server.wait();
  }
  const Finished s = b.lab.vpnd(b.lab.server(), "server", {"cleanup"});
  const Finished c = b.lab.vpnd(b.lab.client(), "client0", {"cleanup"});
  cr_assert_eq(s.status, 0, "%s", s.output.c_str());
  cr_assert_eq(c.status, 0, "%s", c.output.c_str());
  b.equal("after cleanup");
}

Test(residue, a_foreign_rule_that_looks_like_ours_survives) {
  Before b;
  const auto ip = [&](const std::vector<std::string>& words) {
    return run_program(words, b.lab.client().fd());
  };
  cr_assert_eq(
      ip({"ip", "rule", "add", "not", "fwmark", "42069", "lookup", "42069", "pref", "31000"})
          .status,
      0);
  b.client = b.lab.snapshot(b.lab.client());
  Child server = b.lab.start_server();
  {
    Child client = b.lab.start_client();
    client.signal(SIGKILL);
    client.wait();
  }
  cr_assert_eq(b.lab.vpnd(b.lab.client(), "client0", {"cleanup"}).status, 0);
  server.signal(SIGTERM);
  server.wait();
  b.equal("with a foreign rule");
}

Test(residue, cleanup_refuses_while_somebody_lives) {
  Before b;
  Child server = b.lab.start_server();
  const Finished s = b.lab.vpnd(b.lab.server(), "server", {"cleanup", "vpns"});
  cr_assert_eq(s.status, 75, "%s", s.output.c_str());
  Child client = b.lab.start_client();
  cr_assert(b.lab.ping(b.lab.client(), Lab::kTarget4), "it was cleaned away all the same");
}
