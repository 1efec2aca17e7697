// SPDX-License-Identifier: ISC
#pragma once

// What a key file gives. PROTOCOL.md 2. A mode-S file is 32 raw bytes or 44 base64 characters
// (a final newline is allowed), a mode-P one a line: "vpnd-key-1:" for a client,
// "vpnd-server-1:" for a server.

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/base/addr.h"
#include "core/base/error.h"
#include "core/wire/messages.h"
#include "crypto/kx.h"
#include "crypto/secret.h"

namespace vpnd::wire {

struct GateKeys {
  crypto::Key c2s, s2c;
};
GateKeys gate_keys_shared(const crypto::Key& file_key);
GateKeys gate_keys_public(const crypto::Key& access_key, const crypto::PublicKey& server);
crypto::Key psk_shared(const crypto::Key& file_key);

// Mode S, either side.
struct SharedKey {
  crypto::Key key;
};
// Mode P, the client's line.
struct ClientKey {
  crypto::PublicKey server;
  crypto::Key access, secret, psk;
};
// Mode P, the server's line.
struct ServerKey {
  crypto::Key secret, access;
};
using KeyFile = std::variant<SharedKey, ClientKey, ServerKey>;

// Throws Error (Exit::config) whose text says what is wrong and whose remedy how to mend it; `name`
// is the file as the user wrote it. `content` is wiped.
KeyFile parse_key_file(MutBytes content, const std::string& name);
std::string client_line(const ClientKey&);  // without newline
std::string server_line(const ServerKey&);

// A client of a mode-P server. The list is a text file beside the key file: one client a line,
// "name public-key-base64 psk-base64 [address]", '#' starts a comment.
struct PeerEntry {
  std::string name;
  crypto::PublicKey key{};
  crypto::Key psk;
  std::optional<Address> address;  // pinned lease
};
std::vector<PeerEntry> parse_peer_list(std::string_view text, const std::string& name);  // Error
std::string peer_line(const PeerEntry&);

// What the handshake needs on each side, derived once; the file's keys are gone after it.
struct ClientIdentity {
  Mode mode = Mode::shared;
  GateKeys gate;
  crypto::Key psk;
  crypto::Key secret;                 // P
  crypto::PublicKey own{}, server{};  // P
};
struct ServerIdentity {
  Mode mode = Mode::shared;
  GateKeys gate;
  crypto::Key psk;               // S
  crypto::Key secret;            // P
  crypto::PublicKey own{};       // P
  std::vector<PeerEntry> peers;  // P

  const PeerEntry* find(const crypto::PublicKey&) const noexcept;
};
// Errors: a server's file given to a client, or the reverse.
ClientIdentity client_identity(KeyFile&&, const std::string& name);
ServerIdentity server_identity(KeyFile&&, std::vector<PeerEntry>&& peers, const std::string& name);

// Short text to compare by eye: "vpnd-fp-1:" and 16 base64url characters of a hash of what both
// sides share (S: the key; P: the server's public key).
std::string fingerprint(const KeyFile&);

}  // namespace vpnd::wire
