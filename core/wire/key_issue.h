// SPDX-License-Identifier: ISC
#pragma once

// The making of keys: what `genkey` and `peer add` write, and what `pubkey` shows. PROTOCOL.md 2.

#include <optional>
#include <string>
#include <string_view>

#include "core/base/entropy.h"
#include "core/wire/keys.h"

namespace vpnd::wire {

// Readies the library: once, before any key is made or read. Throws Error (Exit::software).
void prepare_keys();
// Random bytes fit for keys.
Entropy key_entropy();

SharedKey new_shared_key(const Entropy&);
ServerKey new_server_key(const Entropy&);

struct NewPeer {
  ClientKey client;  // goes to the client, as its key file
  PeerEntry entry;   // stays, as a line of the server's list
};
NewPeer new_peer(const ServerKey&, std::string name, std::optional<Address> pinned, const Entropy&);

// A mode-S key as 44 base64 characters.
std::string shared_text(const SharedKey&);
// Base64 of the owner's own public key; a shared key has none.
std::optional<std::string> public_key_text(const KeyFile&);
std::string public_key_text(const crypto::PublicKey&);

// 1 to 32 of A-Z a-z 0-9 . _ - and no leading dot or dash: names stand in a list and on a command
// line.
bool valid_peer_name(std::string_view) noexcept;

void wipe_text(std::string&) noexcept;  // zeroes and empties

std::string cipher_library();  // "libsodium 1.0.18"

}  // namespace vpnd::wire
