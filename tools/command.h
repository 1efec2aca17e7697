// SPDX-License-Identifier: ISC
#pragma once

// The sub-commands. Each returns what the process ends with, or throws Error.

#include "core/base/error.h"
#include "core/host.h"
#include "tools/arguments.h"

namespace vpnd {

Exit run_bare(const Arguments&);  // no sub-command: status if a tunnel runs, else the help
Exit run_version(const Arguments&);
Exit run_genkey(const Arguments&);
Exit run_pubkey(const Arguments&);
Exit run_fingerprint(const Arguments&);
Exit run_peer_add(const Arguments&);
Exit run_peer_list(const Arguments&);
Exit run_peer_revoke(const Arguments&);
Exit run_tunnel(const Arguments&);  // server, client, run
Exit run_plan(const Arguments&);
Exit run_status(const Arguments&);
Exit run_check(const Arguments&);
Exit run_confirm(const Arguments&);
Exit run_cleanup(const Arguments&);
Exit run_lock(const Arguments&);
Exit run_dns(const Arguments&);
Exit run_demo(const Arguments&);

// From the options, else from the service manager, else the usual ones.
host::Places places_of(const Arguments&);
// The only argument, or `otherwise`. A second one is an Error.
std::string argument_or(const Arguments&, const char* otherwise);
// What to throw where nothing of that name runs; empty: nothing at all.
Error not_running(const std::string& name);

}  // namespace vpnd
