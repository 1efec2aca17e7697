// SPDX-License-Identifier: ISC
// The program's server against a client that was written from PROTOCOL.md alone, in another
// language: what the text leaves out, or says otherwise than the program does, shows here.

#include <criterion/criterion.h>

#include <filesystem>

#include "tests/daemon/lab.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

constexpr const char* kPython = "/usr/bin/python3";

Finished python(const std::string& script, const std::vector<std::string>& words, int netns = -1) {
  if (!std::filesystem::exists(kPython)) cr_skip_test("no %s", kPython);
  // -B: nothing may be written beside the sources.
  std::vector<std::string> arguments = {kPython, "-B", VPND_SOURCE_DIR "/tests/second/" + script};
  arguments.insert(arguments.end(), words.begin(), words.end());
  return run_program(arguments, netns);
}

Finished tour(const Lab& lab, const std::string& key, const std::string& ciphers) {
  return python("client.py", {key, Lab::kServer, "443", ciphers}, lab.client().fd());
}

// Whether the library that Python loads, VPND_TEST_SODIUM if that is set, has this cipher.
void need(const char* cipher) {
  const Finished f = python("sodium.py", {cipher});
  if (f.status != 0) cr_skip_test("not cipher %s: %s", cipher, f.output.c_str());
}

// A server's program that offers AEGIS-256: this one, or the other build.
std::string with_aegis() {
  for (const std::string& program : {std::string(vpnd_program()), other_program()}) {
    if (!program.empty() && ciphers_of(program).front() == "aegis-256") return program;
  }
  cr_skip_test("no program with AEGIS-256; VPND_OTHER names one");
  return {};
}

// A mode-P server's key and a client's, made by the program itself.
struct PublicKeys {
  std::string server, client;
  explicit PublicKeys(const Lab& lab)
      : server(lab.directory() + "/server.key"), client(lab.directory() + "/bob.key") {
    const Finished made = run_program({vpnd_program(), "genkey", "--server", server});
    cr_assert_eq(made.status, 0, "%s", made.output.c_str());
    const Finished added =
        run_program({vpnd_program(), "peer", "add", server, "bob", "-o", client});
    cr_assert_eq(added.status, 0, "%s", added.output.c_str());
  }
};

void expect(const Finished& f, const char* last) {
  cr_assert_eq(f.status, 0, "%s", f.output.c_str());
  cr_assert(f.output.find(last) != std::string::npos, "it stopped early:\n%s", f.output.c_str());
}

constexpr const char* kLast = "a reserved bit: the end without a word";

}  // namespace

Test(second, agrees_with_the_known_answers) {
  const Finished f =
      python("known_answers.py", {VPND_SOURCE_DIR "/tests/data/vpnd1-draft-kat.json"});
  expect(f, "known answers: ");
}

Test(second, tours_a_mode_s_server_with_chacha) {
  Lab lab;
  Child server = lab.start_server();
  const Finished f = tour(lab, lab.key(), "1");
  expect(f, kLast);
  expect(f, "hello: cipher 1,");
}

Test(second, agrees_with_the_known_answers_of_aegis) {
  need("4");
  const Finished f =
      python("known_answers.py", {VPND_SOURCE_DIR "/tests/data/vpnd1-draft-kat.json", "4"});
  expect(f, "known answers: 2 handshakes");
}

Test(second, tours_a_mode_s_server_with_aegis) {
  need("4");
  Lab lab;
  lab.server_program = with_aegis();
  Child server = lab.start_server();
  const Finished f = tour(lab, lab.key(), "7");
  expect(f, kLast);
  expect(f, "hello: cipher 4,");
}

Test(second, tours_a_mode_s_server_with_aes) {
  need("2");
  Lab lab;
  Child server = lab.start_server();
  const Finished f = tour(lab, lab.key(), "3");
  expect(f, kLast);
  expect(f, "hello: cipher 2,");
}

Test(second, tours_a_mode_p_server_with_chacha) {
  Lab lab;
  const PublicKeys keys(lab);
  Child server = lab.start_server({"auto", "443", "vpns"}, keys.server);
  expect(tour(lab, keys.client, "1"), kLast);
}

Test(second, tours_a_mode_p_server_with_aegis) {
  need("4");
  Lab lab;
  lab.server_program = with_aegis();
  const PublicKeys keys(lab);
  Child server = lab.start_server({"auto", "443", "vpns"}, keys.server);
  expect(tour(lab, keys.client, "7"), kLast);
}

Test(second, tours_a_mode_p_server_with_aes) {
  need("2");
  Lab lab;
  const PublicKeys keys(lab);
  Child server = lab.start_server({"auto", "443", "vpns"}, keys.server);
  expect(tour(lab, keys.client, "3"), kLast);
}

// The control for all of the above: the tour does notice when a server is not what it should be.
Test(second, hears_nothing_with_another_key) {
  Lab lab;
  const PublicKeys keys(lab);
  Child server = lab.start_server();
  const Finished f = tour(lab, keys.client, "1");
  cr_assert_eq(f.status, 1, "%s", f.output.c_str());
  cr_assert(f.output.find("no answer to c1") != std::string::npos, "%s", f.output.c_str());
}
