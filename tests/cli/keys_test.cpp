// SPDX-License-Identifier: ISC

// genkey, pubkey, fingerprint.

#include <criterion/criterion.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "tests/cli/program.h"

using cli::enter_folder;
using cli::Outcome;
using cli::run;

namespace {

using Words = std::vector<std::string>;

std::string made_server_key() {
  enter_folder();
  cr_assert_eq(run({"genkey", "--server", "s.key"}).code, 0);
  return "s.key";
}

}  // namespace

Test(keys, a_shared_key_is_32_raw_bytes_that_nobody_else_reads) {
  enter_folder();
  ::umask(0);  // an open umask must not open the file
  const Outcome made = run({"genkey", "vpn.key"});
  cr_assert_eq(made.code, 0, "%s", made.err.c_str());
  cr_assert_eq(cli::read_file("vpn.key").size(), 32u);
  cr_assert_eq(cli::mode_of("vpn.key"), 0600u);
  cr_assert_neq(made.out.find("vpnd-fp-1:"), std::string::npos);
}

Test(keys, an_umask_that_forbids_all_does_not_lock_the_owner_out) {
  enter_folder();
  ::umask(0777);
  cr_assert_eq(run({"genkey", "vpn.key"}).code, 0);
  cr_assert_eq(cli::mode_of("vpn.key"), 0600u);
}

Test(keys, two_keys_differ) {
  enter_folder();
  run({"genkey", "a"});
  run({"genkey", "b"});
  cr_assert_neq(cli::read_file("a"), cli::read_file("b"));
}

Test(keys, a_key_that_is_there_is_never_overwritten) {
  enter_folder();
  for (const char* kind : {"--shared", "--server"}) {
    cli::write_file("vpn.key", "precious");
    const Outcome again = run({"genkey", kind, "vpn.key"});
    cr_assert_eq(again.code, 1);
    cr_assert_eq(cli::read_file("vpn.key"), "precious");
    cr_assert_neq(again.err.find("exists already"), std::string::npos);
  }
}

Test(keys, a_link_is_not_followed) {
  enter_folder();
  cr_assert_eq(::symlink("elsewhere", "vpn.key"), 0);
  cr_assert_eq(run({"genkey", "vpn.key"}).code, 1);
  cr_assert_eq(cli::files_here(), Words{"vpn.key"});
}

Test(keys, the_text_form_goes_through_pipes) {
  enter_folder();
  const Outcome text = run({"genkey"});
  cr_assert_eq(text.code, 0);
  cr_assert_eq(text.out.size(), 45u);
  cr_assert_eq(text.err, "");
  const Outcome piped =
      run({"fingerprint", "-"}, {.input = text.out, .environment = {}, .before = {}});
  cli::write_file("vpn.key", text.out);
  const Outcome filed = run({"fingerprint", "vpn.key"});
  cr_assert_eq(piped.code, 0, "%s", piped.err.c_str());
  cr_assert_eq(piped.out, filed.out);
}

Test(keys, raw_and_text_of_one_key_have_one_fingerprint) {
  enter_folder();
  const std::string raw =
      "\x01\x02\x83\x04\x95\x06\x07\x08\x99\x10\x11\xf2\x13\x14\x15\xe6"
      "\x21\x22\x23\xc4\x25\x26\x27\x28\x29\xa0\x31\x32\x33\x34\x35\xd6";
  cli::write_file("raw", raw);
  cli::write_file("text", "AQKDBJUGBwiZEBHyExQV5iEiI8QlJicoKaAxMjM0NdY=\n");
  const Outcome one = run({"fingerprint", "raw"});
  cr_assert_eq(one.code, 0, "%s", one.err.c_str());
  cr_assert_eq(one.out, run({"fingerprint", "text"}).out);
}

Test(keys, a_servers_public_key_comes_from_file_and_pipe_alike) {
  made_server_key();
  const Outcome filed = run({"pubkey", "s.key"});
  cr_assert_eq(filed.code, 0);
  cr_assert_eq(filed.out.size(), 45u);
  const Outcome piped =
      run({"pubkey"}, {.input = cli::read_file("s.key"), .environment = {}, .before = {}});
  cr_assert_eq(piped.out, filed.out);
}

Test(keys, a_shared_key_has_no_public_key) {
  enter_folder();
  run({"genkey", "vpn.key"});
  const Outcome asked = run({"pubkey", "vpn.key"});
  cr_assert_eq(asked.code, 78);
  cr_assert_eq(asked.out, "");
}

Test(keys, a_key_that_others_can_read_is_refused_with_the_remedy) {
  enter_folder();
  run({"genkey", "vpn.key"});
  for (const unsigned mode : {0640u, 0604u, 0620u, 0601u}) {
    ::chmod("vpn.key", mode);
    const Outcome asked = run({"fingerprint", "vpn.key"});
    cr_assert_eq(asked.code, 77, "mode %o", mode);
    cr_assert_neq(asked.err.find("chmod 600 vpn.key"), std::string::npos);
    cr_assert_eq(asked.out, "");
  }
  ::chmod("vpn.key", 0400);
  cr_assert_eq(run({"fingerprint", "vpn.key"}).code, 0);
}

Test(keys, what_is_not_a_key_is_refused_and_not_repeated) {
  enter_folder();
  const std::vector<std::pair<const char*, std::string>> bad = {
      {"empty", ""},
      {"short", std::string(31, '\x91')},
      {"long", std::string(33, '\x91')},
      {"huge", std::string(5000, '\x91')},
      {"zero", std::string(32, '\0')},
      {"constant", std::string(32, '\x91')},
      {"printable", "correct horse battery staple 123"},
      {"base64 cut", "AQKDBJUGBwiZEBHyExQV5iEiI8QlJicoKaAxMjM0NdY\n"},
      {"base64 alphabet", "AQKDBJUGBwiZEBHyExQV5iEiI8QlJicoKaAxMjM0Nd!=\n"},
      {"client line cut", "vpnd-key-1:ATcCnRYF-eRLqzsYxMzytwZOAd149zfZgCyHKDxG9Zh\n"},
      {"server line cut", "vpnd-server-1:ATcCnRYF-eRLqzsYxMzytwZOAd149zfZgCyHKDxG9Zh\n"},
  };
  for (const auto& [what, content] : bad) {
    cli::write_file("k", content);
    const Outcome asked = run({"fingerprint", "k"});
    cr_assert_eq(asked.code, 78, "%s: %d", what, asked.code);
    cr_assert_eq(asked.out, "", "%s", what);
    cr_assert(asked.err.starts_with("vpnd: "), "%s: %s", what, asked.err.c_str());
    cr_assert_eq(asked.err.find("horse"), std::string::npos, "%s", what);
  }
}

Test(keys, a_changed_letter_in_a_line_is_noticed) {
  made_server_key();
  std::string line = cli::read_file("s.key");
  for (const std::size_t at : {std::size_t{20}, std::size_t{70}, line.size() - 3}) {
    std::string bad = line;
    bad[at] = bad[at] == 'A' ? 'B' : 'A';
    cli::write_file("bad", bad);
    cr_assert_eq(run({"pubkey", "bad"}).code, 78, "position %zu", at);
  }
}

Test(keys, one_kind_at_a_time) {
  enter_folder();
  cr_assert_eq(run({"genkey", "--shared", "--server", "k"}).code, 64);
  cr_assert_eq(cli::files_here().size(), 0u);
}

Test(keys, a_text_in_a_public_file_is_warned_about) {
  const std::string folder = enter_folder();
  const auto to_file = [](unsigned mode) {
    return cli::Setting{.input = {}, .environment = {}, .before = [mode] {
                          ::umask(0);
                          const int fd = ::creat("out", mode);
                          ::dup2(fd, 1);
                        }};
  };
  cr_assert_neq(run({"genkey"}, to_file(0644)).err.find("others can read"), std::string::npos);
  ::unlink("out");
  cr_assert_eq(run({"genkey"}, to_file(0600)).err, "");
}
