// SPDX-License-Identifier: ISC
#include "bsd/channel.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "bsd/no_signal.h"
#include "core/base/error.h"

namespace vpnd::bsd {
namespace {

constexpr std::size_t kMostWaitingLines = 256;
constexpr int kBuffer = 128 * 1024;  // some systems have less than one message by default

// Room for one descriptor; CMSG_SPACE is not a constant everywhere.
struct Control {
  alignas(cmsghdr) std::array<std::uint8_t, 64> bytes{};
};

bool pair_of(int type, int (&ends)[2]) noexcept {
  return ::socketpair(AF_UNIX, type, 0, ends) == 0;
}

bool is_line(const plan::ToKeeper& message) noexcept {
  return std::holds_alternative<plan::to_keeper::LogLine>(message) ||
         std::holds_alternative<plan::to_keeper::Happened>(message);
}

Fd taken(msghdr& message) noexcept {
  Fd out;
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(c), sizeof fd);
    out.reset(fd);
  }
  return out;
}

}  // namespace

// Where there is nothing that keeps packets apart and tells of the end as well (macOS), datagrams
// have to do: there the keeper hears of the engine's end by its signal, and the engine of the
// keeper's by its process.
ChannelPair make_channel() {
  int ends[2];
  if (!pair_of(SOCK_SEQPACKET, ends) && !pair_of(SOCK_DGRAM, ends)) {
    throw Error("make a pair of sockets", errno, {}, Exit::os);
  }
  ChannelPair out{Fd(ends[0]), Fd(ends[1])};
  for (const Fd* fd : {&out.keeper, &out.engine}) {
    if (!prepare(*fd)) throw Error("make a pair of sockets", errno, {}, Exit::os);
    (void)::setsockopt(fd->get(), SOL_SOCKET, SO_SNDBUF, &kBuffer, sizeof kBuffer);
    (void)::setsockopt(fd->get(), SOL_SOCKET, SO_RCVBUF, &kBuffer, sizeof kBuffer);
  }
  return out;
}

int send_message(const Fd& socket, const plan::Message& bytes, int descriptor) noexcept {
  Control control;
  iovec part{const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (descriptor >= 0) {
    message.msg_control = control.bytes.data();
    message.msg_controllen = CMSG_SPACE(sizeof descriptor);
    cmsghdr* c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof descriptor);
    std::memcpy(CMSG_DATA(c), &descriptor, sizeof descriptor);
  }
  // Without the end of the record some systems may join two of them.
  while (::sendmsg(socket.get(), &message, kNoSignal | MSG_EOR) < 0) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

std::optional<ReceivedMessage> receive_message(const Fd& socket, MutBytes room) noexcept {
  Control control;
  iovec part{room.data(), room.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  ssize_t n = 0;
  do {
    n = ::recvmsg(socket.get(), &message, 0);
  } while (n < 0 && errno == EINTR);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return std::nullopt;
  ReceivedMessage out;
  if (n <= 0) return out;
  out.size = (message.msg_flags & MSG_TRUNC) != 0 ? room.size() + 1 : static_cast<std::size_t>(n);
  out.descriptor = taken(message);
  return out;
}

void KeeperLink::send(const plan::ToKeeper& message) {
  if (gone_ || (is_line(message) && waiting_.size() >= kMostWaitingLines)) return;
  waiting_.push_back(plan::encode(message));
  flush();
}

bool KeeperLink::flush() noexcept {
  while (!gone_ && !waiting_.empty()) {
    const int why = send_message(socket_, waiting_.front());
    if (why == EAGAIN || why == EWOULDBLOCK || why == ENOBUFS) return true;
    if (why != 0) gone_ = true;
    waiting_.pop_front();
  }
  return false;
}

std::optional<KeeperLink::Received> KeeperLink::receive() {
  ByteArray<plan::kMaxMessage> room;
  auto got = receive_message(socket_, room);
  if (!got) return std::nullopt;
  std::optional<plan::ToEngine> message;
  if (got->size > 0 && got->size <= room.size()) {
    message = plan::decode_to_engine(Bytes(room).first(got->size));
  }
  gone_ = gone_ || !message;
  if (!message) return std::nullopt;
  return Received{std::move(*message), std::move(got->descriptor)};
}

}  // namespace vpnd::bsd
