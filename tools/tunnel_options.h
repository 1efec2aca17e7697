// SPDX-License-Identifier: ISC
#pragma once

// What the options of whatever brings up a tunnel do to its configuration.

#include <span>

#include "tools/command.h"

namespace vpnd {

// Of a client, besides running_options().
Options client_options();

// Throws Error (Exit::usage) for a value that will not do, or for an option of a client where the
// configuration is a server's.
void apply_options(plan::Config&, const Arguments&);
host::Caution caution_of(const Arguments&);

// For a tunnel of the file that is the only argument: reads it as at first, options and all.
// Pre: only_config() found it.
host::ReadAgain reading_again(const Arguments&);

}  // namespace vpnd
