// SPDX-License-Identifier: ISC
#include "core/plan/kept_session.h"

#include "core/plan/keeper_messages.h"
#include "core/plan/message_io.h"

namespace vpnd::plan {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kHostRoom = 255;

// The same list writes and reads.
template<class Io>
void fields(Io& io, KeptSession& s) {
  auto version = kVersion;
  io.limited(version, kVersion);
  io.text(s.host, kHostRoom);
  io.number(s.port);
  auto count = static_cast<std::uint32_t>(s.endpoints.size());
  io.limited(count, kMaxEndpoints);
  s.endpoints.resize(count);
  for (Endpoint& e : s.endpoints) {
    io.address(e.address);
    io.number(e.port);
  }
  io.lease(s.lease, true);
  io.bytes(s.cookie);
}

}  // namespace

std::vector<std::uint8_t> encode(const KeptSession& session) {
  KeptSession copy = session;
  if (copy.endpoints.size() > kMaxEndpoints) copy.endpoints.resize(kMaxEndpoints);
  MessageWriter out;
  fields(out, copy);
  return out.take();
}

std::optional<KeptSession> decode_kept_session(Bytes in) {
  if (in.empty() || in[0] != kVersion || in.size() > kMostKeptSession) return std::nullopt;
  MessageReader reader(in);
  KeptSession out;
  fields(reader, out);
  if (!reader.finished()) return std::nullopt;
  return out;
}

}  // namespace vpnd::plan
