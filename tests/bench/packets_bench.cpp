// SPDX-License-Identifier: ISC
// What is asked of each inner packet's headers: by who reads it from the TUN, and by who writes it.

#include "core/wire/ip.h"
#include "core/wire/offload.h"
#include "tests/bench/bench.h"
#include "tests/support/packets.h"

namespace vpnd::bench {
namespace {

constexpr std::uint16_t kSegment = 1340;

// A TCP packet, of one segment or of as many as fit, with the header that its TUN would put before
// it.
struct Packet {
  Packet(bool v6, bool long_one) {
    test::PacketSpec spec;
    spec.v6 = v6;
    spec.payload = long_one ? 65'535 - test::all_headers(spec) : kSegment;
    bytes = test::partial_packet(spec);
    vnet.flags = wire::kVnetNeedsChecksum;
    vnet.csum_start = static_cast<std::uint16_t>(test::ip_header(spec));
    vnet.csum_offset = 16;
    if (!long_one) return;
    vnet.gso_type = v6 ? wire::kVnetGsoTcp6 : wire::kVnetGsoTcp4;
    vnet.header_length = static_cast<std::uint16_t>(test::all_headers(spec));
    vnet.gso_size = kSegment;
  }
  std::vector<std::uint8_t> bytes;
  wire::VnetHeader vnet;
};

void look_at(benchmark::State& state) {
  const Packet packet(state.range(0) != 0, state.range(1) != 0);
  for (auto _ : state) {
    Bytes bytes = packet.bytes;
    benchmark::DoNotOptimize(bytes);
    const auto ip = wire::parse_ip(bytes);
    const auto offload = wire::from_vnet(packet.vnet, bytes);
    wire::VnetHeader out;
    if (!ip || !offload || wire::to_vnet(*offload, bytes, out) != Drop::none) {
      return state.SkipWithError("the packet was refused");
    }
    benchmark::DoNotOptimize(out);
  }
  set_rates(state, state.iterations(),
            state.iterations() * static_cast<std::int64_t>(packet.bytes.size()));
}
BENCHMARK(look_at)->ArgNames({"v6", "tso"})->ArgsProduct({{0, 1}, {0, 1}});

}  // namespace
}  // namespace vpnd::bench
