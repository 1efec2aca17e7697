// SPDX-License-Identifier: ISC
// Entries lie one behind the other inside the plaintext.
#include "core/wire/container.h"

#include "tests/fuzz/fuzz.h"

using namespace vpnd;
using namespace vpnd::fuzz;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Buffer b(data, data + size);
  wire::ContainerReader reader(b);
  std::size_t at = 0;
  while (const auto e = reader.next()) {
    must(e->packet.data() == b.data() + at + wire::kEntryHeader);
    must(!e->packet.empty() && e->offload.kind <= wire::Kind::uso);
    at += wire::kEntryHeader + e->packet.size();
    must(at <= size);
  }
  // A reader that is content stopped at the end, or at an entry of length 0.
  if (reader.ok()) must(at == size || (size - at >= 2 && b[at] == 0 && b[at + 1] == 0));
  return 0;
}
