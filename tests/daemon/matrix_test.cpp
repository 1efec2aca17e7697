// SPDX-License-Identifier: ISC
// Every byte arrives as it was sent, whatever the two ends can do and however wide the way between
// them is, and nobody ever sees a wrong checksum. A cell is one inner family over one carrier, for
// one pair of programs and one inner MTU; it carries so much TCP, half of it each way, and a
// sixteenth of that again in datagrams. VPND_FULL=1: 256 MB a cell, and 10 GB once each way.

#include <criterion/criterion.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <chrono>

#include "core/plan/status.h"
#include "tests/daemon/carried.h"
#include "tests/daemon/lab.h"
#include "tests/daemon/tally.h"
#include "tests/daemon/traffic.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

constexpr std::uint64_t kMega = 1'000'000;
constexpr int kMtus[] = {1280, 1500, 9000};
constexpr const char* kServer6 = "2001:db8:3::2";

std::uint64_t cell_size() {
  return (full_figures() ? 256 : 16) * kMega;
}

// What a program dropped since it started, but for what its queues did to slow senders down.
std::string drops(Lab& lab, const Namespace& ns, const std::string& who) {
  const Finished f = lab.vpnd(ns, who, {"status", "--json"});
  const auto status = plan::status_from_json(f.output);
  if (!status) return fmt::format("{}: no status: {}\n", who, f.output);
  std::string out;
  for (std::size_t i = 1; i < kDropCount; ++i) {
    const auto drop = static_cast<Drop>(i);
    const std::uint64_t n = status->report.counters.drops[i];
    if (drop == Drop::queue_full || drop == Drop::queue_standing) continue;
    if (n != 0) out += fmt::format("{}: {} {}\n", who, name(drop), n);
  }
  return out;
}

// A lab whose target looks at each checksum, and gets and gives packets of `mtu` bytes.
struct Bed : Lab {
  explicit Bed(int mtu) {
    complete_checksums(server(), "eth1");
    // What it forwards, the router asks for neighbours from a link-local address only.
    for (const char* device : {"c0", "wan"}) {
      ip(router(), fmt::format("addr add fe80::1/64 dev {} nodad", device));
    }
    if (mtu <= 1500) return;
    ip(server(), fmt::format("link set eth1 mtu {}", mtu));
    ip(target(), fmt::format("link set eth0 mtu {}", mtu));
  }
};

struct Tunnel {
  Bed lab{1420};
  Child server = lab.start_server(), client = lab.start_client();
};

// What was counted anywhere in a lab since this was made.
class Counted {
 public:
  explicit Counted(Lab& lab) : lab_(lab) {
    for (const Namespace* ns : {&lab.client(), &lab.router(), &lab.server(), &lab.target()}) {
      before_.push_back(Tally::of(*ns));
    }
  }
  std::string grown() const {
    return Tally::of(lab_.client()).since(before_[0], "client") +
           Tally::of(lab_.router()).since(before_[1], "router") +
           Tally::of(lab_.server()).since(before_[2], "server") +
           Tally::of(lab_.target()).since(before_[3], "target") +
           drops(lab_, lab_.client(), "client0") + drops(lab_, lab_.server(), "server");
  }

 private:
  Lab& lab_;
  std::vector<Tally> before_;
};

// The way between client and server takes IPv4 packets of 576 bytes; both learn it from the router.
void narrow_hop(Lab& lab) {
  lab.ip(lab.router(), "route add 203.0.113.2/32 dev wan mtu lock 576");
  lab.ip(lab.router(), "route add 10.71.1.2/32 dev c0 mtu lock 576");
}
bool is_narrow(Lab& lab) {
  const auto to_server = lab.try_ip(lab.client(), "route get 203.0.113.2 mark 42069").output;
  const auto to_client = lab.try_ip(lab.server(), "route get 10.71.1.2").output;
  return to_server.find("mtu 576") != std::string::npos &&
         to_client.find("mtu 576") != std::string::npos;
}

// For whoever wants the figures; nothing depends on them.
void say_how_long(const std::string& what, std::uint64_t bytes,
                  std::chrono::steady_clock::time_point since) {
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - since;
  if (!full_figures()) return;
  fmt::print(stderr, "matrix: {}: {} MB in {:.1f} s\n", what, bytes / kMega, took.count());
}

void carry_cells(Lab& lab, int mtu, const std::string& what) {
  for (const Address& to : {kTarget4, kTarget6}) {
    const std::string cell =
        fmt::format("{}, inner {} {}", what, to.is_v4() ? "IPv4" : "IPv6", mtu);
    const Counted counted(lab);
    const Course course{lab.client(), lab.target(), to};
    const std::uint64_t seed = std::hash<std::string>{}(cell);
    const std::uint64_t half = cell_size() / 2;
    const auto start = std::chrono::steady_clock::now();
    std::string wrong = carry_stream(course, {half, half}, seed);
    say_how_long(cell, 2 * half, start);
    const auto payload = static_cast<std::size_t>(mtu - (to.is_v4() ? 28 : 48));
    wrong += carry_datagrams(course, {half / 16, half / 16}, payload, seed);
    const std::string grown = counted.grown();
    cr_assert(wrong.empty() && grown.empty(), "%s\n%s%s", cell.c_str(), wrong.c_str(),
              grown.c_str());
  }
}

// All cells of one pair of programs.
void carry_matrix(const char* client_program, const char* server_program, const char* pair) {
  for (const int mtu : kMtus) {
    Bed lab(mtu);
    lab.client_program = client_program;
    lab.server_program = server_program;
    const std::string size = std::to_string(mtu);
    Child server = lab.start_server({"auto", "443", "vpns", "--mtu", size});
    {
      Child client = lab.start_client(0, {"--mtu", size});
      carry_cells(lab, mtu, fmt::format("{}, carrier IPv4 1500", pair));
      narrow_hop(lab);
      carry_cells(lab, mtu, fmt::format("{}, carrier IPv4 576", pair));
      cr_assert(is_narrow(lab), "%s: the hop was wide", pair);
    }
    Child client = lab.start_client(0, {"--mtu", size}, {}, kServer6);
    carry_cells(lab, mtu, fmt::format("{}, carrier IPv6 1500", pair));
  }
}

// Changes the next packet that the server sends to this port of the target: so many bits behind the
// transport header's beginning. Its checksum is still to be completed then.
void spoil_next(const Lab& lab, const std::string& packets, int offset, int bits) {
  const std::string rules = fmt::format(
      "add table inet spoil; flush table inet spoil; "
      "add chain inet spoil out {{ type filter hook postrouting priority 400; }}; "
      "add rule inet spoil out oifname eth1 {} limit rate 1/day burst 1 packets "
      "@th,{},{} set 0x5eed",
      packets, offset, bits);
  const Finished made = run_program({"nft", rules}, lab.server().fd());
  cr_assert_eq(made.status, 0, "%s", made.output.c_str());
}

bool counts(const Namespace& ns, const char* counter, std::uint64_t before) {
  return eventually([&] { return Tally::of(ns).at(counter) == before + 1; });
}

}  // namespace

Test(matrix, offloads_at_both_ends) {
  carry_matrix(vpnd_program(), vpnd_program(), "offloads at both ends");
}
Test(matrix, offloads_at_the_server) {
  carry_matrix(variant_program("plain"), vpnd_program(), "offloads at the server");
}
Test(matrix, offloads_at_the_client) {
  carry_matrix(vpnd_program(), variant_program("plain"), "offloads at the client");
}
Test(matrix, offloads_at_neither_end) {
  carry_matrix(variant_program("plain"), variant_program("plain"), "offloads at neither end");
}

Test(matrix, much_in_each_direction) {
  Tunnel tunnel;
  Lab& lab = tunnel.lab;
  const Counted counted(lab);
  const Course course{lab.client(), lab.target(), kTarget4};
  const std::uint64_t much = full_figures() ? 10'000 * kMega : 40 * kMega;
  for (const Amount& amount : {Amount{much, 0}, Amount{0, much}}) {
    const auto start = std::chrono::steady_clock::now();
    const std::string wrong = carry_stream(course, amount, 1);
    cr_assert(wrong.empty(), "%s", wrong.c_str());
    say_how_long(amount.up != 0 ? "up" : "down", much, start);
  }
  const std::string grown = counted.grown();
  cr_assert(grown.empty(), "%s", grown.c_str());
}

// The controls: what the cells look for is seen where it is.
Test(matrix, a_byte_that_changed_on_the_way_is_seen) {
  Tunnel tunnel;
  Lab& lab = tunnel.lab;
  for (const Address& to : {kTarget4, kTarget6}) {
    const Counted counted(lab);
    spoil_next(lab, "tcp dport 7001 meta length > 1000", 800, 16);
    const std::string wrong = carry_stream({lab.client(), lab.target(), to}, {kMega, 0}, 1);
    cr_assert(wrong.find("another byte") != std::string::npos, "unseen: %s", wrong.c_str());
    const std::string grown = counted.grown();
    cr_assert(grown.find("CsumErrors") == std::string::npos, "the kernel saw it:\n%s",
              grown.c_str());
  }
}

Test(matrix, a_wrong_checksum_is_counted) {
  Tunnel tunnel;
  Lab& lab = tunnel.lab;
  for (const Address& to : {kTarget4, kTarget6}) {
    const Counted counted(lab);
    spoil_next(lab, "tcp dport 7001 meta length > 1000", 128, 16);
    const std::string wrong = carry_stream({lab.client(), lab.target(), to}, {kMega, kMega}, 1);
    cr_assert(wrong.empty(), "%s", wrong.c_str());
    const std::string grown = counted.grown();
    cr_assert(grown.find("target: Tcp InCsumErrors +") != std::string::npos, "%s", grown.c_str());

    const char* counter = to.is_v4() ? "Udp InCsumErrors" : "Udp6InCsumErrors";
    const std::uint64_t before = Tally::of(lab.target()).at(counter);
    spoil_next(lab, "udp dport 9", 48, 16);
    const Fd speaker = connected_socket(lab.client(), to, 9, SOCK_DGRAM);
    cr_assert_eq(::send(speaker.get(), "word", 4, 0), 4);
    cr_assert(counts(lab.target(), counter, before), "%s", counter);
  }
}
