// SPDX-License-Identifier: ISC
// What the engine wants done, and what the keeper says.

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "core/base/log.h"
#include "crypto/hash.h"
#include "linux/driver.h"

namespace vpnd::nl {
namespace {

using namespace std::chrono_literals;

constexpr Duration kStopWithin = 300ms;
constexpr int kDatagrams = 16;  // a turn
constexpr std::size_t kMostPeerBytes = 16 * 1024 * 1024, kPeerBytesARead = 64 * 1024;

// Up to its end rather than by its size: the calls that tell a size take names as well, and a
// confined engine has none of those. False: it cannot be read.
bool read_list(const Fd& fd, std::string& text) {
  text.reserve(kMostPeerBytes + kPeerBytesARead);  // or growing would leave unwiped copies behind
  while (fd && text.size() < kMostPeerBytes) {
    const std::size_t had = text.size();
    text.resize(had + kPeerBytesARead);
    const auto n = pread(fd.get(), text.data() + had, kPeerBytesARead, static_cast<off_t>(had));
    text.resize(had + static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    if (n <= 0) return n == 0;
  }
  return true;
}

}  // namespace

void Driver::effects() {
  // What is done about one may bring the next.
  for (auto some = engine_.take_effects(); !some.empty(); some = engine_.take_effects()) {
    for (const engine::Effect& effect : some) std::visit([this](const auto& e) { on(e); }, effect);
  }
  post();
}

void Driver::on(const engine::Dial& dial) {
  dialling_.push_back(dial.conn);
  link_->send(dial);
}

void Driver::on(const engine::Hangup& hangup) {
  std::erase(dialling_, hangup.conn);
  Carrier* c = carriers_.find(hangup.conn);
  if (c == nullptr) return;
  if (c->stage == Carrier::Stage::connecting) return close(*c);
  if (c->stage == Carrier::Stage::open || c->stage == Carrier::Stage::moving) finish(*c);
}

void Driver::on(const engine::Became& became) {
  link_->send(plan::to_keeper::Became{became.state, became.lease});
}

void Driver::on(const engine::KeepCookie& cookie) {
  link_->send(cookie);
}

void Driver::on(const engine::AskResolver& ask) {
  link_->send(ask);
}

void Driver::on(const engine::SendQuery& q) {
  const Fd& fd = resolvers_.at(q.resolver);
  if (!fd) return;
  const auto n = send(fd.get(), q.query.data(), q.query.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n < 0 && errno != EAGAIN && errno != EINTR) engine_.resolver_failed(q.resolver, now_);
}

// Whoever waits for one of them to be readable is woken by the shutdown.
void Driver::on(const engine::EndLookUp&) {
  for (Fd& fd : resolvers_) {
    if (fd) shutdown(fd.get(), SHUT_RDWR);
    fd.reset();
  }
}

void Driver::on(const engine::UseAddresses& use) {
  link_->send(use);
}

void Driver::on(plan::to_engine::Resolver m, Fd fd) {
  const bool given = m.errnum == 0 && fd;
  if (engine_.resolver_opened(m.round, m.resolver, given, now_)) {
    resolvers_.at(m.resolver) = std::move(fd);
  }
}

void Driver::resolver_ready(std::size_t which) {
  ByteArray<wire::kMostAnswerBytes> room;
  const auto number = static_cast<std::uint32_t>(which);
  for (int i = 0; i < kDatagrams && resolvers_.at(which); ++i) {
    const auto n = recv(resolvers_[which].get(), room.data(), room.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n < 0) {  // nobody listens there, or there is no way
      resolvers_[which].reset();
      return engine_.resolver_failed(number, now_);
    }
    engine_.resolver_answered(number, Bytes(room).first(static_cast<std::size_t>(n)), now_);
    effects();  // it may be closed now
  }
}

void Driver::on(const engine::Ended& ended) {
  link_->send(ended);
  finished_ = true;
}

void Driver::keeper_ready() {
  while (auto got = link_->receive()) {
    std::visit([&](const auto& m) { on(m, std::move(got->fd)); }, got->message);
  }
}

void Driver::on(plan::to_engine::Tun m, Fd fd) {
  if (m.queue == 0) {
    tun_ = std::move(fd);
  } else if (m.queue < crew_.size()) {
    crew_.post(worker_, m.queue, letter::Queue{std::move(fd)});
  }
}

void Driver::on(plan::to_engine::Listener, Fd fd) {
  if (fd) listeners_.push_back(std::move(fd));
}

void Driver::on(plan::to_engine::Dialled m, Fd fd) {
  // The engine may have given this attempt up while the keeper worked.
  if (std::erase(dialling_, m.conn) == 0) return;
  if (m.errnum != 0 || !fd) {
    return engine_.closed(m.conn, m.errnum != 0 ? static_cast<int>(m.errnum) : EIO, now_);
  }
  touch(carriers_.add(std::move(fd), m.conn, Carrier::Stage::connecting));
}

void Driver::on(plan::to_engine::Peers, Fd fd) {
  std::string text;
  if (!read_list(fd, text)) return;
  try {
    engine_.replace_peers(wire::parse_peer_list(text, key_name_ + ".peers"), now_);
    log(Level::notice, "the client list was read again");
  } catch (const Error& e) {
    log(Level::error, "{}; the old client list stays in force", e.what());
  }
  crypto::wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
}

// Each worker tells its part. Whoever asks while they are awaited gets the same.
void Driver::on(plan::to_engine::ReportPlease, Fd) {
  if (reports_owed_++ > 0) return;
  report_.report = engine_.report(now_);
  report_.congestion = lowered_;
  report_parts_missing_ = crew_.size() - 1;
  if (report_parts_missing_ == 0) return send_report();
  for (std::uint32_t i = 1; i < crew_.size(); ++i) crew_.post(0, i, letter::ReportPlease{});
}

void Driver::send_report() {
  std::vector<engine::PeerReport> peers = std::exchange(report_.report.peers, {});
  std::ranges::sort(peers, {}, &engine::PeerReport::inner_v4);
  report_.rows = static_cast<std::uint32_t>(peers.size());
  for (; reports_owed_ > 0; --reports_owed_) {
    link_->send(report_);
    for (std::size_t i = 0; i < peers.size(); i += plan::kPeersAMessage) {
      const auto from = peers.begin() + static_cast<std::ptrdiff_t>(i);
      const std::size_t n = std::min(plan::kPeersAMessage, peers.size() - i);
      link_->send(plan::to_keeper::ReportRows{{from, from + static_cast<std::ptrdiff_t>(n)}});
    }
  }
}

void Driver::on(plan::to_engine::Stop, Fd) {
  if (stopping_) return;
  stop();
  effects();  // what it says to other workers comes before this
  for (std::uint32_t i = 1; i < crew_.size(); ++i) crew_.post(0, i, letter::Stop{});
}

void Driver::stop() {
  stopping_ = true;
  stop_by_ = now_.mono + kStopWithin;
  listeners_.clear();
  engine_.stop(now_);
}

void Driver::on(const plan::to_engine::Settings& m, Fd) {
  set_log_level(m.log_level);
  engine_.change(m.server);
}

void Driver::on(plan::to_engine::NetworkChanged, Fd) {
  engine_.network_changed(now_);
}

}  // namespace vpnd::nl
