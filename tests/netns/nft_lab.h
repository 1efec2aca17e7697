// SPDX-License-Identifier: ISC
#pragma once

// Network namespaces for the filter's tests: made by threads, held by descriptors, so that nothing
// is left behind. Commands are independent witnesses; what is tested speaks netlink itself.

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "core/base/addr.h"
#include "linux/fd.h"
#include "linux/nft.h"

namespace lab {

using vpnd::Address;
using vpnd::Endpoint;
using vpnd::Fd;
using vpnd::Prefix;

inline constexpr int kPatienceMs = 400;  // how long we look for a packet that must not come

inline Address addr(const char* text) {
  return *Address::parse(text);
}
inline Prefix prefix(const char* text) {
  return *Prefix::parse(text);
}

class Ns {
 public:
  Ns() {
    std::thread([this] {
      if (unshare(CLONE_NEWNET) == 0)
        fd_ = Fd(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    }).join();
    if (fd_) sh("ip link set lo up");
  }
  explicit operator bool() const { return static_cast<bool>(fd_); }

  // Runs it on a thread inside. No Criterion assertion in there: those leave by a jump.
  void in(const std::function<void()>& work) const {
    std::exception_ptr failure;
    std::thread([&] {
      try {
        if (setns(fd_.get(), CLONE_NEWNET) != 0) std::abort();
        work();
      } catch (...) {
        failure = std::current_exception();
      }
    }).join();
    if (failure) std::rethrow_exception(failure);
  }
  int sh(const std::string& command) const {
    int code = -1;
    in([&] { code = std::system(command.c_str()); });
    return code;
  }
  bool quiet(const std::string& command) const { return sh(command + " >/dev/null 2>&1") == 0; }
  std::string out(const std::string& command) const {
    std::string text;
    in([&] {
      FILE* pipe = popen((command + " 2>&1").c_str(), "r");
      char piece[4096];
      while (pipe != nullptr && fgets(piece, sizeof piece, pipe) != nullptr) text += piece;
      if (pipe != nullptr) pclose(pipe);
    });
    return text;
  }
  std::string path() const {
    return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(fd_.get());
  }
  vpnd::nl::NftSocket nft() const {
    std::optional<vpnd::nl::NftSocket> socket;
    in([&] { socket.emplace(); });
    return std::move(*socket);
  }

 private:
  Fd fd_;
};

// One place to say that a test could not run; Criterion counts it as skipped.
inline void need_namespaces() {
  if (geteuid() != 0 || !Ns()) cr_skip_test("needs root, or unshare -Urn");
}

inline void must(const Ns& ns, const std::string& commands) {
  cr_assert_eq(ns.sh("set -e; " + commands), 0, "%s", commands.c_str());
}

// A veth pair between two namespaces, up, with addresses ("a,b,c").
inline void cable(const Ns& a, const std::string& name_a, const std::string& addresses_a,
                  const Ns& b, const std::string& name_b, const std::string& addresses_b) {
  must(a, "ip link add " + name_a + " type veth peer name " + name_b + " netns " + b.path());
  const auto dress = [](const Ns& ns, const std::string& name, std::string rest) {
    std::string commands = "ip link set " + name + " up";
    while (!rest.empty()) {
      const std::size_t comma = rest.find(',');
      const std::string one = rest.substr(0, comma);
      const bool v6 = one.find(':') != std::string::npos;
      commands += "; ip addr add " + one + " dev " + name + (v6 ? " nodad" : "");
      rest = comma == std::string::npos ? "" : rest.substr(comma + 1);
    }
    must(ns, commands);
  };
  dress(a, name_a, addresses_a);
  dress(b, name_b, addresses_b);
}

inline socklen_t fill(sockaddr_storage& to, const Address& address, std::uint16_t port) {
  std::memset(&to, 0, sizeof to);
  if (address.is_v4()) {
    auto& v4 = reinterpret_cast<sockaddr_in&>(to);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, address.bytes().data(), 4);
    return sizeof v4;
  }
  auto& v6 = reinterpret_cast<sockaddr_in6&>(to);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  std::memcpy(&v6.sin6_addr, address.bytes().data(), 16);
  return sizeof v6;
}

inline Endpoint read(const sockaddr_storage& from) {
  if (from.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(from);
    std::uint8_t bytes[4];
    std::memcpy(bytes, &v4.sin_addr, 4);
    return {Address::v4(vpnd::Bytes(bytes, 4)), ntohs(v4.sin_port)};
  }
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(from);
  std::uint8_t bytes[16];
  std::memcpy(bytes, &v6.sin6_addr, 16);
  return {Address::v6(vpnd::Bytes(bytes, 16)), ntohs(v6.sin6_port)};
}

inline Fd socket_at(const Ns& ns, int type, const Address& address, std::uint16_t port) {
  Fd fd;
  ns.in([&] {
    fd = Fd(::socket(address.is_v4() ? AF_INET : AF_INET6, type | SOCK_CLOEXEC, 0));
    const int on = 1;
    setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_storage here;
    const socklen_t size = fill(here, address, port);
    if (bind(fd.get(), reinterpret_cast<sockaddr*>(&here), size) != 0) fd.reset();
  });
  return fd;
}

inline bool readable(const Fd& fd, int ms = kPatienceMs) {
  pollfd p{fd.get(), POLLIN, 0};
  return poll(&p, 1, ms) == 1;
}

// Where one datagram seemed to come from, if it came at all. The sender is bound to an address and
// port of its own choice, the receiver to everything.
struct Probe {
  const Ns& from;
  const char* source;
  const Ns& to;
  const char* destination;
  std::uint16_t source_port = 4443;
  std::uint16_t port = 9000;
};

inline std::optional<Endpoint> datagram(const Probe& p) {
  const Address destination = addr(p.destination);
  const Fd receiver = socket_at(p.to, SOCK_DGRAM, destination, p.port);
  const Fd sender = socket_at(p.from, SOCK_DGRAM, addr(p.source), p.source_port);
  cr_assert(static_cast<bool>(receiver), "cannot receive at %s", p.destination);
  cr_assert(static_cast<bool>(sender), "cannot send from %s", p.source);
  sockaddr_storage there;
  const socklen_t size = fill(there, destination, p.port);
  if (sendto(sender.get(), "x", 1, 0, reinterpret_cast<sockaddr*>(&there), size) != 1)
    return std::nullopt;
  if (!readable(receiver)) return std::nullopt;
  sockaddr_storage from{};
  socklen_t length = sizeof from;
  char byte = 0;
  if (recvfrom(receiver.get(), &byte, 1, 0, reinterpret_cast<sockaddr*>(&from), &length) != 1)
    return std::nullopt;
  return read(from);
}

// A connection, both ends; the destination listens on port 9001.
struct Pair {
  Fd client, server;
  Endpoint seen;  // the client, as the server sees it
};

inline std::optional<Pair> connection(const Probe& p) {
  const Fd listener = socket_at(p.to, SOCK_STREAM, addr(p.destination), p.port);
  cr_assert(listener && listen(listener.get(), 4) == 0, "cannot listen at %s", p.destination);
  Pair pair;
  pair.client = socket_at(p.from, SOCK_STREAM | SOCK_NONBLOCK, addr(p.source), p.source_port);
  cr_assert(static_cast<bool>(pair.client), "cannot connect from %s", p.source);
  sockaddr_storage there;
  const socklen_t size = fill(there, addr(p.destination), p.port);
  (void)connect(pair.client.get(), reinterpret_cast<sockaddr*>(&there), size);
  if (!readable(listener)) return std::nullopt;
  sockaddr_storage from{};
  socklen_t length = sizeof from;
  pair.server = Fd(accept(listener.get(), reinterpret_cast<sockaddr*>(&from), &length));
  pair.seen = read(from);
  return pair;
}

inline bool pings(const Ns& from, const std::string& to, const std::string& options = "") {
  return from.quiet("ping -n -c 1 -W 1 " + options + " " + to);
}

inline std::string mac(const Ns& ns, const std::string& device) {
  return ns.out("ip -br link show " + device + " | tr -s ' ' | cut -d' ' -f3 | tr -d '\\n'");
}

// The server with its device (a veth called vpn0), two clients on it, the Internet and a private
// network. Clients have host addresses, so that what they send each other goes by the server.
struct World {
  Ns server, hub, client, other, internet, lan;

  World() {
    must(hub, "ip link add br0 type bridge; ip link set br0 up");
    cable(server, "vpn0", "10.9.0.254/24,fd09::254/64", hub, "hub0", "");
    cable(client, "c0", "10.9.0.2/32,fd09::2/128", hub, "hub1", "");
    cable(other, "c0", "10.9.0.3/32,fd09::3/128", hub, "hub2", "");
    must(hub, "for i in 0 1 2; do ip link set hub$i master br0; done");
    cable(server, "wan0", "203.0.113.1/24,203.0.113.77/24,2001:db8::1/64", internet, "i0",
          "203.0.113.9/24,2001:db8::9/64,169.254.169.254/32");
    cable(server, "lan0", "10.20.0.1/24,fd20::1/64", lan, "l0", "10.20.0.9/24,fd20::9/64");
    for (const Ns* ns : {&client, &other})
      must(*ns,
           "ip route add 10.9.0.254 dev c0; ip route add default via 10.9.0.254;"
           "ip -6 route add fd09::254 dev c0; ip -6 route add default via fd09::254;"
           "sysctl -qw net.ipv4.conf.all.accept_redirects=0 net.ipv4.conf.c0.accept_redirects=0");
    for (const Ns* ns : {&internet, &lan}) {
      const bool is_lan = ns == &lan;
      must(*ns, std::string("ip route add 10.0.0.0/8 via ") +
                    (is_lan ? "10.20.0.1" : "203.0.113.1") + "; ip -6 route add fd00::/8 via " +
                    (is_lan ? "fd20::1" : "2001:db8::1"));
    }
    must(server,
         "ip route add 169.254.169.254 via 203.0.113.9;"
         "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 "
         "net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.vpn0.rp_filter=0 "
         "net.ipv4.conf.wan0.rp_filter=0 net.ipv4.conf.vpn0.send_redirects=0 "
         "net.ipv4.conf.all.send_redirects=0");
    // A real TUN has no neighbours to discover, and the rules let none of that through.
    for (const auto& [ns, inner] : {std::pair{&client, "fd09::2"}, std::pair{&other, "fd09::3"}}) {
      must(*ns, "ip -6 neigh replace fd09::254 dev c0 lladdr " + mac(server, "vpn0"));
      must(server,
           std::string("ip -6 neigh replace ") + inner + " dev vpn0 lladdr " + mac(*ns, "c0"));
    }
    // A router asks for its neighbours from its link-local address, which is not usable yet.
    must(server, "ip -6 neigh replace 2001:db8::9 dev wan0 lladdr " + mac(internet, "i0"));
    must(internet, "sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.i0.rp_filter=0");
  }

  static vpnd::nl::FilterTable table() {
    vpnd::nl::FilterTable t;
    t.interface = "vpn0";
    t.shielded = {addr("10.9.0.254"), addr("fd09::254")};
    t.clamp_mss = true;
    t.pool_v4 = prefix("10.9.0.0/24");
    t.pool_v6 = prefix("fd09::/64");
    t.masquerade = true;
    t.isolate = true;
    t.connections = 4096;
    t.server_private = {prefix("10.20.0.0/24"), prefix("fd20::/64")};
    return t;
  }
};

}  // namespace lab
