// SPDX-License-Identifier: ISC
// A configuration from a TOML file.
#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/plan/config.h"
#include "core/plan/config_keys.h"
#include "core/wire/pushed_config.h"

namespace vpnd::plan {
namespace {

// "/etc/vpnd/home.toml" -> "home"
std::string stem(const std::string& path) {
  std::string base = path.substr(path.rfind('/') + 1);
  const auto dot = base.rfind('.');
  if (dot != std::string::npos && dot > 0) base.resize(dot);
  return base;
}

std::string beside(const std::string& file, const std::string& path) {
  const auto slash = file.rfind('/');
  if (slash == std::string::npos || path.starts_with('/')) return path;
  return file.substr(0, slash + 1) + path;
}

// A file name of its own.
bool valid_credential(const std::string& id) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
  return id.size() <= 255 && id.front() != '.' && id.find_first_not_of(kPlain) == id.npos;
}

// "90s", "15min", "2h": a number without a unit has been misread too often.
std::optional<std::chrono::seconds> duration(const Section& section, std::string_view key) {
  const TomlNode* node = section.find(key);
  if (node == nullptr) return std::nullopt;
  const auto digits = node->text.find_first_not_of("0123456789");
  const std::string unit = digits == std::string::npos ? "" : node->text.substr(digits);
  std::int64_t factor = 0;
  if (unit == "s") factor = 1;
  if (unit == "min") factor = 60;
  if (unit == "h") factor = 3600;
  if (factor == 0 || digits == 0 || digits > 6) {
    section.fail(*node,
                 fmt::format("\"{}\" is a duration with its unit: \"30s\", \"5min\", \"1h\"", key));
  }
  return std::chrono::seconds(std::stol(node->text.substr(0, digits)) * factor);
}

class Reader {
 public:
  Reader(const TomlNode& root, const std::string& file) : root_(root), file_(file) {}

  Config read() const {
    const Section top = section("");
    if (top.find("version") != nullptr) top.integer("version", 1, 1);
    const auto mode = top.choice("mode", {"client", "server"});
    if (!mode)
      throw config_error(fmt::format("{}:1:1: \"mode\" is missing", file_),
                         "write mode = \"client\" or mode = \"server\" at the top");
    const Role role = *mode == 0 ? Role::client : Role::server;
    check_keys(root_, role, file_);
    if (role == Role::server) return server();
    return client();
  }

 private:
  Section section(const std::string& name) const {
    if (name.empty()) return {&root_, "", file_};
    const TomlNode* table = root_.find(name);
    if (name == "peer" && table != nullptr) table = &table->children[0];
    return {table, name + ".", file_};
  }

  void common(Common& out) const {
    out.name = stem(file_);
    key(out);
    const Section interface = section("interface");
    const auto name = interface.text("name");
    if (name && *name != "auto") {
      if (!valid_interface_name(*name)) {
        interface.fail("name", fmt::format("\"{}\" cannot be the name of an interface", *name));
      }
      out.interface = *name;
    } else if (!name && valid_interface_name(out.name)) {
      out.interface = out.name;
    }
    // Below 1280 a device has no IPv6 (RFC 8200 5).
    if (const auto mtu = interface.integer("mtu", 1280, 65535)) out.mtu = static_cast<Mtu>(*mtu);
    if (const auto level =
            section("log").choice("level", {"error", "warning", "notice", "info", "debug"})) {
      out.log_level = static_cast<Level>(*level);
    }
    if (const auto format = section("log").choice("format", {"text", "json"})) {
      out.log_format = static_cast<LogFormat>(*format);
    }
    watched(out);
  }

  // A path, or { credential = "ID" }. The file that is loaded as such stands beside this one.
  void key(Common& out) const {
    const Section identity = section("identity");
    const TomlNode* node = identity.find("key");
    if (node == nullptr || node->kind != TomlNode::Kind::table) {
      const auto path = identity.text("key");
      if (!path) identity.fail("key", "\"identity.key\" is missing: the path of a key file");
      out.key = beside(file_, *path);
      return;
    }
    const Section table{node, "identity.key.", file_};
    const auto id = table.text("credential");
    if (!id || node->children.size() != 1 || !valid_credential(*id)) {
      identity.fail("key", "\"identity.key\" is a path, or { credential = \"key\" }");
    }
    out.credential = *id;
    out.key = beside(file_, out.name + ".key");
  }

  void watched(Common& out) const {
    const Section metrics = section("metrics");
    const auto path = [&](const char* key) {
      const auto value = metrics.text(key);
      if (!value || *value == "off") return std::string();
      if (value->front() != '/') {
        metrics.fail(key, fmt::format("\"metrics.{}\" is \"off\" or begins with \"/\"", key));
      }
      return *value;
    };
    out.metrics_textfile = path("textfile");
    out.metrics_socket = path("socket");
    const auto group = section("control").text("group");
    if (group && *group != "none") out.control_group = *group;
  }

  void marks(ClientConfig& out) const {
    const Section interface = section("interface");
    if (const auto mark = interface.integer("fwmark", 1, 0xffffffff)) {
      out.fwmark = Fwmark(static_cast<std::uint32_t>(*mark));
    }
    // The next number is taken as well, for the table behind a GATEWAY.
    if (const auto table = interface.integer("table", 1, 0xfffffffe)) {
      if (*table >= 252 && *table <= 255) {
        interface.fail("table", "tables 252 to 255 are the system's own");
      }
      out.table = Table(static_cast<std::uint32_t>(*table));
    }
    out.local_v4 = interface.address_v4("address");
  }

  void peer(ClientConfig& out) const {
    const Section peer = section("peer");
    const auto endpoints = peer.texts("endpoint");
    if (endpoints.empty()) peer.fail("endpoint", "[[peer]] needs an \"endpoint\", the server");
    if (endpoints.size() > 1) peer.fail(*endpoints[1], "there can be only one endpoint");
    const auto host = parse_host_port(endpoints[0]->text, out.port);
    if (!host) {
      peer.fail(*endpoints[0], fmt::format("\"{}\" is not HOST:PORT", endpoints[0]->text));
    }
    out.host = host->host;
    out.port = host->port;
    out.remote_v4 = peer.address_v4("address");
  }

  void routing(ClientConfig& out) const {
    const Section routing = section("routing");
    const auto mode = routing.choice("mode", {"full", "list", "none"});
    out.full = mode.value_or(0) == 0;
    out.include = routing.prefixes("include").value_or(std::vector<Prefix>{});
    out.exclude = routing.prefixes("exclude").value_or(std::vector<Prefix>{});
    const bool list = mode.value_or(0) == 1;
    if (list && out.include.empty()) routing.fail("mode", "mode \"list\" needs an \"include\"");
    if (!list && !out.include.empty()) routing.fail("include", "only with mode = \"list\"");
    for (const Prefix& p : out.exclude) {
      if (p.length == 0) routing.fail("exclude", p.text() + " leaves nothing for the tunnel");
    }
    out.gateway = routing.address("gateway");
    out.keep_inbound = routing.boolean("keep_inbound").value_or(false);
    lan(out, routing);
  }

  static void lan(ClientConfig& out, const Section& routing) {
    const TomlNode* node = routing.find("lan");
    if (node == nullptr) return;
    if (node->kind == TomlNode::Kind::array) {
      out.lan = Lan::list;
      out.lan_prefixes = *routing.prefixes("lan");
      for (const Prefix& p : out.lan_prefixes) {
        if (p.length == 0) routing.fail(*node, p.text() + " leaves nothing for the tunnel");
      }
      return;
    }
    constexpr Lan kLan[] = {Lan::private_only, Lan::none, Lan::routes};
    out.lan = kLan[*routing.choice("lan", {"private", "none", "routes"})];
  }

  Dns dns() const {
    Dns out;
    const Section dns = section("dns");
    out.mode = static_cast<DnsMode>(dns.choice("mode", dns_mode_names()).value_or(0));
    for (const TomlNode* node : dns.texts("servers")) {
      const auto address = Address::parse(node->text);
      if (!address) dns.fail(*node, fmt::format("\"{}\" is not an IP address", node->text));
      if (!is_unicast(*address)) {
        dns.fail(*node, fmt::format("{} cannot be the address of a host", node->text));
      }
      out.servers.push_back(*address);
    }
    // A name goes into the resolver file as it stands, so nothing else may be in it.
    for (const TomlNode* node : dns.texts("domains")) {
      if (!wire::valid_domain(node->text)) {
        dns.fail(*node, fmt::format("\"{}\" is not a domain", node->text));
      }
      out.domains.push_back(node->text);
    }
    if (out.servers.size() > kMostDnsServers) {
      dns.fail("servers", fmt::format("at most {} servers", kMostDnsServers));
    }
    if (out.domains.size() > kMostDnsDomains) {
      dns.fail("domains", fmt::format("at most {} domains", kMostDnsDomains));
    }
    return out;
  }

  void ask_through_the_tunnel(const ClientConfig& c) const {
    for (const Address& a : c.dns.servers) {
      const Prefix host = Prefix::host(a);
      for (const auto* left_out : {&c.exclude, &c.lan_prefixes}) {
        if (std::find(left_out->begin(), left_out->end(), host) == left_out->end()) continue;
        section("dns").fail("servers", fmt::format("{} is asked through the tunnel, and [routing] "
                                                   "leaves it out",
                                                   a.text()));
      }
    }
  }

  ClientConfig client() const {
    ClientConfig out;
    common(out);
    marks(out);
    peer(out);
    routing(out);
    if (const auto mode = section("kill_switch").choice("mode", kill_switch_names())) {
      out.kill_switch = static_cast<KillSwitch>(*mode);
    }
    out.dns = dns();
    ask_through_the_tunnel(out);
    // A tunnel with a file of its own is kept up by a service manager, so it waits for its server.
    out.timeout = duration(section(""), "timeout").value_or(std::chrono::seconds{0});
    return out;
  }

  static void listen(ServerConfig& out, const Section& server) {
    const auto entries = server.texts("listen");
    for (const TomlNode* entry : entries) {
      if (const auto endpoint = Endpoint::parse(entry->text)) {
        out.listen.push_back(*endpoint);
        continue;
      }
      const bool any = entry->text.starts_with("*:");
      const auto port = any ? parse_port(entry->text.substr(2)) : std::nullopt;
      const auto host = any ? std::nullopt : parse_host_port(entry->text, 443);
      if (any ? !port : (!host || Address::parse(host->host))) {
        server.fail(*entry, fmt::format("\"{}\" is neither ADDRESS:PORT, NAME:PORT nor *:PORT",
                                        entry->text));
      }
      if (entries.size() > 1) server.fail(*entry, "a name or * stands alone");
      out.port = any ? *port : host->port;
      if (host) out.bind_host = host->host;
    }
    if (!out.listen.empty()) out.port = out.listen.front().port;
  }

  static void pool_v4(ServerConfig& out, const Section& server) {
    const auto pool = server.prefix("pool");
    const auto address = server.address_v4("address");
    if (pool) {
      if (!pool->address.is_v4() || pool->length < 8 || pool->length > 30) {
        server.fail("pool", "\"server.pool\" is an IPv4 prefix of /8 to /30");
      }
      out.pool_v4 = *pool;
      ByteArray<4> last;
      store_be32(last.data(),
                 (load_be32(pool->address.bytes().data()) | (0xffffffffu >> pool->length)) - 1);
      out.address_v4 = Address::v4(Bytes(last));
    } else if (address) {
      out.pool_v4 = Prefix{*address, 24}.masked();
    }
    if (address) out.address_v4 = *address;
    if (!is_host_of(out.pool_v4, out.address_v4)) {
      server.fail("address", fmt::format("{} is no host of the pool {}", out.address_v4.text(),
                                         out.pool_v4.text()));
    }
    out.first_lease = server.address_v4("first_lease");
    if (!out.first_lease) {
      out.first_lease = default_first_lease(out.pool_v4, out.address_v4);
    } else if (*out.first_lease == out.address_v4 || !is_host_of(out.pool_v4, *out.first_lease)) {
      server.fail("first_lease", fmt::format("{} is not free in the pool {}",
                                             out.first_lease->text(), out.pool_v4.text()));
    }
  }

  static void pool_v6(ServerConfig& out, const Section& server) {
    const auto word = server.text("pool6").value_or("auto");
    const auto address = server.address("address6");
    if (word == "auto" || word == "off") {
      out.v6 = word == "off" ? ServerConfig::V6::off : ServerConfig::V6::derived;
      if (address) server.fail("address6", "only with a prefix as \"pool6\"");
      return;
    }
    out.v6 = ServerConfig::V6::given;
    out.pool_v6 = server.prefix("pool6");
    // Clients take 64:ff9b::/96 for a translator's prefix and would not use it (RFC 6052 2.1).
    const Prefix translator{*Address::parse("64:ff9b::"), 96};
    if (out.pool_v6->length != 64 || out.pool_v6->contains(translator) ||
        !is_unicast(out.pool_v6->address)) {
      server.fail("pool6", "\"server.pool6\" is \"auto\", \"off\" or an IPv6 prefix of /64");
    }
    ByteArray<16> first{};
    std::copy_n(out.pool_v6->address.bytes().begin(), 8, first.begin());
    first[15] = 1;
    out.address_v6 = address.value_or(Address::v6(Bytes(first)));
    if (!out.pool_v6->contains(*out.address_v6)) {
      server.fail("address6", fmt::format("{} is not in the pool {}", out.address_v6->text(),
                                          out.pool_v6->text()));
    }
  }

  void names(ServerConfig& out, const Section& server) const {
    for (const TomlNode* node : server.texts("push_dns")) {
      const auto address = Address::parse(node->text);
      if (!address || !is_unicast(*address)) {
        server.fail(*node, fmt::format("\"{}\" is not the address of a resolver", node->text));
      }
      const auto same = [&](const Address& a) { return a.family() == address->family(); };
      if (std::any_of(out.push_dns.begin(), out.push_dns.end(), same)) {
        server.fail(*node, "a lease has room for one resolver of each family");
      }
      const auto here = [&](const Endpoint& e) { return e.address == *address; };
      if (std::any_of(out.listen.begin(), out.listen.end(), here)) {
        server.fail(*node, fmt::format("clients reach {} outside the tunnel", node->text));
      }
      out.push_dns.push_back(*address);
    }
    out.dns_forward = section("dns").boolean("forward").value_or(out.dns_forward);
  }

  void queues(ServerConfig& out) const {
    const Section interface = section("interface");
    const TomlNode* node = interface.find("queues");
    const bool word = node != nullptr && node->kind == TomlNode::Kind::text;
    if (word && node->text == "auto") return;
    if (word) interface.fail("queues", "\"interface.queues\" is \"auto\" or a number");
    if (const auto n = interface.integer("queues", 1, kMostQueues)) {
      out.queues = static_cast<std::uint32_t>(*n);
    }
  }

  ServerConfig server() const {
    ServerConfig out;
    common(out);
    queues(out);
    const Section server = section("server");
    listen(out, server);
    pool_v4(out, server);
    pool_v6(out, server);
    if (const auto most = server.integer("max_clients", 0, 0xffffff)) {
      out.max_clients = static_cast<std::uint32_t>(*most);
    }
    if (const auto most = server.integer("max_connections", 0, 0xffffff)) {
      out.max_connections = static_cast<std::uint32_t>(*most);
    }
    out.isolate = server.boolean("isolate").value_or(out.isolate);
    out.nat = server.boolean("nat").value_or(out.nat);
    out.external = server.address("ext_ip");
    out.server_lan = server.prefixes("server_lan").value_or(std::vector<Prefix>{});
    names(out, server);
    return out;
  }

  const TomlNode& root_;
  const std::string& file_;
};

}  // namespace

Config config_from_toml(std::string_view text, const std::string& name) {
  const TomlNode root = parse_toml(text, name);
  return Reader(root, name).read();
}

}  // namespace vpnd::plan
