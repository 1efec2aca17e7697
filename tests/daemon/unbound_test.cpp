// SPDX-License-Identifier: ISC
// A caching, validating resolver behind the server: unbound with the configuration that the manual
// names, asked by a client through the tunnel and the server's relay. Its program is taken from
// VPND_TEST_UNBOUND, or from where Debian installs it.

#include <criterion/criterion.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <vector>

#include "linux/socket.h"
#include "tests/daemon/lab.h"
#include "tests/daemon/traffic.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

using Message = std::vector<std::uint8_t>;

const Address kRelay = Address::v4(192, 168, 192, 254);
constexpr std::uint16_t kAd = 0x20, kCd = 0x10, kRd = 0x100;  // RFC 1035 4.1.1, RFC 4035 3
constexpr int kNoError = 0, kServFail = 2;

std::string program() {
  const char* named = std::getenv("VPND_TEST_UNBOUND");
  return named != nullptr ? named : "/usr/sbin/unbound";
}

// A question for an IPv4 address with EDNS: room for 1232 bytes, an option that nobody knows, and
// DO if asked for (RFC 6891 6.1).
Message question(const std::string& name, std::uint16_t id, std::uint16_t flags, bool dnssec_ok) {
  Message m(12);
  store_be16(m.data(), id);
  store_be16(m.data() + 2, static_cast<std::uint16_t>(kRd | flags));
  m[5] = m[11] = 1;
  for (std::size_t at = 0; at < name.size();) {
    const std::size_t dot = std::min(name.find('.', at), name.size());
    m.push_back(static_cast<std::uint8_t>(dot - at));
    m.insert(m.end(), name.begin() + static_cast<std::ptrdiff_t>(at),
             name.begin() + static_cast<std::ptrdiff_t>(dot));
    at = dot + 1;
  }
  const std::uint8_t rest[] = {
      0, 0, 1, 0,    1,    0, 0, 41, 4, 208, 0, 0, static_cast<std::uint8_t>(dnssec_ok ? 0x80 : 0),
      0, 0, 6, 0xfd, 0xe9, 0, 2, 7,  9};
  m.insert(m.end(), std::begin(rest), std::end(rest));
  return m;
}

std::optional<Message> ask(const Namespace& ns, const Address& whom, const Message& m) {
  std::optional<Message> out;
  ns.run([&] {
    const Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_storage there{};
    const auto size = static_cast<socklen_t>(nl::to_sockaddr({whom, 53}, there));
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&there), size) != 0) return;
    // As resolvers do: again if nothing comes.
    for (int i = 0; i < 4 && !out; ++i) {
      if (::send(fd.get(), m.data(), m.size(), 0) < 0) return;
      pollfd p{fd.get(), POLLIN, 0};
      if (::poll(&p, 1, 2000) != 1) continue;
      Message heard(4096);
      const ssize_t n = ::recv(fd.get(), heard.data(), heard.size(), 0);
      if (n < 12) return;
      heard.resize(static_cast<std::size_t>(n));
      out = std::move(heard);
    }
  });
  return out;
}

struct Answer {
  int code = -1;
  std::uint16_t flags = 0, records = 0;
  bool edns = false;
};

Answer read(const std::optional<Message>& m) {
  if (!m) return {};
  const std::uint16_t flags = load_be16(m->data() + 2);
  return {flags & 15, flags, load_be16(m->data() + 6), load_be16(m->data() + 10) != 0};
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

// A server whose host asks unbound, which asks a name server at the target, and a client.
struct Bench {
  Lab lab;
  std::optional<Child> names, unbound, server, client;

  Bench() {
    if (!std::filesystem::exists(program()))
      cr_skip_test("there is no unbound; VPND_TEST_UNBOUND names its program");
    cr_assert(lab.use_resolver_file("nameserver 10.53.0.1\n"));
    lab.ip(lab.server(), "addr add 10.53.0.1/32 dev lo");
    names.emplace(
        std::vector<std::string>{"dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--user=root",
                                 "--pid-file=", "--no-resolv", "--no-hosts", "--log-queries",
                                 "--local-ttl=600", "--host-record=plain.example.net,192.0.2.7",
                                 "--host-record=www.signed.example.net,192.0.2.8"},
        lab.target().fd());
    cr_assert(names->says("started"), "%s", names->output().c_str());
    // The documented configuration, and what this place needs besides: no root, no files, and the
    // one name server there is. One zone is said to be signed, and its answers are not.
    write("unbound.conf",
          "include: \"" VPND_SOURCE_DIR
          "/tools/examples/unbound.conf\"\n"
          "server:\n  chroot: \"\"\n  username: \"\"\n  directory: \"\"\n  pidfile: \"\"\n"
          "  use-syslog: no\n  logfile: \"\"\n  do-daemonize: no\n  val-log-level: 2\n"
          "  trust-anchor: \"signed.example.net. DS 4711 13 2 " +
              std::string(64, 'a') +
              "\"\nremote-control:\n  control-enable: no\n"
              "forward-zone:\n  name: \".\"\n  forward-addr: 198.51.100.2\n");
    unbound.emplace(
        std::vector<std::string>{program(), "-d", "-c", lab.directory() + "/unbound.conf"},
        lab.server().fd());
    cr_assert(unbound->says("start of service"), "%s", unbound->output().c_str());
    server.emplace(lab.start_server());
    client.emplace(lab.start_client());
  }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(lab.directory() + "/" + name) << text;
  }
  Answer ask(const std::string& name, std::uint16_t flags = 0, bool dnssec_ok = false) {
    return read(::ask(lab.client(), kRelay, question(name, 7, flags, dnssec_ok)));
  }
  std::string said() { return unbound->output() + server->output() + names->output(); }
};

}  // namespace

Test(unbound, answers_a_second_time_from_its_cache) {
  Bench b;
  for (int i = 0; i < 2; ++i) {
    const Answer a = b.ask("plain.example.net");
    cr_assert_eq(a.code, kNoError, "%d: %s", a.code, b.said().c_str());
    cr_assert_eq(a.records, 1u);
    cr_assert(a.edns && (a.flags & kAd) == 0, "nothing vouches for that zone");
  }
  const std::string asked = b.names->output();
  cr_assert_eq(count(asked, "query[A] plain.example.net"), 1u, "%s", asked.c_str());
  // The control: the name server without unbound is asked each time.
  for (int i = 0; i < 2; ++i)
    (void)::ask(b.lab.server(), *Address::parse(Lab::kTarget4),
                question("plain.example.net", 8, 0, false));
  cr_assert(
      eventually([&] { return count(b.names->output(), "query[A] plain.example.net") == 3; }, 2));
}

Test(unbound, refuses_what_it_cannot_validate_unless_told_not_to_check) {
  Bench b;
  const Answer bogus = b.ask("www.signed.example.net", 0, true);
  cr_assert_eq(bogus.code, kServFail, "%d: %s", bogus.code, b.said().c_str());
  cr_assert_eq(bogus.records, 0u);
  const Answer unchecked = b.ask("www.signed.example.net", kCd, true);
  cr_assert_eq(unchecked.code, kNoError, "%d: %s", unchecked.code, b.said().c_str());
  cr_assert_eq(unchecked.records, 1u);
  cr_assert((unchecked.flags & kCd) != 0);
}

// The relay carries messages, it does not read them: whatever bits and options, the resolver gets
// these very bytes, and the client those of its answer.
Test(names, pass_the_relay_bit_by_bit) {
  Lab lab;
  cr_assert(lab.use_resolver_file("nameserver 198.51.100.2\n"));
  const Responder echo(lab.target(), 53);
  Child server = lab.start_server();
  Child client = lab.start_client();
  for (const bool dnssec_ok : {false, true})
    for (const unsigned flags : {0u, 0x10u, 0x20u, 0x30u, 0x40u, 0x8030u}) {
      const Message sent =
          question("some.example.net", 9, static_cast<std::uint16_t>(flags), dnssec_ok);
      const auto heard = ask(lab.client(), kRelay, sent);
      cr_assert(heard && *heard == sent, "flags %x: %s", flags, server.output().c_str());
    }
}
