// SPDX-License-Identifier: ISC
#include "core/wire/container.h"

namespace vpnd::wire {

void write_entry_header(std::uint8_t* at, std::uint16_t length, const Offload& offload) noexcept {
  store_le16(at, length);
  at[2] = static_cast<std::uint8_t>(offload.kind);
  at[3] = 0;
  store_le16(at + 4, offload.segment_size);
}

std::optional<ContainerReader::Entry> ContainerReader::next() noexcept {
  const MutBytes rest = rest_;
  rest_ = {};  // the end, or an error, unless an entry is found
  if (rest.empty()) return std::nullopt;
  const std::size_t length = rest.size() < 2 ? 0 : load_le16(rest.data());
  if (rest.size() >= 2 && length == 0) return std::nullopt;  // the rest is padding
  if (rest.size() < kEntryHeader + length || rest[2] > static_cast<std::uint8_t>(Kind::uso) ||
      rest[3] != 0) {
    ok_ = false;
    return std::nullopt;
  }
  rest_ = rest.subspan(kEntryHeader + length);
  return Entry{{static_cast<Kind>(rest[2]), load_le16(&rest[4])},
               rest.subspan(kEntryHeader, length)};
}

}  // namespace vpnd::wire
