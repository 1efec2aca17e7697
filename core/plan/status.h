// SPDX-License-Identifier: ISC
#pragma once

// What `vpnd status` shows. The keeper fills it; it travels as JSON (schema "vpnd.status/1": within
// /1 fields are only added).

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/engine/engine.h"
#include "core/plan/rate_meter.h"

namespace vpnd::plan {

// Something of ours that others removed and that was put back.
struct LastRepair {
  std::vector<std::string> what;
  std::string by;  // who had removed it; empty: nobody knows
  WallMs at = 0;
};

struct Status {
  std::string name, version;
  WallMs at = 0;               // when it was made
  std::optional<Rates> rates;  // none: nobody looked shortly before
  engine::Report report;
  std::string host;                 // client: as the user wrote it
  std::string endpoint;             // client: address and port in use
  std::vector<std::string> listen;  // server
  std::string interface;
  std::vector<std::string> addresses;  // of the interface
  unsigned mtu = 0;
  std::string driver;                  // "io_uring" or "epoll"
  std::uint32_t workers = 1;           // of the engine, each with a queue of the interface
  std::string offload;                 // "tso4 tso6 uso", "none"
  std::string congestion;              // "bbr", "cubic"
  std::vector<std::string> fallbacks;  // what this kernel lacks and what is used instead
  unsigned changes_made = 0, changes_present = 0;
  std::vector<std::string> missing;  // changes that somebody removed
  unsigned repairs = 0;              // times that something missing was put back
  bool repairs_rest = false;         // removed too often: left alone for now
  std::optional<LastRepair> last_repair;
  std::string dns;                    // "10.0.0.53, by the resolver file"; empty: left alone
  bool dns_set = false;               // false: `dns` says why not, or it is left alone
  std::vector<std::string> warnings;  // what needs somebody's attention, a sentence each
  std::string cipher_library;         // "libsodium 1.0.18"
  // Client: what it was told to do with this host's traffic.
  struct Routing {
    std::vector<std::string> endpoints;    // the server's, all of them
    std::vector<std::string> into_tunnel;  // "0.0.0.0/0" and "::/0", or a list
    std::vector<std::string> past_tunnel;  // left out by the user
    std::string lan;                       // "none", "private", "routes", "list"
    std::string kill_switch;
    std::uint32_t fwmark = 0;
  } routing;
};

std::string_view cipher_name(crypto::Cipher) noexcept;  // "aes-256-gcm"

std::string to_json(const Status&);
// nullopt: not JSON, another schema, or a field of another type. Absent fields keep their defaults.
std::optional<Status> status_from_json(std::string_view json) noexcept;
// What of all this needs attention; for Status::warnings.
std::vector<std::string> warnings_of(const Status&);
// For people. Lines end with '\n'. Sizes in powers of 1024.
std::string print(const Status&);
// In one line, without its end: state, rates, round trip, what was dropped.
std::string print_line(const Status&);

}  // namespace vpnd::plan
