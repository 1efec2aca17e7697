// SPDX-License-Identifier: ISC
// Resolvers, as the files of both sides name them.

#include <criterion/criterion.h>

#include <string>

#include "core/plan/config.h"
#include "tests/support/toml_texts.h"

using namespace vpnd;
using namespace vpnd::plan;
using namespace vpnd::test;

Test(toml_dns, of_a_client) {
  const auto c = client(
      "[dns]\nmode = \"file\"\nservers = [\"10.0.0.53\", \"fd00::53\"]\n"
      "domains = [\"corp.example\", \"lab\"]\n");
  cr_assert(c.dns.mode == DnsMode::file);
  cr_assert_eq(c.dns.servers.size(), 2u);
  cr_assert_eq(c.dns.servers[1].text(), "fd00::53");
  cr_assert_eq(c.dns.domains[0], "corp.example");
  cr_assert(client("").dns == Dns{});
  cr_assert(client("dns.mode = \"resolved\"\n").dns.mode == DnsMode::resolved);
  cr_assert(client("dns.mode = \"off\"\n").dns.mode == DnsMode::off);
  expect(kServer + "[dns]\nmode = \"off\"\n", "home.toml:4:1: \"mode\" is for a client only");
  expect(kClient + "[dns]\nmdoe = \"off\"\n",
         "home.toml:5:1: unknown key \"mdoe\" (did you mean \"mode\"?)");
  expect(kClient + "[dns]\nmode = \"on\"\n", "home.toml:5:8: \"dns.mode\" must be one of");
  for (const char* bad : {"dns.example", "127.0.0.53", "0.0.0.0", "224.0.0.1", "::1", ""}) {
    expect(kClient + "[dns]\nservers = [\"" + bad + "\"]\n", "home.toml:5:12: ");
  }
  const std::string named = kClient + "[dns]\nservers = [\"9.9.9.9\"]\n[routing]\n";
  for (const char* key : {"exclude", "lan"}) {
    expect(named + key + " = [\"9.9.9.9/32\"]\n",
           "home.toml:5:11: 9.9.9.9 is asked through the tunnel, and [routing] leaves it out");
  }
  cr_assert_eq(client("dns.servers = [\"9.9.9.9\"]\nrouting.exclude = [\"9.9.9.0/24\"]\n")
                   .dns.servers.size(),
               1u);
}

// What is no name must not reach a file that other programs read line by line.
Test(toml_dns, domains_are_nothing_but_names) {
  for (const char* bad : {"", ".", "a b", "a\\nnameserver 192.0.2.1", "a..b", "-;#", "~.", "a."}) {
    expect(kClient + "[dns]\ndomains = [\"" + bad + "\"]\n", "home.toml:5:12: \"");
  }
  std::string many = "[\"a\"";
  for (std::size_t i = 0; i < kMostDnsDomains; ++i) many += ", \"a\"";
  expect(kClient + "[dns]\ndomains = " + many + "]\n", "home.toml:5:11: at most 32 domains");
  std::string servers = "[\"10.0.0.1\"";
  for (std::size_t i = 0; i < kMostDnsServers; ++i) servers += ", \"10.0.0.1\"";
  expect(kClient + "[dns]\nservers = " + servers + "]\n", "home.toml:5:11: at most 8 servers");
}

Test(toml_dns, a_server_names_one_resolver_of_each_family) {
  const auto names = [](const std::string& text) {
    return std::get<ServerConfig>(config_from_toml(kServer + text, "home.toml")).push_dns.size();
  };
  cr_assert_eq(names("[server]\npush_dns = [\"9.9.9.9\", \"2620:fe::9\"]\n"), 2u);
  expect(kServer + "[server]\npush_dns = [\"9.9.9.9\", \"1.1.1.1\"]\n",
         "home.toml:4:24: a lease has room for one resolver of each family");
  expect(kServer + "[server]\npush_dns = \"127.0.0.1\"\n",
         "home.toml:4:12: \"127.0.0.1\" is not the address of a resolver");
  expect(kServer + "[server]\nlisten = \"203.0.113.2:443\"\npush_dns = \"203.0.113.2\"\n",
         "home.toml:5:12: clients reach 203.0.113.2 outside the tunnel");
}
