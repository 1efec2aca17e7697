// SPDX-License-Identifier: ISC
#pragma once

// Names to addresses, as a resolver is asked for them: RFC 1035 (names, messages), RFC 3596 (AAAA).
// Whoever answers, and whoever can send in his name, is hostile: at worst the answer names the
// wrong addresses, which the handshake finds out.

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/addr.h"

namespace vpnd::wire {

inline constexpr std::uint16_t kDnsPort = 53;
inline constexpr std::size_t kMostAnswerBytes = 4096;  // longer ones are not read
inline constexpr std::size_t kMostLookedUp = 16;       // addresses; further ones are left out

// A name as it is sent, in lower case: labels, each behind its length, and a zero.
class DnsName {
 public:
  static constexpr std::size_t kMost = 255;  // RFC 1035 2.3.4
  // Letters, digits, '-' and '_' in labels of 1 to 63; a final dot may be there. nullopt: no such.
  static std::optional<DnsName> parse(std::string_view text) noexcept;
  // A name that begins at `at`, which is moved behind it. A pointer leads to an earlier byte only,
  // so there is no loop (RFC 1035 4.1.4). nullopt: there is no whole name.
  static std::optional<DnsName> read(Bytes message, std::size_t& at) noexcept;

  Bytes bytes() const noexcept { return Bytes(bytes_).first(size_); }
  std::string text() const;
  friend bool operator==(const DnsName& a, const DnsName& b) noexcept;

 private:
  bool add(Bytes label) noexcept;
  bool end() noexcept;
  ByteArray<kMost> bytes_{};
  std::size_t size_ = 0;
};

enum class DnsType : std::uint16_t { a = 1, aaaa = 28 };

struct Question {
  DnsName name;
  DnsType type = DnsType::a;
  std::uint16_t id = 0;  // random, and new for everyone who is asked
};

// Recursion is desired; no extensions, so that an answer has at most 512 bytes.
std::vector<std::uint8_t> encode(const Question&);

struct Answer {
  enum class Kind : std::uint8_t {
    foreign,       // not to this question: another id, another question, no answer at all
    found,         // at least one address
    no_address,    // the name exists
    no_such_name,  // NXDOMAIN
    refused,       // SERVFAIL, REFUSED, or nonsense: somebody else may know
  };
  Kind kind = Kind::foreign;
  bool truncated = false;  // there was more than fits; what came whole is taken
  std::size_t count = 0;
  std::array<Address, kMostLookedUp> addresses;
  std::span<const Address> found() const noexcept { return std::span(addresses).first(count); }
};
// Aliases (CNAME) are followed within the message, as far as they go. Records of other names are
// passed over, and so are addresses that no server can have.
Answer read_answer(Bytes message, const Question&) noexcept;

// One other host, from wherever it is asked: not unspecified, loopback, link-local, multicast,
// reserved or a mapped IPv4 address.
bool may_be_server(const Address&) noexcept;

}  // namespace vpnd::wire
