// SPDX-License-Identifier: ISC
#include "core/plan/state_names.h"

#include <algorithm>
#include <cctype>

#include "crypto/hash.h"

namespace vpnd::plan {
namespace {

Bytes bytes_of(std::string_view text) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace

std::string state_file_name(std::string_view prefix, std::string_view host,
                            std::string_view suffix) {
  std::string out(prefix);
  for (const char c : host) out += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  // Names that differ only in what was replaced must not share an id.
  const auto digest = crypto::hash({bytes_of(host)});
  static constexpr std::string_view kHex = "0123456789abcdef";
  out.resize(std::min<std::size_t>(out.size(), 64));
  out += '-';
  for (std::size_t i = 0; i < 4; ++i) {
    out += kHex[digest[i] >> 4];
    out += kHex[digest[i] & 15];
  }
  return out + std::string(suffix);
}

Prefix derived_pool_v6(Bytes lease_secret) {
  const auto digest = crypto::mac16(lease_secret, {bytes_of("vpnd pool v6")});
  ByteArray<16> address{0xfd};
  std::copy_n(digest.begin(), 7, address.begin() + 1);
  return {Address::v6(address), 64};
}

void settle_v6(ServerConfig& c, bool has_v6, const std::function<Prefix()>& derived) {
  using V6 = ServerConfig::V6;
  if (!has_v6) c.v6 = V6::off;
  if (c.v6 != V6::derived) return;
  c.pool_v6 = derived();
  ByteArray<16> own{};
  std::ranges::copy(c.pool_v6->address.bytes(), own.begin());
  own[15] = 1;
  c.address_v6 = Address::v6(own);
}

}  // namespace vpnd::plan
