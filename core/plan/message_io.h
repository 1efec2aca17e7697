// SPDX-License-Identifier: ISC
#pragma once

// The two directions of one list of fields: MessageWriter puts them behind each other,
// MessageReader takes them out again and remembers whether every one was there and in its range.

#include <algorithm>
#include <concepts>
#include <string>
#include <vector>

#include "core/base/addr.h"
#include "core/base/bytes.h"
#include "core/base/error.h"
#include "core/base/time.h"
#include "core/wire/hello.h"

namespace vpnd::plan {

class MessageWriter {
 public:
  void kind(std::uint8_t k) { out_.push_back(k); }
  template<std::unsigned_integral T>
  void number(T v) {
    for (std::size_t i = 0; i < sizeof v; ++i) {
      out_.push_back(static_cast<std::uint8_t>(std::uint64_t{v} >> (8 * i)));
    }
  }
  template<std::unsigned_integral T>
  void limited(T v, T) {
    number(v);
  }
  void boolean(bool v) { kind(v ? 1 : 0); }
  template<class E>
  void enumerated(E v, E) {
    kind(static_cast<std::uint8_t>(v));
  }
  template<std::size_t N>
  void bytes(const ByteArray<N>& b) {
    out_.insert(out_.end(), b.begin(), b.end());
  }
  void duration(Duration d) { number(static_cast<std::uint64_t>(std::max(d, Duration{}).count())); }
  void exit_code(Exit e) { number(static_cast<std::uint32_t>(e)); }
  void cipher(crypto::Cipher c) { kind(static_cast<std::uint8_t>(c)); }
  // The text's length, then `room` bytes, so that every message of a kind has one size.
  void text(const std::string& s, std::size_t room) {
    const std::size_t n = std::min(s.size(), room);
    number(static_cast<std::uint16_t>(n));
    out_.insert(out_.end(), s.begin(), s.begin() + static_cast<std::ptrdiff_t>(n));
    out_.resize(out_.size() + room - n);
  }
  void address(const Address& a) {
    kind(a.is_v4() ? 4 : 6);
    ByteArray<16> room{};
    std::ranges::copy(a.bytes(), room.begin());
    bytes(room);
  }
  void lease(const wire::Lease& l, bool present) {
    ByteArray<wire::kLease> room{};
    if (present) l.encode(room);
    bytes(room);
  }
  std::vector<std::uint8_t> take() { return std::move(out_); }

 private:
  std::vector<std::uint8_t> out_;
};

class MessageReader {
 public:
  explicit MessageReader(Bytes in) : in_(in) {}
  bool finished() const noexcept { return good_ && in_.empty(); }

  template<std::unsigned_integral T>
  void number(T& v) {
    std::uint64_t sum = 0;
    const Bytes b = next(sizeof v);
    for (std::size_t i = 0; i < b.size(); ++i) sum |= std::uint64_t{b[i]} << (8 * i);
    v = static_cast<T>(sum);
  }
  template<std::unsigned_integral T>
  void limited(T& v, T largest) {
    number(v);
    require(v <= largest);
    if (!good_) v = 0;
  }
  void boolean(bool& v) {
    std::uint8_t b = 0;
    limited(b, std::uint8_t{1});
    v = b == 1;
  }
  template<class E>
  void enumerated(E& v, E last) {
    std::uint8_t b = 0;
    limited(b, static_cast<std::uint8_t>(last));
    v = static_cast<E>(b);
  }
  template<std::size_t N>
  void bytes(ByteArray<N>& b) {
    std::ranges::copy(next(N), b.begin());
  }
  void duration(Duration& d) {
    std::uint64_t n = 0;
    limited(n, static_cast<std::uint64_t>(Duration::max().count()));
    d = Duration(static_cast<Duration::rep>(n));
  }
  void exit_code(Exit& e) {
    std::uint32_t n = 0;
    limited(n, 255u);
    e = static_cast<Exit>(n);
  }
  void cipher(crypto::Cipher& c) {
    std::uint8_t b = 0;
    number(b);
    require(b == 1 || b == 2 || b == 4);
    if (good_) c = static_cast<crypto::Cipher>(b);
  }
  // Control characters become '?': the text is shown on terminals.
  void text(std::string& s, std::size_t room) {
    std::uint16_t n = 0;
    limited(n, static_cast<std::uint16_t>(room));
    const Bytes b = next(room);
    if (!good_) return;
    s.assign(b.begin(), b.begin() + n);
    for (char& c : s) {
      const auto u = static_cast<unsigned char>(c);
      if (u < 0x20 || u == 0x7f) c = '?';
    }
  }
  void address(Address& a) {
    std::uint8_t family = 0;
    ByteArray<16> room{};
    number(family);
    bytes(room);
    require(family == 4 || family == 6);
    a = family == 4 ? Address::v4(Bytes(room).first(4)) : Address::v6(room);
  }
  void lease(wire::Lease& l, bool present) {
    ByteArray<wire::kLease> room{};
    bytes(room);
    if (!present) return;
    const auto decoded = wire::Lease::decode(room);
    require(decoded.has_value());
    if (decoded) l = *decoded;
  }

 private:
  void require(bool what) noexcept { good_ = good_ && what; }
  Bytes next(std::size_t n) noexcept {
    require(in_.size() >= n);
    if (!good_) return {};
    const Bytes out = in_.first(n);
    in_ = in_.subspan(n);
    return out;
  }
  Bytes in_;
  bool good_ = true;
};

}  // namespace vpnd::plan
