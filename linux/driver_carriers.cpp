// SPDX-License-Identifier: ISC
// The driver's connections: bytes in, bytes out, and the ways in which they end.

#include <linux/tcp.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "core/base/log.h"
#include "linux/driver.h"
#include "linux/socket.h"

namespace vpnd::nl {
namespace {

using namespace std::chrono_literals;
using Stage = Carrier::Stage;

constexpr std::size_t kTurnBytes = 1024 * 1024;  // of one connection, before others have their turn
constexpr std::size_t kCompactBelow = 256 * 1024;
constexpr std::size_t kMostDraining = 512;
static_assert(kCompactBelow > engine::Engine::max_receive());
constexpr Duration kDrainFor = 2s;
constexpr std::uint64_t kJudgeAfter = 256 * 1024;  // bytes sent
constexpr Duration kLookEvery = 250ms;

}  // namespace

// ---- in

void Driver::readable(Carrier& c) {
  if (c.stage == Stage::connecting) {
    int errnum = 0;
    socklen_t size = sizeof errnum;
    if (getsockopt(c.fd.get(), SOL_SOCKET, SO_ERROR, &errnum, &size) < 0) errnum = errno;
    if (errnum != 0) return fail(c, errnum);
    c.stage = Stage::open;
    engine_.connected(c.conn, now_);
    return touch(c);
  }
  if (c.stage == Stage::finishing || c.stage == Stage::draining) return discard(c);
  if (c.stage != Stage::open) return;
  std::size_t taken = 0;
  bool filled = true;
  while (filled && taken < kTurnBytes && c.stage == Stage::open) {
    const MutBytes room = receive_room(c);
    const auto n = recv(c.fd.get(), room.data(), room.size(), MSG_DONTWAIT);
    if (n == 0) return fail(c, 0);
    if (n < 0 && errno != EAGAIN && errno != EINTR) return fail(c, errno);
    if (n < 0) break;
    filled = static_cast<std::size_t>(n) == room.size();
    taken += static_cast<std::size_t>(n);
    feed(c, static_cast<std::size_t>(n));
  }
  settle(c, filled);
}

MutBytes Driver::receive_room(Carrier& c) {
  if (!c.buffer) {
    c.buffer = buffers_.take();
    c.begin = c.end = 0;
  }
  const std::size_t most = std::min(kReceiveBuffer - c.end, kReceiveRoom);
  return {c.buffer.get() + c.end, most};
}

void Driver::received(Carrier& c, ssize_t result) {
  const bool nothing = result == -EAGAIN || result == -EINTR || result == -ECANCELED;
  if (c.stage != Stage::open) {
    if (result <= 0 && !nothing) ended(c, result == 0);
    return settle(c, false);
  }
  if (nothing) return settle(c, false);
  if (result <= 0) return fail(c, static_cast<int>(-result));
  const bool filled = static_cast<std::size_t>(result) == receive_room(c).size();
  feed(c, static_cast<std::size_t>(result));
  settle(c, filled);
}

void Driver::feed(Carrier& c, std::size_t fresh) {
  c.end += fresh;
  bool more = true;
  while (more && c.begin < c.end) {
    const MutBytes stream(c.buffer.get() + c.begin, c.end - c.begin);
    const std::size_t used = engine_.received(c.conn, stream, batch_, now_);
    more = used > 0 || batch_.full();
    // Before there can be an answer, every worker must know to whom that goes.
    if (crew_.size() > 1) post();
    write_tun();
    c.begin += used;
  }
  make_room(c);
  // A hang-up must be seen before the next bytes are given to a dead id.
  effects();
}

// A read into no room at all would look like the end of the stream: a partial record moves to the
// front when the room behind it gets short.
void Driver::make_room(Carrier& c) noexcept {
  if (c.begin == c.end) {
    c.begin = c.end = 0;
  } else if (kReceiveBuffer - c.end < kCompactBelow && c.begin > 0) {
    std::memmove(c.buffer.get(), c.buffer.get() + c.begin, c.end - c.begin);
    c.end -= std::exchange(c.begin, 0);
  }
}

// Between reads: an idle connection gives its buffer back.
void Driver::settle(Carrier& c, bool filled) {
  touch(c);
  if (c.stage == Stage::moving && c.begin < c.end) return;  // that goes with it
  if (c.stage != Stage::open) c.begin = c.end = 0;
  c.read_on = c.stage == Stage::open && (c.begin < c.end || filled);
  if (!c.read_on) buffers_.give_back(std::move(c.buffer));
}

void Driver::discard(Carrier& c) {
  touch(c);
  ByteArray<16384> scrap;
  for (std::size_t total = 0; total < kTurnBytes;) {
    const auto n = recv(c.fd.get(), scrap.data(), scrap.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) return ended(c, n == 0);
    total += static_cast<std::size_t>(n);
  }
}

// The peer of a connection that the engine has done with.
void Driver::ended(Carrier& c, bool cleanly) {
  if (c.stage == Stage::draining || !cleanly) return close(c);
  // It closed first; what we still send may yet be read.
  c.at_end = true;
  finish(c);
}

// ---- out

bool Driver::load(Carrier& c) {
  std::array<Bytes, std::tuple_size_v<decltype(Sending::pieces)>> pieces;
  const std::size_t count = engine_.gather(c.conn, pieces, now_);
  if (count == 0) return false;
  if (!c.sending) {
    if (spare_sendings_.empty()) spare_sendings_.push_back(std::make_unique<Sending>());
    c.sending = std::move(spare_sendings_.back());
    spare_sendings_.pop_back();
  }
  Sending& s = *c.sending;
  s.bytes = 0;
  for (std::size_t i = 0; i < count; ++i) {
    s.pieces[i] = {const_cast<std::uint8_t*>(pieces[i].data()), pieces[i].size()};
    s.bytes += pieces[i].size();
  }
  s.header = {};
  s.header.msg_iov = s.pieces.data();
  s.header.msg_iovlen = count;
  return true;
}

void Driver::sent(Carrier& c, ssize_t result) {
  touch(c);
  if (!c.sending) return;
  if (result == -EAGAIN || result == -EINTR) return;
  if (result < 0 || c.stage == Stage::failing) {
    spare_sendings_.push_back(std::move(c.sending));
    const int errnum = c.stage == Stage::failing ? c.errnum : static_cast<int>(-result);
    return c.stage == Stage::finishing ? close(c) : fail(c, errnum);
  }
  const auto n = static_cast<std::size_t>(result);
  engine_.sent(c.conn, n, now_);
  c.sent += n;
  if (c.sent >= kJudgeAfter && now_.mono >= c.look_again) look_at_path(c);
  if (n < c.sending->bytes && load(c)) return;
  spare_sendings_.push_back(std::move(c.sending));
  if (c.stage == Stage::finishing) finish(c);
}

void Driver::look_at_path(Carrier& c) {
  c.look_again = now_.mono + kLookEvery;
  tcp_info info{};
  socklen_t size = sizeof info;
  if (getsockopt(c.fd.get(), IPPROTO_TCP, TCP_INFO, &info, &size) < 0) return;
  if (info.tcpi_min_rtt == 0) return;
  const engine::Path path{std::chrono::microseconds(info.tcpi_min_rtt), info.tcpi_delivery_rate};
  engine_.path(c.conn, path);
  if (!std::exchange(c.path_judged, true)) judge_path(c, path.round_trip);
  const std::size_t unsent = engine::standing_for(path).socket;
  if (unsent != std::exchange(c.unsent, unsent)) hold_unsent(c.fd.get(), unsent);
}

// BBR, which the keeper chose, costs throughput on a path of microseconds and is worth much on
// every other. An unprivileged process may choose only what the host allows to all: reno always.
void Driver::judge_path(Carrier& c, Duration round_trip) {
  const int fd = c.fd.get();
  if (round_trip >= engine::kShortPath || congestion_control(fd) != "bbr") return;
  for (const char* name : {"cubic", "reno"}) {
    use_congestion_control(fd, name);
    if (congestion_control(fd) != name) continue;
    lowered_ = name;
    return;
  }
}

// ---- ends

// The engine hears of it when nothing of its memory is in flight: otherwise a slot could be taken
// again, and what is read into it sent in clear.
void Driver::fail(Carrier& c, int errnum) {
  if (c.stage == Stage::closing) return;
  if (c.stage == Stage::finishing || c.stage == Stage::draining) return close(c);
  if (c.stage != Stage::failing) {
    log(Level::debug, "carrier {}: error {}", c.slot, errnum);
    c.errnum = errnum;
    c.stage = Stage::failing;
    shutdown(c.fd.get(), SHUT_RDWR);
  }
  if (c.sending) return touch(c);
  engine_.closed(c.conn, c.errnum, now_);
  close(c);
}

// After a hang-up: everything that was sealed, then FIN, then patience, so that no RST destroys
// what the peer has not read yet.
void Driver::finish(Carrier& c) {
  touch(c);
  if (c.stage == Stage::draining || c.stage == Stage::closing) return;
  if (c.stage != Stage::finishing) wait_for_peer(c);
  c.stage = Stage::finishing;
  if (c.sending || load(c)) return;
  carriers_.forget(c);
  if (c.at_end) return close(c);
  c.stage = Stage::draining;
  shutdown(c.fd.get(), SHUT_WR);
}

void Driver::wait_for_peer(Carrier& c) {
  drains_.push_back({now_.mono + kDrainFor, c.conn, c.slot});
  if (drains_.size() <= kMostDraining) return;
  Carrier* oldest = carriers_.at(drains_.front().slot);
  if (oldest != nullptr && oldest->conn == drains_.front().conn) close(*oldest);
  drains_.pop_front();
}

void Driver::close(Carrier& c) {
  carriers_.forget(c);
  c.stage = Stage::closing;
  c.read_on = false;
  shutdown(c.fd.get(), SHUT_RDWR);
  touch(c);
}

// Nothing is in flight any more; whatever the engine still kept for it may go.
void Driver::dispose(Carrier& c) {
  engine_.closed(c.conn, c.errnum, now_);
  buffers_.give_back(std::move(c.buffer));
  if (c.sending) spare_sendings_.push_back(std::move(c.sending));
  carriers_.remove(c);
}

}  // namespace vpnd::nl
