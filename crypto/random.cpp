// SPDX-License-Identifier: ISC
#include "crypto/random.h"

#include <sodium.h>

#include <stdexcept>

namespace vpnd::crypto {

void init() {
  if (sodium_init() < 0) throw std::runtime_error("libsodium cannot be initialised");
}

void random_bytes(std::span<std::uint8_t> out) noexcept {
  if (!out.empty()) randombytes_buf(out.data(), out.size());  // the library wants no null pointer
}

Key random_key() {
  Key key;
  random_bytes(key.mut());
  return key;
}

const char* library_version() noexcept {
  return sodium_version_string();
}

}  // namespace vpnd::crypto
