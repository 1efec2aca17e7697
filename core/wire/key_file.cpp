// SPDX-License-Identifier: ISC
#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "core/wire/keys.h"
#include "crypto/hash.h"
#include "crypto/key_text.h"

namespace vpnd::wire {
namespace {

constexpr std::string_view kClientPrefix = "vpnd-key-1:";
constexpr std::string_view kServerPrefix = "vpnd-server-1:";
constexpr std::uint8_t kLineVersion = 1;
constexpr std::size_t kChecksum = 16;
constexpr std::size_t kClientRaw = 1 + 4 * 32 + kChecksum;
constexpr std::size_t kServerRaw = 1 + 2 * 32 + kChecksum;
constexpr std::size_t kKeyBytes = 32;
constexpr std::size_t kKeyBase64 = 44;

constexpr const char* kMakeShared =
    "make a random key with `vpnd genkey --shared FILE` and copy that file to both sides";

class WipeAtEnd {
 public:
  explicit WipeAtEnd(MutBytes bytes) noexcept : bytes_(bytes) {}
  ~WipeAtEnd() { crypto::wipe(bytes_); }
  WipeAtEnd(const WipeAtEnd&) = delete;
  WipeAtEnd& operator=(const WipeAtEnd&) = delete;

 private:
  MutBytes bytes_;
};

std::string_view as_text(Bytes bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string_view without_newline(std::string_view text) noexcept {
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

bool printable(std::uint8_t b) noexcept {
  return (b >= 0x20 && b < 0x7f) || (b >= 9 && b <= 13);
}

// Random bytes pass; what somebody typed could be guessed off-line from one recorded opening.
SharedKey checked(Bytes key, const std::string& name) {
  if (std::all_of(key.begin(), key.end(), [&](std::uint8_t b) { return b == key.front(); })) {
    throw config_error(
        fmt::format("{} holds the same byte {} times, which is no secret", name, key.size()),
        kMakeShared);
  }
  if (std::all_of(key.begin(), key.end(), printable)) {
    throw config_error(
        fmt::format("{} holds typed text instead of a random key, and text can be guessed", name),
        kMakeShared);
  }
  return {crypto::Key(key.first<kKeyBytes>())};
}

SharedKey parse_shared(Bytes content, const std::string& name) {
  if (content.size() == kKeyBytes) return checked(content, name);
  const std::string_view text = without_newline(as_text(content));
  if (text.size() != kKeyBase64) {
    throw config_error(
        fmt::format("{} is {} bytes long, but a shared key has 32 bytes (or 44 characters of "
                    "base64)",
                    name, content.size()),
        kMakeShared);
  }
  crypto::Key key;
  if (!crypto::from_base64(text, key.mut())) {
    throw config_error(fmt::format("{} has the length of a base64 key, but is not base64", name),
                       "copy the key file again without changing it, byte for byte");
  }
  return checked(key.bytes(), name);
}

// The bytes of a key line between version and checksum.
template<std::size_t Raw>
crypto::Secret<Raw - 1 - kChecksum> parse_line(std::string_view text, const std::string& name,
                                               const char* remedy) {
  crypto::Secret<Raw> raw;
  const std::size_t characters = (Raw * 8 + 5) / 6;
  if (text.size() != characters) {
    throw config_error(fmt::format("{} is damaged: its key has {} characters after the colon "
                                   "instead of {}",
                                   name, text.size(), characters),
                       remedy);
  }
  if (!crypto::from_base64url(text, raw.mut())) {
    throw config_error(
        fmt::format("{} is damaged: its key has a character that does not belong there", name),
        remedy);
  }
  const Bytes all = raw.bytes();
  const auto sum = crypto::mac16({}, {all.first(Raw - kChecksum)});
  if (!crypto::equal(sum, all.last(kChecksum))) {
    throw config_error(fmt::format("{} is damaged: its checksum does not fit its key", name),
                       remedy);
  }
  if (all.front() != kLineVersion) {
    throw config_error(fmt::format("{} is a key of version {}, and this vpnd knows only version {}",
                                   name, all.front(), kLineVersion),
                       "install a newer vpnd on this machine");
  }
  return crypto::Secret<Raw - 1 - kChecksum>(
      raw.bytes().template subspan<1, Raw - 1 - kChecksum>());
}

ClientKey parse_client(std::string_view text, const std::string& name) {
  const auto raw = parse_line<kClientRaw>(
      text, name, "copy the whole line again as `vpnd peer add` printed it on the server");
  const auto bytes = raw.bytes();
  ClientKey key{{},
                crypto::Key(bytes.subspan<32, 32>()),
                crypto::Key(bytes.subspan<64, 32>()),
                crypto::Key(bytes.subspan<96, 32>())};
  std::copy_n(bytes.begin(), key.server.size(), key.server.begin());
  if (crypto::low_order(key.server)) {
    throw config_error(name + " names a server key that no server can have",
                       "make a new line with `vpnd peer add` on the server");
  }
  return key;
}

ServerKey parse_server(std::string_view text, const std::string& name) {
  const auto raw = parse_line<kServerRaw>(
      text, name, "restore the file from a backup; a new one means new lines for all clients");
  const auto bytes = raw.bytes();
  return {crypto::Key(bytes.subspan<0, 32>()), crypto::Key(bytes.subspan<32, 32>())};
}

template<std::size_t Raw>
std::string line(std::string_view prefix, std::initializer_list<Bytes> parts) {
  crypto::Secret<Raw> raw;
  auto out = raw.mut().begin();
  *out++ = kLineVersion;
  for (const Bytes part : parts) out = std::copy(part.begin(), part.end(), out);
  const auto sum = crypto::mac16({}, {raw.bytes().first(Raw - kChecksum)});
  std::copy(sum.begin(), sum.end(), out);
  return std::string(prefix) + crypto::base64url(raw.bytes());
}

}  // namespace

KeyFile parse_key_file(MutBytes content, const std::string& name) {
  const WipeAtEnd wiper(content);
  if (content.empty()) throw config_error(name + " is empty", kMakeShared);
  const std::string_view text = without_newline(as_text(content));
  if (text.starts_with(kClientPrefix)) {
    return parse_client(text.substr(kClientPrefix.size()), name);
  }
  if (text.starts_with(kServerPrefix)) {
    return parse_server(text.substr(kServerPrefix.size()), name);
  }
  if (text.starts_with("vpnd-")) {
    throw config_error(
        fmt::format("{} begins with \"vpnd-\", but not with \"{}\" or \"{}\"", name, kClientPrefix,
                    kServerPrefix),
        "copy the whole line again; if it comes from a newer vpnd, install that here too");
  }
  return parse_shared(content, name);
}

std::string client_line(const ClientKey& key) {
  return line<kClientRaw>(kClientPrefix,
                          {key.server, key.access.bytes(), key.secret.bytes(), key.psk.bytes()});
}

std::string server_line(const ServerKey& key) {
  return line<kServerRaw>(kServerPrefix, {key.secret.bytes(), key.access.bytes()});
}

}  // namespace vpnd::wire
