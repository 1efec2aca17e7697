// SPDX-License-Identifier: ISC
// A configuration as the TOML file that would say the same.
#include <fmt/format.h>

#include "core/plan/config.h"
#include "core/plan/toml_tree.h"

namespace vpnd::plan {
namespace {

template<typename T>
std::string list(const std::vector<T>& values) {
  std::string out = "[";
  for (const T& v : values) out += (out.size() > 1 ? ", " : "") + toml_quote(v.text());
  return out + "]";
}

std::string words(const std::vector<std::string>& values) {
  std::string out = "[";
  for (const std::string& v : values) out += (out.size() > 1 ? ", " : "") + toml_quote(v);
  return out + "]";
}

std::string or_auto(const std::optional<Address>& a) {
  return toml_quote(a ? a->text() : "auto");
}

std::string head(const char* mode) {
  return fmt::format("version = 1\nmode = \"{}\"\n", mode);
}

std::string or_word(const std::string& value, const char* word) {
  return toml_quote(value.empty() ? word : value);
}

std::string identity_and_log(const Common& c) {
  const std::string key = c.credential.empty()
                              ? toml_quote(c.key)
                              : fmt::format("{{ credential = {} }}", toml_quote(c.credential));
  return fmt::format(
      "\n[identity]\nkey = {}\n\n[log]\nlevel = \"{}\"\nformat = \"{}\"\n\n[metrics]\n"
      "textfile = {}\nsocket = {}\n\n[control]\ngroup = {}\n",
      key, level_name(c.log_level), log_format_name(c.log_format),
      or_word(c.metrics_textfile, "off"), or_word(c.metrics_socket, "off"),
      or_word(c.control_group, "none"));
}

std::string interface_section(const Common& c) {
  return fmt::format("\n[interface]\nname = {}\nmtu = {}\n",
                     toml_quote(c.interface.empty() ? "auto" : c.interface), c.mtu);
}

std::string lan_value(const ClientConfig& c) {
  return c.lan == Lan::list ? list(c.lan_prefixes) : fmt::format("\"{}\"", lan_name(c.lan));
}

std::string listen_value(const ServerConfig& c) {
  if (!c.listen.empty()) return list(c.listen);
  return "[" + toml_quote(fmt::format("{}:{}", c.bind_host.empty() ? "*" : c.bind_host, c.port)) +
         "]";
}

std::string pool6_value(const ServerConfig& c) {
  switch (c.v6) {
    case ServerConfig::V6::derived:
      return "\"auto\"";
    case ServerConfig::V6::off:
      return "\"off\"";
    case ServerConfig::V6::given:
      return toml_quote(c.pool_v6 ? c.pool_v6->text() : "auto");
  }
  return {};
}

std::string text_of(const ClientConfig& c) {
  std::string out = head("client");
  out += fmt::format("timeout = \"{}s\"\n", c.timeout.count());
  out += identity_and_log(c) + interface_section(c);
  out +=
      fmt::format("fwmark = {}\ntable = {}\naddress = {}\n", static_cast<std::uint32_t>(c.fwmark),
                  static_cast<std::uint32_t>(c.table), or_auto(c.local_v4));
  const auto literal = Address::parse(c.host);
  const bool brackets = literal && !literal->is_v4();
  out += fmt::format(
      "\n[[peer]]\nendpoint = {}\naddress = {}\n",
      toml_quote(fmt::format(fmt::runtime(brackets ? "[{}]:{}" : "{}:{}"), c.host, c.port)),
      or_auto(c.remote_v4));
  const char* mode = c.full ? "full" : c.include.empty() ? "none" : "list";
  out += fmt::format(
      "\n[routing]\nmode = \"{}\"\ninclude = {}\nexclude = {}\nlan = {}\n"
      "gateway = {}\nkeep_inbound = {}\n",
      mode, list(c.include), list(c.exclude), lan_value(c), or_auto(c.gateway), c.keep_inbound);
  out += fmt::format("\n[kill_switch]\nmode = \"{}\"\n", kill_switch_name(c.kill_switch));
  out += fmt::format("\n[dns]\nmode = \"{}\"\nservers = {}\ndomains = {}\n",
                     dns_mode_name(c.dns.mode), list(c.dns.servers), words(c.dns.domains));
  return out;
}

std::string text_of(const ServerConfig& c) {
  std::string out = head("server") + identity_and_log(c) + interface_section(c);
  out += c.queues == 0 ? "queues = \"auto\"\n" : fmt::format("queues = {}\n", c.queues);
  const auto address6 = c.v6 == ServerConfig::V6::given ? c.address_v6 : std::nullopt;
  out += fmt::format(
      "\n[server]\nlisten = {}\npool = \"{}\"\naddress = \"{}\"\n"
      "first_lease = {}\npool6 = {}\naddress6 = {}\n",
      listen_value(c), c.pool_v4.text(), c.address_v4.text(), or_auto(c.first_lease),
      pool6_value(c), or_auto(address6));
  out += fmt::format("max_clients = {}\nmax_connections = {}\n", c.max_clients, c.max_connections);
  out += fmt::format("isolate = {}\nserver_lan = {}\nnat = {}\next_ip = {}\n", c.isolate,
                     list(c.server_lan), c.nat, or_auto(c.external));
  out += fmt::format("push_dns = {}\n\n[dns]\nforward = {}\n", list(c.push_dns), c.dns_forward);
  return out;
}

}  // namespace

std::string effective(const Config& config) {
  return std::visit([](const auto& c) { return text_of(c); }, config);
}

}  // namespace vpnd::plan
