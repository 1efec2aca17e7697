// SPDX-License-Identifier: ISC
// What the engine wants done, and what the keeper says.

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "bsd/driver.h"
#include "bsd/no_signal.h"
#include "core/base/log.h"
#include "crypto/hash.h"

namespace vpnd::bsd {
namespace {

using namespace std::chrono_literals;

constexpr Duration kStopWithin = 300ms;
constexpr int kDatagrams = 16;  // a turn
constexpr std::size_t kMostPeerBytes = 16 * 1024 * 1024, kPeerBytesARead = 64 * 1024;

// Secret text; room for all of it first, or growing would leave copies behind that nobody wipes.
struct SecretText {
  std::string text;
  SecretText() { text.reserve(kMostPeerBytes + kPeerBytesARead); }
  SecretText(const SecretText&) = delete;
  SecretText& operator=(const SecretText&) = delete;
  ~SecretText() { crypto::wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()}); }

  bool read(const Fd& fd) {
    while (fd && text.size() < kMostPeerBytes) {
      const std::size_t had = text.size();
      text.resize(had + kPeerBytesARead);
      const auto n = ::pread(fd.get(), text.data() + had, kPeerBytesARead, static_cast<off_t>(had));
      text.resize(had + static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
      if (n <= 0) return n == 0;
    }
    return true;
  }
};

}  // namespace

bool Driver::effects() {
  bool any = false;
  // What is done about one may bring the next.
  for (auto some = engine_.take_effects(); !some.empty(); some = engine_.take_effects()) {
    for (const engine::Effect& effect : some) std::visit([this](const auto& e) { on(e); }, effect);
    any = true;
  }
  return any;
}

void Driver::on(const engine::Dial& dial) {
  dialling_.push_back(dial.conn);
  link_.send(dial);
}

void Driver::on(const engine::Hangup& hangup) {
  std::erase(dialling_, hangup.conn);
  Carrier* c = find(hangup.conn);
  if (c == nullptr) return;
  if (c->stage == Carrier::Stage::connecting) return end(*c, 0);
  if (c->stage != Carrier::Stage::open) return;
  finish(*c);
  watch(*c);
}

void Driver::on(const engine::Became& became) {
  link_.send(plan::to_keeper::Became{became.state, became.lease});
}

void Driver::on(const engine::KeepCookie& cookie) {
  link_.send(cookie);
}

void Driver::on(const engine::UseAddresses& use) {
  link_.send(use);
}

void Driver::on(const engine::Ended& ended) {
  link_.send(ended);
  finished_ = true;
}

// ---- resolvers

void Driver::on(const engine::AskResolver& ask) {
  link_.send(ask);
}

void Driver::on(plan::to_engine::Resolver m, Fd fd) {
  if (!engine_.resolver_opened(m.round, m.resolver, m.errnum == 0 && fd, now_)) return;
  Watched& w = resolvers_.at(m.resolver);
  unwatch(w);
  w.fd = std::move(fd);
}

void Driver::on(const engine::SendQuery& q) {
  const Fd& fd = resolvers_.at(q.resolver).fd;
  if (!fd) return;
  const auto n = ::send(fd.get(), q.query.data(), q.query.size(), kNoSignal);
  if (n < 0 && errno != EAGAIN && errno != EINTR) engine_.resolver_failed(q.resolver, now_);
}

void Driver::on(const engine::EndLookUp&) {
  for (Watched& w : resolvers_) unwatch(w);
}

void Driver::resolver_ready(std::size_t which) {
  ByteArray<wire::kMostAnswerBytes> room;
  const auto number = static_cast<std::uint32_t>(which);
  for (int i = 0; i < kDatagrams && resolvers_.at(which).fd; ++i) {
    const auto n = ::recv(resolvers_[which].fd.get(), room.data(), room.size(), 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n < 0) {  // nobody listens there, or there is no way
      unwatch(resolvers_[which]);
      return engine_.resolver_failed(number, now_);
    }
    engine_.resolver_answered(number, Bytes(room).first(static_cast<std::size_t>(n)), now_);
    (void)effects();  // it may be closed now
  }
}

// ---- the keeper

void Driver::keeper_ready() {
  while (auto got = link_.receive()) {
    std::visit([&](const auto& m) { on(m, std::move(got->descriptor)); }, got->message);
  }
}

void Driver::on(plan::to_engine::Tun, Fd fd) {
  unwatch(tun_);
  tun_.fd = std::move(fd);
  tun_failed_ = false;
}

void Driver::on(plan::to_engine::Listener, Fd fd) {
  if (fd) listeners_.emplace_back().fd = std::move(fd);
}

void Driver::on(plan::to_engine::Dialled m, Fd fd) {
  // The engine may have given this attempt up while the keeper worked.
  if (std::erase(dialling_, m.conn) == 0) return;
  if (m.errnum != 0 || !fd) {
    return engine_.closed(m.conn, m.errnum != 0 ? static_cast<int>(m.errnum) : EIO, now_);
  }
  add(std::move(fd), m.conn, Carrier::Stage::connecting);
}

void Driver::on(plan::to_engine::Peers, Fd fd) {
  SecretText list;
  if (!list.read(fd)) return;
  try {
    engine_.replace_peers(wire::parse_peer_list(list.text, key_name_ + ".peers"), now_);
    log(Level::notice, "the client list was read again");
  } catch (const Error& e) {
    log(Level::error, "{}; the old client list stays in force", e.what());
  }
}

void Driver::on(plan::to_engine::ReportPlease, Fd) {
  plan::to_keeper::ReportHead head;
  head.report = engine_.report(now_);
  auto peers = std::exchange(head.report.peers, {});
  head.rows = static_cast<std::uint32_t>(peers.size());
  link_.send(head);
  for (std::size_t i = 0; i < peers.size(); i += plan::kPeersAMessage) {
    plan::to_keeper::ReportRows rows;
    const auto first = peers.begin() + static_cast<std::ptrdiff_t>(i);
    const auto count = std::min(plan::kPeersAMessage, peers.size() - i);
    std::move(first, first + static_cast<std::ptrdiff_t>(count), std::back_inserter(rows.rows));
    link_.send(rows);
  }
}

void Driver::on(plan::to_engine::Stop, Fd) {
  if (std::exchange(stopping_, true)) return;
  stop_by_ = now_.mono + kStopWithin;
  for (Watched& w : listeners_) unwatch(w);
  listeners_.clear();
  engine_.stop(now_);
}

void Driver::on(plan::to_engine::NetworkChanged, Fd) {
  engine_.network_changed(now_);
}

void Driver::on(const plan::to_engine::Settings& m, Fd) {
  set_log_level(m.log_level);
  engine_.change(m.server);
}

}  // namespace vpnd::bsd
