// SPDX-License-Identifier: ISC
// What `vpnd plan` says of an object besides what it is.

#include "linux/change.h"

#include <criterion/criterion.h>

#include "tests/support/lowered.h"

using namespace vpnd;
using namespace vpnd::test;

// A device may be called almost anything, and its name is pasted into a shell.
Test(change, words_of_others_are_quoted) {
  cr_assert_eq(shell_word("eth0.100"), "eth0.100");
  cr_assert_eq(shell_word("a b"), "'a b'");
  cr_assert_eq(shell_word("$(reboot)"), "'$(reboot)'");
  cr_assert_eq(shell_word("it's"), "'it'\\''s'");
  cr_assert_eq(shell_word(""), "''");
  const auto set = change(LinkSetting{"x;reboot", 1, 1}, {});
  cr_assert_eq(set.commands, "sysctl -q -w 'net/ipv4/conf/x;reboot/forwarding'=1\n");
}

Test(change, each_object_has_a_kind_a_message_an_end_and_commands) {
  auto facts = gate();
  facts.drop_chains = {{Family::v4, false, "filter", "FORWARD", false}};
  for (const Object& o : lower(client_plan(client_config()), laptop())) {
    const auto c = change(o, {});
    cr_assert(!c.kind.empty() && !c.message.empty() && !c.undo.empty(), "%s", c.what.c_str());
    cr_assert(c.commands.ends_with("\n"), "%s", c.what.c_str());
    cr_assert_eq(c.what, describe(o));
  }
  for (const Object& o : lower(plan::plan_server(server_config()), facts)) {
    cr_assert(change(o, {}).commands.ends_with("\n"));
  }
}

Test(change, a_session_only_wall_goes_with_its_process) {
  Wall wall;
  wall.interface = "vpn0";
  cr_assert_neq(change(wall, {}).undo.find("after a crash by the next start"), std::string::npos);
  wall.session_only = true;
  cr_assert_neq(change(wall, {}).undo.find("goes with the process"), std::string::npos);
  wall.session_only = false;
  wall.stays = true;
  cr_assert_neq(change(wall, {}).undo.find("stays"), std::string::npos);
}

Test(change, resolvers_are_named_to_whom_programs_ask) {
  const DnsServers d{"vpn0", plan::DnsMode::automatic, {address("192.0.2.53")}, {"lan"}};
  ResolverNow now;
  now.by_resolved = true;
  const std::string by_bus = change(d, now).commands;
  cr_assert(by_bus.starts_with("resolvectl dns vpn0 192.0.2.53\n"), "%s", by_bus.c_str());
  cr_assert_neq(by_bus.find("resolvectl domain vpn0 '~.' lan\n"), std::string::npos);
  now.by_resolved = false;
  now.text = "options ndots:2\n";
  const std::string by_file = change(d, now).commands;
  for (const char* part : {"cp -a /etc/resolv.conf ", "nameserver 192.0.2.53\n", "search lan\n",
                           "options ndots:2\n", " /etc/resolv.conf\n"}) {
    cr_assert_neq(by_file.find(part), std::string::npos, "%s in %s", part, by_file.c_str());
  }
  now.absent = true;
  cr_assert_eq(change(d, now).commands.find("cp "), std::string::npos);
  now.elsewhere = true;
  cr_assert(change(d, now).commands.starts_with("# nothing"));
}
