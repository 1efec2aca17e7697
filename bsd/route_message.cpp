// SPDX-License-Identifier: ISC
#include "bsd/route_message.h"

#include <algorithm>
#include <array>

#include "bsd/sockaddr.h"

namespace vpnd::bsd {
namespace {

constexpr std::size_t kKinds = 6;  // of addresses, up to RTA_IFA: nobody needs the later ones

std::size_t padded(const Traits& t, std::size_t size) noexcept {
  return (size + t.padding - 1) / t.padding * t.padding;
}

class Builder {
 public:
  Builder(const Traits& t, const RouteMessage& m) : traits_(t), bytes_(t.header) {
    bytes_[2] = t.version;
    bytes_[3] = m.type;
    store<std::uint32_t>(&bytes_[t.flags], m.flags);
    store<std::uint32_t>(&bytes_[t.seq], m.seq);
    if (t.header_length != 0) store<std::uint16_t>(&bytes_[t.header_length], t.header);
    if (t.table != 0) store<std::uint16_t>(&bytes_[t.table], static_cast<std::uint16_t>(m.table));
  }

  void add(std::uint32_t kind, const Address& a, std::uint16_t scope = 0) {
    put(traits_, room(kind, size_of(a)), a, scope);
  }

  void add_link(std::uint32_t kind, std::uint16_t interface) {
    std::uint8_t* const at = room(kind, traits_.link_address);
    at[0] = traits_.link_address;
    at[1] = kLink;
    store<std::uint16_t>(at + 2, interface);
  }

  std::vector<std::uint8_t> finish() {
    store<std::uint16_t>(bytes_.data(), static_cast<std::uint16_t>(bytes_.size()));
    store<std::uint32_t>(&bytes_[traits_.addrs], kinds_);
    return std::move(bytes_);
  }

 private:
  std::uint8_t* room(std::uint32_t kind, std::size_t size) {
    const std::size_t at = bytes_.size();
    bytes_.resize(at + padded(traits_, size));
    kinds_ |= kind;
    return &bytes_[at];
  }

  const Traits& traits_;
  std::vector<std::uint8_t> bytes_;
  std::uint32_t kinds_ = 0;
};

// The addresses of a message, by the number of their bit. Empty: not there, or of length 0.
using Addresses = std::array<Bytes, kKinds>;

std::optional<Addresses> addresses(const Traits& t, std::uint32_t kinds, Bytes rest) noexcept {
  Addresses out;
  for (std::size_t i = 0; i < kKinds; ++i) {
    if ((kinds & (1u << i)) == 0) continue;
    if (rest.empty() || rest[0] > rest.size()) return std::nullopt;
    const std::size_t size = rest[0];
    out[i] = rest.first(size);
    // One without a length takes a unit all the same. The last one need not be filled up.
    rest = rest.subspan(std::min(size == 0 ? t.padding : padded(t, size), rest.size()));
  }
  return out;
}

// `scope`: where the interface of a link-local address is put.
std::optional<Address> address_in(const Traits& t, Bytes a, std::uint16_t& scope) noexcept {
  if (a.size() < 2) return std::nullopt;
  const bool v4 = a[1] == kInet;
  if (!v4 && a[1] != t.inet6) return std::nullopt;
  // A short one ends in zeros that are not sent.
  std::array<std::uint8_t, kSizeOfV6> whole{};
  std::ranges::copy(a.first(std::min(a.size(), whole.size())), whole.begin());
  if (v4) return Address::v4(Bytes(whole).subspan(kBytesAtV4, 4));
  std::uint8_t* const bytes = &whole[kBytesAtV6];
  if (is_link_local(Address::v6({bytes, 16}))) {
    scope = load_be16(bytes + 2);
    store_be16(bytes + 2, 0);
    if (scope == 0) scope = static_cast<std::uint16_t>(load<std::uint32_t>(&whole[kScopeAtV6]));
  }
  return Address::v6({bytes, 16});
}

// A mask may be cut behind its last byte that is not zero, and its family may be anything.
std::optional<std::uint8_t> mask_length(Bytes mask, bool v4) noexcept {
  const std::size_t at = v4 ? kBytesAtV4 : kBytesAtV6, whole = v4 ? 4 : 16;
  const Bytes bits = mask.subspan(std::min(at, mask.size()));
  unsigned length = 0;
  bool ended = false;
  for (const std::uint8_t byte : bits.first(std::min(whole, bits.size()))) {
    for (int bit = 7; bit >= 0; --bit) {
      const bool set = (byte >> bit & 1) != 0;
      if (set && ended) return std::nullopt;
      if (set) ++length;
      ended = ended || !set;
    }
  }
  return static_cast<std::uint8_t>(length);
}

std::uint16_t interface_in(Bytes a) noexcept {
  return a.size() >= 4 && a[1] == kLink ? load<std::uint16_t>(a.data() + 2) : std::uint16_t{0};
}

bool read_addresses(const Traits& t, const Addresses& all, bool masked, RouteMessage& m) noexcept {
  std::uint16_t scope = 0;
  const auto to = address_in(t, all[0], scope);
  if (!to) return false;
  m.mask = masked && (m.flags & kRtfHost) == 0;
  m.to = Prefix::host(*to);
  if (m.mask) {
    const auto length = mask_length(all[2], to->is_v4());
    if (!length) return false;
    m.to = Prefix{*to, *length}.masked();
  } else if ((m.flags & kRtfHost) == 0 && to->unspecified()) {
    m.to.length = 0;
  }
  m.hop.router = address_in(t, all[1], m.hop.scope);
  if (!m.hop.router) m.hop.interface = interface_in(all[1]);
  if (m.interface == 0) m.interface = interface_in(all[4]);
  return true;
}

std::optional<RouteMessage> read(const Traits& t, Bytes whole) noexcept {
  RouteMessage m;
  m.type = whole[3];
  if (m.type < kAdd || m.type > kGet) return m;
  std::size_t header = t.header;
  if (t.header_length != 0 && whole.size() > t.header_length + 1u) {
    const auto told = load<std::uint16_t>(&whole[t.header_length]);
    if (told != 0) header = told;
  }
  if (header < t.errnum + 4u || header > whole.size()) return std::nullopt;
  m.interface = load<std::uint16_t>(&whole[t.index]);
  m.flags = load<std::uint32_t>(&whole[t.flags]);
  m.pid = load<std::uint32_t>(&whole[t.pid]);
  m.seq = load<std::uint32_t>(&whole[t.seq]);
  m.errnum = load<std::uint32_t>(&whole[t.errnum]);
  if (t.table != 0) m.table = load<std::uint16_t>(&whole[t.table]);
  const auto kinds = load<std::uint32_t>(&whole[t.addrs]);
  const auto all = addresses(t, kinds, whole.subspan(header));
  if (!all || !read_addresses(t, *all, (kinds & kRtaNetmask) != 0, m)) return std::nullopt;
  return m;
}

}  // namespace

std::vector<std::uint8_t> build(const Traits& t, const RouteMessage& m) {
  Builder out(t, m);
  out.add(kRtaDst, m.to.address);
  if (m.hop.router) {
    out.add(kRtaGateway, *m.hop.router, m.hop.scope);
  } else if (m.hop.interface != 0) {
    out.add_link(kRtaGateway, m.hop.interface);
  }
  if (m.mask) out.add(kRtaNetmask, mask_of(m.to));
  if (m.ask_interface) out.add_link(kRtaIfp, 0);
  return out.finish();
}

Parsed parse(const Traits& t, Bytes bytes) noexcept {
  constexpr std::size_t kLeast = 4;  // length, version, type
  if (bytes.size() < kLeast) return {};
  const auto length = load<std::uint16_t>(bytes.data());
  if (length < kLeast || length > bytes.size()) return {};
  if (bytes[2] != t.version) return {length, std::nullopt};
  return {length, read(t, bytes.first(length))};
}

bool answers(const RouteMessage& m, std::uint32_t pid, std::uint32_t seq) noexcept {
  return m.type == kGet && m.pid == pid && m.seq == seq;
}

bool changes_ways(const Traits& t, const RouteMessage& m) noexcept {
  if (m.type == kAdd || m.type == kDelete || m.type == kChange) {
    // A default route, or ours taken away; of ours that are new nobody needs to hear.
    return m.to.length == 0 || (m.type != kAdd && (m.flags & kRtfOurs) != 0);
  }
  const std::array<std::uint8_t, 5> others{t.new_address, t.delete_address, t.link_info,
                                           t.link_announce, t.desync};
  return m.type != 0 && std::ranges::find(others, m.type) != others.end();
}

}  // namespace vpnd::bsd
