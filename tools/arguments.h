// SPDX-License-Identifier: ISC
#pragma once

// The command line as data. Positional arguments are checked where they are used.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vpnd {

enum class Command : std::uint8_t {
  none,  // the bare program name
  help,
  version,
  genkey,
  pubkey,
  fingerprint,
  peer_add,
  peer_list,
  peer_revoke,
  server,
  client,
  run,
  plan,
  status,
  check,
  confirm,
  cleanup,
  lock,
  dns,
  demo,
};

struct Arguments {
  Command command = Command::none;
  std::vector<std::string> positional;
  std::string help;  // Command::help: the text to print

  bool json = false, keep = false;
  bool shared_key = false, server_key = false;
  std::string output;   // peer add -o
  std::string address;  // peer add --address

  std::string state_dir, run_dir;   // empty: the default places
  std::optional<unsigned> timeout;  // seconds
  std::string kill_switch;          // client; empty: as configured
  bool keep_inbound = false;
  std::vector<std::string> exclude;
  std::optional<unsigned> try_for;  // seconds
  std::string accepted_risk;
  std::optional<std::uint16_t> mtu;
  unsigned verbose = 0;
  bool quiet = false;
  std::string log_format;      // empty: as configured
  bool after_service = false;  // cleanup
};

// Throws Error (Exit::usage), one line with a suggestion where there is one.
Arguments parse_arguments(int argc, const char* const* argv);

std::string short_help();

}  // namespace vpnd
