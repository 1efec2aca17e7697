// SPDX-License-Identifier: ISC
#include "bsd/resolver_file.h"

#include <criterion/criterion.h>

#include "core/base/error.h"
#include "tests/unit/bsd/plans.h"

using namespace vpnd;
using namespace vpnd::bsd;
using namespace vpnd::test;

namespace {

plan::Resolver resolver(const char* interface = "tun0") {
  return {interface, plan::DnsMode::automatic, {address("192.168.192.254")}, {"corp.example"}};
}

const std::string kBefore = "nameserver 192.0.2.53\noptions edns0\n";

std::string now(const FakeSystem& s) {
  const auto at = s.files.find(kResolverFile);
  return at == s.files.end() ? "(none)" : at->second;
}

}  // namespace

Test(bsd_resolver_file, comes_back_to_the_byte) {
  for (const bool links : {true, false}) {
    FakeSystem s(kFreeBsd);
    s.links_work = links;
    s.files[kResolverFile] = kBefore;
    write_resolver_file(s, resolver());
    cr_assert(now(s).find("nameserver 192.168.192.254\n") != std::string::npos);
    cr_assert(now(s).find("options edns0") != std::string::npos);
    cr_assert(resolver_file_of(s) == "tun0");
    cr_assert_eq(resolver_file_before(s), kBefore);
    cr_assert(restore_resolver_file(s, "tun0"));
    cr_assert_eq(now(s), kBefore);
    cr_assert(!s.files.contains(kResolverBackup));
    cr_assert(!resolver_file_of(s));
  }
}

Test(bsd_resolver_file, where_there_was_none_there_is_none) {
  FakeSystem s(kFreeBsd);
  s.files.erase(kResolverFile);
  write_resolver_file(s, resolver());
  write_resolver_file(s, resolver());  // the second one knows it too
  cr_assert(restore_resolver_file(s, ""));
  cr_assert_eq(now(s), "(none)");
}

Test(bsd_resolver_file, ours_is_replaced_and_the_old_one_goes_on_waiting) {
  FakeSystem s(kFreeBsd);
  s.files[kResolverFile] = kBefore;
  write_resolver_file(s, resolver());
  auto other = resolver();
  other.servers = {address("10.0.0.53")};
  write_resolver_file(s, other);
  cr_assert(now(s).find("10.0.0.53") != std::string::npos);
  cr_assert(restore_resolver_file(s, "tun0"));
  cr_assert_eq(now(s), kBefore);
}

Test(bsd_resolver_file, what_others_wrote_meanwhile_stays) {
  FakeSystem s(kFreeBsd);
  s.files[kResolverFile] = kBefore;
  write_resolver_file(s, resolver());
  s.files[kResolverFile] = "nameserver 198.51.100.1\n";
  cr_assert(!restore_resolver_file(s, "tun0"));
  cr_assert_eq(now(s), "nameserver 198.51.100.1\n");
  cr_assert(!s.files.contains(kResolverBackup));
}

Test(bsd_resolver_file, another_tunnels_stays) {
  FakeSystem s(kFreeBsd);
  write_resolver_file(s, resolver("tun7"));
  const std::string theirs = now(s);
  cr_assert(!restore_resolver_file(s, "tun0"));
  cr_assert_eq(now(s), theirs);
  cr_assert(s.files.contains(kResolverBackup));
}

Test(bsd_resolver_file, a_failure_at_any_step_changes_nothing) {
  for (const bool links : {true, false}) {
    for (int n = 1; n <= 2; ++n) {
      FakeSystem s(kFreeBsd);
      s.links_work = links;
      s.files[kResolverFile] = kBefore;
      s.fail_at = n;
      bool threw = false;
      try {
        write_resolver_file(s, resolver());
      } catch (const Error&) {
        threw = true;
      }
      // A second name that cannot be had is no failure: it is renamed then.
      cr_assert(threw || (links && n == 1));
      if (threw) {
        cr_assert_eq(now(s), kBefore);
        cr_assert(!s.files.contains(kResolverBackup));
      }
      (void)restore_resolver_file(s, "");
      cr_assert_eq(now(s), kBefore);
    }
  }
}

Test(bsd_resolver_file, killed_between_two_renames) {
  FakeSystem s(kFreeBsd);
  s.files[kResolverBackup] = kBefore;
  s.files.erase(kResolverFile);
  cr_assert(restore_resolver_file(s, "tun0"));
  cr_assert_eq(now(s), kBefore);
}

Test(bsd_resolver_file, a_lost_backup_is_told) {
  FakeSystem s(kFreeBsd);
  write_resolver_file(s, resolver());
  s.files.erase(kResolverBackup);
  cr_assert_throw(restore_resolver_file(s, "tun0"), Error);
}
