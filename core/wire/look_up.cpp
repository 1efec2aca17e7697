// SPDX-License-Identifier: ISC
#include "core/wire/look_up.h"

#include <algorithm>

namespace vpnd::wire {
namespace {

constexpr std::size_t kHeader = 12, kMostLabel = 63;
constexpr std::size_t kAfterName = 10;  // of a record: type, class, time to live, length
constexpr std::uint16_t kInternet = 1, kAlias = 5;
constexpr unsigned kMostAliases = 8, kMostRecords = 128;
constexpr std::uint8_t kPointer = 0xc0;
// Of the flags, RFC 1035 4.1.1.
constexpr std::uint16_t kResponse = 0x8000, kOperation = 0x7800, kTruncated = 0x0200,
                        kDesired = 0x0100, kCode = 0x000f, kNameError = 3;

std::uint16_t word(Bytes in, std::size_t at) noexcept {
  return static_cast<std::uint16_t>(in[at] << 8 | in[at + 1]);
}

std::uint8_t lower(std::uint8_t c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<std::uint8_t>(c + ('a' - 'A')) : c;
}

bool plain(char c) noexcept {
  const auto l = lower(static_cast<std::uint8_t>(c));
  return (l >= 'a' && l <= 'z') || (l >= '0' && l <= '9') || l == '-' || l == '_';
}

struct Record {
  DnsName owner;
  std::uint16_t type = 0, kind = 0;
  std::size_t at = 0, size = 0;  // of its data, which lies within the message
};

// The records of the answer section, one by one.
class Records {
 public:
  Records(Bytes message, std::size_t at, unsigned count) noexcept
      : message_(message), at_(at), left_(std::min(count, kMostRecords)) {}
  // nullopt: no more, or the next one is broken().
  std::optional<Record> next() noexcept {
    if (left_ == 0) return std::nullopt;
    broken_ = true;
    --left_;
    const auto owner = DnsName::read(message_, at_);
    if (!owner || message_.size() - at_ < kAfterName) return std::nullopt;
    Record r{*owner, word(message_, at_), word(message_, at_ + 2), at_ + kAfterName,
             word(message_, at_ + kAfterName - 2)};
    if (message_.size() - r.at < r.size) return std::nullopt;
    at_ = r.at + r.size;
    broken_ = false;
    return r;
  }
  bool broken() const noexcept { return broken_; }

 private:
  Bytes message_;
  std::size_t at_;
  unsigned left_;
  bool broken_ = false;
};

void take(Bytes data, Answer& out) noexcept {
  const Address a = data.size() == 4 ? Address::v4(data) : Address::v6(data);
  const auto known = out.found();
  if (out.count == kMostLookedUp || !may_be_server(a)) return;
  if (std::ranges::find(known, a) == known.end()) out.addresses[out.count++] = a;
}

// Addresses of `owner`, or the name that it is an alias of.
std::optional<DnsName> collect(Bytes message, Records records, const DnsName& owner, DnsType type,
                               Answer& out) noexcept {
  const std::size_t size = type == DnsType::a ? 4 : 16;
  std::optional<DnsName> alias;
  while (const auto r = records.next()) {
    if (r->kind != kInternet || !(r->owner == owner)) continue;
    if (r->type == static_cast<std::uint16_t>(type) && r->size == size) {
      take(message.subspan(r->at, size), out);
    } else if (r->type == kAlias && !alias) {
      std::size_t at = r->at;
      alias = DnsName::read(message, at);
      if (at != r->at + r->size) alias.reset();
    }
  }
  return out.count == 0 ? alias : std::nullopt;
}

}  // namespace

bool DnsName::add(Bytes label) noexcept {
  // A byte of length before it, and a zero behind the last one.
  if (label.empty() || label.size() > kMostLabel || size_ + label.size() + 2 > kMost) return false;
  bytes_[size_++] = static_cast<std::uint8_t>(label.size());
  for (const std::uint8_t c : label) bytes_[size_++] = lower(c);
  return true;
}

bool DnsName::end() noexcept {
  if (size_ == kMost) return false;
  bytes_[size_++] = 0;
  return true;
}

std::optional<DnsName> DnsName::parse(std::string_view text) noexcept {
  DnsName out;
  if (text.ends_with('.')) text.remove_suffix(1);
  while (true) {
    const std::string_view label = text.substr(0, text.find('.'));
    const Bytes bytes(reinterpret_cast<const std::uint8_t*>(label.data()), label.size());
    if (!std::ranges::all_of(label, plain) || !out.add(bytes)) return std::nullopt;
    if (label.size() == text.size()) break;
    text.remove_prefix(label.size() + 1);
  }
  if (!out.end()) return std::nullopt;
  return out;
}

std::optional<DnsName> DnsName::read(Bytes message, std::size_t& at) noexcept {
  DnsName out;
  std::size_t from = at;
  std::size_t before = at;  // a pointer must lead in front of where the part it ends began
  bool followed = false;
  while (from < message.size()) {
    const std::uint8_t length = message[from];
    if (length == 0) {
      if (!followed) at = from + 1;
      if (!out.end()) return std::nullopt;
      return out;
    }
    if ((length & kPointer) == kPointer) {
      if (message.size() - from < 2) return std::nullopt;
      const std::size_t to = word(message, from) & ~(std::size_t{kPointer} << 8);
      if (to >= before) return std::nullopt;
      if (!followed) at = from + 2;
      followed = true;
      from = before = to;
      continue;
    }
    if (message.size() - from <= length) return std::nullopt;
    if (!out.add(message.subspan(from + 1, length))) return std::nullopt;
    from += length + 1u;
  }
  return std::nullopt;
}

std::string DnsName::text() const {
  std::string out;
  for (std::size_t at = 0; at < size_ && bytes_[at] != 0; at += bytes_[at] + 1u) {
    if (!out.empty()) out += '.';
    out.append(reinterpret_cast<const char*>(&bytes_[at + 1]), bytes_[at]);
  }
  return out;
}

bool operator==(const DnsName& a, const DnsName& b) noexcept {
  return std::ranges::equal(a.bytes(), b.bytes());
}

std::vector<std::uint8_t> encode(const Question& q) {
  std::vector<std::uint8_t> out;
  const auto put = [&out](std::uint16_t v) {
    out.push_back(static_cast<std::uint8_t>(v >> 8));
    out.push_back(static_cast<std::uint8_t>(v));
  };
  put(q.id);
  put(kDesired);
  for (const auto count : std::to_array<std::uint16_t>({1, 0, 0, 0})) put(count);
  const Bytes name = q.name.bytes();
  out.insert(out.end(), name.begin(), name.end());
  put(static_cast<std::uint16_t>(q.type));
  put(kInternet);
  return out;
}

Answer read_answer(Bytes message, const Question& q) noexcept {
  Answer out;
  const Bytes name = q.name.bytes();
  const std::size_t end = kHeader + name.size() + 4;
  if (message.size() < end || message.size() > kMostAnswerBytes) return out;
  const std::uint16_t flags = word(message, 2);
  const bool to_us = word(message, 0) == q.id && (flags & kResponse) != 0 &&
                     (flags & kOperation) == 0 && word(message, 4) == 1 &&
                     std::ranges::equal(message.subspan(kHeader, name.size()), name) &&
                     word(message, end - 4) == static_cast<std::uint16_t>(q.type) &&
                     word(message, end - 2) == kInternet;
  if (!to_us) return out;
  out.truncated = (flags & kTruncated) != 0;
  out.kind = Answer::Kind::refused;
  const unsigned code = flags & kCode;
  if (code == kNameError) out.kind = Answer::Kind::no_such_name;
  if (code != 0) return out;
  const Records records(message, end, word(message, 6));
  Records all = records;
  while (all.next()) {
  }
  std::optional<DnsName> owner = q.name;
  for (unsigned i = 0; owner && i <= kMostAliases; ++i) {
    owner = collect(message, records, *owner, q.type, out);
  }
  if (out.count > 0) {
    out.kind = Answer::Kind::found;
  } else if (!owner && !out.truncated && !all.broken()) {
    out.kind = Answer::Kind::no_address;
  }
  return out;
}

bool may_be_server(const Address& a) noexcept {
  const Bytes b = a.bytes();
  if (a.is_v4()) {
    const bool link_local = b[0] == 169 && b[1] == 254;
    return b[0] != 0 && b[0] != 127 && b[0] < 224 && !link_local;
  }
  const bool old = std::ranges::all_of(b.first(10), [](std::uint8_t x) { return x == 0; });
  const bool link_local = b[0] == 0xfe && (b[1] & 0xc0) == 0x80;
  return !old && !link_local && b[0] != 0xff;
}

}  // namespace vpnd::wire
