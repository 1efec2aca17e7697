// SPDX-License-Identifier: ISC
#pragma once

// What the clients of a load and its far end say to each other in datagrams: a row of segments of
// one size, each with this head, so that it is the same whether somebody on the way cuts it or not.
// Integers are little-endian.
//
// A transfer is a stream of offsets, and whoever receives says how far it may go: a window without
// the retransmissions of TCP, so that the tunnel is measured and not somebody's recovery from loss.

#include <cstdint>
#include <optional>

#include "core/base/bytes.h"

namespace vpnd::load {

enum class Type : std::uint32_t {
  data = 1,    // value: offset of the segment's first byte
  credit = 2,  // to the far end: send up to the offset `value`
  flood = 3,   // to the far end: `value` bytes a second for `extra` milliseconds, asked or not
  ack = 4,     // to the client: value: the highest offset seen, extra: bytes that arrived
};

struct Message {
  Type type = Type::data;
  std::uint64_t value = 0, extra = 0;
};

inline constexpr std::size_t kHead = 24;
inline constexpr std::uint16_t kSegment = 1392;                      // with its headers: 1420
inline constexpr std::size_t kLargest = 43 * std::size_t{kSegment};  // one packet with offload

inline void write_message(const Message& m, std::uint8_t* to) noexcept {
  store_le64(to, static_cast<std::uint64_t>(m.type));
  store_le64(to + 8, m.value);
  store_le64(to + 16, m.extra);
}

inline std::optional<Message> read_message(Bytes from) noexcept {
  if (from.size() < kHead) return std::nullopt;
  const std::uint64_t type = load_le64(from.data());
  if (type < 1 || type > 4) return std::nullopt;
  return Message{static_cast<Type>(type), load_le64(from.data() + 8), load_le64(from.data() + 16)};
}

// The heads of a packet full of data that begins at that offset; what else is in it does not
// matter.
inline void write_data(std::uint64_t offset, MutBytes payload) noexcept {
  for (std::size_t at = 0; at + kHead <= payload.size(); at += kSegment) {
    write_message({Type::data, offset + at, 0}, payload.data() + at);
  }
}

}  // namespace vpnd::load
