// SPDX-License-Identifier: ISC
#pragma once

// The sub-commands as a table. A command describes itself where it is carried out: its form, its
// options and its function stand in one file, its name below and in all_commands().

#include <string>
#include <variant>
#include <vector>

#include "core/base/error.h"
#include "core/host.h"
#include "tools/arguments.h"

namespace vpnd {

struct Option {
  // What it sets: a flag, how often a flag was given, a text, a number, or every text that was
  // given.
  using Target =
      std::variant<bool Arguments::*, unsigned Arguments::*, std::string Arguments::*,
                   std::optional<unsigned> Arguments::*, std::vector<std::string> Arguments::*>;

  std::string names;  // "-v,--verbose"
  std::string value;  // what stands for it in the help: "SEC"; empty: a flag
  std::string description;
  Target target;
  unsigned least = 0, most = 0;  // of a number
  std::string excludes = {};     // another option of the same command
};
using Options = std::vector<Option>;

struct Command {
  enum class Group : unsigned char { tunnel, look, keys, other };  // of the list of commands

  Group group;
  std::string path;         // "peer add"
  std::string form;         // its positional arguments; empty: none
  std::string summary;      // a few words for the list of commands
  std::string description;  // a sentence for its own help
  // What the process ends with; throws Error.
  Exit (*run)(const Arguments&);
  Options options;
};

Command server_command();
Command client_command();
Command run_command();
Command up_command();
Command down_command();
Command plan_command();
Command status_command();
Command top_command();
Command events_command();
Command wait_command();
Command metrics_command();
Command check_command();
Command doctor_command();
Command reload_command();
Command confirm_command();
Command cleanup_command();
Command lock_command();
Command dns_command();
Command genkey_command();
Command pubkey_command();
Command fingerprint_command();
Command peer_add_command();
Command peer_list_command();
Command peer_revoke_command();
Command demo_command();
Command help_command();
Command version_command();

// In the order in which they are listed.
const std::vector<Command>& all_commands();
// Of that path; nullptr: there is none.
const Command* find_command(const std::string& path);

// What the bare name does: status if a tunnel runs, else the help.
Exit run_bare(const Arguments&);

// ---- help
std::string short_help();
// Of one command: its form, its description, its options.
std::string help_of(const Command&);

// ---- options that several commands have
Option json_option();
Option verbose_option(const char* description);
Options place_options();     // --state-dir, --run-dir
Option config_dir_option();  // --config-dir
Options running_options();   // of whatever brings up a tunnel
Options operator+(Options, const Options&);

// A line each Arguments::watch seconds, until the tunnel ends.
Exit watch_status(const Arguments&, const std::string& name);
// From the options, else from the service manager, else the usual ones.
host::Places places_of(const Arguments&);
// The same for one folder: an option, else an environment variable, else the usual one.
std::string place(const std::string& option, const char* variable, const char* otherwise);
// The only argument, or `otherwise`. A second one is an Error.
std::string argument_or(const Arguments&, const char* otherwise);

}  // namespace vpnd
