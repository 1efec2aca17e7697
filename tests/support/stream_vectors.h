// SPDX-License-Identifier: ISC
#pragma once

// The stream vectors of vpnd1-draft-kat.json, as what Session and Channel start from.

#include <cstdio>
#include <string>
#include <vector>

#include "core/wire/session.h"
#include "crypto/random.h"
#include "tests/vectors/vectors.h"

namespace vpnd::test {

inline crypto::Cipher cipher_of(const Value& v) {
  return static_cast<crypto::Cipher>(v.at("cipher_id").number<int>());
}

inline bool offered(crypto::Cipher c) {
  return (crypto::offered_ciphers() & static_cast<unsigned>(c)) != 0;
}

// Those whose cipher this machine offers; the others are named on stderr, not passed silently.
inline std::vector<Value> stream_vectors() {
  crypto::init();
  std::vector<Value> out;
  const Value file = load_json("vpnd1-draft-kat.json");
  for (const Value& v : file.at("vectors")) {
    if (text(v, "transport") != "stream") continue;
    if (offered(cipher_of(v))) {
      out.push_back(v);
    } else {
      std::fprintf(stderr, "not run: %s %s\n", text(v, "mode").c_str(), text(v, "cipher").c_str());
    }
  }
  if (out.empty()) throw std::runtime_error("no vectors");
  return out;
}

inline wire::Negotiated negotiated(const Value& v) {
  wire::Negotiated n;
  n.c2s = key(v, "split_c2s");
  n.s2c = key(v, "split_s2c");
  n.hash = array<64>(v, "handshake_hash");
  n.cipher = cipher_of(v);
  return n;
}

// Every cipher offered here, the one with the longest tag first.
inline std::vector<crypto::Cipher> offered_ciphers() {
  crypto::init();
  std::vector<crypto::Cipher> out;
  for (const auto c : wire::kCipherOrder) {
    if (offered(c)) out.push_back(c);
  }
  return out;
}

// What the tests of channels talk in: the longest tag that there is, else that of everywhere.
inline crypto::Cipher usual_cipher() {
  crypto::init();
  return offered(crypto::Cipher::aegis256) ? crypto::Cipher::aegis256
                                           : crypto::Cipher::chacha20_poly1305;
}
inline std::size_t usual_tag() {
  return crypto::tag_length(usual_cipher());
}

// A finished handshake out of thin air, the same on both sides.
inline wire::Negotiated negotiated(crypto::Cipher cipher = usual_cipher()) {
  crypto::init();
  wire::Negotiated n;
  for (auto& b : n.c2s.mut()) b = 1;
  for (auto& b : n.s2c.mut()) b = 2;
  n.hash.fill(3);
  n.cipher = cipher;
  return n;
}

inline std::string hex(const crypto::Key& k) {
  return hex(k.bytes());
}

}  // namespace vpnd::test
