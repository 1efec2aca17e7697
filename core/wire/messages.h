// SPDX-License-Identifier: ISC
#pragma once

// The whole of vpnd/1 on one screen: sizes, numbers and times. PROTOCOL.md says what they mean.

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace vpnd::wire {

using namespace std::chrono_literals;

// --- the gate: two opening blocks
inline constexpr std::size_t kGateNonce = 24;
inline constexpr std::size_t kGatePlain = 216;
inline constexpr std::size_t kGateTag = 16;
inline constexpr std::size_t kBlock = kGateNonce + kGatePlain + kGateTag;
inline constexpr std::size_t kMaxNoise = 176;
inline constexpr std::size_t kMaxStreamPad = 1023;
inline constexpr std::size_t kGateHeader = 36;  // G[0..35], part of the Noise prologue
static_assert(kBlock == 256);

enum class Mode : std::uint8_t { shared = 0, public_key = 1 };  // S and P
enum class Transport : std::uint8_t { stream = 0, datagram = 1 };

inline constexpr std::uint8_t kVersion = 1;
inline constexpr std::uint16_t kFlagClockUnsure = 0x0001;  // c1
inline constexpr std::uint16_t kFlagClockReply = 0x0002;   // s1
inline constexpr std::uint16_t kFlagRetryReply = 0x0004;   // s1

inline constexpr std::size_t kHelloC = 80;
inline constexpr std::size_t kHelloS = 128;
inline constexpr std::size_t kLease = 112;  // hello_s[16..127]
inline constexpr std::size_t kCookie = 40;
inline constexpr std::size_t kInstanceId = 16;

enum class Status : std::uint8_t { ok = 0, no_address = 2, version = 3, refused = 4, busy = 6 };

// --- records on a stream
inline constexpr std::size_t kRecordHeader = 4;
inline constexpr std::size_t kEntryHeader = 6;
inline constexpr std::uint32_t kMaxPlaintext = 0x1ffff;  // 17 bits of the header
inline constexpr std::size_t kMaxTagRoom = 32;
enum class RecordType : std::uint8_t { data = 0, control = 1 };

enum class Op : std::uint8_t {
  confirm = 1,
  ping = 2,
  pong = 3,
  rekey1 = 4,
  rekey2 = 5,
  switch_epoch = 6,
  close = 7,
  pad = 8,
  lease = 9,
  config = 10,
};

enum class CloseReason : std::uint8_t {
  shutdown = 1,
  superseded = 2,
  no_address = 3,
  protocol = 4,
  key_limit = 5,
  revoked = 6,
};

// --- limits and times
inline constexpr std::uint64_t kEpochBytes = std::uint64_t{1} << 36;
inline constexpr std::uint64_t kEpochRecords = std::uint64_t{1} << 34;
inline constexpr std::uint64_t kHardBytes = std::uint64_t{1} << 38;
inline constexpr auto kRekeyAfter = 120s;  // +- 10 %
inline constexpr auto kHardStop = 600s;    // from the last completed DH re-key
inline constexpr auto kConfirmWithin = 5s;
inline constexpr auto kUnauthMin = 5s;   // one deadline for all that never authenticate,
inline constexpr auto kUnauthMax = 60s;  // uniform between these
inline constexpr std::uint64_t kClockWindowMs = 180'000;

}  // namespace vpnd::wire
