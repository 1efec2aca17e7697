// SPDX-License-Identifier: ISC
#include "bsd/journal.h"

#include <criterion/criterion.h>

#include <algorithm>

#include "core/base/error.h"
#include "tests/unit/bsd/plans.h"

using namespace vpnd;
using namespace vpnd::bsd;
using namespace vpnd::test;

namespace {

using Lines = std::vector<std::string>;
constexpr const char* kHeld = "/db/tun0.held";

}  // namespace

Test(bsd_journal, notes_outlive_a_process_that_was_killed) {
  FakeSystem s(kFreeBsd);
  {
    Journal killed(s, "/db", "tun0");
    cr_assert(!killed.left_behind());
    killed.note("route 0.0.0.0/1");
    killed.note("route 0.0.0.0/1");
    killed.note("resolver");
    killed.strike("nothing of the kind");
  }  // the lock goes with a process, however it ends
  const Journal next(s, "/db", "tun0");
  cr_assert(next.left_behind());
  cr_assert(next.lines() == Lines({"route 0.0.0.0/1", "resolver"}));
}

Test(bsd_journal, a_journal_without_notes_leaves_no_file) {
  FakeSystem s(kFreeBsd);
  {
    Journal j(s, "/db", "tun0");
    cr_assert(s.files.contains(kHeld), "a name that is held can be seen");
    j.note("x");
    j.strike("x");
  }
  cr_assert(s.names_in("/db").empty());
  {
    Journal j(s, "/db", "tun0");
    j.note("x");
  }
  cr_assert(s.files.contains(kHeld));
}

Test(bsd_journal, one_process_at_a_time) {
  FakeSystem s(kFreeBsd);
  const Journal first(s, "/db", "tun0");
  try {
    const Journal second(s, "/db", "tun0");
    cr_assert(false);
  } catch (const Error& e) {
    cr_assert(e.code() == Exit::temporary);
  }
  const Journal other(s, "/db", "tun1");
}

Test(bsd_journal, notes_of_another_boot_and_nonsense_are_void) {
  FakeSystem s(kFreeBsd);
  const std::pair<const char*, bool> kTable[] = {{"boot 1700000000\nx\n", true},
                                                 {"boot 1700000250\nx\n", true},
                                                 {"boot 1699999750\nx\n", true},
                                                 {"boot 1700000301\nx\n", false},
                                                 {"boot 1699999699\nx\n", false},
                                                 {"boot \nx\n", false},
                                                 {"boot 17000000001\nx\n", false},
                                                 {"boot 1700000000 \nx\n", false},
                                                 {"x\n", false},
                                                 {"", false}};
  for (const auto& [text, valid] : kTable) {
    s.files[kHeld] = text;
    Journal j(s, "/db", "tun0");
    cr_assert_eq(j.left_behind(), valid, "%s", text);
    cr_assert(j.lines() == (valid ? Lines({"x"}) : Lines()), "%s", text);
    j.strike("x");
  }
  s.files[kHeld] = "boot 1700000000\nwhole\ncut off";
  Journal j(s, "/db", "tun0");
  cr_assert(j.lines() == Lines({"whole"}));
}

Test(bsd_journal, others_are_read_with_whether_they_live) {
  FakeSystem s(kFreeBsd);
  const std::string boot = "boot 1700000000\n";
  s.files["/db/tun1.held"] = boot + "route 0.0.0.0/1\n";
  s.files["/db/tun2.held"] = boot;
  s.files["/db/tun3.held"] = "boot 1\nroute ::/1\n";
  s.files["/db/.held"] = boot;
  s.locked_by_others = {"/db/tun1.lock"};
  const auto all = journals(s, "/db", "tun2");
  cr_assert_eq(all.size(), 1u);
  cr_assert(all[0].interface == "tun1" && all[0].living);
  cr_assert(all[0].lines == Lines({"route 0.0.0.0/1"}));
  const auto two = journals(s, "/db", "");
  cr_assert_eq(two.size(), 2u);
  cr_assert(!two[1].living);
  const Journal takes(s, "/db", "tun2");  // looking has not taken the lock
}
