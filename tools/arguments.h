// SPDX-License-Identifier: ISC
#pragma once

// The command line as data. Positional arguments are checked where they are used.

#include <optional>
#include <string>
#include <vector>

namespace vpnd {

struct Command;

struct Arguments {
  const Command* command = nullptr;  // none: the bare program name
  std::vector<std::string> positional;

  bool json = false, keep = false;
  bool config = false, effective = false;  // check
  bool shared_key = false, server_key = false;
  std::string output;   // peer add -o
  std::string address;  // peer add --address
  std::string format;   // plan; empty: text
  std::string report;   // demo --report

  std::string state_dir, run_dir, config_dir;  // empty: the default places
  std::string log_file;                        // up
  std::optional<unsigned> timeout;             // seconds
  std::optional<unsigned> watch;               // status: again after so many seconds
  std::string wait_for;                        // wait: connected, dns or down
  std::string kill_switch;                     // client; empty: as configured
  bool keep_inbound = false;
  std::vector<std::string> exclude;
  std::optional<unsigned> try_for;  // seconds
  std::string accepted_risk;
  std::optional<unsigned> mtu;
  unsigned verbose = 0;
  bool quiet = false;
  std::string log_format;      // empty: as configured
  bool after_service = false;  // cleanup
};

// Throws Error (Exit::usage), one line with a suggestion where there is one.
Arguments parse_arguments(int argc, const char* const* argv);

}  // namespace vpnd
