// SPDX-License-Identifier: ISC
#include "core/wire/keys.h"

#include <string_view>

#include "core/base/bytes.h"
#include "crypto/hash.h"
#include "crypto/key_text.h"

namespace vpnd::wire {
namespace {

constexpr std::size_t kFingerprintBytes = 12;  // 16 characters

Bytes text(std::string_view label) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(label.data()), label.size()};
}

crypto::Key gate_key_public(const crypto::Key& access, std::string_view direction,
                            const crypto::PublicKey& server) {
  return crypto::derive(access.bytes(), {text("vpnd/1 P gate "), text(direction), server});
}

std::string fingerprint_of(Bytes key, std::string_view label) {
  const crypto::Key digest = crypto::derive(key, {text(label)});
  return "vpnd-fp-1:" + crypto::base64url(digest.bytes().first(kFingerprintBytes));
}

ClientIdentity client_shared(const SharedKey& file) {
  ClientIdentity id;
  id.mode = Mode::shared;
  id.gate = gate_keys_shared(file.key);
  id.psk = psk_shared(file.key);
  return id;
}

ClientIdentity client_public(ClientKey&& file) {
  ClientIdentity id;
  id.mode = Mode::public_key;
  id.gate = gate_keys_public(file.access, file.server);
  id.psk = std::move(file.psk);
  id.own = crypto::public_key(file.secret);
  id.secret = std::move(file.secret);
  id.server = file.server;
  return id;
}

ServerIdentity server_shared(const SharedKey& file) {
  ServerIdentity id;
  id.mode = Mode::shared;
  id.gate = gate_keys_shared(file.key);
  id.psk = psk_shared(file.key);
  return id;
}

ServerIdentity server_public(ServerKey&& file, std::vector<PeerEntry>&& peers) {
  ServerIdentity id;
  id.mode = Mode::public_key;
  id.own = crypto::public_key(file.secret);
  id.gate = gate_keys_public(file.access, id.own);
  id.secret = std::move(file.secret);
  id.peers = std::move(peers);
  return id;
}

// All bits of a and b that differ, of 32 bytes, without looking at what they are.
std::uint64_t difference(const crypto::PublicKey& a, const crypto::PublicKey& b) noexcept {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < a.size(); i += 8) bits |= load_le64(&a[i]) ^ load_le64(&b[i]);
  return bits;
}

}  // namespace

GateKeys gate_keys_shared(const crypto::Key& file_key) {
  return {crypto::derive(file_key.bytes(), {text("vpnd/1 S gate c2s")}),
          crypto::derive(file_key.bytes(), {text("vpnd/1 S gate s2c")})};
}

GateKeys gate_keys_public(const crypto::Key& access_key, const crypto::PublicKey& server) {
  return {gate_key_public(access_key, "c2s", server), gate_key_public(access_key, "s2c", server)};
}

crypto::Key psk_shared(const crypto::Key& file_key) {
  return crypto::derive(file_key.bytes(), {text("vpnd/1 S noise psk")});
}

// Walks the whole list, whoever is asked for: how long it takes says nothing but its length.
const PeerEntry* ServerIdentity::find(const crypto::PublicKey& key) const noexcept {
  const PeerEntry* found = nullptr;
  for (const PeerEntry& peer : peers) found = difference(peer.key, key) == 0 ? &peer : found;
  return found;
}

ClientIdentity client_identity(KeyFile&& file, const std::string& name) {
  KeyFile taken = std::move(file);  // wiped when we return, also by an error
  if (const auto* shared = std::get_if<SharedKey>(&taken)) return client_shared(*shared);
  if (auto* line = std::get_if<ClientKey>(&taken)) return client_public(std::move(*line));
  throw config_error(name + " is the key of a server, and a client cannot use it",
                     "on the server, run `vpnd peer add NAME` and give the line that it prints to "
                     "this client");
}

ServerIdentity server_identity(KeyFile&& file, std::vector<PeerEntry>&& peers,
                               const std::string& name) {
  KeyFile taken = std::move(file);
  if (auto* line = std::get_if<ServerKey>(&taken)) {
    return server_public(std::move(*line), std::move(peers));
  }
  if (std::holds_alternative<ClientKey>(taken)) {
    throw config_error(name + " is the key of a client, and a server cannot use it",
                       "make a key for this server with `vpnd genkey --server FILE`");
  }
  if (!peers.empty()) {
    throw config_error(name + " is a shared key, so the list of clients beside it has no effect",
                       "remove the list, or use a server key (`vpnd genkey --server FILE`)");
  }
  return server_shared(std::get<SharedKey>(taken));
}

std::string fingerprint(const KeyFile& file) {
  if (const auto* shared = std::get_if<SharedKey>(&file)) {
    return fingerprint_of(shared->key.bytes(), "vpnd/1 S fingerprint");
  }
  if (const auto* line = std::get_if<ClientKey>(&file)) {
    return fingerprint_of(line->server, "vpnd/1 P fingerprint");
  }
  return fingerprint_of(crypto::public_key(std::get<ServerKey>(file).secret),
                        "vpnd/1 P fingerprint");
}

}  // namespace vpnd::wire
