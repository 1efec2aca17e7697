// SPDX-License-Identifier: ISC
// What decodes is the same after another trip; so for a cookie under a known secret.
#include "core/wire/hello.h"

#include "tests/fuzz/fuzz.h"

using namespace vpnd;
using namespace vpnd::fuzz;

template<typename T, std::size_t N>
void trip(Bytes data) {
  ByteArray<N> in{}, out{};
  std::ranges::copy(data.first(std::min(N, data.size())), in.begin());
  const auto first = T::decode(in);
  if (!first) return;
  first->encode(out);
  must(T::decode(out) == first);
}

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  trip<wire::HelloC, wire::kHelloC>({data, size});
  trip<wire::HelloS, wire::kHelloS>({data, size});
  trip<wire::Lease, wire::kLease>({data, size});
  return 0;
}
