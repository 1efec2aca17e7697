// SPDX-License-Identifier: ISC
#pragma once

// Names and values that a host derives for what it keeps over a restart.

#include <functional>
#include <string>
#include <string_view>

#include "core/base/addr.h"
#include "core/plan/config.h"

namespace vpnd::plan {

// A file's name for something that belongs to a host name: `prefix`, what of the name can stand in
// one, a digest that keeps two names apart, `suffix`.
std::string state_file_name(std::string_view prefix, std::string_view host,
                            std::string_view suffix);

// An IPv6 prefix fd00::/8 with 56 bits that only this server has (RFC 4193). `lease_secret`: 32
// bytes.
Prefix derived_pool_v6(Bytes lease_secret);

// What a configuration leaves to its host: without IPv6 there is no pool of it, and a pool that is
// derived is what `derived` gives, which is asked for nothing else; the server has its address 1.
void settle_v6(ServerConfig&, bool has_v6, const std::function<Prefix()>& derived);

}  // namespace vpnd::plan
