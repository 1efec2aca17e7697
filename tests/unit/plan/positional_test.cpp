// SPDX-License-Identifier: ISC
#include <criterion/criterion.h>

#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/plan/config.h"

using namespace vpnd;
using namespace vpnd::plan;

namespace {

using Args = std::vector<std::string>;

Address v4(const char* text) {
  return *Address::parse(text);
}

// The complaint, or "" when there was none.
std::string server_complaint(const Args& args) {
  try {
    server_from_arguments(args);
  } catch (const Error& e) {
    cr_assert_eq(static_cast<int>(e.code()), static_cast<int>(Exit::usage));
    return e.what();
  }
  return {};
}

std::string client_complaint(const Args& args) {
  try {
    client_from_arguments(args);
  } catch (const Error& e) {
    cr_assert_eq(static_cast<int>(e.code()), static_cast<int>(Exit::usage));
    return e.what();
  }
  return {};
}

bool has(const std::string& text, const char* part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

Test(positional, a_server_of_defaults) {
  const Args all(6, "auto");
  Args with_key{"vpn.key"};
  const ServerConfig bare = server_from_arguments(with_key);
  with_key.insert(with_key.end(), all.begin(), all.end());
  cr_assert(bare == server_from_arguments(with_key));
  cr_assert(bare == server_from_arguments(Args{"vpn.key", "auto", "443"}));
  cr_assert_eq(bare.key, "vpn.key");
  cr_assert_eq(bare.port, 443);
  cr_assert(bare.listen.empty() && bare.bind_host.empty() && bare.interface.empty());
  cr_assert_eq(bare.address_v4, v4("192.168.192.254"));
  cr_assert_eq(bare.first_lease, v4("192.168.192.1"));
  cr_assert_eq(bare.pool_v4.text(), "192.168.192.0/24");
  cr_assert(!bare.external);
}

Test(positional, a_server_with_everything) {
  const auto c = server_from_arguments(
      Args{"k", "192.0.2.1", "4430", "vpn7", "10.9.0.254", "10.9.0.7", "198.51.100.1"});
  cr_assert_eq(c.listen.size(), 1u);
  cr_assert_eq(c.listen[0].text(), "192.0.2.1:4430");
  cr_assert_eq(c.port, 4430);
  cr_assert_eq(c.interface, "vpn7");
  cr_assert_eq(c.address_v4, v4("10.9.0.254"));
  cr_assert_eq(c.first_lease, v4("10.9.0.7"));
  cr_assert_eq(c.pool_v4.text(), "10.9.0.0/24");
  cr_assert_eq(c.external, v4("198.51.100.1"));
}

Test(positional, a_server_listens_on) {
  const auto name = server_from_arguments(Args{"k", "vpn.example.net", "99"});
  cr_assert_eq(name.bind_host, "vpn.example.net");
  cr_assert(name.listen.empty());
  cr_assert_eq(name.port, 99);
  const auto external =
      server_from_arguments(Args{"k", "auto", "auto", "auto", "auto", "auto", "198.51.100.1"});
  cr_assert_eq(external.listen.size(), 1u);
  cr_assert_eq(external.listen[0].text(), "198.51.100.1:443");
  const auto v6 = server_from_arguments(Args{"k", "2001:db8::1"});
  cr_assert_eq(v6.listen[0].text(), "[2001:db8::1]:443");
}

Test(positional, the_first_lease_is_never_a_surprise) {
  const auto local = server_from_arguments(Args{"k", "auto", "auto", "auto", "10.9.0.1"});
  cr_assert(!local.first_lease);
  cr_assert_eq(local.pool_v4.text(), "10.9.0.0/24");
  const auto own = server_from_arguments(Args{"k", "auto", "auto", "auto", "192.168.192.1"});
  cr_assert(!own.first_lease);
  const auto other = server_from_arguments(Args{"k", "auto", "auto", "auto", "192.168.192.9"});
  cr_assert_eq(other.first_lease, v4("192.168.192.1"));
}

Test(positional, a_server_refuses) {
  const auto both = server_complaint({"k", "auto", "auto", "auto", "10.9.0.1", "10.9.1.1"});
  cr_assert(has(both, "10.9.0.1") && has(both, "10.9.1.1"), "%s", both.c_str());
  cr_assert(has(server_complaint({"k", "auto", "auto", "auto", "auto", "10.9.1.1"}), "/24"));
  cr_assert(has(server_complaint({}), "key file"));
  cr_assert(has(server_complaint({"k", "a", "1", "t", "auto", "auto", "auto", "more"}), "more"));
  cr_assert(has(server_complaint({"k", ""}), "empty"));
  cr_assert(has(server_complaint({"k", "not a host"}), "not a host"));
  cr_assert(has(server_complaint({"k", "1.2.3"}), "1.2.3"));
  cr_assert(has(server_complaint({"k", "auto", "auto", "auto", "10.9.0.1", "10.9.0.1"}), "both"));
  cr_assert(has(server_complaint({"k", "auto", "auto", "auto", "10.9.0.0"}), "10.9.0.0"));
  cr_assert(has(server_complaint({"k", "auto", "auto", "auto", "10.9.0.255"}), "10.9.0.255"));
  cr_assert(has(server_complaint({"k", "auto", "auto", "auto", "10.9.0.1", "10.9.0.255"}), "/24"));
  cr_assert(has(server_complaint({"k", "auto", "auto", "auto", "fd00::1"}), "IPv4"));
  cr_assert(has(server_complaint({"k", "auto", "auto", "auto", "127.0.0.1"}), "127.0.0.1"));
  cr_assert(has(server_complaint({"k", "auto", "auto", "auto", "224.0.0.1"}), "224.0.0.1"));
  cr_assert(has(server_complaint({"k", "auto", "auto", "auto", "auto", "auto", "x"}), "EXT-IP"));
}

Test(positional, ports) {
  for (const char* good : {"1", "443", "65535", "auto"}) {
    cr_assert_eq(server_complaint({"k", "auto", good}), "", "%s", good);
  }
  for (const char* bad : {"0", "65536", "-1", "+1", "0443", "4 3", "x", "99999999999", "443x"}) {
    cr_assert(has(server_complaint({"k", "auto", bad}), "port"), "%s", bad);
    cr_assert(has(client_complaint({"k", "h", bad}), "port"), "%s", bad);
  }
}

Test(positional, interface_names) {
  for (const char* good : {"vpn0", "a", "tun-1.2_x", "abcdefghijklmno"}) {
    cr_assert(valid_interface_name(good), "%s", good);
    cr_assert_eq(client_complaint({"k", "h", "auto", good}), "", "%s", good);
  }
  for (const char* bad : {"", "abcdefghijklmnop", "a/b", "a b", "a\tb", "a:b", ".", "..", "all",
                          "default", "lo", "a%d", "t\xc3\xbcn", "a\"b", "a\nb"}) {
    cr_assert(!valid_interface_name(bad), "%s", bad);
    cr_assert(!client_complaint({"k", "h", "auto", bad}).empty(), "%s", bad);
  }
}

Test(positional, a_client_of_defaults) {
  const auto c = client_from_arguments(Args{"k", "vpn.example.net"});
  cr_assert(c == client_from_arguments(
                     Args{"k", "vpn.example.net", "auto", "auto", "auto", "auto", "auto"}));
  cr_assert_eq(c.host, "vpn.example.net");
  cr_assert_eq(c.port, 443);
  cr_assert(!c.local_v4 && !c.remote_v4 && !c.gateway);
  cr_assert(c.full);
  cr_assert(c.lan == Lan::private_only);
  cr_assert_eq(c.timeout.count(), 30);
}

Test(positional, a_client_with_everything) {
  const auto c = client_from_arguments(
      Args{"k", "2001:db8::1", "99", "vpn3", "10.9.0.1", "10.9.0.254", "192.168.1.1"});
  cr_assert_eq(c.host, "2001:db8::1");
  cr_assert_eq(c.port, 99);
  cr_assert_eq(c.interface, "vpn3");
  cr_assert_eq(c.local_v4, v4("10.9.0.1"));
  cr_assert_eq(c.remote_v4, v4("10.9.0.254"));
  cr_assert_eq(c.gateway, v4("192.168.1.1"));
  cr_assert_eq(client_from_arguments(Args{"k", "[2001:db8::1]"}).host, "2001:db8::1");
}

Test(positional, a_client_refuses) {
  cr_assert(has(client_complaint({}), "key file"));
  cr_assert(has(client_complaint({"k"}), "server"));
  cr_assert(has(client_complaint({"k", "auto"}), "HOST"));
  for (const char* host :
       {"1.2.3", "1.2.3.4:443", "h:443", "a b", "-h", "a..b", "256.1.1.1", "."}) {
    cr_assert(has(client_complaint({"k", host}), host), "%s", host);
  }
  cr_assert(has(client_complaint({"k", "h", "1", "t", "auto", "auto", "auto", "more"}), "more"));
  cr_assert(has(client_complaint({"k", "h", "1", "t", "x"}), "LOCAL-IP"));
  cr_assert(has(client_complaint({"k", "h", "1", "t", "auto", "::1"}), "REMOTE-IP"));
  cr_assert(has(client_complaint({"k", "h", "1", "t", "10.0.0.1", "10.0.0.1"}), "both"));
  cr_assert(has(client_complaint({"k", "h", "1", "t", "auto", "auto", "0.0.0.0"}), "GATEWAY"));
}

Test(host_port, reads) {
  const struct {
    const char* text;
    const char* host;
    int port;
  } kTable[] = {{"h", "h", 7},
                {"h:1", "h", 1},
                {"1.2.3.4", "1.2.3.4", 7},
                {"1.2.3.4:65535", "1.2.3.4", 65535},
                {"::1", "::1", 7},
                {"[::1]", "::1", 7},
                {"[::1]:9", "::1", 9}};
  for (const auto& row : kTable) {
    const auto got = parse_host_port(row.text, 7);
    cr_assert(got.has_value(), "%s", row.text);
    cr_assert_eq(got->host, row.host);
    cr_assert_eq(got->port, row.port);
  }
  for (const char* text : {"", ":", "h:", "h:0", "h:x", "[1.2.3.4]:1", "[::1", "[]:1", "a b:1",
                           "1.2.3:1", "::1:", "h:1:2", "[::1]x", "*:443"}) {
    cr_assert(!parse_host_port(text, 7).has_value(), "%s", text);
  }
}
