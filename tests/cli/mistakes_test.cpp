// SPDX-License-Identifier: ISC

// What stops a tunnel before it begins: one clear message, the right exit code, and a host that is
// as it was.

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "linux/demo_state.h"
#include "linux/fd.h"
#include "linux/tun.h"
#include "tests/cli/program.h"

using cli::Outcome;
using vpnd::Fd;

namespace {

using Words = std::vector<std::string>;

// A host of its own for the test, with a good key in its folder.
void start() {
  cli::enter_network();
  cli::enter_folder();
  cr_assert_eq(cli::run({"genkey", "vpn.key"}).code, 0);
}

Words with_places(const Words& words) {
  Words all = {words[0], "--state-dir", "state", "--run-dir", "run"};
  all.insert(all.end(), words.begin() + 1, words.end());
  return all;
}

// The program ends with `code`, says `what` in its first line, and leaves the host as it was.
void expect(const Words& words, int code, const std::string& what,
            const cli::Setting& setting = {}) {
  const auto before = vpnd::demo::take_state();
  const Outcome outcome = cli::run(with_places(words), setting);
  cr_assert_eq(outcome.code, code, "exit %d: %s", outcome.code, outcome.err.c_str());
  std::size_t complaints = 0;
  std::string line;
  for (const std::string& said : cli::lines(outcome.err)) {
    if (!said.starts_with("vpnd: ")) continue;
    ++complaints;
    line = said;
  }
  cr_assert_eq(complaints, 1u, "%s", outcome.err.c_str());
  cr_assert_neq(line.find(what), std::string::npos, "%s", line.c_str());
  const auto changes = vpnd::demo::differences(before, vpnd::demo::take_state());
  cr_assert(changes.empty(), "%s", changes.empty() ? "" : changes[0].c_str());
}

Fd listener_on(std::uint16_t port) {
  Fd fd(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in6 any{};
  any.sin6_family = AF_INET6;
  any.sin6_port = htons(port);
  cr_assert_eq(::bind(fd.get(), reinterpret_cast<sockaddr*>(&any), sizeof any), 0);
  cr_assert_eq(::listen(fd.get(), 1), 0);
  return fd;
}

}  // namespace

Test(mistakes, a_missing_key_file) {
  start();
  expect({"server", "nosuch.key"}, 78, "nosuch.key");
  expect({"client", "nosuch.key", "127.0.0.1"}, 78, "nosuch.key");
}

Test(mistakes, a_key_that_others_can_read) {
  start();
  cli::write_file("open.key", cli::read_file("vpn.key"), 0640);
  expect({"server", "open.key"}, 77, "open.key");
  expect({"client", "open.key", "127.0.0.1"}, 77, "open.key");
}

Test(mistakes, keys_that_are_none) {
  start();
  const std::vector<std::pair<const char*, std::string>> bad = {
      {"short.key", std::string(31, '\x91')},
      {"long.key", std::string(33, '\x91')},
      {"zero.key", std::string(32, '\0')},
      {"empty.key", ""},
      {"text.key", "correct horse battery staple 123"}};
  for (const auto& [name, content] : bad) {
    cli::write_file(name, content);
    expect({"server", name}, 78, name);
    expect({"client", name, "127.0.0.1"}, 78, name);
  }
}

Test(mistakes, the_other_sides_key) {
  start();
  cli::run({"genkey", "--server", "s.key"});
  cli::run({"peer", "add", "s.key", "a", "-o", "a.key"});
  expect({"server", "a.key"}, 78, "a.key");
  expect({"client", "s.key", "127.0.0.1"}, 78, "s.key");
}

Test(mistakes, a_port_in_use) {
  start();
  const Fd other = listener_on(4433);
  expect({"server", "vpn.key", "auto", "4433"}, 75, "4433");
}

Test(mistakes, a_device_in_use) {
  start();
  vpnd::nl::Tun tun = vpnd::nl::open_tun("vpn7");
  expect({"server", "vpn.key", "auto", "4433", "vpn7"}, 75, "vpn7");
}

Test(mistakes, a_server_that_does_not_answer) {
  start();
  // Nobody listens: the refusal is at once, the patience is the option's.
  expect({"client", "--timeout", "1", "vpn.key", "127.0.0.1", "4433"}, 69, "127.0.0.1");
}

Test(mistakes, a_listener_that_is_no_server) {
  start();
  const Fd silent = listener_on(4433);
  expect({"client", "--timeout", "1", "vpn.key", "127.0.0.1", "4433"}, 76, "127.0.0.1");
}

Test(mistakes, a_name_that_does_not_resolve) {
  start();
  expect({"client", "vpn.key", "nosuch.invalid"}, 69, "nosuch.invalid");
  expect({"server", "vpn.key", "nosuch.invalid"}, 69, "nosuch.invalid");
}

Test(mistakes, an_address_that_is_not_ours) {
  start();
  expect({"server", "vpn.key", "192.0.2.1", "4433"}, 78, "192.0.2.1");
}

Test(mistakes, an_unknown_key_in_a_file) {
  start();
  cli::write_file("home.toml", "mode = \"client\"\n[interfce]\nname = \"vpn0\"\n", 0644);
  expect({"run", "home.toml"}, 78, "home.toml:2:2: unknown key \"interfce\"");
  expect({"run", "nosuch.toml"}, 78, "nosuch.toml");
}

Test(mistakes, no_device_node) {
  start();
  if (::unshare(CLONE_NEWNS) != 0 ||
      ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("none", "/dev/net", "tmpfs", 0, nullptr) != 0) {
    cr_skip_test("needs the right to mount");
  }
  expect({"server", "vpn.key", "auto", "4433"}, 71, "/dev/net/tun");
}

Test(mistakes, no_privilege) {
  start();
  if (::geteuid() != 0) cr_skip_test("needs root, to give it up");
  cr_assert_eq(::chown(".", 65534, 65534), 0);
  cr_assert_eq(::chown("vpn.key", 65534, 65534), 0);
  const cli::Setting nobody{.input = {}, .environment = {}, .before = [] {
                              if (::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(98);
                            }};
  expect({"server", "vpn.key", "auto", "4433"}, 77, "", nobody);
}

Test(mistakes, plan_changes_nothing) {
  start();
  const auto before = vpnd::demo::take_state();
  const Outcome server = cli::run({"plan", "server", "vpn.key"});
  cr_assert_eq(server.code, 0, "%s", server.err.c_str());
  cr_assert_neq(server.out.find("192.168.192.254"), std::string::npos);
  const Outcome client = cli::run({"plan", "client", "vpn.key", "192.0.2.1"});
  cr_assert_eq(client.code, 0, "%s", client.err.c_str());
  cr_assert_neq(client.out.find("42069"), std::string::npos);
  const Words words{"plan", "client", "vpn.key", "192.0.2.1", "--exclude", "198.51.100.7"};
  const auto in_format = [&](const char* format) {
    Words all = words;
    all.push_back(std::string("--format=") + format);
    const Outcome outcome = cli::run(all);
    cr_assert_eq(outcome.code, 0, "%s", outcome.err.c_str());
    return outcome.out;
  };
  cr_assert(in_format("json").starts_with("{\"schema\":\"vpnd.plan/1\""));
  cr_assert_neq(in_format("ip").find("ip -4 route add throw 198.51.100.7"), std::string::npos);
  cr_assert_eq(in_format("text"), cli::run(words).out);
  cr_assert(vpnd::demo::differences(before, vpnd::demo::take_state()).empty());
}

Test(mistakes, the_doctor_of_nobody) {
  start();
  expect({"doctor", "nosuch"}, 78, "nosuch");
  expect({"doctor", "nosuch.toml"}, 78, "nosuch.toml");
}

Test(mistakes, nothing_to_clean_up) {
  start();
  const Outcome outcome = cli::run(with_places({"cleanup"}));
  cr_assert_eq(outcome.code, 0, "%s", outcome.err.c_str());
}
