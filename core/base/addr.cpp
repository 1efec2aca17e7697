// SPDX-License-Identifier: ISC
#include "core/base/addr.h"

#include <fmt/format.h>

#include <algorithm>

namespace vpnd {
namespace {

constexpr bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

// Decimal digits only, no sign, no leading zero. Some programs read 010 as eight; we read neither.
std::optional<std::uint32_t> parse_number(std::string_view text, std::uint32_t most) noexcept {
  if (text.empty() || text.size() > 5) return std::nullopt;
  if (text.size() > 1 && text[0] == '0') return std::nullopt;
  std::uint32_t value = 0;
  for (const char c : text) {
    if (!is_digit(c)) return std::nullopt;
    value = value * 10 + static_cast<std::uint32_t>(c - '0');
  }
  if (value > most) return std::nullopt;
  return value;
}

bool parse_v4(std::string_view text, std::uint8_t* four) noexcept {
  for (int i = 0; i < 4; ++i) {
    const auto dot = text.find('.');
    if ((dot == std::string_view::npos) != (i == 3)) return false;
    const auto part = parse_number(text.substr(0, dot), 255);
    if (!part) return false;
    four[i] = static_cast<std::uint8_t>(*part);
    text = i == 3 ? std::string_view{} : text.substr(dot + 1);
  }
  return true;
}

std::optional<std::uint16_t> parse_group(std::string_view text) noexcept {
  if (text.empty() || text.size() > 4) return std::nullopt;
  unsigned value = 0;
  for (const char c : text) {
    unsigned digit;
    if (is_digit(c)) {
      digit = static_cast<unsigned>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      digit = static_cast<unsigned>(c - 'a') + 10;
    } else if (c >= 'A' && c <= 'F') {
      digit = static_cast<unsigned>(c - 'A') + 10;
    } else {
      return std::nullopt;
    }
    value = value * 16 + digit;
  }
  return static_cast<std::uint16_t>(value);
}

// Groups between colons, the last of which may be dotted decimal when `tail`. Returns the number
// of bytes written, or nothing.
std::optional<std::size_t> parse_groups(std::string_view text, bool tail,
                                        ByteArray<16>& out) noexcept {
  std::size_t used = 0;
  while (!text.empty()) {
    const auto colon = text.find(':');
    const auto part = text.substr(0, colon);
    const bool last = colon == std::string_view::npos;
    if (last && tail && part.find('.') != std::string_view::npos) {
      if (used > 12 || !parse_v4(part, out.data() + used)) return std::nullopt;
      return used + 4;
    }
    const auto group = parse_group(part);
    if (!group || used > 14) return std::nullopt;
    store_be16(out.data() + used, *group);
    used += 2;
    if (last) return used;
    text = text.substr(colon + 1);
    if (text.empty()) return std::nullopt;  // ends with a single colon
  }
  return used;
}

bool parse_v6(std::string_view text, ByteArray<16>& out) noexcept {
  const auto gap = text.find("::");
  if (gap == std::string_view::npos) return parse_groups(text, true, out) == 16u;
  ByteArray<16> after{};
  const auto head = parse_groups(text.substr(0, gap), false, out);
  const auto tail = parse_groups(text.substr(gap + 2), true, after);
  // "::" stands for at least one group (RFC 5952 4.2.2 prints none that stands for just one).
  if (!head || !tail || *head + *tail > 14) return false;
  std::fill(out.begin() + static_cast<std::ptrdiff_t>(*head), out.end(), std::uint8_t{0});
  std::copy_n(after.begin(), *tail, out.end() - static_cast<std::ptrdiff_t>(*tail));
  return true;
}

struct Run {
  int first = -1, count = 0;
};

// The first of the longest runs of zero groups, if it is at least two long (RFC 5952 4.2).
Run longest_zero_run(const std::uint8_t* bytes) noexcept {
  Run best, now;
  for (int i = 0; i < 8; ++i) {
    if (load_be16(bytes + 2 * i) != 0) {
      now = {};
      continue;
    }
    if (now.count++ == 0) now.first = i;
    if (now.count > best.count) best = now;
  }
  return best.count >= 2 ? best : Run{};
}

bool mapped_v4(const std::uint8_t* bytes) noexcept {
  return std::all_of(bytes, bytes + 10, [](std::uint8_t b) { return b == 0; }) &&
         load_be16(bytes + 10) == 0xffff;
}

std::string text_v4(const std::uint8_t* b) {
  return fmt::format("{}.{}.{}.{}", b[0], b[1], b[2], b[3]);
}

std::string text_v6(const std::uint8_t* bytes) {
  if (mapped_v4(bytes)) return "::ffff:" + text_v4(bytes + 12);  // RFC 5952 5
  const Run gap = longest_zero_run(bytes);
  std::string out;
  for (int i = 0; i < 8; ++i) {
    if (i == gap.first) {
      out += "::";
      i += gap.count - 1;
      continue;
    }
    if (!out.empty() && out.back() != ':') out += ':';
    out += fmt::format("{:x}", load_be16(bytes + 2 * i));
  }
  return out;
}

}  // namespace

Address Address::v4(Bytes four) noexcept {
  return v4(four[0], four[1], four[2], four[3]);
}

Address Address::v6(Bytes sixteen) noexcept {
  Address a;
  a.family_ = Family::v6;
  std::copy_n(sixteen.begin(), 16, a.bytes_.begin());
  return a;
}

Address Address::v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) noexcept {
  Address out;
  out.bytes_ = {a, b, c, d};
  return out;
}

std::optional<Address> Address::parse(std::string_view text) noexcept {
  Address out;
  if (text.find(':') == std::string_view::npos) {
    if (!parse_v4(text, out.bytes_.data())) return std::nullopt;
    return out;
  }
  out.family_ = Family::v6;
  if (!parse_v6(text, out.bytes_)) return std::nullopt;
  return out;
}

bool Address::unspecified() const noexcept {
  return std::all_of(bytes_.begin(), bytes_.end(), [](std::uint8_t b) { return b == 0; });
}

std::string Address::text() const {
  return is_v4() ? text_v4(bytes_.data()) : text_v6(bytes_.data());
}

std::optional<Prefix> Prefix::parse(std::string_view text) noexcept {
  const auto slash = text.find('/');
  const auto address = Address::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  if (slash == std::string_view::npos) return host(*address);
  const auto length = parse_number(text.substr(slash + 1), address->bits());
  if (!length) return std::nullopt;
  return Prefix{*address, static_cast<std::uint8_t>(*length)};
}

Prefix Prefix::masked() const noexcept {
  ByteArray<16> bytes{};
  const Bytes from = address.bytes();
  std::copy(from.begin(), from.end(), bytes.begin());
  for (std::size_t i = 0; i < from.size(); ++i) {
    const int keep = std::clamp(int{length} - static_cast<int>(8 * i), 0, 8);
    bytes[i] = static_cast<std::uint8_t>(bytes[i] & (0xff00 >> keep));
  }
  return {address.is_v4() ? Address::v4(Bytes{bytes.data(), 4}) : Address::v6(bytes), length};
}

bool Prefix::contains(const Address& a) const noexcept {
  if (a.family() != address.family()) return false;
  return Prefix{a, length}.masked().address == masked().address;
}

bool Prefix::contains(const Prefix& p) const noexcept {
  return p.length >= length && contains(p.address);
}

std::string Prefix::text() const {
  return fmt::format("{}/{}", address.text(), length);
}

std::optional<Endpoint> Endpoint::parse(std::string_view text) noexcept {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  const auto address = Address::parse(host);
  const auto port = parse_number(text.substr(colon + 1), 65535);
  if (!address || !port || *port == 0 || address->is_v4() == bracketed) return std::nullopt;
  return Endpoint{*address, static_cast<std::uint16_t>(*port)};
}

std::string Endpoint::text() const {
  return fmt::format(fmt::runtime(address.is_v4() ? "{}:{}" : "[{}]:{}"), address.text(), port);
}

}  // namespace vpnd
