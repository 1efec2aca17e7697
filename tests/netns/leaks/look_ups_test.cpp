// SPDX-License-Identifier: ISC
// Names, looked up as programs do it: through the tunnel, and never on the uplink. In a mount
// namespace with an /etc of its own, whose resolver is one of the client's local network.

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "linux/socket.h"
#include "linux/text_file.h"
#include "tests/netns/leaks/leak_lab.h"
#include "tests/support/private_etc.h"
#include "tests/support/resolver_forms.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

using Form = ResolverForm;

constexpr Form kForms[] = {Form::plain,   Form::link,    Form::dangling,
                           Form::missing, Form::mounted, Form::read_only};
constexpr char kOld[] = "nameserver 10.71.1.1\n";
constexpr char kFile[] = "/etc/resolv.conf";
constexpr char kOther[] = "198.51.100.3";  // a second resolver

// Every name has one address, by which it is known who was asked (RFC 1035 4.1). UDP only.
class NameServer {
 public:
  NameServer(const Namespace& ns, const std::string& at, const Address& answer) : answer_(answer) {
    ns.run([&] { fd_ = Fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)); });
    sockaddr_storage here{};
    const auto size =
        static_cast<socklen_t>(nl::to_sockaddr({Address::parse(at).value(), 53}, here));
    cr_assert_eq(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&here), size), 0);
    thread_ = std::thread([this] { serve(); });
  }
  ~NameServer() {
    stop_ = true;
    ::shutdown(fd_.get(), SHUT_RD);
    thread_.join();
  }
  NameServer(const NameServer&) = delete;
  NameServer& operator=(const NameServer&) = delete;

 private:
  void serve() {
    std::array<std::uint8_t, 512> m;
    while (!stop_) {
      sockaddr_storage from{};
      socklen_t size = sizeof from;
      auto* peer = reinterpret_cast<sockaddr*>(&from);
      const ssize_t n = ::recvfrom(fd_.get(), m.data(), m.size(), 0, peer, &size);
      if (n < 17) continue;
      std::size_t end = 12;
      while (end < static_cast<std::size_t>(n) && m[end] != 0) end += m[end] + 1u;
      end += 5;
      if (end + 16 > m.size() || end > static_cast<std::size_t>(n)) continue;
      // An answer, by who recurses; one question, one record, nothing else.
      for (const auto& [at, value] : {std::pair{2, 0x81}, {3, 0x80}, {7, 1}, {9, 0}, {11, 0}}) {
        m[static_cast<std::size_t>(at)] = static_cast<std::uint8_t>(value);
      }
      const std::uint8_t head[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4};
      std::copy(std::begin(head), std::end(head), m.begin() + static_cast<std::ptrdiff_t>(end));
      const Bytes address = answer_.bytes();
      std::copy(address.begin(), address.end(), m.begin() + static_cast<std::ptrdiff_t>(end + 12));
      ::sendto(fd_.get(), m.data(), end + 16, 0, peer, size);
    }
  }

  Address answer_;
  Fd fd_;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

// What a program of the client hears; empty: nothing.
std::string look_up(const LeakLab& l) {
  std::string out;
  l.lab.client().run([&out] {
    addrinfo hints{};
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    if (::getaddrinfo("some.example", nullptr, &hints, &list) != 0) return;
    sockaddr_in in{};
    std::copy_n(reinterpret_cast<const std::uint8_t*>(list->ai_addr), sizeof in,
                reinterpret_cast<std::uint8_t*>(&in));
    ::freeaddrinfo(list);
    std::array<char, INET_ADDRSTRLEN> text{};
    out = ::inet_ntop(AF_INET, &in.sin_addr, text.data(), text.size());
  });
  return out;
}

std::string file() {
  return nl::read_text(kFile);
}

// The server relays to the first resolver, which its host names at its start.
struct Bench {
  LeakLab l;
  NameServer first{l.lab.target(), Lab::kTarget4, Address::v4(192, 0, 2, 71)};
  std::unique_ptr<NameServer> second;

  Bench() {
    l.lab.ip(l.lab.target(), fmt::format("addr add {}/24 dev eth0", kOther));
    second = std::make_unique<NameServer>(l.lab.target(), kOther, Address::v4(192, 0, 2, 72));
    std::ofstream(kFile) << "nameserver " << Lab::kTarget4 << "\n";
    l.start_server();
  }
  // Until leave(): the client's own /etc.
  void enter(Form form) {
    cr_assert_eq(::mount("tmpfs", "/etc", "tmpfs", 0, "mode=755"), 0);
    make_resolver(form, kOld);
  }
  void leave() { cr_assert_eq(::umount2("/etc", MNT_DETACH), 0); }
  void expect(const char* answer, Form form, const char* when) {
    const std::string got = look_up(l);
    cr_assert_eq(got, answer, "%s, %s: %s\n%s\n%s", name_of(form), when, got.c_str(),
                 file().c_str(), l.client().output().c_str());
    const std::string leaks = l.leaked();
    cr_assert(leaks.empty(), "%s, %s: %s", name_of(form), when, leaks.c_str());
  }
  bool leaks() {
    (void)l.frames();
    (void)look_up(l);
    return !l.leaked().empty();
  }
};

void expect_same(const std::set<std::string>& before, Form form, const char* when) {
  const auto after = picture_of_etc();
  cr_assert(before == after, "%s, %s: was\n%s\nis\n%s", name_of(form), when,
            text_of(before).c_str(), text_of(after).c_str());
}

void make_bed() {
  private_etc();
  ::setenv("RES_OPTIONS", "timeout:1 attempts:1", 1);
}

}  // namespace

TestSuite(leaks_look_ups, .init = make_bed);

Test(leaks_look_ups, whatever_the_resolver_file_is) {
  Bench b;
  for (const Form form : kForms) {
    b.enter(form);
    const auto before = picture_of_etc();
    b.l.start_client();
    b.expect("192.0.2.71", form, "up");
    const bool ours = file().find("nameserver 192.168.192.254\n") != std::string::npos;
    cr_assert_eq(ours, form != Form::read_only, "%s: %s", name_of(form), file().c_str());
    b.l.client().signal(SIGTERM);
    cr_assert_eq(b.l.client().wait(5), 0, "%s", b.l.client().output().c_str());
    expect_same(before, form, "after the end");

    b.l.start_client();
    b.expect("192.0.2.71", form, "up again");
    b.l.kill_client();
    b.expect("", form, "killed");
    const Finished cleanup = b.l.lab.vpnd(b.l.lab.client(), "client0", {"cleanup"});
    cr_assert_eq(cleanup.status, 0, "%s", cleanup.output.c_str());
    expect_same(before, form, "after the cleanup");
    // Else nobody would have been asked, and the zeros above would mean nothing.
    if (form == Form::plain) cr_assert(b.leaks());
    b.leave();
  }
}

// Also where the file cannot be changed, and programs go on asking the local network's.
Test(leaks_look_ups, at_the_resolvers_of_the_file_rather_than_the_servers) {
  Bench b;
  for (const Form form : {Form::plain, Form::read_only}) {
    b.enter(form);
    b.l.run_client(std::string("dns.servers = [\"") + kOther + "\"]");
    b.expect("192.0.2.72", form, "up");
    b.l.client().signal(SIGTERM);
    b.l.client().wait(5);
    b.leave();
  }
}

// By then the file names a resolver that only the dead tunnel reached.
Test(leaks_look_ups, the_servers_own_name_after_a_kill) {
  Bench b;
  const NameServer local(b.l.lab.router(), "10.71.1.1", Address::parse(Lab::kServer).value());
  b.enter(Form::plain);
  const auto start = [&] {
    return b.l.lab.start_client(0, {"--kill-switch", "off"}, {}, "some.example");
  };
  Child client = start();
  const auto engines = Lab::children(client.pid());
  client.signal(SIGKILL);
  client.wait();
  for (const pid_t engine : engines) ::kill(engine, SIGKILL);
  cr_assert(file().find("192.168.192.254") != std::string::npos, "%s", file().c_str());
  // The address that it had last time would do instead.
  std::size_t forgotten = 0;
  for (const auto& entry : std::filesystem::directory_iterator(b.l.lab.places("client0")[1])) {
    const bool address = entry.path().filename().string().starts_with("address-");
    if (address) forgotten += std::filesystem::remove(entry.path());
  }
  cr_assert_eq(forgotten, 1u);
  client = start();
  cr_assert_eq(look_up(b.l), "192.0.2.71", "%s", client.output().c_str());
}

// Each of the two does it alone, and "off" leaves both out.
Test(leaks_look_ups, by_the_resolver_file_alone) {
  Bench b;
  b.enter(Form::plain);
  b.l.run_client("kill_switch.mode = \"off\"");
  b.expect("192.0.2.71", Form::plain, "without the wall");
  b.l.client().signal(SIGTERM);
  b.l.client().wait(5);
  b.l.run_client("dns.mode = \"off\"");
  cr_assert_eq(file(), kOld);
  cr_assert(b.leaks(), "who says off means it");
}
