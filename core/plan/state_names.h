// SPDX-License-Identifier: ISC
#pragma once

// Names and values that a host derives for what it keeps over a restart.

#include <string>
#include <string_view>

#include "core/base/addr.h"

namespace vpnd::plan {

// A file's name for something that belongs to a host name: `prefix`, what of the name can stand in
// one, a digest that keeps two names apart, `suffix`.
std::string state_file_name(std::string_view prefix, std::string_view host,
                            std::string_view suffix);

// An IPv6 prefix fd00::/8 with 56 bits that only this server has (RFC 4193). `lease_secret`: 32
// bytes.
Prefix derived_pool_v6(Bytes lease_secret);

}  // namespace vpnd::plan
