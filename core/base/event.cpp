// SPDX-License-Identifier: ISC
#include "core/base/event.h"

#include <algorithm>
#include <array>
#include <utility>

namespace vpnd {
namespace {

constexpr std::array<std::string_view, kEventKinds> kNames{
    "resolving", "trying",   "handshake", "applied", "connected", "lost",
    "blocked",   "reverted", "rekeyed",   "roamed",  "repaired"};

EventSink g_sink = nullptr;

EventListener& listener() noexcept {
  static EventListener the;
  return the;
}

}  // namespace

std::string_view name(EventKind kind) noexcept {
  return kNames[static_cast<std::size_t>(kind)];
}

std::optional<EventKind> event_kind(std::string_view text) noexcept {
  const auto at = std::ranges::find(kNames, text);
  if (at == kNames.end()) return std::nullopt;
  return static_cast<EventKind>(at - kNames.begin());
}

void emit(const Event& event) {
  if (g_sink == nullptr) {
    log_line(event.level, event.text);
  } else if (log_wants(event.level)) {
    g_sink(event);
  }
  if (listener()) listener()(event);
}

void set_event_sink(EventSink sink) noexcept {
  g_sink = sink;
}

void set_event_listener(EventListener next) noexcept {
  listener() = std::move(next);
}

}  // namespace vpnd
