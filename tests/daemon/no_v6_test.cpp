// SPDX-License-Identifier: ISC
// Where one end has no IPv6: whoever tries it hears so at once and goes on by IPv4, which does not
// suffer; and nothing of it is seen on the uplink.

#include <criterion/criterion.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <array>
#include <chrono>
#include <csignal>
#include <fstream>
#include <memory>
#include <optional>
#include <thread>

#include "linux/demo_watch.h"
#include "linux/socket.h"
#include "tests/daemon/lab.h"
#include "tests/daemon/traffic.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

using Clock = std::chrono::steady_clock;

// The server drops what clients send there, and says nothing: what a stall looks like.
const Address kDropped = Address::v4(100, 100, 100, 200);
constexpr char kRouter6[] = "2001:db8:3::1";

// An attempt of a program that waits for nothing but an answer.
class Attempt {
 public:
  Attempt(const Namespace& ns, const Address& to, int type, const std::string& device = {}) {
    ns.run([&] {
      fd_ = Fd(::socket(to.is_v4() ? AF_INET : AF_INET6, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      if (!device.empty()) {
        ::setsockopt(fd_.get(), SOL_SOCKET, SO_BINDTODEVICE, device.c_str(),
                     static_cast<socklen_t>(device.size() + 1));
      }
      sockaddr_storage there{};
      const auto size = static_cast<socklen_t>(nl::to_sockaddr({to, kPort}, there));
      since_ = Clock::now();
      if (::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&there), size) != 0 &&
          errno != EINPROGRESS) {
        error_ = errno;
      } else if (type == SOCK_DGRAM && ::send(fd_.get(), "x", 1, 0) != 1) {
        error_ = errno;
      }
    });
  }
  // Its error, 0 when it is connected, nullopt while nobody has answered.
  std::optional<int> result(int wait_ms = 0) {
    if (error_ != 0) return error_;
    pollfd p{fd_.get(), POLLOUT | POLLERR, 0};
    if (::poll(&p, 1, wait_ms) != 1) return std::nullopt;
    socklen_t size = sizeof error_;
    ::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error_, &size);
    return error_;
  }
  Clock::duration age() const { return Clock::now() - since_; }

 private:
  Fd fd_;
  int error_ = 0;
  Clock::time_point since_;
};

std::string said(const std::optional<int>& result) {
  return result ? fmt::format("error {}", *result) : std::string("no answer");
}

// Refused, in less than a tenth of the time for which the other one has been waiting in vain.
void refused_at_once(const Namespace& ns, const std::string& device) {
  for (const int type : {SOCK_STREAM, SOCK_DGRAM}) {
    const std::string what =
        fmt::format("{}{}", type == SOCK_STREAM ? "TCP" : "UDP", device.empty() ? "" : ", bound");
    Attempt dropped(ns, kDropped, SOCK_STREAM);
    Attempt v6(ns, kTarget6, type, device);
    const auto result = v6.result(1000);
    const auto took = v6.age();
    cr_assert(result && *result != 0, "%s: %s", what.c_str(), said(result).c_str());
    cr_assert_not(dropped.result(500).has_value(), "the control is no control");
    cr_assert(took < dropped.age() / 10, "%s", what.c_str());
  }
}

void no_v6_in(const Namespace& ns) {
  ns.run([] {
    for (const char* which : {"all", "default"})
      std::ofstream(fmt::format("/proc/sys/net/ipv6/conf/{}/disable_ipv6", which)) << 1;
  });
}

bool runs(const Child& child) {
  siginfo_t seen{};
  return ::waitid(P_PID, static_cast<id_t>(child.pid()), &seen, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         seen.si_pid == 0;
}

// Every protocol of IPv4 passes the tunnel.
bool v4_works(const Lab& lab) {
  return lab.ping(lab.client(), Lab::kTarget4) && tcp_echo(lab.client(), kTarget4, kPort) &&
         udp_echo(lab.client(), kTarget4, kPort);
}

// A client of a server without IPv6, on a host that has it: by that way a packet would get as far
// as the router, where it is looked for.
struct Bench {
  Lab lab;
  Responder target;
  std::unique_ptr<demo::Watch> watch;
  std::optional<Child> server, client;

  explicit Bench(const std::string& program) : target(lab.target(), kPort) {
    lab.router().run([&] {
      watch = std::make_unique<demo::Watch>("c0", Endpoint{Address::v4(203, 0, 113, 2), 443});
    });
    lab.client_program = program;
    server.emplace(lab.run_server("pool6 = \"off\""));
    cr_assert(lab.ping(lab.client(), kRouter6));
    cr_assert(eventually([&] { return watch->take().clear > 0; }, 3), "the watch does not see");
    client.emplace(lab.start_client());
    cr_assert(v4_works(lab), "%s", client->output().c_str());
    (void)watch->take();
  }
  std::uint64_t leaked() const {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    return watch->take().clear;
  }
};

}  // namespace

Test(no_v6, of_the_server_is_told_at_once_and_nothing_leaves) {
  Bench b(vpnd_program());
  const Namespace& ns = b.lab.client();
  refused_at_once(ns, {});
  const Child dropped({"ping", "-n", "-c", "1", "-W", "9", kDropped.text()}, ns.fd());
  for (const char* to : {Lab::kTarget6, kRouter6}) {
    const Finished f = run_program({"ping", "-n", "-c", "1", "-W", "20", to}, ns.fd());
    cr_assert_neq(f.status, 0, "%s", f.output.c_str());
    cr_assert(runs(dropped), "it waited: %s", f.output.c_str());
  }
  cr_assert_eq(b.leaked(), 0u);
  cr_assert(v4_works(b.lab), "%s", b.client->output().c_str());
}

// Of these the tunnel's routes know nothing: it is the wall that refuses them.
Test(no_v6, of_the_server_is_told_to_sockets_bound_to_the_uplink) {
  {
    Bench with(vpnd_program());
    refused_at_once(with.lab.client(), "eth0");
    cr_assert_eq(with.leaked(), 0u);
  }
  const Bench without(variant_program("nowall"));
  for (const int type : {SOCK_STREAM, SOCK_DGRAM})
    (void)Attempt(without.lab.client(), kTarget6, type, "eth0").result(100);
  cr_assert_gt(without.leaked(), 0u, "it does not take the wall to hold this");
}

Test(no_v6, of_the_clients_host_does_not_keep_ipv4_down) {
  for (const bool off : {true, false}) {
    Lab lab;
    const Responder target(lab.target(), kPort);
    Child server = lab.start_server();
    if (off) {
      no_v6_in(lab.client());
    } else {  // the family is there, and no address or route of it
      lab.ip(lab.client(), "-6 addr flush dev eth0");
      lab.ip(lab.client(), "-6 route flush dev eth0");
    }
    Child client = lab.start_client();
    cr_assert(v4_works(lab), "off: %d\n%s", off, client.output().c_str());
    // Without an address outside, the tunnel's is as good as any.
    cr_assert_eq(lab.ping(lab.client(), Lab::kTarget6), !off);
    client.signal(SIGTERM);
    cr_assert_eq(client.wait(5), 0, "%s", client.output().c_str());
  }
}

Test(no_v6, that_goes_while_connected_leaves_ipv4_alone) {
  Lab lab;
  const Responder target(lab.target(), kPort);
  Child server = lab.start_server();
  Child client = lab.start_client();
  cr_assert(lab.ping(lab.client(), Lab::kTarget6));
  Idle connection(lab.client(), kTarget4, kPort);
  cr_assert(connection.speak());
  no_v6_in(lab.client());
  // Longer than what is put back needs to give up.
  for (int i = 0; i < 15; ++i) {
    cr_assert(connection.speak(), "%s", client.output().c_str());
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  cr_assert(v4_works(lab), "%s", client.output().c_str());
  cr_assert_eq(client.output().find("connection lost"), std::string::npos, "%s",
               client.output().c_str());
  client.signal(SIGTERM);
  cr_assert_eq(client.wait(5), 0, "%s", client.output().c_str());
}
