// SPDX-License-Identifier: ISC
// Peers that are not alike: without io_uring, and without offloads on one side, so that the other
// one has to cut what it was given in one piece.

#include <criterion/criterion.h>

#include <csignal>

#include "tests/daemon/lab.h"
#include "tests/daemon/traffic.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

constexpr char kNoRing[] = "io_uring is refused here: epoll";
constexpr char kNoOffload[] = "one packet at a time";

bool status_says(Lab& lab, const Namespace& ns, const std::string& who, const char* text) {
  const Finished f = lab.vpnd(ns, who, {"status"});
  cr_assert_eq(f.status, 0, "%s", f.output.c_str());
  return f.output.find(text) != std::string::npos;
}

void carries_everything(Lab& lab) {
  cr_assert(lab.ping(lab.client(), Lab::kTarget4), "icmp v4");
  cr_assert(lab.ping(lab.client(), Lab::kTarget6), "icmp v6");
  cr_assert(tcp_echo(lab.client(), kTarget4, kPort, 8 << 20, 20), "tcp v4");
  cr_assert(tcp_echo(lab.client(), kTarget6, kPort, 4 << 20, 20), "tcp v6");
  cr_assert(udp_echo(lab.client(), kTarget4, kPort), "udp v4");
  cr_assert(udp_echo(lab.client(), kTarget4, kPort, 9000), "udp v4, in fragments");
  // The first answer comes in fragments that are too long, and the target learns so (RFC 8200 5).
  const auto fragments = [&] { return udp_echo(lab.client(), kTarget6, kPort, 9000, 1); };
  cr_assert(eventually(fragments), "udp v6, in fragments");
  Download download(lab.client(), kTarget4, kPort);
  cr_assert(download.goes_on(), "broken: %d", download.broken());
}

}  // namespace

Test(variants, two_without_io_uring) {
  Lab lab;
  const Responder target(lab.target(), kPort);
  lab.server_program = lab.client_program = variant_program("epoll");
  Child server = lab.start_server();
  Child client = lab.start_client();
  cr_assert(status_says(lab, lab.server(), "server", kNoRing));
  cr_assert(status_says(lab, lab.client(), "client0", kNoRing));
  carries_everything(lab);
}

Test(variants, a_client_without_offloads) {
  Lab lab;
  const Responder target(lab.target(), kPort);
  lab.client_program = variant_program("plain");
  Child server = lab.start_server();
  Child client = lab.start_client();
  cr_assert(status_says(lab, lab.client(), "client0", kNoOffload));
  cr_assert_not(status_says(lab, lab.server(), "server", kNoOffload));
  carries_everything(lab);
}

Test(variants, a_server_without_offloads) {
  Lab lab;
  const Responder target(lab.target(), kPort);
  lab.server_program = variant_program("plain");
  Child server = lab.start_server();
  Child client = lab.start_client();
  cr_assert(status_says(lab, lab.server(), "server", kNoOffload));
  cr_assert_not(status_says(lab, lab.client(), "client0", kNoOffload));
  carries_everything(lab);
}

// The bench's: the whole program but the ciphers, which nobody else takes for a server.
Test(variants, two_without_ciphers) {
  Lab lab;
  const Responder target(lab.target(), kPort);
  lab.server_program = lab.client_program = variant_program("nocipher");
  Child server = lab.start_server();
  {
    Child client = lab.start_client();
    carries_everything(lab);
    client.signal(SIGTERM);
    cr_assert_eq(client.wait(10), 0, "%s", client.output().c_str());
  }
  lab.client_program = vpnd_program();
  Child client = lab.begin_client(0, {}, {}, Lab::kServer);
  const auto refused = [&] { return status_says(lab, lab.server(), "server", "bad_handshake"); };
  cr_assert(eventually(refused, 10), "%s", client.output().c_str());
  cr_assert(client.output().find("connected") == std::string::npos, "%s", client.output().c_str());
}
