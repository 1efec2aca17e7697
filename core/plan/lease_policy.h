// SPDX-License-Identifier: ISC
#pragma once

// What of a lease the configuration permits. The lease comes from the engine, which may have been
// taken over: it must not be able to ask for more than the operator would have accepted.

#include <optional>
#include <string>
#include <vector>

#include "core/plan/config.h"
#include "core/wire/hello.h"

namespace vpnd::plan {

inline constexpr Mtu kMinMtu = 576, kMinMtuV6 = 1280, kMaxMtu = 9000;

// Why it is refused; nullopt: it may be applied. `endpoints`: the server's.
std::optional<std::string> refusal(const ClientConfig&, const std::vector<Endpoint>& endpoints,
                                   const wire::Lease&);

}  // namespace vpnd::plan
