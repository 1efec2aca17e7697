// SPDX-License-Identifier: ISC
#pragma once

// What a host would do to carry out a plan, for people and programs that want to know before: as
// text, as JSON (schema "vpnd.plan/1": within /1 fields are only added), or as commands.

#include <string>
#include <vector>

#include "core/plan/plan.h"

namespace vpnd::plan {

struct Change {
  std::string kind;      // "link", "addr", "route", "rule", "conf", "nft", "dns"
  std::string what;      // one line, which begins with "+" for what is new and "~" for what differs
  std::string message;   // by which the program makes it: "RTM_NEWROUTE"
  std::string undo;      // how and when it goes
  std::string commands;  // by which a shell makes it: whole lines
};

struct Lowered {
  std::vector<Change> changes;        // in the order in which they are made
  std::vector<std::string> warnings;  // what their user should know
  std::vector<std::string> assumed;   // what only a session can tell, and what stands for it here
};

std::string print(const Plan&, const Lowered&);
std::string to_json(const Plan&, const Lowered&);
// For a shell of root. It makes what the program makes, but for what its first lines name.
std::string commands(const Plan&, const Lowered&);

}  // namespace vpnd::plan
