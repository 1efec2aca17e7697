// SPDX-License-Identifier: ISC
#include "core/base/drop.h"

namespace vpnd {

std::string_view name(Drop d) noexcept {
  switch (d) {
    case Drop::none:
      return "none";
    case Drop::malformed:
      return "malformed";
    case Drop::bad_offload:
      return "bad_offload";
    case Drop::no_route:
      return "no_route";
    case Drop::no_session:
      return "no_session";
    case Drop::spoofed_source:
      return "spoofed_source";
    case Drop::bad_destination:
      return "bad_destination";
    case Drop::queue_full:
      return "queue_full";
    case Drop::queue_standing:
      return "queue_standing";
    case Drop::hand_over_full:
      return "hand_over_full";
    case Drop::too_large:
      return "too_large";
    case Drop::bad_tag:
      return "bad_tag";
    case Drop::bad_header:
      return "bad_header";
    case Drop::bad_control:
      return "bad_control";
    case Drop::bad_gate:
      return "bad_gate";
    case Drop::bad_time:
      return "bad_time";
    case Drop::replayed:
      return "replayed";
    case Drop::unknown_peer:
      return "unknown_peer";
    case Drop::bad_handshake:
      return "bad_handshake";
    case Drop::rate_limited:
      return "rate_limited";
    case Drop::half_open_full:
      return "half_open_full";
    case Drop::deadline:
      return "deadline";
    case Drop::key_spent:
      return "key_spent";
    case Drop::tun_write:
      return "tun_write";
    case Drop::count_:
      break;
  }
  return "unknown";
}

}  // namespace vpnd
