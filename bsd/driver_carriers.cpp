// SPDX-License-Identifier: ISC
// The driver's connections: bytes in, bytes out, and the ways in which they end.

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "bsd/driver.h"
#include "bsd/no_signal.h"
#include "bsd/tcp_options.h"
#include "core/base/log.h"

namespace vpnd::bsd {
namespace {

using namespace std::chrono_literals;
using Stage = Carrier::Stage;

constexpr std::size_t kTurnBytes = 1024 * 1024;  // of one connection, before others have their turn
constexpr std::size_t kPieces = 64;              // of one send
constexpr std::size_t kMostDraining = 512, kMostSpare = 4;
constexpr Duration kDrainFor = 2s, kLookEvery = 1s;
constexpr std::uint64_t kLookAfter = 256 * 1024;  // bytes sent

std::uint64_t key(engine::ConnId conn) noexcept {
  return std::uint64_t{conn.generation} << 32 | conn.index;
}

bool nothing_now(int errnum) noexcept {
  return errnum == EAGAIN || errnum == EWOULDBLOCK || errnum == EINTR;
}

}  // namespace

void Driver::add(Fd fd, engine::ConnId conn, Stage stage) {
  auto carrier = std::make_unique<Carrier>();
  Carrier& c = *carrier;
  c.tag = tag(What::carrier, ++last_carrier_);
  c.fd = std::move(fd);
  c.conn = conn;
  c.stage = stage;
  carriers_.emplace(c.tag, std::move(carrier));
  by_conn_[key(conn)] = &c;
  watch(c);
}

Carrier* Driver::find(engine::ConnId conn) noexcept {
  const auto at = by_conn_.find(key(conn));
  return at == by_conn_.end() ? nullptr : at->second;
}

void Driver::happened(Carrier& c, const Happened& h) {
  if (c.stage == Stage::ended) return;
  if (c.stage == Stage::connecting) {
    connected(c);
  } else if (h.readable && c.stage == Stage::open) {
    receive(c);
  } else if (h.readable) {
    discard(c);
  } else {
    c.blocked = false;
    send(c);
  }
  watch(c);
}

void Driver::watch(Carrier& c) {
  if (c.stage == Stage::ended) return;
  const Interest wanted{c.reads(), c.blocked || c.stage == Stage::connecting};
  const int why = queue_.watch(c.fd.get(), c.interest, wanted, c.tag);
  if (why != 0) end(c, why);
}

// ---- in

void Driver::connected(Carrier& c) {
  int errnum = 0;
  socklen_t size = sizeof errnum;
  if (::getsockopt(c.fd.get(), SOL_SOCKET, SO_ERROR, &errnum, &size) < 0) errnum = errno;
  if (errnum != 0) return end(c, errnum);
  c.stage = Stage::open;
  engine_.connected(c.conn, now_);
}

void Driver::receive(Carrier& c) {
  std::size_t taken = 0;
  bool filled = true;
  while (filled && taken < kTurnBytes && c.stage == Stage::open) {
    if (!c.buffer && !spare_.empty()) {
      c.buffer = std::move(spare_.back());
      spare_.pop_back();
    }
    if (!c.buffer) c.buffer = std::make_unique_for_overwrite<std::uint8_t[]>(kReceiveBuffer);
    const MutBytes room(c.buffer.get() + c.end, std::min(kReceiveBuffer - c.end, kReadRoom));
    const auto n = ::recv(c.fd.get(), room.data(), room.size(), 0);
    if (n < 0 && nothing_now(errno)) break;
    if (n <= 0) return end(c, n < 0 ? errno : 0);
    filled = static_cast<std::size_t>(n) == room.size();
    taken += static_cast<std::size_t>(n);
    feed(c, static_cast<std::size_t>(n));
  }
  if (c.begin != c.end && c.stage == Stage::open) return;
  c.begin = c.end = 0;
  if (c.buffer && spare_.size() < kMostSpare) spare_.push_back(std::move(c.buffer));
  c.buffer.reset();
}

void Driver::feed(Carrier& c, std::size_t fresh) {
  c.end += fresh;
  for (bool more = true; more && c.begin < c.end;) {
    const MutBytes stream(c.buffer.get() + c.begin, c.end - c.begin);
    const std::size_t used = engine_.received(c.conn, stream, batch_, now_);
    more = used > 0 || batch_.full();
    write_tun();
    c.begin += used;
  }
  // A read into no room would look like the end of the stream, so a record that is not complete
  // begins at the front.
  if (c.begin > 0 && c.begin < c.end) {
    std::memmove(c.buffer.get(), c.buffer.get() + c.begin, c.end - c.begin);
  }
  c.end -= std::exchange(c.begin, 0);
  // A hang-up has to be seen before the next bytes are given to an id that is dead.
  (void)effects();
}

// The engine has done with it.
void Driver::discard(Carrier& c) {
  ByteArray<16384> scrap;
  for (std::size_t total = 0; total < kTurnBytes;) {
    const auto n = ::recv(c.fd.get(), scrap.data(), scrap.size(), 0);
    if (n < 0 && nothing_now(errno)) return;
    if (n < 0) return end(c, errno);
    if (n == 0) return at_end(c);
    total += static_cast<std::size_t>(n);
  }
}

void Driver::at_end(Carrier& c) {
  if (c.stage == Stage::draining) return end(c, 0);
  c.at_end = true;  // it closed first; what is still sent may yet be read
  finish(c);
}

// ---- out

void Driver::send_ready() {
  while (const auto conn = engine_.next_ready()) {
    Carrier* c = find(*conn);
    if (c == nullptr || c->blocked) continue;  // when the socket has room it is gathered
    send(*c);
    watch(*c);
  }
}

// Until there is nothing more, or the socket is full. Who has had its turn waits for the socket to
// be writable, which it is at once.
void Driver::send(Carrier& c) {
  if (c.stage != Stage::open && c.stage != Stage::finishing) return;
  std::size_t budget = kTurnBytes;
  while (budget > 0) {
    if (!send_once(c, budget)) return;
  }
  c.blocked = true;
}

// False: nothing more can be sent now.
bool Driver::send_once(Carrier& c, std::size_t& budget) {
  std::array<Bytes, kPieces> pieces;
  const std::size_t count = engine_.gather(c.conn, pieces, now_);
  if (count == 0) {
    if (c.stage == Stage::finishing) finish(c);
    return false;
  }
  std::array<iovec, kPieces> parts;
  for (std::size_t i = 0; i < count; ++i) {
    parts[i] = {const_cast<std::uint8_t*>(pieces[i].data()), pieces[i].size()};
  }
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(count);
  const auto n = ::sendmsg(c.fd.get(), &message, kNoSignal);
  if (n < 0 && (nothing_now(errno) || errno == ENOBUFS)) {
    c.blocked = true;
    return false;
  }
  if (n < 0) {
    end(c, errno);
    return false;
  }
  const auto sent = static_cast<std::size_t>(n);
  engine_.sent(c.conn, sent, now_);
  c.sent += sent;
  budget -= std::min(budget, sent);
  if (c.sent >= kLookAfter && now_.mono >= c.look_again) look_at_path(c);
  return true;
}

// The shortest of all is what the path takes without a queue in it. None of these kernels tells the
// rate.
void Driver::look_at_path(Carrier& c) noexcept {
  c.look_again = now_.mono + kLookEvery;
  const Duration trip = round_trip(c.fd.get());
  if (trip <= Duration{}) return;
  if (c.least_trip == Duration{} || trip < c.least_trip) c.least_trip = trip;
  engine_.path(c.conn, {.round_trip = c.least_trip, .rate = 0});
}

// ---- ends

// After a hang-up: everything that was sealed, then FIN, then patience, so that no RST destroys
// what the peer has not read yet.
void Driver::finish(Carrier& c) {
  if (c.stage == Stage::draining || c.stage == Stage::ended) return;
  if (c.stage != Stage::finishing) {
    c.stage = Stage::finishing;
    drains_.push_back({now_.mono + kDrainFor, c.tag});
    if (drains_.size() > kMostDraining) {
      const auto oldest = carriers_.find(drains_.front().carrier);
      drains_.pop_front();
      if (oldest != carriers_.end()) end(*oldest->second, 0);
    }
    return send(c);  // comes here again when that is done
  }
  if (c.at_end) return end(c, 0);
  by_conn_.erase(key(c.conn));
  c.stage = Stage::draining;
  (void)::shutdown(c.fd.get(), SHUT_WR);
}

// Nothing of the engine's memory is in use here between calls, so it may hear of it at once.
void Driver::end(Carrier& c, int errnum) {
  if (c.stage == Stage::ended) return;
  if (errnum != 0) log(Level::debug, "carrier {}: error {}", c.tag / 8, errnum);
  c.stage = Stage::ended;
  engine_.closed(c.conn, errnum, now_);
  by_conn_.erase(key(c.conn));
  ended_.push_back(c.tag);
}

// Events of the same wait may still name it before.
void Driver::bury() noexcept {
  for (const std::uintptr_t tag : ended_) {
    const auto at = carriers_.find(tag);
    Carrier& c = *at->second;
    (void)queue_.watch(c.fd.get(), c.interest, {}, tag);
    carriers_.erase(at);
  }
  ended_.clear();
}

}  // namespace vpnd::bsd
