// SPDX-License-Identifier: ISC
#include "linux/keeper_link.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "linux/socket.h"

namespace vpnd::nl {
namespace {

constexpr std::size_t kMaxWaitingLines = 256;

}  // namespace

void KeeperLink::send(const plan::ToKeeper& message) {
  const bool line = std::holds_alternative<plan::to_keeper::LogLine>(message) ||
                    std::holds_alternative<plan::to_keeper::Happened>(message);
  if (gone_ || (line && outbox_.size() >= kMaxWaitingLines)) return;
  outbox_.push_back(plan::encode(message));
  flush();
}

bool KeeperLink::flush() noexcept {
  while (!outbox_.empty() && !gone_) {
    const plan::Message& m = outbox_.front();
    const auto n = ::send(socket_.get(), m.data(), m.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && (errno == EAGAIN || errno == ENOBUFS)) return true;
    if (n < 0) gone_ = true;
    outbox_.pop_front();
  }
  return false;
}

std::optional<KeeperLink::Received> KeeperLink::receive() {
  ByteArray<plan::kMaxMessage> room;
  auto got = receive_message(socket_.get(), room.data(), room.size());
  if (!got) return std::nullopt;
  auto message = plan::decode_to_engine(Bytes(room).first(got->size));
  if (!message) {
    gone_ = true;
    return std::nullopt;
  }
  Received out{std::move(*message), {}};
  if (!got->fds.empty()) out.fd = std::move(got->fds.front());
  return out;
}

}  // namespace vpnd::nl
