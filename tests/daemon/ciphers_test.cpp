// SPDX-License-Identifier: ISC
// The data cipher of real tunnels: the first that both ends offer, also when their builds differ.
// VPND_OTHER names the program of a build with another libsodium.

#include <criterion/criterion.h>

#include <algorithm>
#include <cstdio>

#include "tests/daemon/lab.h"
#include "tests/daemon/traffic.h"
#include "tests/vectors/vectors.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

std::string need_other() {
  const std::string other = other_program();
  if (other.empty()) cr_skip_test("no other build; VPND_OTHER names its program");
  return other;
}

std::string first_of_both(const std::string& server, const std::string& client) {
  const auto theirs = ciphers_of(client);
  for (const std::string& cipher : ciphers_of(server)) {
    if (std::ranges::count(theirs, cipher) > 0) return cipher;
  }
  return {};
}

// By the program's own word.
std::string used(Lab& lab, const Namespace& ns, const std::string& who) {
  const Finished f = lab.vpnd(ns, who, {"status", "--json"});
  cr_assert_eq(f.status, 0, "%s", f.output.c_str());
  return Value::parse(f.output).at("peers").at(0).at("cipher").text();
}

void tunnel(const std::string& server_program, const std::string& client_program) {
  Lab lab;
  const Responder target(lab.target(), kPort);
  lab.server_program = server_program;
  lab.client_program = client_program;
  Child server = lab.start_server();
  Child client = lab.start_client();
  cr_assert(lab.ping(lab.client(), Lab::kTarget4), "%s", client.output().c_str());
  cr_assert(tcp_echo(lab.client(), kTarget4, kPort, 8 << 20, 20));
  cr_assert(tcp_echo(lab.client(), kTarget6, kPort, 4 << 20, 20));
  cr_assert(udp_echo(lab.client(), kTarget4, kPort, 9000));
  const std::string want = first_of_both(server_program, client_program);
  std::printf("%s\n", want.c_str());
  cr_assert_eq(used(lab, lab.client(), "client0"), want);
  cr_assert_eq(used(lab, lab.server(), "server"), want);
}

}  // namespace

Test(ciphers, of_one_build_with_itself) {
  tunnel(vpnd_program(), vpnd_program());
}

Test(ciphers, of_another_build_with_itself) {
  const std::string other = need_other();
  tunnel(other, other);
}

Test(ciphers, of_a_server_of_another_build) {
  const std::string other = need_other();
  tunnel(other, vpnd_program());
}

Test(ciphers, of_a_client_of_another_build) {
  const std::string other = need_other();
  tunnel(vpnd_program(), other);
}

// The control for those three: without a difference they show nothing.
Test(ciphers, of_another_build_are_others) {
  const std::string other = need_other();
  if (ciphers_of(vpnd_program()).back() == ciphers_of(vpnd_program()).front()) {
    cr_skip_test("this processor has but one cipher");
  }
  cr_assert(ciphers_of(other) != ciphers_of(vpnd_program()), "both builds have the same libsodium");
}
