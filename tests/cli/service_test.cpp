// SPDX-License-Identifier: ISC
// What a service manager runs, and how it must not be run.

#include <criterion/criterion.h>

#include "tests/cli/program.h"

using namespace cli;

namespace {

bool says(const Outcome& o, const char* what) {
  return o.err.find(what) != std::string::npos;
}

}  // namespace

Test(cli_service, cleanup_after_service_is_no_command_for_people) {
  const Outcome by_hand = run({"cleanup", "--after-service", "home"});
  cr_assert_eq(by_hand.code, 64);
  cr_assert(says(by_hand, "is for a service manager"), "%s", by_hand.err.c_str());
  Setting managed;
  managed.environment = {{"SERVICE_RESULT", "success"}};
  const Outcome nameless = run({"cleanup", "--after-service"}, managed);
  cr_assert_eq(nameless.code, 64);
  cr_assert(says(nameless, "needs the name of a tunnel"), "%s", nameless.err.c_str());
}

Test(cli_service, dns_without_a_passed_socket) {
  const Outcome o = run({"dns"});
  cr_assert_eq(o.code, 64);
  cr_assert(says(o, "is for a service manager"), "%s", o.err.c_str());
  cr_assert_eq(run({"dns", "x"}).code, 64);
  Setting wrong;
  wrong.environment = {{"LISTEN_FDS", "1"}, {"LISTEN_PID", "1"}};
  cr_assert_eq(run({"dns"}, wrong).code, 64, "a socket for somebody else");
}

Test(cli_service, lock_names_what_is_no_wall_of_its_own) {
  enter_folder();
  const std::string head =
      "mode = \"client\"\n[identity]\nkey = \"k\"\n[[peer]]\nendpoint = "
      "[\"192.0.2.1:443\"]\n";
  write_file("on.toml", head);
  const Outcome on = run({"lock", "on.toml"});
  cr_assert_eq(on.code, 78);
  cr_assert(says(on, "no kill switch \"always\""), "%s", on.err.c_str());
  write_file("any.toml", head + "[interface]\nname = \"auto\"\n[kill_switch]\nmode = \"always\"\n");
  const Outcome any = run({"lock", "any.toml", "--state-dir", "state"});
  cr_assert_eq(any.code, 78);
  cr_assert(says(any, "needs a fixed interface"), "%s", any.err.c_str());
  cr_assert_eq(run({"lock", "absent.toml"}).code, 78);
}

Test(cli_service, a_log_has_one_of_two_formats) {
  const Outcome o = run({"client", "k", "192.0.2.1", "--log-format", "jsno"});
  cr_assert_eq(o.code, 64);
  cr_assert(says(o, "did you mean \"json\""), "%s", o.err.c_str());
}

Test(cli_service, an_error_has_its_level_where_the_journal_reads) {
  const Outcome plain = run({"lock", "absent.toml"});
  cr_assert(plain.err.starts_with("vpnd: "), "%s", plain.err.c_str());
}
