// SPDX-License-Identifier: ISC
// Look-ups of clients that the server relays to the resolver of its own host.

#include <criterion/criterion.h>

#include "tests/daemon/lab.h"
#include "tests/daemon/traffic.h"

using namespace vpnd;
using namespace vpnd::test;

namespace {

const Address kTarget = Address::parse(Lab::kTarget4).value();
const Address kServer = Address::v4(192, 168, 192, 254);

}  // namespace

Test(names, are_answered_by_the_resolver_of_the_servers_host) {
  Lab lab;
  cr_assert(lab.use_resolver_file("nameserver 198.51.100.2\n"));
  const Responder resolver(lab.target(), 53), other(lab.target(), 54);
  Child server = lab.start_server();
  Child client = lab.start_client();
  cr_assert(udp_echo(lab.client(), kServer, 53), "%s", server.output().c_str());
  cr_assert(tcp_echo(lab.client(), kServer, 53, 600));
  cr_assert(udp_echo(lab.client(), Address::v4(10, 71, 1, 1), 53), "the router's resolver");
  cr_assert_not(udp_echo(lab.client(), kServer, 54, 100, 0.3), "no other port of the server");
}

// In a network of the server that is closed to clients, for names alone it is open.
Test(names, at_a_private_resolver_of_the_server) {
  Lab lab;
  lab.ip(lab.server(), "addr add 10.99.0.1/24 dev eth1");
  lab.ip(lab.target(), "addr add 10.99.0.2/24 dev eth0");
  cr_assert(lab.use_resolver_file("nameserver 10.99.0.2\n"));
  const Responder resolver(lab.target(), 53), other(lab.target(), 54);
  Child server = lab.start_server();
  Child client = lab.start_client();
  cr_assert(udp_echo(lab.client(), kServer, 53), "%s", server.output().c_str());
  cr_assert(tcp_echo(lab.client(), kServer, 53, 600));
  cr_assert_not(udp_echo(lab.client(), Address::v4(10, 99, 0, 2), 54, 100, 0.3));
}

Test(names, without_a_resolver_to_share_the_server_says_so) {
  Lab lab;
  cr_assert(lab.use_resolver_file("nameserver 127.0.0.1\n"));
  Child server = lab.start_server();
  Child client = lab.start_client();
  cr_assert(server.output().find("clients are told of no resolver") != std::string::npos, "%s",
            server.output().c_str());
  cr_assert(udp_echo(lab.client(), kTarget, 53, 100, 0.3) == false);
  cr_assert(lab.ping(lab.client(), Lab::kTarget4));
}
