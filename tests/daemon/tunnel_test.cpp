// SPDX-License-Identifier: ISC
// What a tunnel carries: every protocol, both families, several clients at once.

#include <criterion/criterion.h>

#include <algorithm>
#include <csignal>
#include <thread>

#include "tests/daemon/lab.h"
#include "tests/daemon/traffic.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

// A mode-P server's key and one client's, made by the program itself.
struct PublicKeys {
  std::string server, client;
  explicit PublicKeys(Lab& lab)
      : server(lab.directory() + "/server.key"), client(lab.directory() + "/alice.key") {
    const Finished made = run_program({vpnd_program(), "genkey", "--server", server});
    cr_assert_eq(made.status, 0, "%s", made.output.c_str());
    const Finished added =
        run_program({vpnd_program(), "peer", "add", server, "alice", "-o", client});
    cr_assert_eq(added.status, 0, "%s", added.output.c_str());
  }
};

}  // namespace

Test(tunnel, carries_tcp_udp_and_icmp_of_both_families) {
  Lab lab;
  const Responder target(lab.target(), kPort);
  Child server = lab.start_server();
  // The control: without a tunnel the target cannot be reached.
  cr_assert_not(lab.ping(lab.client(), Lab::kTarget4, 1));
  Child client = lab.start_client();

  cr_assert(lab.ping(lab.client(), Lab::kTarget4), "icmp v4\n%s", client.output().c_str());
  cr_assert(lab.ping(lab.client(), Lab::kTarget6), "icmp v6");
  cr_assert(tcp_echo(lab.client(), kTarget4, kPort), "tcp v4");
  cr_assert_eq(target.last_peer(), "198.51.100.1", "not the server's address: %s",
               target.last_peer().c_str());
  cr_assert(tcp_echo(lab.client(), kTarget6, kPort), "tcp v6");
  cr_assert_eq(target.last_peer(), "2001:db8:5::1", "%s", target.last_peer().c_str());
  cr_assert(udp_echo(lab.client(), kTarget4, kPort), "udp v4");
  cr_assert(udp_echo(lab.client(), kTarget6, kPort), "udp v6");
  cr_assert(udp_echo(lab.client(), kTarget4, kPort, 9000), "udp v4, in fragments");
  cr_assert(tcp_echo(lab.client(), kTarget4, kPort, 20 << 20, 20), "tcp v4, 20 MiB each way");
  cr_assert(tcp_echo(lab.client(), kTarget6, kPort, 5 << 20, 20), "tcp v6, 5 MiB each way");
}

Test(tunnel, gives_three_clients_leases_of_their_own_and_keeps_them_apart) {
  Lab lab(3);
  const Responder target(lab.target(), kPort);
  Child server = lab.start_server();
  std::vector<Child> clients;
  std::vector<std::string> leases;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(lab.start_client(i));
    leases.push_back(lab.address(lab.client(i)));
  }
  for (int i = 0; i < 3; ++i) {
    cr_assert(tcp_echo(lab.client(i), kTarget4, kPort), "client %d", i);
    cr_assert(udp_echo(lab.client(i), kTarget6, kPort), "client %d", i);
    for (int k = 0; k < i; ++k) {
      cr_assert_neq(leases[static_cast<std::size_t>(i)], leases[static_cast<std::size_t>(k)]);
    }
  }
  cr_assert_not(lab.ping(lab.client(0), leases[1], 1), "client 0 sees client 1");
  cr_assert_not(lab.ping(lab.client(2), leases[0], 1), "client 2 sees client 0");
}

Test(tunnel, works_in_mode_p_and_refuses_a_revoked_client) {
  Lab lab;
  const PublicKeys keys(lab);
  const Responder target(lab.target(), kPort);
  Child server = lab.start_server({"auto", "443", "vpns"}, keys.server);
  {
    Child client = lab.start_client(0, {}, keys.client);
    cr_assert(tcp_echo(lab.client(), kTarget4, kPort));
    const Finished revoked = run_program({vpnd_program(), "peer", "revoke", keys.server, "alice"});
    cr_assert_eq(revoked.status, 0, "%s", revoked.output.c_str());
    cr_assert(client.says("revoked", 5), "the running session goes on:\n%s",
              client.output().c_str());
    client.signal(SIGTERM);
    cr_assert_eq(client.wait(), 0);
  }
  Child again = lab.begin_client(0, {"--timeout", "3"}, keys.client, Lab::kServer);
  cr_assert_eq(again.wait(10), 76, "%s", again.output().c_str());
}

Test(tunnel, one_client_at_most_means_one_identity) {
  Lab lab(2);
  Child server = lab.run_server("max_clients = 1");

  Child first = lab.start_client(0);
  const std::string lease = lab.address(lab.client(0));
  Child second = lab.begin_client(1, {"--timeout", "2"}, lab.key(), Lab::kServer);
  cr_assert_eq(second.wait(10), 76, "%s", second.output().c_str());
  cr_assert(second.output().find("busy") != std::string::npos, "%s", second.output().c_str());
  cr_assert(lab.ping(lab.client(0), Lab::kTarget4), "the first one suffered");

  // The same identity comes back before the server noticed that its old self is dead.
  first.signal(SIGKILL);
  first.wait();
  Child back = lab.start_client(0);
  cr_assert_eq(lab.address(lab.client(0)), lease);
  cr_assert(lab.ping(lab.client(0), Lab::kTarget4));
}

// The client's loop has been asleep for longer than it waits for its goodbye to go out.
Test(tunnel, a_client_that_was_quiet_still_says_goodbye) {
  for (const char* program : {vpnd_program(), variant_program("epoll")}) {
    Lab lab;
    lab.client_program = program;
    Child server = lab.start_server();
    Child client = lab.start_client();
    std::this_thread::sleep_for(std::chrono::milliseconds(1600));
    client.signal(SIGTERM);
    cr_assert_eq(client.wait(5), 0, "%s", client.output().c_str());
    const auto said = [&] { return server.output().find("it said goodbye") != std::string::npos; };
    cr_assert(eventually(said, 2), "%s", server.output().c_str());
  }
}

Test(tunnel, nothing_but_the_carrier_crosses_the_link) {
  Lab lab;
  const Responder target(lab.target(), kPort);
  Child server = lab.start_server();
  Child client = lab.start_client();
  // What the router forwards from the client that is not to or from port 443 is clear text.
  const Finished made = run_program(
      {"nft",
       "add table inet spy; add chain inet spy f { type filter hook forward priority 0; }; "
       "add rule inet spy f iifname c0 tcp dport != 443 counter comment \"clear\"; "
       "add rule inet spy f iifname c0 meta l4proto != tcp counter comment \"clear\"; "
       "add rule inet spy f iifname c0 tcp dport 443 counter comment \"carrier\""},
      lab.router().fd());
  cr_assert_eq(made.status, 0, "%s", made.output.c_str());
  cr_assert(tcp_echo(lab.client(), kTarget4, kPort, 1 << 20));
  cr_assert(udp_echo(lab.client(), kTarget6, kPort));
  cr_assert(lab.ping(lab.client(), Lab::kTarget4));
  const std::string seen =
      run_program({"nft", "list", "table", "inet", "spy"}, lab.router().fd()).output;
  std::size_t clear = 0;
  for (std::size_t at = seen.find("packets 0 bytes 0 comment \"clear\""); at != std::string::npos;
       at = seen.find("packets 0 bytes 0 comment \"clear\"", at + 1)) {
    ++clear;
  }
  cr_assert_eq(clear, 2, "clear text on the link:\n%s", seen.c_str());
  cr_assert(seen.find("packets 0 bytes 0 comment \"carrier\"") == std::string::npos,
            "the counters count nothing:\n%s", seen.c_str());
}
