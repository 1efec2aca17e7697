// SPDX-License-Identifier: ISC
#pragma once

// An object as `vpnd plan` shows it: by which message it is made, how it goes, and by which
// commands of iproute2, nft and sysctl a shell would make the same.

#include <string>

#include "core/plan/lowered.h"
#include "linux/objects.h"

namespace vpnd::nl {

// What the commands for the resolvers depend on.
struct ResolverNow {
  bool by_resolved = false;  // systemd-resolved has the say
  std::string text;          // of the resolver file
  bool absent = false;       // there is none
  bool elsewhere = false;    // it is another network's, and left alone
};

// Pure. A ForeignAccept names the chain in which it comes to stand.
plan::Change change(const Object&, const ResolverNow&);

// A word for a shell, quoted where it must be.
std::string shell_word(const std::string&);

}  // namespace vpnd::nl
