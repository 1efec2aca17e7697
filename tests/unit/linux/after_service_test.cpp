// SPDX-License-Identifier: ISC
#include "linux/after_service.h"

#include <criterion/criterion.h>

#include <filesystem>

#include "tests/support/folder.h"

using namespace vpnd;
using nl::CleanUp;

namespace {

CleanUp after(const char* result, const char* code, const char* status, bool stands = false) {
  return nl::clean_up_after({result, code, status}, stands);
}

}  // namespace

Test(after_service, a_clean_stop_leaves_nothing_to_keep) {
  cr_assert(after("success", "exited", "0") == CleanUp::all_but_walls);
}

Test(after_service, what_stands_is_not_touched_however_it_ended) {
  cr_assert(after("success", "exited", "0", true) == CleanUp::nothing);
  cr_assert(after("signal", "killed", "KILL", true) == CleanUp::nothing);
}

Test(after_service, a_process_that_comes_again_finds_what_it_left) {
  cr_assert(after("signal", "killed", "KILL") == CleanUp::resolver);
  cr_assert(after("watchdog", "dumped", "ABRT") == CleanUp::resolver);
  cr_assert(after("exit-code", "exited", "70") == CleanUp::resolver);
  cr_assert(after("timeout", "killed", "TERM") == CleanUp::resolver);
  // A number of signal, or of nothing.
  cr_assert(after("signal", "killed", "78") == CleanUp::resolver);
}

Test(after_service, one_that_does_not_come_again_leaves_walls_only) {
  for (const char* status : {"64", "77", "78"}) {
    cr_assert(after("exit-code", "exited", status) == CleanUp::all_but_walls, "%s", status);
  }
}

Test(after_service, a_journal_is_found_by_its_tunnel_once_its_process_is_dead) {
  const test::Folder made;
  const std::string& folder = made.path;
  {
    nl::Journal journal(folder, "vpn7");
    journal.note(nl::tunnel_note("home"));
    cr_assert(nl::journals_of("home", folder).empty(), "it lives");
  }
  cr_assert(std::filesystem::is_empty(folder), "whose it is, is no change");
  {
    nl::Journal journal(folder, "vpn7");
    journal.note(nl::tunnel_note("home"));
    journal.note(nl::kStandsNote);
  }
  cr_assert(nl::journals_of("work", folder).empty());
  const auto found = nl::journals_of("home", folder);
  cr_assert_eq(found.size(), 1u);
  cr_assert_eq(found.front().interface, "vpn7");
}
