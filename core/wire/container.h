// SPDX-License-Identifier: ISC
#pragma once

// The plaintext of a data record: entries of "u16 length, u8 kind, u8 0, u16 segment size" and a
// packet. An entry of length 0 ends the data; the rest is padding. PROTOCOL.md 5.

#include <optional>

#include "core/wire/messages.h"
#include "core/wire/offload.h"

namespace vpnd::wire {

// Writes the six bytes of an entry header; length is the packet's.
void write_entry_header(std::uint8_t* at, std::uint16_t length, const Offload&) noexcept;

class ContainerReader {
 public:
  explicit ContainerReader(MutBytes plaintext) noexcept : rest_(plaintext) {}
  struct Entry {
    Offload offload;
    MutBytes packet;
  };
  // The next entry. nullopt at the end, and where the container is malformed: see ok().
  std::optional<Entry> next() noexcept;
  bool ok() const noexcept { return ok_; }

 private:
  MutBytes rest_;
  bool ok_ = true;
};

}  // namespace vpnd::wire
