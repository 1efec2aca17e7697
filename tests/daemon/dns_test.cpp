// SPDX-License-Identifier: ISC
// A client whose file names a resolver, in a mount namespace with an /etc of its own: it is set
// while there is a tunnel, asked through it, and gone afterwards.

#include <criterion/criterion.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/mount.h>

#include <filesystem>
#include <fstream>

#include "linux/text_file.h"
#include "tests/daemon/lab.h"
#include "tests/support/private_etc.h"

using namespace vpnd;
using namespace vpnd::test;
namespace fs = std::filesystem;

namespace {

constexpr char kFile[] = "/etc/resolv.conf";
constexpr char kOld[] = "nameserver 10.71.1.1\n";

std::string resolver_file() {
  return nl::read_text(kFile);
}

struct Bench {
  Lab lab;
  Child server = lab.start_server();

  Bench() { std::ofstream(kFile) << kOld; }
  Child start() {
    return lab.run_client(fmt::format("[dns]\nmode = \"file\"\nservers = [\"{}\"]", Lab::kTarget4));
  }
  // Its name server by its text: what programs ask.
  void expect_set(Child& client) {
    cr_assert(
        resolver_file().find(fmt::format("nameserver {}\n", Lab::kTarget4)) != std::string::npos,
        "%s\n%s", resolver_file().c_str(), client.output().c_str());
  }
  void expect_old(const char* when) {
    cr_assert_eq(resolver_file(), kOld, "%s: %s", when, resolver_file().c_str());
    for (const auto& entry : fs::directory_iterator("/etc")) {
      const std::string name = entry.path().filename();
      cr_assert(name.find("vpnd") == name.npos, "%s: %s is left", when, name.c_str());
    }
  }
};

}  // namespace

TestSuite(dns, .init = private_etc);

Test(dns, is_set_while_connected_and_then_as_before) {
  Bench b;
  b.expect_old("before");
  Child client = b.start();
  b.expect_set(client);
  const Finished status = b.lab.vpnd(b.lab.client(), "client0", {"status"});
  cr_assert(
      status.output.find("dns         198.51.100.2, by the resolver file") != std::string::npos,
      "%s", status.output.c_str());
  const Finished route = run_program({"ip", "route", "get", Lab::kTarget4}, b.lab.client().fd());
  cr_assert(route.output.find("dev vpn0") != std::string::npos, "%s", route.output.c_str());
  client.signal(SIGTERM);
  cr_assert_eq(client.wait(5), 0, "%s", client.output().c_str());
  b.expect_old("after the end");
}

Test(dns, a_killed_clients_is_put_back_by_cleanup_and_by_the_next_one) {
  Bench b;
  for (const bool cleanup : {true, false}) {
    Child client = b.start();
    client.signal(SIGKILL);
    client.wait();
    b.expect_set(client);
    if (cleanup) {
      const Finished f = b.lab.vpnd(b.lab.client(), "client0", {"cleanup"});
      cr_assert(f.output.find("/etc/resolv.conf back as it was") != std::string::npos, "%s",
                f.output.c_str());
    } else {
      Child next = b.start();
      b.expect_set(next);
      next.signal(SIGTERM);
      cr_assert_eq(next.wait(5), 0, "%s", next.output().c_str());
    }
    b.expect_old(cleanup ? "after the cleanup" : "after the next one's end");
  }
}

Test(dns, what_cannot_be_set_does_not_keep_the_tunnel_down) {
  Bench b;
  cr_assert_eq(::mount(nullptr, "/etc", nullptr, MS_REMOUNT | MS_RDONLY, nullptr), 0);
  Child client = b.start();
  cr_assert(client.output().find("the resolver is not set") != std::string::npos, "%s",
            client.output().c_str());
  cr_assert(b.lab.ping(b.lab.client(), Lab::kTarget4), "%s", client.output().c_str());
  const Finished status = b.lab.vpnd(b.lab.client(), "client0", {"status"});
  cr_assert(status.output.find("dns         not set: ") != std::string::npos, "%s",
            status.output.c_str());
  // Nobody has removed what never was.
  cr_assert(status.output.find("missing") == std::string::npos, "%s", status.output.c_str());
  const Finished doctor = b.lab.vpnd(b.lab.client(), "client0", {"doctor"});
  cr_assert(doctor.output.find("all of them in place") != std::string::npos, "%s",
            doctor.output.c_str());
  cr_assert(doctor.output.find("the resolvers are not set: ") != std::string::npos, "%s",
            doctor.output.c_str());
}
