// SPDX-License-Identifier: ISC
// Who may ask a tunnel for what.
#include <criterion/criterion.h>
#include <grp.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/bsd_host/pair.h"

using namespace vpnd;
using namespace vpnd::test;

// Others may not ask at all, and a group may look and change nothing.
Test(bsd_host, who_may_ask_for_what) {
  if (geteuid() != 0) cr_skip_test("not root");
  constexpr gid_t kNobodys = 54321;
  Pair p;
  cr_assert_eq(chmod(p.bench.folder.path.c_str(), 0755), 0);
  const auto as_other = [&](const std::function<int()>& body) {
    const pid_t child = fork();
    if (child == 0) {
      const gid_t group = kNobodys;
      const bool changed = setgroups(1, &group) == 0 &&
                           setresgid(kNobodys, kNobodys, kNobodys) == 0 &&
                           setresuid(kNobodys, kNobodys, kNobodys) == 0;
      try {
        _exit(changed ? body() : 99);
      } catch (const Error& e) {
        _exit(static_cast<int>(e.code()));
      }
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WEXITSTATUS(status);
  };
  const auto& places = p.bench.places;
  cr_assert_eq(as_other([&] { return host::status("tun0", places) ? 0 : 1; }),
               static_cast<int>(Exit::permission));
  // As it is for a group that was named.
  const std::string path = places.run + "/tun0.sock";
  cr_assert_eq(chown(path.c_str(), 0, kNobodys), 0);
  cr_assert_eq(chmod(path.c_str(), 0660), 0);
  const int denied = static_cast<int>(Exit::permission);
  cr_assert_eq(as_other([&] { return host::status("tun0", places) ? 0 : 1; }), denied);
  for (int i = 0; i < 20; ++i) {
    cr_assert_eq(as_other([&] { return host::stop("tun0", places, 2s) ? 0 : 1; }), denied, "%d", i);
  }
  cr_assert(host::status("tun0", places).has_value());
}

Test(bsd_host, a_group_may_look_and_change_nothing) {
  if (geteuid() != 0) cr_skip_test("not root");
  const group* entry = getgrnam("daemon");
  if (entry == nullptr) cr_skip_test("no group daemon");
  const gid_t gid = entry->gr_gid;
  Bench bench;
  cr_assert_eq(chmod(bench.folder.path.c_str(), 0755), 0);
  plan::ServerConfig config = bench.server();
  config.control_group = "daemon";
  Tunnel server(config, bench.places);
  cr_assert(soon([&] { return serves(bench.places); }), "%s", server.log().c_str());
  const auto as_member = [&](const std::function<bool()>& body) {
    const pid_t child = fork();
    if (child == 0) {
      const bool changed = setgroups(1, &gid) == 0 && setresuid(54321, 54321, 54321) == 0;
      try {
        _exit(!changed ? 99 : body() ? 0 : 1);
      } catch (const Error& e) {
        _exit(static_cast<int>(e.code()));
      }
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WEXITSTATUS(status);
  };
  constexpr int kDenied = static_cast<int>(Exit::permission);
  cr_assert_eq(as_member([&] { return host::status("", bench.places).has_value(); }), 0);
  cr_assert_eq(as_member([&] { return host::confirm("", bench.places); }), kDenied);
  cr_assert_eq(as_member([&] { return host::reload("", bench.places).has_value(); }), kDenied);
  cr_assert_eq(as_member([&] { return host::stop("tun0", bench.places, 5s); }), kDenied);
  cr_assert(serves(bench.places));
}
