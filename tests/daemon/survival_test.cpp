// SPDX-License-Identifier: ISC
// What goes on when something dies: the client's address, a running download and an idle TCP
// connection.

#include <criterion/criterion.h>

#include <csignal>

#include "tests/daemon/lab.h"
#include "tests/daemon/traffic.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

struct Bench {
  Lab lab;
  Responder target{lab.target(), kPort};
  Child server = lab.start_server();
  Child client = lab.start_client();
  std::string lease = lab.address(lab.client());
  Idle idle{lab.client(), kTarget4, kPort};
  Download download{lab.client(), kTarget4, kPort};

  Bench() {
    cr_assert(idle.speak(), "the idle connection does not work to begin with");
    cr_assert(download.goes_on(), "nor the download");
  }
  void all_goes_on(const char* after) {
    cr_assert(download.goes_on(20), "the download stopped after %s\n%s\n%s", after,
              server.output().c_str(), client.output().c_str());
    cr_assert(idle.speak(10), "the idle connection died after %s\n%s\n%s", after,
              server.output().c_str(), client.output().c_str());
    cr_assert_eq(lab.address(lab.client()), lease, "another address after %s", after);
  }
  pid_t engine(const Child& keeper) {
    const auto below = Lab::children(keeper.pid());
    cr_assert_eq(below.size(), 1, "%zu processes below the keeper", below.size());
    return below.front();
  }
};

}  // namespace

Test(survival, server_killed_and_started_again) {
  Bench b;
  b.server.signal(SIGKILL);
  b.server.wait();
  b.server = b.lab.start_server();
  b.all_goes_on("the server's death");
}

Test(survival, server_stopped_and_started_again) {
  Bench b;
  b.server.signal(SIGTERM);
  cr_assert_eq(b.server.wait(), 0, "%s", b.server.output().c_str());
  b.server = b.lab.start_server();
  cr_assert(eventually([&] { return b.lab.ping(b.lab.client(), Lab::kTarget4, 1); }, 15));
  cr_assert(b.idle.speak(10), "the idle connection died of a clean restart");
  cr_assert_eq(b.lab.address(b.lab.client()), b.lease);
}

Test(survival, server_engine_killed) {
  Bench b;
  ::kill(b.engine(b.server), SIGKILL);
  b.all_goes_on("the server engine's death");
}

Test(survival, client_engine_killed) {
  Bench b;
  ::kill(b.engine(b.client), SIGKILL);
  b.all_goes_on("the client engine's death");
}

Test(survival, path_cut_for_a_while) {
  Bench b;
  const auto cut = [&](const char* state) {
    return run_program({"ip", "link", "set", "wan", state}, b.lab.router().fd()).status;
  };
  cr_assert_eq(cut("down"), 0);
  cr_assert_not(b.lab.ping(b.lab.client(), Lab::kTarget4, 5), "the cut cuts nothing");
  cr_assert_eq(cut("up"), 0);
  b.all_goes_on("a cut of five seconds");
}
