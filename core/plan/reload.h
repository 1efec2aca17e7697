// SPDX-License-Identifier: ISC
#pragma once

// What another text of its file changes in a running tunnel. Each key either takes effect at once,
// with no session ended and no moment in which neither the old nor the new holds, or waits for a
// restart; which of them do what is in vpnd.toml(5).

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/plan/config.h"

namespace vpnd::plan {

struct ConfigChange {
  std::vector<std::string> in_place, at_restart;  // keys as in the file: "routing.exclude"
  friend bool operator==(const ConfigChange&, const ConfigChange&) = default;
};

// Both as they were read, before a host has filled in what depends on it.
ConfigChange compare(const Config& before, const Config& next);
// What takes effect at once comes from `next`, the rest stays. Pre: both are of one mode.
void take_over(Config& running, const Config& next);

// All keys that can differ, for the manual's test, and whether they wait for a restart.
struct ReloadKey {
  std::string key;
  bool at_restart = false;
};
std::vector<ReloadKey> reload_keys();

// How a request to read the file again ended. `code`: ok if all that it says is in force now,
// failure if some of it waits for a restart, else why nothing was changed.
struct Reloaded {
  Exit code = Exit::ok;
  std::string line, remedy;
};
Reloaded reloaded(const ConfigChange&);
// Why it cannot be asked for at all; nullopt: it can.
std::optional<Reloaded> cannot_reload(bool has_file, bool stopping);
// `take_in` reads the file again and puts it in force, or throws Error and then has changed
// nothing: whatever is wrong with the file, the tunnel goes on as it was. Logs how it ended.
Reloaded reload(const std::function<ConfigChange()>& take_in);
// For the control socket: a line with the code, and then the texts.
std::string to_text(const Reloaded&);
std::optional<Reloaded> reloaded_from(const std::string& text);

}  // namespace vpnd::plan
