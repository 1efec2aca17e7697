// SPDX-License-Identifier: ISC
#pragma once

// Where an engine's log lines and events go, by thread: the first one's to the keeper, the others'
// to the first.

#include "core/base/event.h"
#include "linux/crew.h"
#include "linux/keeper_link.h"

namespace vpnd::nl {

void log_of_engine(Level, std::string_view line);  // a LogSink
void tell_of_engine(const Event&);  // an EventListener: all of them, whatever is to be logged

// For the calling thread; both must outlive it, or the next call.
void log_to(KeeperLink*) noexcept;  // nullptr: nowhere
void log_to(Crew&, std::uint32_t worker) noexcept;

}  // namespace vpnd::nl
