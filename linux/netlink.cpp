// SPDX-License-Identifier: ISC
#include "linux/netlink.h"

#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "core/base/error.h"

namespace vpnd::nl {
namespace {

// The kernel fills dump answers up to the size of our buffer, but never beyond 32 KiB.
constexpr std::size_t kReceiveBuffer = 32768;
constexpr int kDumpAttempts = 20;

void enable(mnl_socket* s, int option) noexcept {
  // Best effort: without them an error has no text, or a dump is filtered by us alone.
  const int one = 1;
  (void)mnl_socket_setsockopt(s, option, const_cast<int*>(&one), sizeof one);
}

// The kernel's sentence stands in attributes behind the error, and behind the whole request where
// that is echoed (NETLINK_CAP_ACK says that it is not).
std::string extended_text(const nlmsghdr* h) {
  if ((h->nlmsg_flags & NLM_F_ACK_TLVS) == 0) return {};
  const auto* error = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(h));
  std::size_t skip = sizeof(nlmsgerr);
  if ((h->nlmsg_flags & NLM_F_CAPPED) == 0 && error->msg.nlmsg_len > sizeof(nlmsghdr)) {
    skip += NLMSG_ALIGN(error->msg.nlmsg_len) - sizeof(nlmsghdr);
  }
  if (mnl_nlmsg_get_payload_len(h) <= skip) return {};
  return Attributes(h, skip).text(NLMSGERR_ATTR_MSG);
}

}  // namespace

Message::Message(std::uint16_t type, std::uint16_t flags) {
  nlmsghdr* h = mnl_nlmsg_put_header(buffer_.data());
  h->nlmsg_type = type;
  h->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
}

nlmsghdr* Message::header() noexcept {
  return reinterpret_cast<nlmsghdr*>(buffer_.data());
}

void* Message::reserve(std::size_t n) {
  return mnl_nlmsg_put_extra_header(header(), n);
}

Message& Message::put8(std::uint16_t attribute, std::uint8_t v) {
  return put(attribute, Bytes(&v, 1));
}

Message& Message::put16(std::uint16_t attribute, std::uint16_t v) {
  return put(attribute, Bytes(reinterpret_cast<const std::uint8_t*>(&v), sizeof v));
}

Message& Message::put32(std::uint16_t attribute, std::uint32_t v) {
  return put(attribute, Bytes(reinterpret_cast<const std::uint8_t*>(&v), sizeof v));
}

Message& Message::put(std::uint16_t attribute, Bytes data) {
  const bool fits =
      mnl_attr_put_check(header(), buffer_.size(), attribute, data.size(), data.data());
  if (!fits) throw Error("build a netlink message", EMSGSIZE, {}, Exit::software);
  return *this;
}

Message& Message::put(std::uint16_t attribute, std::string_view text) {
  if (!mnl_attr_put_strz_check(header(), buffer_.size(), attribute, std::string(text).c_str())) {
    throw Error("build a netlink message", EMSGSIZE, {}, Exit::software);
  }
  return *this;
}

nlattr* Message::nest(std::uint16_t attribute) {
  nlattr* start = mnl_attr_nest_start_check(header(), buffer_.size(), attribute);
  if (start == nullptr) throw Error("build a netlink message", EMSGSIZE, {}, Exit::software);
  return start;
}

void Message::end(nlattr* nest) {
  mnl_attr_nest_end(header(), nest);
}

int collect_attribute(const nlattr* attribute, void* to) {
  const std::uint16_t type = mnl_attr_get_type(attribute);
  if (type < Attributes::kLimit) static_cast<Attributes*>(to)->at_[type] = attribute;
  return MNL_CB_OK;
}

Attributes::Attributes(const nlmsghdr* h, std::size_t fixed_size) {
  mnl_attr_parse(h, static_cast<unsigned>(fixed_size), collect_attribute, this);
}

bool Attributes::has(std::uint16_t type) const noexcept {
  return at_[type] != nullptr;
}

std::uint32_t Attributes::u32(std::uint16_t type, std::uint32_t otherwise) const noexcept {
  const Bytes b = bytes(type);
  if (b.size() < 4) return otherwise;
  std::uint32_t v = 0;
  std::memcpy(&v, b.data(), sizeof v);
  return v;
}

std::uint8_t Attributes::u8(std::uint16_t type, std::uint8_t otherwise) const noexcept {
  const Bytes b = bytes(type);
  return b.empty() ? otherwise : b[0];
}

std::string Attributes::text(std::uint16_t type) const {
  const Bytes b = bytes(type);
  return {b.begin(), std::find(b.begin(), b.end(), std::uint8_t{0})};
}

Bytes Attributes::bytes(std::uint16_t type) const noexcept {
  const nlattr* a = at_[type];
  if (a == nullptr) return {};
  return {static_cast<const std::uint8_t*>(mnl_attr_get_payload(a)), mnl_attr_get_payload_len(a)};
}

Attributes Attributes::nested(std::uint16_t type) const {
  Attributes inner;
  if (has(type)) mnl_attr_parse_nested(at_[type], collect_attribute, &inner);
  return inner;
}

struct Netlink::Turn {
  Answer answer;
  bool interrupted = false;
};

Netlink::Netlink() : buffer_(kReceiveBuffer) {
  socket_ = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
  if (socket_ == nullptr) throw Error("open an rtnetlink socket", errno, {}, Exit::os);
  enable(socket_, NETLINK_EXT_ACK);
  enable(socket_, NETLINK_CAP_ACK);
  enable(socket_, NETLINK_GET_STRICT_CHK);
  sequence_ = static_cast<std::uint32_t>(std::time(nullptr));
  if (mnl_socket_bind(socket_, 0, MNL_SOCKET_AUTOPID) == 0) return;
  const int why = errno;
  mnl_socket_close(socket_);
  throw Error("bind an rtnetlink socket", why, {}, Exit::os);
}

Netlink::~Netlink() {
  mnl_socket_close(socket_);
}

Netlink::Turn Netlink::exchange(nlmsghdr* request, const Use& use) {
  request->nlmsg_seq = ++sequence_;
  if (mnl_socket_sendto(socket_, request, request->nlmsg_len) < 0) {
    throw Error("send to rtnetlink", errno, {}, Exit::os);
  }
  Turn turn;
  for (;;) {
    const ssize_t n = mnl_socket_recvfrom(socket_, buffer_.data(), buffer_.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw Error("receive from rtnetlink", errno, {}, Exit::os);
    int left = static_cast<int>(n);
    const auto* h = reinterpret_cast<const nlmsghdr*>(buffer_.data());
    for (; mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left)) {
      // A late answer to something that was given up.
      if (h->nlmsg_seq != request->nlmsg_seq) continue;
      if ((h->nlmsg_flags & NLM_F_DUMP_INTR) != 0) turn.interrupted = true;
      if (h->nlmsg_type == NLMSG_ERROR || h->nlmsg_type == NLMSG_DONE) {
        // Both begin with a negative errno.
        if (mnl_nlmsg_get_payload_len(h) < sizeof(int)) return turn;
        turn.answer.errnum = -*static_cast<const int*>(mnl_nlmsg_get_payload(h));
        if (h->nlmsg_type == NLMSG_ERROR) turn.answer.text = extended_text(h);
        return turn;
      }
      if (use) use(h);
    }
  }
}

Answer Netlink::try_request(Message& m) {
  m.header()->nlmsg_flags |= NLM_F_ACK;
  return exchange(m.header(), {}).answer;
}

void Netlink::request(Message& m, const std::string& doing) {
  const Answer answer = try_request(m);
  if (answer.errnum != 0) refuse(doing, answer);
}

Answer Netlink::ask(Message& m, const Use& use) {
  // The acknowledgement ends the exchange; without it a single answer has no end.
  m.header()->nlmsg_flags |= NLM_F_ACK;
  return exchange(m.header(), use).answer;
}

Answer Netlink::echo(const std::vector<std::uint8_t>& dumped, std::uint16_t type) {
  std::vector<std::uint8_t> copy = dumped;
  auto* h = reinterpret_cast<nlmsghdr*>(copy.data());
  h->nlmsg_type = type;
  h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  h->nlmsg_pid = 0;
  return exchange(h, {}).answer;
}

void Netlink::dump_all(Message& m, const std::string& doing, const std::function<void()>& restart,
                       const Use& use) {
  m.header()->nlmsg_flags |= NLM_F_DUMP;
  for (int attempt = 0; attempt < kDumpAttempts; ++attempt) {
    restart();
    const Turn turn = exchange(m.header(), use);
    if (turn.answer.errnum != 0) refuse(doing, turn.answer);
    if (!turn.interrupted) return;
  }
  throw Error(doing, EAGAIN, "it keeps changing", Exit::temporary);
}

void refuse(const std::string& doing, const Answer& a) {
  if (a.errnum == EPERM) {
    throw Error(doing, a.errnum, a.text, Exit::permission,
                "Run with sudo, or try \"vpnd demo\", which needs no privileges.");
  }
  if (a.errnum == EOPNOTSUPP || a.errnum == EAFNOSUPPORT) {
    throw Error(doing, a.errnum, a.text, Exit::os);
  }
  throw Error(doing, a.errnum, a.text);
}

}  // namespace vpnd::nl
