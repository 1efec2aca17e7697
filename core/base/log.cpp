// SPDX-License-Identifier: ISC
#include "core/base/log.h"

#include <atomic>

namespace vpnd {
namespace {

LogSink g_sink = nullptr;
std::atomic<Level> g_most_verbose = Level::info;

}  // namespace

void set_log(LogSink sink, Level most_verbose) noexcept {
  g_sink = sink;
  g_most_verbose = most_verbose;
}

void set_log_level(Level most_verbose) noexcept {
  g_most_verbose = most_verbose;
}

bool log_wants(Level level) noexcept {
  return g_sink != nullptr && level <= g_most_verbose.load(std::memory_order_relaxed);
}

void log_line(Level level, std::string_view line) noexcept {
  if (log_wants(level)) g_sink(level, line);
}

}  // namespace vpnd
