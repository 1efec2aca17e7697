// SPDX-License-Identifier: ISC
#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <linux/netfilter/nf_tables.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

#include "core/base/error.h"
#include "linux/nft.h"
#include "linux/nft_batch.h"

namespace vpnd::nl {
namespace {

constexpr int kSendBuffer = 1 << 20;
constexpr std::size_t kReceiveSize = 65536;
constexpr int kDumpTries = 16;

Error socket_error(const char* doing, int errnum) {
  if (errnum == EPERM || errnum == EACCES)
    return Error(doing, errnum, {}, Exit::permission, "Run with sudo.");
  return Error(doing, errnum, {}, Exit::os, "The kernel needs nf_tables.");
}

// The kernel's sentence in an error message, or nothing (NLMSGERR_ATTR_MSG, linux/netlink.h).
std::string extended_text(const nlmsghdr* message) {
  if ((message->nlmsg_flags & NLM_F_ACK_TLVS) == 0) return {};
  const auto* error = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message));
  std::size_t skip = sizeof(nlmsgerr);
  if ((message->nlmsg_flags & NLM_F_CAPPED) == 0 && error->error != 0)
    skip = sizeof(int) + MNL_ALIGN(error->msg.nlmsg_len);
  const std::size_t size = mnl_nlmsg_get_payload_len(message);
  if (skip >= size) return {};
  const auto* attribute =
      reinterpret_cast<const nlattr*>(reinterpret_cast<const char*>(error) + skip);
  for (auto left = static_cast<int>(size - skip); mnl_attr_ok(attribute, left);
       left -= static_cast<int>(MNL_ALIGN(attribute->nla_len)),
            attribute = mnl_attr_next(attribute))
    if (mnl_attr_get_type(attribute) == NLMSGERR_ATTR_MSG &&
        mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0)
      return mnl_attr_get_str(attribute);
  return {};
}

int error_number(const nlmsghdr* message) {
  if (mnl_nlmsg_get_payload_len(message) < sizeof(nlmsgerr)) return EBADMSG;
  return -static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message))->error;
}

NftRefusal refusal_at(const NftBatch& batch, std::uint32_t number, int errnum, std::string detail) {
  if (number == 0 || number > batch.steps().size())
    return {errnum, "change nftables", std::move(detail), true, false};
  const NftBatch::Step& step = batch.steps()[number - 1];
  return {errnum, step.doing, std::move(detail), false, step.table};
}

}  // namespace

void NftSocket::Close::operator()(mnl_socket* s) const noexcept {
  mnl_socket_close(s);
}

NftSocket::NftSocket() : socket_(mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC)) {
  if (!socket_) throw socket_error("open a netfilter socket", errno);
  if (mnl_socket_bind(socket_.get(), 0, MNL_SOCKET_AUTOPID) < 0)
    throw socket_error("bind the netfilter socket", errno);
  set_options();
}

NftSocket::NftSocket(Fd earlier) : socket_(mnl_socket_fdopen(earlier.get())) {
  if (!socket_) throw socket_error("take over the netfilter socket", errno);
  earlier.release();
  set_options();
  // Answers to a process that was killed meanwhile are none to us.
  char scrap;
  while (recv(fd(), &scrap, sizeof scrap, MSG_DONTWAIT) >= 0 || errno == ENOBUFS) {
  }
}

void NftSocket::set_options() const noexcept {
  int on = 1;
  mnl_socket_setsockopt(socket_.get(), NETLINK_EXT_ACK, &on, sizeof on);
  mnl_socket_setsockopt(socket_.get(), NETLINK_CAP_ACK, &on, sizeof on);
  // Not in a user namespace; the usual buffer takes some hundred rules as well.
  const int size = kSendBuffer;
  setsockopt(fd(), SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
}

int NftSocket::fd() const noexcept {
  return mnl_socket_get_fd(socket_.get());
}

std::uint32_t NftSocket::port_id() const noexcept {
  return mnl_socket_get_portid(socket_.get());
}

std::uint32_t NftSocket::take_sequences(std::size_t count) const noexcept {
  return std::exchange(sequence_, sequence_ + static_cast<std::uint32_t>(count));
}

std::optional<NftRefusal> NftSocket::send(const NftBatch& batch) const {
  const auto steps = static_cast<std::uint32_t>(batch.steps().size());
  if (steps == 0) return std::nullopt;
  const std::uint32_t first = take_sequences(steps + 2u);
  const std::vector<std::uint8_t> bytes = batch.bytes(first);
  if (mnl_socket_sendto(socket_.get(), bytes.data(), bytes.size()) < 0)
    return refusal_at(batch, 0, errno, fmt::format("{} bytes", bytes.size()));

  // The kernel works while we send, so every answer is here already. The last step is acknowledged
  // even when an earlier one failed and nothing was done: any error counts.
  std::optional<NftRefusal> refusal;
  bool acknowledged = false;
  // A full queue drops the later answers and is told of before the earlier ones, of which the first
  // is the cause. A kernel that does not know a flag of the table refuses every rule after it.
  int lost = 0;
  std::vector<char> buffer(kReceiveSize);
  for (;;) {
    const ssize_t n = recv(fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) break;
    if (n < 0) {
      if (errno == EINTR) continue;
      lost = errno;
      if (errno == ENOBUFS) continue;
      break;
    }
    int left = static_cast<int>(n);
    for (auto* m = reinterpret_cast<const nlmsghdr*>(buffer.data()); mnl_nlmsg_ok(m, left);
         m = mnl_nlmsg_next(m, &left)) {
      const std::uint32_t number = m->nlmsg_seq - first;
      if (m->nlmsg_type != NLMSG_ERROR || number > steps + 1u) continue;
      const int errnum = error_number(m);
      if (errnum == 0) acknowledged = acknowledged || number == steps;
      if (errnum != 0 && !refusal) refusal = refusal_at(batch, number, errnum, extended_text(m));
    }
  }
  if (!refusal && lost != 0) refusal = refusal_at(batch, 0, lost, "answers were lost");
  if (!refusal && !acknowledged)
    refusal = refusal_at(batch, 0, EPROTO, "the kernel did not answer");
  return refusal;
}

std::vector<std::vector<std::uint8_t>> NftSocket::dump(std::uint16_t kind,
                                                       std::uint8_t family) const {
  std::vector<std::vector<std::uint8_t>> found;
  std::vector<char> buffer(kReceiveSize);
  for (int tries = 0; tries < kDumpTries; ++tries) {
    found.clear();
    const std::uint32_t sequence = take_sequences(1);
    nlmsghdr* request = nftnl_nlmsg_build_hdr(buffer.data(), kind, family, NLM_F_DUMP, sequence);
    if (mnl_socket_sendto(socket_.get(), request, request->nlmsg_len) < 0)
      throw socket_error("list nftables", errno);
    bool done = false;
    bool torn = false;
    while (!done) {
      const ssize_t n = mnl_socket_recvfrom(socket_.get(), buffer.data(), buffer.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) throw socket_error("list nftables", errno);
      int left = static_cast<int>(n);
      for (auto* m = reinterpret_cast<const nlmsghdr*>(buffer.data()); mnl_nlmsg_ok(m, left);
           m = mnl_nlmsg_next(m, &left)) {
        if (m->nlmsg_seq != sequence) continue;
        torn = torn || (m->nlmsg_flags & NLM_F_DUMP_INTR) != 0;
        if (m->nlmsg_type == NLMSG_ERROR) throw socket_error("list nftables", error_number(m));
        done = done || m->nlmsg_type == NLMSG_DONE;
        if (m->nlmsg_type < NLMSG_MIN_TYPE) continue;
        const auto* begin = reinterpret_cast<const std::uint8_t*>(m);
        found.emplace_back(begin, begin + m->nlmsg_len);
      }
    }
    if (!torn) return found;
  }
  throw Error("list nftables", EINTR, "they change faster than they can be listed",
              Exit::temporary);
}

}  // namespace vpnd::nl
