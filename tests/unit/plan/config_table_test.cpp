// SPDX-License-Identifier: ISC
// Each key by itself: a value that will do, and what is said of those that will not.

#include <criterion/criterion.h>
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>

#include "core/plan/config.h"
#include "tests/support/toml_texts.h"

using namespace vpnd;
using namespace vpnd::plan;
using namespace vpnd::test;

namespace {

// `good` differs from the default. `bad` has the right type; the complaint about it begins `offset`
// characters into it.
struct Case {
  const char *key, *good, *bad;
  unsigned offset;
  const char* complaint;
};

constexpr Case kCases[] = {
    {"version", "1", "2", 0, "\"version\" must be 1, not 2"},
    {"mode", "\"client\"", "\"clinet\"", 0,
     "\"mode\" must be one of \"client\", \"server\", not \"clinet\" (did you mean \"client\"?)"},
    {"timeout", "\"5min\"", "\"5\"", 0, "\"timeout\" is a duration with its unit: \"30s\""},
    {"identity.key", "\"other\"", "\"\"", 0, "\"identity.key\" is empty"},
    {"interface.name", "\"vpn7\"", "\"a/b\"", 0, "\"a/b\" cannot be the name of an interface"},
    {"interface.mtu", "1400", "1279", 0, "\"interface.mtu\" must be from 1280 to 65535, not 1279"},
    {"interface.queues", "2", "17", 0, "\"interface.queues\" must be from 1 to 16, not 17"},
    {"interface.fwmark", "7", "0", 0, "\"interface.fwmark\" must be from 1 to 4294967295, not 0"},
    {"interface.table", "7", "254", 0, "tables 252 to 255 are the system's own"},
    {"interface.address", "\"10.0.0.7\"", "\"fd00::1\"", 0, "fd00::1 is not an IPv4 address"},
    {"peer.endpoint", "\"other:99\"", "\"a b\"", 0, "\"a b\" is not HOST:PORT"},
    {"peer.address", "\"10.0.0.1\"", "\"10.0.0\"", 0, "\"10.0.0\" is not an IP address"},
    {"routing.mode", "\"none\"", "\"fll\"", 0,
     "\"routing.mode\" must be one of \"full\", \"list\", \"none\", not \"fll\" (did you mean"},
    {"routing.include", "[\"10.0.0.0/8\"]\nmode = \"list\"", "[\"10.0.0.1/8\"]\nmode = \"list\"", 1,
     "10.0.0.1/8 has bits set behind its length; 10.0.0.0/8 was meant?"},
    {"routing.exclude", "[\"10.0.0.0/8\"]", "[\"10.0.0.0/33\"]", 1,
     "\"10.0.0.0/33\" is not a prefix such as 10.0.0.0/8"},
    {"routing.lan", "[\"10.0.0.0/8\"]", "\"prviate\"", 0,
     "\"routing.lan\" must be one of \"private\", \"none\", \"routes\", not \"prviate\" (did you"},
    {"routing.gateway", "\"10.0.0.1\"", "\"127.0.0.1\"", 0,
     "127.0.0.1 cannot be the address of a host"},
    {"routing.keep_inbound", "true", "\"true\"", 0,
     "\"routing.keep_inbound\" must be true or false, not a string"},
    {"dns.mode", "\"file\"", "\"flie\"", 0, "\"dns.mode\" must be one of \"auto\", \"resolved\""},
    {"dns.servers", "[\"9.9.9.9\"]", "[\"dns.test\"]", 1, "\"dns.test\" is not an IP address"},
    {"dns.domains", "[\"a.test\"]", "[\"a b\"]", 1, "\"a b\" is not a domain"},
    {"metrics.textfile", "\"/run/vpnd.prom\"", "\"vpnd.prom\"", 0,
     "\"metrics.textfile\" is \"off\" or begins with \"/\""},
    {"metrics.socket", "\"/run/m.sock\"", "\"m.sock\"", 0,
     "\"metrics.socket\" is \"off\" or begins with \"/\""},
    {"control.group", "\"adm\"", "\"\"", 0, "\"control.group\" is empty"},
    {"log.format", "\"json\"", "\"jsn\"", 0,
     "\"log.format\" must be one of \"text\", \"json\", not \"jsn\" (did you mean"},
    {"kill_switch.mode", "\"session\"", "\"allways\"", 0,
     "\"kill_switch.mode\" must be one of \"on\", \"session\", \"always\", \"off\", not "
     "\"allways\" (did you mean \"always\"?)"},
    {"server.listen", "\"*:99\"", "\"1.2.3.4\"", 0,
     "\"1.2.3.4\" is neither ADDRESS:PORT, NAME:PORT nor *:PORT"},
    {"server.pool", "\"10.0.0.0/24\"", "\"10.0.0.0/31\"", 0,
     "\"server.pool\" is an IPv4 prefix of /8 to /30"},
    {"server.pool6", "\"off\"", "\"fd00::/63\"", 0,
     "\"server.pool6\" is \"auto\", \"off\" or an IPv6 prefix of /64"},
    {"server.address", "\"10.0.0.9\"", "\"10.0.0.0\"", 0, "10.0.0.0 is no host of the pool"},
    {"server.address6", "\"fd00::9\"\npool6 = \"fd00::/64\"", "\"fd01::9\"\npool6 = \"fd00::/64\"",
     0, "fd01::9 is not in the pool fd00::/64"},
    {"server.first_lease", "\"192.168.192.9\"", "\"10.0.0.1\"", 0,
     "10.0.0.1 is not free in the pool 192.168.192.0/24"},
    {"server.max_clients", "7", "-1", 0, "\"server.max_clients\" must be from 0 to 16777215"},
    {"server.max_connections", "7", "-1", 0, "\"server.max_connections\" must be from 0 to"},
    {"server.isolate", "false", "0", 0, "\"server.isolate\" must be true or false, not an integer"},
    {"server.server_lan", "[\"10.0.0.0/8\"]", "[\"10.0.0\"]", 1, "\"10.0.0\" is not a prefix"},
    {"server.nat", "false", "\"no\"", 0, "\"server.nat\" must be true or false, not a string"},
    {"server.ext_ip", "\"192.0.2.1\"", "\"0.0.0.0\"", 0, "0.0.0.0 cannot be the address of a host"},
    {"server.push_dns", "[\"9.9.9.9\"]", "[\"127.0.0.1\"]", 1,
     "\"127.0.0.1\" is not the address of a resolver"},
    {"dns.forward", "false", "\"yes\"", 0, "\"dns.forward\" must be true or false, not a string"},
    {"log.level", "\"debug\"", "\"loud\"", 0, "\"log.level\" must be one of \"error\""},
};

bool of_server(const std::string& key) {
  return key.starts_with("server.") || key == "dns.forward" || key == "interface.queues";
}

// A file with that key on a line of its own.
struct File {
  std::string text;
  unsigned line = 0, column = 0;  // of the value
};

class Writer {
 public:
  Writer(const std::string& key, const std::string& value) {
    const auto dot = key.find('.');
    section_ = dot == std::string::npos ? "" : key.substr(0, dot);
    name_ = key.substr(dot == std::string::npos ? 0 : dot + 1);
    value_ = value;
    const bool server = of_server(key);
    section("", server ? "mode = \"server\"" : "mode = \"client\"");
    section("identity", "key = \"k\"");
    if (!server) section("peer", "endpoint = \"h:1\"");
    if (section_ != "" && section_ != "identity" && section_ != "peer") section(section_, "");
  }
  File file;

 private:
  void line(const std::string& text) {
    file.text += text + "\n";
    ++lines_;
  }
  // What the section needs, and the key if it belongs there.
  void section(const std::string& name, const std::string& needed) {
    if (name == "peer") line("[[peer]]");
    if (name != "" && name != "peer") line("[" + name + "]");
    const bool ours = name == section_;
    if (!needed.empty() && !(ours && needed.starts_with(name_ + " "))) line(needed);
    if (!ours) return;
    line(name_ + " = " + value_);
    file.line = lines_;
    file.column = static_cast<unsigned>(name_.size()) + 4;
    lines_ += static_cast<unsigned>(std::ranges::count(value_, '\n'));
  }

  std::string section_, name_, value_;
  unsigned lines_ = 0;
};

File with(const std::string& key, const std::string& value) {
  return Writer(key, value).file;
}

void complains(const File& file, unsigned column, const std::string& of, const std::string& what) {
  const std::string wanted = fmt::format("home.toml:{}:{}: {}", file.line, column, what);
  const std::string got = complaint(file.text);
  cr_assert(got.starts_with(wanted), "%s\nwanted: %s\n   got: %s", of.c_str(), wanted.c_str(),
            got.c_str());
}

}  // namespace

Test(config_table, has_each_key) {
  std::set<std::string> known;
  for (const std::string& key : config_keys()) known.insert(key);
  std::set<std::string> tested;
  for (const Case& c : kCases) tested.insert(c.key);
  for (const std::string& key : known) cr_assert(tested.contains(key), "%s", key.c_str());
  for (const std::string& key : tested) cr_assert(known.contains(key), "%s", key.c_str());
}

Test(config_table, a_wrong_value_is_named_with_its_place) {
  for (const Case& c : kCases) {
    const File file = with(c.key, c.bad);
    complains(file, file.column + c.offset, c.key, c.complaint);
  }
}

Test(config_table, a_wrong_type_is_named_with_its_place) {
  for (const Case& c : kCases) {
    for (const char* value : {"1.5", "{ a = 1 }", "1979-05-27"}) {
      const File file = with(c.key, value);
      complains(file, file.column, c.key, "\"");
    }
  }
}

Test(config_table, a_mistyped_key_is_named_with_what_was_meant) {
  for (const Case& c : kCases) {
    const std::string key = c.key, name = key.substr(key.rfind('.') + 1);
    // The one that is meant may have to be there, besides.
    File file = with(key, c.good);
    std::size_t at = 0;
    for (unsigned line = 1; line < file.line; ++line) at = file.text.find('\n', at) + 1;
    file.text.insert(at, name + "x = 1\n");
    complains(file, 1, c.key, fmt::format("unknown key \"{0}x\" (did you mean \"{0}\"?)", name));
  }
}

Test(config_table, a_key_may_stand_once) {
  for (const Case& c : kCases) {
    const std::string key = c.key, name = key.substr(key.rfind('.') + 1);
    const File file = with(
        key, std::string(c.good).substr(0, std::string(c.good).find('\n')) + "\n" + name + " = 1");
    const std::string got = complaint(file.text);
    cr_assert(got.starts_with(fmt::format("home.toml:{}:", file.line + 1)), "%s: %s", c.key,
              got.c_str());
    cr_assert(got.find(name) != std::string::npos, "%s: %s", c.key, got.c_str());
  }
}

// Whatever a file says, the whole of it can be written down, and means the same again.
Test(config_table, what_is_effective_reads_back) {
  for (const Case& c : kCases) {
    const std::string key = c.key;
    const File file = with(key, c.good);
    const Config config = config_from_toml(file.text, "home.toml");
    const Config usual = of_server(key) ? Config(server("")) : Config(client(""));
    const bool says_nothing = key == "version" || key == "mode";
    cr_assert(says_nothing || config != usual, "%s is not heeded", c.key);
    const std::string text = effective(config);
    cr_assert(config_from_toml(text, "home.toml") == config, "%s\n%s", c.key, text.c_str());
  }
}
