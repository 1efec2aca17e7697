// SPDX-License-Identifier: ISC
// The positional forms, in DSVPN's order.
#include <fmt/format.h>

#include "core/base/error.h"
#include "core/plan/config.h"

namespace vpnd::plan {
namespace {

constexpr std::size_t kMostArguments = 7;
constexpr const char* kServerForm =
    "vpnd server KEY [ADDR] [PORT] [TUN] [LOCAL-IP] [REMOTE-IP] [EXT-IP]";
constexpr const char* kClientForm =
    "vpnd client KEY HOST [PORT] [TUN] [LOCAL-IP] [REMOTE-IP] [GATEWAY]";

// The arguments by position; "auto" and what was left out are both empty.
class Arguments {
 public:
  explicit Arguments(std::span<const std::string> args) noexcept : args_(args) {}

  std::optional<std::string> at(std::size_t i) const {
    if (i >= args_.size() || args_[i] == "auto") return std::nullopt;
    return args_[i];
  }
  std::uint16_t port(std::size_t i) const {
    const auto text = at(i);
    if (!text) return 443;
    const auto port = parse_port(*text);
    if (!port) throw usage_error(fmt::format("\"{}\" is not a port (1 to 65535)", *text));
    return *port;
  }
  std::string interface(std::size_t i) const {
    const auto text = at(i);
    if (!text) return {};
    if (!valid_interface_name(*text)) {
      throw usage_error(fmt::format("\"{}\" cannot be the name of an interface", *text),
                        "1 to 15 letters, digits, '-', '_' or '.', or: auto");
    }
    return *text;
  }
  std::optional<Address> address(std::size_t i, const char* what) const {
    const auto text = at(i);
    if (!text) return std::nullopt;
    const auto address = Address::parse(*text);
    if (!address) throw usage_error(fmt::format("{} \"{}\" is not an IP address", what, *text));
    if (!is_unicast(*address)) {
      throw usage_error(fmt::format("{} {} cannot be the address of a host", what, *text));
    }
    return address;
  }
  std::optional<Address> address_v4(std::size_t i, const char* what) const {
    const auto a = address(i, what);
    if (a && !a->is_v4()) {
      throw usage_error(fmt::format("{} {} is not an IPv4 address", what, a->text()));
    }
    return a;
  }

 private:
  std::span<const std::string> args_;
};

void check_count(std::span<const std::string> args, std::size_t least, const char* missing,
                 const char* form) {
  const std::string usage = std::string("usage: ") + form;
  if (args.size() < least) throw usage_error(missing, usage);
  if (args.size() > kMostArguments) {
    throw usage_error(fmt::format("\"{}\" is one argument too many", args[kMostArguments]), usage);
  }
  for (const std::string& arg : args) {
    if (arg.empty()) throw usage_error("an argument is empty; write auto for its default", usage);
  }
}

void set_listen(ServerConfig& config, const Arguments& args) {
  config.port = args.port(2);
  auto host = args.at(1);
  if (!host && config.external) host = config.external->text();
  if (!host) return;
  if (const auto address = Address::parse(*host)) {
    config.listen.push_back({*address, config.port});
  } else if (valid_host_name(*host)) {
    config.bind_host = *host;
  } else {
    throw usage_error(fmt::format("ADDR \"{}\" is neither an address nor a name", *host));
  }
}

void set_pool(ServerConfig& config, const Arguments& args) {
  const auto local = args.address_v4(4, "LOCAL-IP");
  const auto remote = args.address_v4(5, "REMOTE-IP");
  if (local) config.address_v4 = *local;
  config.pool_v4 = Prefix{config.address_v4, 24}.masked();
  config.first_lease = remote ? remote : default_first_lease(config.pool_v4, config.address_v4);
  if (!is_host_of(config.pool_v4, config.address_v4)) {
    throw usage_error(fmt::format("LOCAL-IP {} is the first or last address of {}",
                                  config.address_v4.text(), config.pool_v4.text()));
  }
  if (!remote) return;
  if (*remote == config.address_v4) {
    throw usage_error(fmt::format("LOCAL-IP and REMOTE-IP are both {}", remote->text()));
  }
  if (!is_host_of(config.pool_v4, *remote)) {
    throw usage_error(fmt::format("LOCAL-IP {} and REMOTE-IP {} are not two hosts of one /24",
                                  config.address_v4.text(), remote->text()),
                      "the server leases addresses from the /24 of LOCAL-IP, REMOTE-IP first");
  }
}

}  // namespace

ServerConfig server_from_arguments(std::span<const std::string> args) {
  check_count(args, 1, "a server needs a key file", kServerForm);
  const Arguments at(args);
  ServerConfig config;
  config.key = args[0];
  config.interface = at.interface(3);
  config.name = config.interface;
  set_pool(config, at);
  config.external = at.address(6, "EXT-IP");
  set_listen(config, at);
  return config;
}

ClientConfig client_from_arguments(std::span<const std::string> args) {
  check_count(args, 2,
              args.empty() ? "a client needs a key file and a server" : "a client needs a server",
              kClientForm);
  const Arguments at(args);
  ClientConfig config;
  config.key = args[0];
  std::string_view host = args[1];
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (args[1] == "auto" || (!Address::parse(host) && !valid_host_name(host))) {
    throw usage_error(fmt::format("HOST \"{}\" is neither an address nor a name", args[1]),
                      "the port is the next argument");
  }
  config.host = host;
  config.port = at.port(2);
  config.interface = at.interface(3);
  config.name = config.interface;
  config.local_v4 = at.address_v4(4, "LOCAL-IP");
  config.remote_v4 = at.address_v4(5, "REMOTE-IP");
  if (config.local_v4 && config.local_v4 == config.remote_v4) {
    throw usage_error(fmt::format("LOCAL-IP and REMOTE-IP are both {}", config.local_v4->text()));
  }
  config.gateway = at.address(6, "GATEWAY");
  return config;
}

}  // namespace vpnd::plan
