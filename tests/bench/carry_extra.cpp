// SPDX-License-Identifier: ISC
// What the count of instructions must notice: each packet is copied once more, or looked at byte
// for byte. The linker puts this before the function that writes an entry's header, whose packet
// lies right behind it by then.

#include <cstring>

#include "core/wire/container.h"
#include "core/wire/pool.h"

using vpnd::wire::Offload;

namespace {

std::uint8_t seen[vpnd::wire::kMaxIpPacket];

void work(const std::uint8_t* packet, std::size_t size) noexcept {
#ifdef VPND_EXTRA_LOOP
  for (std::size_t i = 0; i < size; ++i)
    seen[0] = static_cast<std::uint8_t>(seen[0] * 31 + packet[i]);
#else
  std::memcpy(seen, packet, size);
#endif
  asm volatile("" : : "r"(seen) : "memory");  // somebody may read it
}

}  // namespace

extern "C" {

void __real__ZN4vpnd4wire18write_entry_headerEPhtRKNS0_7OffloadE(  //
    std::uint8_t* at, std::uint16_t length, const Offload&) noexcept;

void __wrap__ZN4vpnd4wire18write_entry_headerEPhtRKNS0_7OffloadE(  //
    std::uint8_t* at, std::uint16_t length, const Offload& offload) noexcept {
  work(at + vpnd::wire::kEntryHeader, length);
  __real__ZN4vpnd4wire18write_entry_headerEPhtRKNS0_7OffloadE(at, length, offload);
}
}
