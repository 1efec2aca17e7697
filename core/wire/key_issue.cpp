// SPDX-License-Identifier: ISC
#include "core/wire/key_issue.h"

#include <exception>
#include <utility>

#include "crypto/hash.h"
#include "crypto/key_text.h"
#include "crypto/random.h"

namespace vpnd::wire {
namespace {

crypto::Key draw(const Entropy& entropy) {
  crypto::Key key;
  entropy(key.mut());
  return key;
}

}  // namespace

void prepare_keys() {
  try {
    crypto::init();
  } catch (const std::exception& e) {
    throw Error("keys cannot be made", 0, e.what(), Exit::software);
  }
}

Entropy key_entropy() {
  return [](MutBytes out) { crypto::random_bytes(out); };
}

SharedKey new_shared_key(const Entropy& entropy) {
  return {draw(entropy)};
}

ServerKey new_server_key(const Entropy& entropy) {
  ServerKey key;
  key.secret = draw(entropy);
  key.access = draw(entropy);
  return key;
}

NewPeer new_peer(const ServerKey& server, std::string name, std::optional<Address> pinned,
                 const Entropy& entropy) {
  NewPeer made;
  made.client.server = crypto::public_key(server.secret);
  made.client.access = server.access.clone();
  made.client.secret = draw(entropy);
  made.client.psk = draw(entropy);
  made.entry.name = std::move(name);
  made.entry.key = crypto::public_key(made.client.secret);
  made.entry.psk = made.client.psk.clone();
  made.entry.address = pinned;
  return made;
}

std::string shared_text(const SharedKey& shared) {
  return crypto::base64(shared.key.bytes());
}

std::optional<std::string> public_key_text(const KeyFile& file) {
  if (const auto* client = std::get_if<ClientKey>(&file)) {
    return crypto::base64(crypto::public_key(client->secret));
  }
  if (const auto* server = std::get_if<ServerKey>(&file)) {
    return crypto::base64(crypto::public_key(server->secret));
  }
  return std::nullopt;
}

std::string public_key_text(const crypto::PublicKey& key) {
  return crypto::base64(key);
}

bool valid_peer_name(std::string_view name) noexcept {
  if (name.empty() || name.size() > 32 || name.front() == '.' || name.front() == '-') return false;
  return name.find_first_not_of(
             "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") ==
         std::string_view::npos;
}

void wipe_text(std::string& text) noexcept {
  // The whole buffer, for a longer text may have stood there before.
  text.resize(text.capacity());
  crypto::wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
  text.clear();
}

std::string cipher_library() {
  return std::string("libsodium ") + crypto::library_version();
}

}  // namespace vpnd::wire
