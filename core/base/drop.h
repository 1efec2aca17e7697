// SPDX-License-Identifier: ISC
#pragma once

// Why a packet, a record or a connection went no further. One enumerator is at once the return
// value, the counter's index and the metric's label.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace vpnd {

enum class Drop : std::uint8_t {
  none,             // nothing was dropped
  malformed,        // not an IP packet, or its lengths disagree
  bad_offload,      // the offload kind or segment size does not fit the packet
  no_route,         // no session owns the destination
  no_session,       // there is one, but it is not up
  spoofed_source,   // the inner source is not the client's own
  bad_destination,  // to something a client may not reach, or not to us
  queue_full,       // the connection's queue, or the pool, is full
  queue_standing,   // a flow's packets wait too long (CoDel): its sender is told by a loss
  hand_over_full,   // between two workers of a server
  too_large,        // a record longer than the announced limit
  bad_tag,          // a record that does not verify
  bad_header,       // reserved bits of a record header
  bad_control,      // a control message of the wrong length, direction or moment
  bad_gate,         // an opening that does not verify
  bad_time,         // an opening from outside the accepted window
  replayed,         // an opening that was seen before
  unknown_peer,     // a static key that is not in the client list
  bad_handshake,    // the Noise message does not verify
  rate_limited,     // a source over its budget
  half_open_full,   // evicted to make room for a newcomer
  deadline,         // never authenticated in time
  key_spent,        // an epoch or its hard limit is used up
  tun_write,        // the device refused the packet
  count_,
};

inline constexpr std::size_t kDropCount = static_cast<std::size_t>(Drop::count_);

std::string_view name(Drop) noexcept;  // "bad_tag"

}  // namespace vpnd
