// SPDX-License-Identifier: ISC
#pragma once

// Both ends of a handshake as the known answers have them, and gate blocks made by hand.

#include <criterion/criterion.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/wire/handshake.h"
#include "crypto/gate_box.h"
#include "crypto/random.h"
#include "tests/vectors/vectors.h"

namespace vpnd::test {

using namespace vpnd::wire;
using Plain = ByteArray<kGatePlain>;

inline bool shared(const Value& v) {
  return text(v, "mode") == "S";
}
inline bool stream(const Value& v) {
  return text(v, "transport") == "stream";
}
inline Transport transport(const Value& v) {
  return stream(v) ? Transport::stream : Transport::datagram;
}

// The first handshake of this mode and carrier.
inline Value vector_of(const char* mode, const char* carrier = "stream") {
  const Value file = load_json("vpnd1-draft-kat.json");
  for (const Value& v : file.at("vectors")) {
    if (text(v, "mode") == mode && text(v, "transport") == carrier) return v;
  }
  return {};
}

inline KeyFile key_of_text(std::vector<std::uint8_t> content) {
  return parse_key_file(content, "test key");
}
inline std::vector<std::uint8_t> text_bytes(const std::string& t) {
  return {t.begin(), t.end()};
}

inline ClientIdentity client_of(const Value& v) {
  if (shared(v)) return client_identity(key_of_text(bytes(v, "key_file")), "test key");
  return client_identity(key_of_text(text_bytes(text(v, "key_line"))), "test key");
}

inline ServerIdentity server_of(const Value& v) {
  if (shared(v)) return server_identity(key_of_text(bytes(v, "key_file")), {}, "test key");
  const ServerKey key{test::key(v, "server_static_secret"), test::key(v, "access_key")};
  std::vector<PeerEntry> peers(3);
  for (PeerEntry& peer : peers) crypto::random_bytes(peer.key);
  peers[1].name = "client";
  peers[1].key = array<32>(v, "client_static_public");
  peers[1].psk = test::key(v, "client_psk");
  return server_identity(key_of_text(text_bytes(server_line(key))), std::move(peers), "test key");
}

inline HelloC hello_c(const Value& v) {
  return *HelloC::decode(array<kHelloC>(v, "hello_c1"));
}
inline HelloS hello_s(const Value& v) {
  return *HelloS::decode(array<kHelloS>(v, "hello_s1"));
}

// The prologue's G[0..35] tells what the opening said outside of Noise.
inline Initiator::Opening opening_of(const Value& v) {
  const auto prologue = bytes(v, "prologue");
  Initiator::Opening o;
  o.hello = hello_c(v);
  o.time = load_le64(&prologue[8 + 8]);
  o.transport = transport(v);
  o.sender_index = load_le32(&prologue[8 + 16]);
  return o;
}

inline BlockRandom random_c1(const Value& v) {
  return {array<kGateNonce>(v, "nonce_c1"), 7};
}
inline BlockRandom random_s1(const Value& v) {
  return {array<kGateNonce>(v, "nonce_s1"), 3};
}
inline std::uint32_t server_index(const Value& v) {
  return stream(v) ? 0 : 0x55667788;
}

inline Initiator initiator_of(const Value& v, const ClientIdentity& id) {
  return Initiator(id, opening_of(v), test::key(v, "client_ephemeral_secret"), random_c1(v));
}

// s1 as the vector has it.
inline Block answer(const Value& v, Responder& responder) {
  return responder.write(hello_s(v), test::key(v, "server_ephemeral_secret"),
                         hello_s(v).server_time, random_s1(v), server_index(v));
}

inline std::vector<std::uint8_t> associated(const char* label, Transport t,
                                            std::span<const std::uint8_t> tag) {
  std::vector<std::uint8_t> ad = text_bytes(label);
  ad.push_back(static_cast<std::uint8_t>(t));
  ad.insert(ad.end(), tag.begin(), tag.end());
  return ad;
}

inline Plain unsealed(const Block& block, const crypto::Key& key,
                      const std::vector<std::uint8_t>& ad) {
  Plain plain{};
  cr_assert(crypto::gate_open(key, std::span(block).first<24>(), ad, std::span(block).subspan(24),
                              plain));
  return plain;
}

inline Block sealed(const Plain& plain, const crypto::Key& key,
                    const std::vector<std::uint8_t>& ad) {
  Block block{};
  crypto::random_bytes(std::span(block).first<24>());
  crypto::gate_seal(key, std::span(block).first<24>(), ad, plain, std::span(block).subspan(24));
  return block;
}

inline std::vector<std::uint8_t> ad_of_c1(const Value& v) {
  return associated("vpnd/1 c1", transport(v), {});
}
inline std::vector<std::uint8_t> ad_of_s1(const Value& v, const Block& c1) {
  return associated("vpnd/1 s1", transport(v), std::span(c1).last(16));
}

}  // namespace vpnd::test
