// SPDX-License-Identifier: ISC
// What strangers may try: replayed openings, thousands of silent connections, other local users.

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>
#include <vector>

#include "linux/socket.h"
#include "tests/daemon/lab.h"
#include "tests/daemon/traffic.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

using Seconds = std::chrono::duration<double>;

Fd tcp_to(const Namespace& from, const char* address, std::uint16_t port) {
  Fd fd;
  from.run([&] {
    fd.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_storage to{};
    const int size = nl::to_sockaddr({*Address::parse(address), port}, to);
    if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), static_cast<socklen_t>(size)) != 0) {
      fd.reset();
    }
  });
  return fd;
}

// Passes one connection on from the router to the server and keeps what the client said first.
class Relay {
 public:
  Relay(const Lab& lab, std::uint16_t port) {
    lab.router().run([&] {
      listener_.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      sockaddr_in any{};
      any.sin_family = AF_INET;
      any.sin_port = htons(port);
      cr_expect_eq(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&any), sizeof any), 0);
      cr_expect_eq(::listen(listener_.get(), 4), 0);
    });
    upstream_ = tcp_to(lab.router(), Lab::kServer, 443);
    thread_ = std::thread([this] { run(); });
  }
  ~Relay() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    if (downstream_) ::shutdown(downstream_.get(), SHUT_RDWR);
    ::shutdown(upstream_.get(), SHUT_RDWR);
    thread_.join();
  }
  const std::vector<std::uint8_t>& opening() const { return opening_; }

 private:
  void run() {
    downstream_.reset(::accept(listener_.get(), nullptr, nullptr));
    if (!downstream_) return;
    std::vector<std::uint8_t> buffer(1 << 16);
    for (;;) {
      pollfd p[2] = {{downstream_.get(), POLLIN, 0}, {upstream_.get(), POLLIN, 0}};
      if (::poll(p, 2, -1) < 0) return;
      for (int side = 0; side < 2; ++side) {
        if (p[side].revents == 0) continue;
        const ssize_t n = ::recv(p[side].fd, buffer.data(), buffer.size(), 0);
        if (n <= 0) return;
        if (side == 0 && opening_.empty()) opening_.assign(buffer.begin(), buffer.begin() + n);
        if (::send(p[1 - side].fd, buffer.data(), static_cast<std::size_t>(n), MSG_NOSIGNAL) < 0) {
          return;
        }
      }
    }
  }
  Fd listener_, downstream_, upstream_;
  std::vector<std::uint8_t> opening_;
  std::thread thread_;
};

// Plays `opening` to the server; how many bytes come back within so many seconds.
ssize_t answer_to(const Namespace& from, const std::vector<std::uint8_t>& opening, int seconds) {
  const Fd fd = tcp_to(from, Lab::kServer, 443);
  if (!fd) return -1;
  (void)::send(fd.get(), opening.data(), opening.size(), MSG_NOSIGNAL);
  pollfd p{fd.get(), POLLIN, 0};
  if (::poll(&p, 1, seconds * 1000) == 0) return 0;
  std::uint8_t byte[512];
  return ::recv(fd.get(), byte, sizeof byte, 0);
}

double one_connect(Lab& lab, int client) {
  const auto start = std::chrono::steady_clock::now();
  Child child = lab.start_client(client);
  const double took = Seconds(std::chrono::steady_clock::now() - start).count();
  child.signal(SIGTERM);
  child.wait();
  return took;
}

// From the start of the process to its first session. The machine has other things to do, which
// only ever adds: the best counts, of three or, while none is good enough, of nine.
double time_to_connect(Lab& lab, int client, double good_enough = 9) {
  double best = one_connect(lab, client);
  for (int tries = 1; tries < 3 || (tries < 9 && best > good_enough); ++tries)
    best = std::min(best, one_connect(lab, client));
  return best;
}

double median_ping_ms(const Namespace& from) {
  const std::string said =
      run_program({"ping", "-n", "-c", "41", "-i", "0.02", Lab::kTarget4}, from.fd()).output;
  std::vector<double> times;
  for (auto at = said.find("time="); at != std::string::npos; at = said.find("time=", at + 1))
    times.push_back(std::stod(said.substr(at + 5)));
  cr_assert_geq(times.size(), 30u, "%s", said.c_str());
  std::ranges::sort(times);
  return times[times.size() / 2];
}

void silent_connections(std::size_t count) {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);

  Lab lab(2);
  Child server = lab.start_server();
  Child resident = lab.start_client(0);
  const double connect_before = time_to_connect(lab, 1);
  const double ping_before = median_ping_ms(lab.client(0));

  std::vector<Fd> silent;
  silent.reserve(count);
  lab.router().run([&] {
    sockaddr_storage to{};
    const int size = nl::to_sockaddr({*Address::parse(Lab::kServer), 443}, to);
    for (std::size_t i = 0; i < count; ++i) {
      Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      (void)::connect(fd.get(), reinterpret_cast<sockaddr*>(&to), static_cast<socklen_t>(size));
      if (fd) silent.push_back(std::move(fd));
    }
  });
  cr_assert_eq(silent.size(), count, "only %zu sockets", silent.size());

  const double connect_during = time_to_connect(lab, 1, connect_before + 0.2);
  const double ping_during = median_ping_ms(lab.client(0));
  std::fprintf(stderr, "%zu silent connections: connect %.0f -> %.0f ms, ping %.2f -> %.2f ms\n",
               count, connect_before * 1000, connect_during * 1000, ping_before, ping_during);
  cr_assert_lt(connect_during - connect_before, 0.2);
  cr_assert_lt(ping_during - ping_before, 5.0);
  cr_assert(resident.output().find("lost") == std::string::npos, "%s", resident.output().c_str());
}

}  // namespace

Test(hostile, a_thousand_silent_connections_delay_nobody) {
  silent_connections(1000);
}
Test(hostile, six_thousand_silent_connections_delay_nobody) {
  silent_connections(6000);
}

Test(hostile, a_replayed_opening_gets_no_byte_and_costs_no_packet) {
  Lab lab;
  Child server = lab.start_server();
  Relay relay(lab, 443);
  Child client = lab.start_client(0, {}, {}, "10.71.1.1");
  cr_assert(lab.ping(lab.client(), Lab::kTarget4));
  cr_assert_geq(relay.opening().size(), 256u);

  // Pings run all the while; none may be lost.
  Child pings({"ping", "-n", "-q", "-c", "60", "-i", "0.2", Lab::kTarget4}, lab.client().fd());
  cr_assert_eq(answer_to(lab.router(), relay.opening(), 2), 0, "at once, from another address");
  std::this_thread::sleep_for(std::chrono::seconds(7));
  cr_assert_eq(answer_to(lab.router(), relay.opening(), 2), 0, "ten seconds later");
  cr_assert_eq(pings.wait(30), 0);
  cr_assert(pings.output().find(" 0% packet loss") != std::string::npos, "%s",
            pings.output().c_str());
  cr_assert_eq(client.output().find("lost"), std::string::npos, "%s", client.output().c_str());

  // A new server process remembers nothing, and answers nothing older than itself.
  const std::vector<std::uint8_t> opening = relay.opening();
  server.signal(SIGKILL);
  server.wait();
  server = lab.start_server();
  cr_assert_eq(answer_to(lab.router(), opening, 2), 0, "after a restart");
}

Test(hostile, other_local_users_get_neither_queue_nor_status) {
  Lab lab;
  Child server = lab.start_server();
  Child client = lab.start_client();
  // The node may be open to root alone; whoever got it open must still not attach.
  const std::string script =
      "import fcntl, os, struct, sys\n"
      "f = open('/dev/net/tun', 'r+b', buffering=0)\n"
      "os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)\n"
      "try:\n"
      "    fcntl.ioctl(f, 0x400454ca, struct.pack('16sH22x', b'vpn0', 0x5101))\n"
      "except PermissionError:\n"
      "    sys.exit(7)\n";
  const Finished tun = run_program({"/usr/bin/python3", "-c", script}, lab.client().fd());
  cr_assert_eq(tun.status, 7, "%d: %s", tun.status, tun.output.c_str());
  // A copy, since the build may lie where others cannot go.
  const std::string program = lab.directory() + "/vpnd";
  std::filesystem::copy_file(vpnd_program(), program);
  std::filesystem::permissions(lab.directory(), std::filesystem::perms(0755));
  std::vector<std::string> words = {"setpriv", "--reuid",        "65534", "--regid",
                                    "65534",   "--clear-groups", program, "status"};
  for (const auto& w : lab.places("client0")) words.push_back(w);
  const Finished status = run_program(words, lab.client().fd());
  cr_assert(status.status == 3 || status.status == 77, "%d: %s", status.status,
            status.output.c_str());
  cr_assert_eq(status.output.find("serving"), std::string::npos, "%s", status.output.c_str());
  // The control: the same question by root.
  const Finished own = lab.vpnd(lab.client(), "client0", {"status", "--json"});
  cr_assert_eq(own.status, 0, "%s", own.output.c_str());
  cr_assert(own.output.find("vpnd.status/1") != std::string::npos, "%s", own.output.c_str());
}

Test(hostile, no_program_is_run_and_no_setting_written_by_file) {
  Lab lab;
  const std::string trace = lab.directory() + "/trace";
  const auto traced = [&](const Namespace& ns, const std::string& who,
                          std::vector<std::string> words) {
    std::vector<std::string> all = {"strace",
                                    "-f",
                                    "-qq",
                                    "-E",
                                    "ASAN_OPTIONS=detect_leaks=0",
                                    "-o",
                                    trace + "." + who,
                                    "-e",
                                    "trace=execve,execveat,openat,open,creat",
                                    vpnd_program()};
    all.insert(all.end(), words.begin(), words.end());
    for (const auto& w : lab.places(who)) all.push_back(w);
    return Child(all, ns.fd());
  };
  Child server = traced(lab.server(), "server", {"server", lab.key(), "auto", "443", "vpns"});
  cr_assert(server.says("ready"), "%s", server.output().c_str());
  Child client =
      traced(lab.client(), "client0", {"client", lab.key(), Lab::kServer, "443", "vpn0"});
  cr_assert(client.says("connected,"), "%s", client.output().c_str());
  cr_assert(lab.ping(lab.client(), Lab::kTarget4));
  for (Child* c : {&client, &server}) {
    for (const pid_t pid : Lab::children(c->pid())) ::kill(pid, SIGTERM);
    c->wait(10);
  }
  for (const char* who : {"server", "client0"}) {
    const Finished calls = run_program({"grep", "-c", "execve", trace + "." + who});
    cr_assert_eq(calls.output, "1\n", "%s ran something: %s", who, calls.output.c_str());
    const Finished writes =
        run_program({"grep", "-E", "/proc/sys/net/ipv4.*(O_WRONLY|O_RDWR)", trace + "." + who});
    cr_assert_eq(writes.status, 1, "%s wrote: %s", who, writes.output.c_str());
  }
}
