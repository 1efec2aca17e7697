// SPDX-License-Identifier: ISC
// An opening sealed under the right key: accepted in canonical form only. As it is: never.
#include "core/wire/handshake.h"
#include "crypto/gate_box.h"
#include "tests/fuzz/fuzz.h"

using namespace vpnd;
using namespace vpnd::fuzz;

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Buffer file(32, 1);
  file[0] = 200;
  static const wire::ServerIdentity server =
      wire::server_identity(wire::parse_key_file(file, "key"), {}, "key");
  wire::Block block{};
  std::copy_n(data, std::min(size, block.size()), block.begin());
  must(!wire::Responder::open(server, wire::Transport::stream, block));
  const ByteArray<10> ad{'v', 'p', 'n', 'd', '/', '1', ' ', 'c', '1', 0};
  ByteArray<wire::kGatePlain> g{};
  std::copy_n(data, std::min(size, g.size()), g.begin());
  const MutBytes whole(block);
  crypto::gate_seal(server.gate.c2s, std::span(block).first<wire::kGateNonce>(), ad, g,
                    whole.subspan(wire::kGateNonce));
  const auto gate = wire::Responder::open(server, wire::Transport::stream, block);
  if (!gate) return 0;
  must(g[0] == 1 && g[1] == 0 && gate->pad_len <= wire::kMaxStreamPad && gate->noise_len <= 176);
  must(std::all_of(g.begin() + 36 + gate->noise_len, g.end(), [](auto b) { return b == 0; }));
  (void)wire::Responder(server, *gate, wire::Transport::stream).read();
  return 0;
}
