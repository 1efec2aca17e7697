// SPDX-License-Identifier: ISC

// peer add, list, revoke.

#include <criterion/criterion.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "tests/cli/program.h"

using cli::enter_folder;
using cli::Outcome;
using cli::run;

namespace {

void start() {
  enter_folder();
  cr_assert_eq(run({"genkey", "--server", "s.key"}).code, 0);
}

std::vector<std::string> listed() {
  const Outcome all = run({"peer", "list", "s.key"});
  cr_assert_eq(all.code, 0, "%s", all.err.c_str());
  return cli::lines(all.out);
}

}  // namespace

Test(peers, a_new_peer_gets_a_key_and_stands_in_the_list) {
  start();
  const Outcome added = run({"peer", "add", "s.key", "laptop", "-o", "laptop.key"});
  cr_assert_eq(added.code, 0, "%s", added.err.c_str());
  cr_assert(cli::read_file("laptop.key").starts_with("vpnd-key-1:"));
  cr_assert_eq(cli::mode_of("laptop.key"), 0600u);
  cr_assert_eq(cli::mode_of("s.key.peers"), 0600u);
  cr_assert_eq(added.out.find("vpnd-key-1:"), std::string::npos, "the key is in the file only");
  const auto rows = listed();
  cr_assert_eq(rows.size(), 1u);
  std::string own = run({"pubkey", "laptop.key"}).out;
  own.pop_back();
  cr_assert_neq(rows[0].find(own), std::string::npos, "the list has another key");
  cr_assert_eq(run({"fingerprint", "laptop.key"}).out, run({"fingerprint", "s.key"}).out);
}

Test(peers, without_a_file_the_key_is_all_that_is_printed) {
  start();
  const Outcome added = run({"peer", "add", "s.key", "phone"});
  cr_assert_eq(added.code, 0);
  cr_assert(added.out.starts_with("vpnd-key-1:"));
  cr_assert_eq(cli::lines(added.out).size(), 1u);
}

Test(peers, the_list_does_not_hold_the_clients_secret) {
  start();
  const std::string line = run({"peer", "add", "s.key", "phone"}).out;
  cr_assert_eq(cli::read_file("s.key.peers").find(line.substr(11, 40)), std::string::npos);
}

Test(peers, a_name_is_given_once) {
  start();
  run({"peer", "add", "s.key", "laptop", "-o", "a"});
  const std::string before = cli::read_file("s.key.peers");
  const Outcome again = run({"peer", "add", "s.key", "laptop", "-o", "b"});
  cr_assert_eq(again.code, 1);
  cr_assert_eq(cli::read_file("s.key.peers"), before);
  cr_assert_neq(::access("b", F_OK), 0);
}

Test(peers, names_that_would_confuse_are_refused) {
  start();
  for (const char* name : {"", ".", "..", "-x", "a/b", "a b", "a\nb", "\xc3\xa4",
                           "123456789012345678901234567890123"}) {
    cr_assert_eq(run({"peer", "add", "s.key", "--", name}).code, 64, "\"%s\"", name);
  }
  cr_assert_eq(cli::files_here().size(), 1u);
}

Test(peers, an_address_belongs_to_one) {
  start();
  cr_assert_eq(run({"peer", "add", "s.key", "a", "--address", "192.168.192.7"}).code, 0);
  cr_assert_neq(listed()[0].find("192.168.192.7"), std::string::npos);
  cr_assert_eq(run({"peer", "add", "s.key", "b", "--address", "192.168.192.7"}).code, 64);
  cr_assert_eq(run({"peer", "add", "s.key", "b", "--address", "192.168.192"}).code, 64);
  cr_assert_eq(run({"peer", "add", "s.key", "b", "--address", "fd00::1"}).code, 64);
  cr_assert_eq(listed().size(), 1u);
}

Test(peers, revoking_takes_one_line_and_leaves_comments) {
  start();
  for (const char* name : {"a", "ab", "b"}) run({"peer", "add", "s.key", name});
  cli::write_file("s.key.peers", "# office\n" + cli::read_file("s.key.peers"));
  const Outcome revoked = run({"peer", "revoke", "s.key", "a"});
  cr_assert_eq(revoked.code, 0, "%s", revoked.err.c_str());
  cr_assert_eq(listed().size(), 2u);
  const std::string text = cli::read_file("s.key.peers");
  cr_assert(text.starts_with("# office\nab "), "%s", text.c_str());
  cr_assert_neq(text.find("\nb "), std::string::npos);
}

Test(peers, revoking_the_unknown_suggests_the_known) {
  start();
  run({"peer", "add", "s.key", "laptop"});
  const Outcome revoked = run({"peer", "revoke", "s.key", "latop"});
  cr_assert_eq(revoked.code, 1);
  cr_assert_neq(revoked.err.find("did you mean \"laptop\""), std::string::npos);
  cr_assert_eq(listed().size(), 1u);
}

Test(peers, only_a_servers_key_has_peers) {
  start();
  run({"genkey", "vpn.key"});
  run({"peer", "add", "s.key", "a", "-o", "a.key"});
  for (const char* key : {"vpn.key", "a.key", "nosuch"}) {
    for (const char* verb : {"add", "revoke"}) {
      cr_assert_eq(run({"peer", verb, key, "x"}).code, 78, "%s %s", verb, key);
    }
    cr_assert_eq(run({"peer", "list", key}).code, 78, "%s", key);
  }
}

Test(peers, a_list_that_others_can_read_is_refused) {
  start();
  run({"peer", "add", "s.key", "a"});
  ::chmod("s.key.peers", 0644);
  cr_assert_eq(run({"peer", "list", "s.key"}).code, 77);
  cr_assert_eq(run({"peer", "add", "s.key", "b"}).code, 77);
}

Test(peers, a_damaged_list_is_named_and_kept) {
  start();
  run({"peer", "add", "s.key", "a"});
  const std::string damaged = cli::read_file("s.key.peers") + "b not-a-key\n";
  cli::write_file("s.key.peers", damaged);
  const Outcome added = run({"peer", "add", "s.key", "c"});
  cr_assert_eq(added.code, 78);
  cr_assert_neq(added.err.find("s.key.peers"), std::string::npos);
  cr_assert_eq(cli::read_file("s.key.peers"), damaged);
}

Test(peers, those_who_add_at_once_all_get_in) {
  start();
  std::vector<std::thread> all;
  for (int i = 0; i < 8; ++i) {
    all.emplace_back([i] { run({"peer", "add", "s.key", "p" + std::to_string(i)}); });
  }
  for (auto& one : all) one.join();
  cr_assert_eq(listed().size(), 8u);
  cr_assert_eq(cli::files_here().size(), 2u, "a temporary file is left");
}
