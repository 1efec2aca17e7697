// SPDX-License-Identifier: ISC
#include <criterion/criterion.h>

#include <random>
#include <string>

#include "core/base/error.h"
#include "core/plan/config.h"
#include "tests/support/toml_texts.h"

using namespace vpnd;
using namespace vpnd::plan;
using namespace vpnd::test;

Test(toml, smallest_files_equal_the_positional_forms) {
  auto c = client_from_arguments(std::vector<std::string>{"k", "h", "1"});
  c.name = c.interface = "home";
  c.timeout = std::chrono::seconds{0};  // only a client on a terminal gives up
  cr_assert(client("") == c);
  auto s = server_from_arguments(std::vector<std::string>{"k"});
  s.name = s.interface = "home";
  cr_assert(server("") == s);
}

Test(toml, a_mistyped_key_is_named_with_its_place) {
  expect("mode = \"client\"\n[interfce]\n",
         "home.toml:2:2: unknown key \"interfce\" (did you mean \"interface\"?)");
  expect(kClient + "[interface]\n  mut = 1400\n",
         "home.toml:5:3: unknown key \"mut\" (did you mean \"mtu\"?)");
  expect(kClient + "[routing]\nincldue = []\n",
         "home.toml:5:1: unknown key \"incldue\" (did you mean \"include\"?)");
  expect("mode = \"client\"\nidentity.key = \"k\"\n[[peer]]\nendpiont = \"h\"\n",
         "home.toml:4:1: unknown key \"endpiont\" (did you mean \"endpoint\"?)");
  expect(kServer + "[server]\nzzzzzzzz = 1\n", "home.toml:4:1: unknown key \"zzzzzzzz\"");
  cr_assert(complaint(kServer + "[server]\nzzzzzzzz = 1\n").find("mean") == std::string::npos);
}

Test(toml, keys_that_nothing_obeys_are_refused) {
  expect(kClient + "[split]\n", "home.toml:4:2: unknown key");
}

Test(toml, the_kill_switch_has_four_modes) {
  const auto mode = [](const std::string& text) {
    return std::get<ClientConfig>(config_from_toml(kClient + text, "home.toml")).kill_switch;
  };
  cr_assert(mode("") == KillSwitch::on);
  for (const auto wanted :
       {KillSwitch::on, KillSwitch::session, KillSwitch::always, KillSwitch::off}) {
    const std::string word(kill_switch_name(wanted));
    cr_assert(mode("[kill_switch]\nmode = \"" + word + "\"\n") == wanted);
  }
  expect(kClient + "[kill_switch]\nmode = \"allways\"\n",
         "home.toml:5:8: \"kill_switch.mode\" must be one of \"on\", \"session\", \"always\", "
         "\"off\", not \"allways\" (did you mean \"always\"?)");
}

Test(toml, by_default_there_are_few_queues_and_on_two_processors_one) {
  for (const auto& [processors, queues] :
       {std::pair(0u, 1u), {1u, 1u}, {2u, 1u}, {3u, 3u}, {4u, 4u}, {5u, 4u}, {64u, 4u}}) {
    cr_assert_eq(default_queues(processors), queues, "%u", processors);
  }
  const auto queues = [](const std::string& value) {
    const std::string text = kServer + "[interface]\nqueues = " + value + "\n";
    return std::get<ServerConfig>(config_from_toml(text, "home.toml")).queues;
  };
  cr_assert(queues("\"auto\"") == 0 && queues("1") == 1 && queues("16") == 16);
}

Test(toml, keys_of_the_other_role) {
  expect(kClient + "[server]\n", "home.toml:4:2: \"server\" is for a server only");
  expect(kServer + "[routing]\n", "home.toml:3:2: \"routing\" is for a client only");
  expect(kServer + "[interface]\nfwmark = 1\n", "home.toml:4:1: \"fwmark\" is for a client only");
  expect(kClient + "[interface]\nqueues = 2\n", "home.toml:5:1: \"queues\" is for a server only");
  expect("timeout = \"1s\"\n" + kServer, "home.toml:1:1: \"timeout\" is for a client only");
}

Test(toml, what_is_missing_or_no_toml) {
  expect("", "home.toml:1:1: \"mode\" is missing");
  expect("mode = \"both\"\n",
         "home.toml:1:8: \"mode\" must be one of \"client\", \"server\", not \"both\"");
  expect(
      "mode = \"sever\"\n",
      "home.toml:1:8: \"mode\" must be one of \"client\", \"server\", not \"sever\" (did you mean "
      "\"server\"?)");
  expect("version = 2\nmode = \"server\"\n", "home.toml:1:11: \"version\" must be 1, not 2");
  expect("mode = \"server\"\n", "home.toml:1:1: \"identity.key\" is missing");
  expect("mode = \"server\"\n[identity]\n", "home.toml:2:1: \"identity.key\" is missing");
  expect("mode = \"client\"\nidentity.key = \"k\"\n", "home.toml:1:1: [[peer]] needs an");
  expect("mode = \n", "home.toml:1:");
  expect("[=]\n", "home.toml:1:2:");
  expect("mode = \"server\"\nmode = \"server\"\n", "home.toml:2:");
  expect("[server]\n[server]\n", "home.toml:2:");
  expect("mode = \"server\"\nidentity = 3\n", "home.toml:2:1: \"identity\" is a table");
  expect("mode = \"client\"\nidentity.key = \"k\"\n[peer]\n",
         "home.toml:3:2: \"peer\" is written as [[peer]]");
  expect(kClient.substr(0, kClient.find("peer")) + "peer = [1]\n", "home.toml:3:");
  expect("mode = \"client\"\nidentity.key = \"k\"\n[[peer]]\nendpoint=\"a\"\n[[peer]]\n",
         "home.toml:3:");
  cr_assert(!complaint(std::string(2'000'000, '\n')).empty());
  cr_assert(!complaint(std::string(100'000, '[')).empty());
}

Test(toml, types_and_ranges) {
  expect(kClient + "[interface]\nname = 3\n",
         "home.toml:5:8: \"interface.name\" must be a string, not an integer");
  expect(kClient + "[interface]\nmtu = \"1400\"\n", "home.toml:5:7: \"interface.mtu\" must be an");
  expect(kClient + "[interface]\nmtu = 1279\n",
         "home.toml:5:7: \"interface.mtu\" must be from 1280");
  expect(kClient + "[interface]\nmtu = 65536\n", "home.toml:5:7:");
  expect(kClient + "[interface]\nmtu = 1.5\n", "home.toml:5:7:");
  expect(kClient + "[interface]\nfwmark = 0\n", "home.toml:5:10:");
  expect(kClient + "[interface]\nfwmark = 4294967296\n", "home.toml:5:10:");
  expect(kClient + "[interface]\ntable = 254\n", "home.toml:5:9: tables 252 to 255");
  expect(kClient + "[interface]\nname = \"a/b\"\n", "home.toml:5:8: \"a/b\" cannot be the name");
  expect(kClient + "[interface]\naddress = \"fd00::1\"\n",
         "home.toml:5:11: fd00::1 is not an IPv4");
  expect(kClient + "[log]\nlevel = \"loud\"\n", "home.toml:5:9: \"log.level\" must be one of");
  expect(kServer + "[server]\nisolate = 1\n",
         "home.toml:4:11: \"server.isolate\" must be true or false, not an integer");
  expect(kServer + "[server]\nmax_clients = -1\n", "home.toml:4:15:");
  expect(kServer + "[interface]\nqueues = 0\n", "home.toml:4:10:");
  expect(kServer + "[interface]\nqueues = \"all\"\n",
         "home.toml:4:10: \"interface.queues\" is \"auto\" or a number");
  expect(kServer + "[server]\next_ip = \"x\"\n", "home.toml:4:10: \"x\" is not an IP address");
}

Test(toml, who_may_look_and_where) {
  const auto common = [](const std::string& text) -> Common {
    return std::get<ClientConfig>(config_from_toml(kClient + text, "home.toml"));
  };
  const Common none = common("");
  cr_assert(none.metrics_socket.empty() && none.metrics_textfile.empty());
  cr_assert(none.control_group.empty());
  cr_assert(common("[metrics]\nsocket = \"off\"\n[control]\ngroup = \"none\"\n") == none);
  const Common some = common("[metrics]\nsocket = \"/run/a b\"\n[control]\ngroup = \"adm\"\n");
  cr_assert_eq(some.metrics_socket, "/run/a b");
  cr_assert_eq(some.control_group, "adm");
  expect(kClient + "[metrics]\ntextfile = \"x.prom\"\n", "home.toml:5:12: \"metrics.textfile\"");
  expect(kClient + "[metrics]\nsocket = \"\"\n", "home.toml:5:10: \"metrics.socket\" is empty");
  expect(kClient + "[control]\ngroup = 3\n", "home.toml:5:9: \"control.group\" must be");
}

Test(toml, a_duration_has_a_unit) {
  const auto seconds = [](const std::string& value) {
    return std::get<ClientConfig>(config_from_toml("timeout = \"" + value + "\"\n" + kClient, "f"))
        .timeout.count();
  };
  cr_assert_eq(seconds("0s"), 0);
  cr_assert_eq(seconds("45s"), 45);
  cr_assert_eq(seconds("5min"), 300);
  cr_assert_eq(seconds("2h"), 7200);
  for (const char* bad : {"30", "\"\"", "\"30\"", "\"s\"", "\"-1s\"", "\"1.5s\"", "\"30 s\"",
                          "\"5m\"", "\"9999999s\"", "\"1s1\"", "true"}) {
    expect("timeout = " + std::string(bad) + "\n" + kClient, "home.toml:1:11: \"timeout\"");
  }
}

Test(toml, routing) {
  const auto c = client(
      "[routing]\nmode = \"list\"\ninclude = [\"10.0.0.0/8\", \"fd00::/8\"]\n"
      "exclude = [\"10.1.0.0/16\"]\nlan = [\"192.168.7.0/24\"]\ngateway = \"192.168.1.1\"\n");
  cr_assert(!c.full);
  cr_assert_eq(c.include.size(), 2u);
  cr_assert_eq(c.exclude.size(), 1u);
  cr_assert(c.lan == Lan::list);
  cr_assert_eq(c.lan_prefixes[0].text(), "192.168.7.0/24");
  cr_assert_eq(c.gateway->text(), "192.168.1.1");
  cr_assert(client("routing.lan = \"none\"\n").lan == Lan::none);
  cr_assert(client("routing.lan = \"routes\"\n").lan == Lan::routes);
  cr_assert(!client("routing.mode = \"none\"\n").full);
  expect(kClient + "[routing]\nexclude = [\"10.0.0.1/8\"]\n",
         "home.toml:5:12: 10.0.0.1/8 has bits set behind its length; 10.0.0.0/8 was meant?");
  expect(kClient + "[routing]\nexclude = [\"10.0.0.0/33\"]\n", "home.toml:5:12:");
  expect(kClient + "[routing]\nexclude = [\"0.0.0.0/0\"]\n", "home.toml:5:11:");
  expect(kClient + "[routing]\nexclude = [3]\n", "home.toml:5:12:");
  expect(kClient + "[routing]\nexclude = \"10.0.0.0/8\"\n", "home.toml:5:11:");
  expect(kClient + "[routing]\nmode = \"list\"\n", "home.toml:5:8: mode \"list\" needs");
  expect(kClient + "[routing]\ninclude = [\"10.0.0.0/8\"]\n", "home.toml:5:11: only with mode");
  expect(kClient + "[routing]\nlan = \"prviate\"\n",
         "home.toml:5:7: \"routing.lan\" must be one of");
  expect(kClient + "[routing]\nlan = [\"::/0\"]\n", "home.toml:5:7:");
}

Test(toml, where_a_server_listens) {
  const auto s = server("[server]\nlisten = [\"192.0.2.1:99\", \"[::1]:98\"]\n");
  cr_assert_eq(s.listen.size(), 2u);
  cr_assert_eq(s.port, 99);
  const auto any = server("server.listen = \"*:8443\"\n");
  cr_assert(any.listen.empty() && any.bind_host.empty());
  cr_assert_eq(any.port, 8443);
  const auto name = server("server.listen = [\"vpn.example.net:99\"]\n");
  cr_assert_eq(name.bind_host, "vpn.example.net");
  cr_assert_eq(name.port, 99);
  for (const char* bad : {"*", "*:0", "1.2.3.4", "[::1]", "a b:1", "1.2.3.4:x"}) {
    expect(kServer + "[server]\nlisten = [\"" + bad + "\"]\n", "home.toml:4:11: \"");
  }
  expect(kServer + "[server]\nlisten = [\"1.2.3.4:1\", \"h:1\"]\n", "home.toml:4:24: a name or *");
}

Test(toml, pools) {
  const auto s = server("[server]\npool = \"10.9.0.0/16\"\n");
  cr_assert_eq(s.address_v4.text(), "10.9.255.254");
  cr_assert(!s.first_lease);
  cr_assert_eq(server("server.address = \"10.9.0.1\"\n").pool_v4.text(), "10.9.0.0/24");
  const auto v6 = server("server.pool6 = \"fd00:1:2:3::/64\"\n");
  cr_assert(v6.v6 == ServerConfig::V6::given);
  cr_assert_eq(v6.address_v6->text(), "fd00:1:2:3::1");
  cr_assert(server("server.pool6 = \"off\"\n").v6 == ServerConfig::V6::off);
  for (const char* bad : {"10.9.0.0/31", "10.0.0.0/7", "fd00::/64", "x"}) {
    expect(kServer + "[server]\npool = \"" + bad + "\"\n", "home.toml:4:8:");
  }
  for (const char* bad : {"fd00::/63", "64:ff9b::/64", "10.0.0.0/8", "on", "ff02::/64"}) {
    expect(kServer + "[server]\npool6 = \"" + bad + "\"\n", "home.toml:4:9:");
  }
  expect(kServer + "[server]\npool = \"10.9.0.0/24\"\naddress = \"10.9.1.1\"\n", "home.toml:5:11:");
  expect(kServer + "[server]\nfirst_lease = \"192.168.192.254\"\n", "home.toml:4:15:");
  expect(kServer + "[server]\nfirst_lease = \"10.0.0.1\"\n", "home.toml:4:15:");
  expect(kServer + "[server]\naddress6 = \"fd00::1\"\n", "home.toml:4:12: only with a prefix");
  expect(kServer + "[server]\npool6 = \"fd00::/64\"\naddress6 = \"fd01::1\"\n", "home.toml:5:12:");
}

Test(toml, the_name_and_the_key_come_from_the_files_place) {
  const auto at = [](const std::string& file) {
    return std::get<ClientConfig>(config_from_toml(kClient, file));
  };
  cr_assert_eq(at("/etc/vpnd/home.toml").name, "home");
  cr_assert_eq(at("/etc/vpnd/home.toml").key, "/etc/vpnd/k");
  cr_assert_eq(at("conf/a.b.toml").name, "a.b");
  cr_assert_eq(at("conf/a.b.toml").key, "conf/k");
  cr_assert_eq(at("x").key, "k");
  auto absolute = kServer;
  absolute.replace(absolute.find("\"k\""), 3, "\"/root/k\"");
  cr_assert_eq(std::get<ServerConfig>(config_from_toml(absolute, "a/b.toml")).key, "/root/k");
}

Test(toml, the_interface_is_called_as_the_file) {
  const auto interface = [](const std::string& file, const std::string& more) {
    return std::get<ClientConfig>(config_from_toml(kClient + more, file)).interface;
  };
  cr_assert_eq(interface("/etc/vpnd/home.toml", ""), "home");
  cr_assert_eq(interface("/etc/vpnd/home.toml", "interface.name = \"vpn7\"\n"), "vpn7");
  cr_assert_eq(interface("/etc/vpnd/home.toml", "interface.name = \"auto\"\n"), "");
  cr_assert_eq(interface("/etc/vpnd/home-of-the-family.toml", ""), "", "too long for the kernel");
  cr_assert_eq(interface("/etc/vpnd/all.toml", ""), "", "it means something else to the kernel");
}

Test(toml, every_key_is_in_the_effective_text) {
  const std::string both = effective(client("")) + effective(server(""));
  for (const std::string& key : config_keys()) {
    const std::string last = key.substr(key.rfind('.') + 1);
    cr_assert(both.find("\n" + last + " = ") != std::string::npos || both.starts_with(last + " ="),
              "%s", key.c_str());
  }
}

namespace {

class Random {
 public:
  explicit Random(unsigned seed) : rng_(seed) {}
  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(rng_() % n); }
  bool coin() { return below(2) == 0; }
  Address v4() {
    return Address::v4(static_cast<std::uint8_t>(1 + below(126)), byte(), byte(),
                       static_cast<std::uint8_t>(1 + below(254)));
  }
  Address v6() {
    ByteArray<16> b;
    for (auto& x : b) x = coin() ? byte() : 0;
    b[0] = 0xfd;
    return Address::v6(Bytes(b));
  }
  Address any() { return coin() ? v4() : v6(); }
  Prefix prefix() {
    const Address a = any();
    return Prefix{a, static_cast<std::uint8_t>(1 + below(a.bits()))}.masked();
  }
  std::vector<Prefix> prefixes(std::uint32_t least) {
    std::vector<Prefix> out(least + below(4));
    for (auto& p : out) p = prefix();
    return out;
  }
  std::string word() {
    std::string out = "n";
    constexpr const char* kOdd[] = {"a", "\"", "\\", " ", "\t", "\x01",
                                    "#", "'",  "=",  "[", "\n", "é"};
    for (std::uint32_t i = below(12); i > 0; --i) out += kOdd[below(std::size(kOdd))];
    return out;
  }
  void common(Common& c) {
    c.name = "tunnel";
    c.key = word();
    if (coin()) c.interface = "vpn" + std::to_string(below(100));
    c.mtu = static_cast<Mtu>(1280 + below(60000));
    c.log_level = static_cast<Level>(below(5));
    if (coin()) c.metrics_textfile = "/" + word();
    if (coin()) c.metrics_socket = "/" + word();
    if (coin()) c.control_group = word();
  }

 private:
  std::uint8_t byte() { return static_cast<std::uint8_t>(below(256)); }
  std::mt19937 rng_;
};

ClientConfig random_client(Random& r) {
  ClientConfig c;
  r.common(c);
  c.fwmark = Fwmark(1 + r.below(0xfffffffe));
  c.table = Table(256 + r.below(0xfffffe00));
  c.host = r.coin() ? r.any().text() : "host-" + std::to_string(r.below(1000)) + ".example";
  c.port = static_cast<std::uint16_t>(1 + r.below(65535));
  if (r.coin()) c.local_v4 = r.v4();
  if (r.coin()) c.remote_v4 = r.v4();
  if (r.coin()) c.gateway = r.any();
  c.full = r.coin();
  if (!c.full && r.coin()) c.include = r.prefixes(1);
  c.exclude = r.prefixes(0);
  c.lan = static_cast<Lan>(r.below(4));
  if (c.lan == Lan::list) c.lan_prefixes = r.prefixes(0);
  c.keep_inbound = r.coin();
  c.dns.mode = static_cast<DnsMode>(r.below(4));
  for (auto n = r.below(4); n > 0; --n) c.dns.servers.push_back(r.any());
  for (auto n = r.below(3); n > 0; --n) c.dns.domains.push_back("d" + std::to_string(n) + ".test");
  c.timeout = std::chrono::seconds(r.below(999999));
  return c;
}

ServerConfig random_server(Random& r) {
  ServerConfig c;
  r.common(c);
  c.port = static_cast<std::uint16_t>(1 + r.below(65535));
  const auto kind = r.below(3);
  if (kind == 0) c.bind_host = "host" + std::to_string(r.below(1000));
  if (kind == 1) c.listen = {{r.any(), c.port}, {r.any(), 443}};
  c.address_v4 = r.v4();
  c.pool_v4 = Prefix{c.address_v4, 24}.masked();
  c.first_lease = default_first_lease(c.pool_v4, c.address_v4);
  c.v6 = static_cast<ServerConfig::V6>(r.below(3));
  if (c.v6 == ServerConfig::V6::given) {
    c.address_v6 = r.v6();
    c.pool_v6 = Prefix{*c.address_v6, 64}.masked();
  }
  c.queues = r.below(17);
  c.max_clients = r.below(1000);
  c.max_connections = r.below(1000);
  c.isolate = r.coin();
  c.nat = r.coin();
  if (r.coin()) c.external = r.any();
  c.server_lan = r.prefixes(0);
  return c;
}

}  // namespace

Test(toml, effective_reads_back) {
  Random r(7);
  for (int i = 0; i < 3000; ++i) {
    const Config c = r.coin() ? Config(random_client(r)) : Config(random_server(r));
    const std::string text = effective(c);
    try {
      cr_assert(config_from_toml(text, "tunnel.toml") == c, "%s", text.c_str());
    } catch (const Error& e) {
      cr_assert_fail("%s\n%s", e.what(), text.c_str());
    }
  }
}

// Letters where no string is: the parser takes some of them for what cannot be.
Test(toml, letters_of_any_alphabet_give_a_complaint) {
  for (const char* letter :
       {"\u00e9", "\u00a1", "\u0499", "\u1234", "\u2030", "\u4e16", "\U0001f600"}) {
    for (const char* before : {"", "mode = \"client\" ", "mode = ", "mode ", "[identity] "}) {
      const auto line = complaint(std::string(before) + letter + "\n", "f");
      cr_assert(line.starts_with("f:1:"), "%s%s: %s", before, letter, line.c_str());
    }
  }
}

Test(toml, random_damage_gives_a_complaint_or_a_configuration) {
  Random r(8);
  const std::string whole = effective(random_client(r));
  int complaints = 0;
  for (int i = 0; i < 5000; ++i) {
    std::string text = whole;
    for (std::uint32_t n = 1 + r.below(3); n > 0; --n) {
      const auto at = r.below(static_cast<std::uint32_t>(text.size()));
      if (r.coin()) text.erase(at, 1 + r.below(9));
      text.insert(at, 1, static_cast<char>(r.below(256)));
    }
    const auto line = complaint(text, "f");
    complaints += !line.empty();
    if (!line.empty()) cr_assert(line.starts_with("f:"), "%s", line.c_str());
  }
  cr_assert(complaints > 1000);
}
