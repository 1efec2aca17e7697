// SPDX-License-Identifier: ISC
#include "tests/load/swarm.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <sstream>

#include "core/base/error.h"
#include "crypto/random.h"
#include "linux/driver.h"
#include "linux/socket.h"

namespace vpnd::load {

struct Connection {
  enum class Stage : std::uint8_t { connecting, open, finishing, over };

  Member& member;
  engine::ConnId id;
  Fd fd;
  Stage stage = Stage::connecting;
  bool blocked = false;  // the socket took less than there is
  std::uint32_t interest = 0;
  std::vector<std::uint8_t> kept;  // the beginning of a record
};

namespace {

using namespace std::chrono_literals;
using Stage = Connection::Stage;

constexpr std::size_t kReadRoom = 256 * 1024;
constexpr std::size_t kTurnBytes = 512 * 1024;  // of one connection
constexpr Duration kWakeEvery = 2ms;

Entropy entropy() {
  return [](MutBytes out) { crypto::random_bytes(out); };
}

engine::Room room() {
  engine::Room r;
  r.slots = 48;  // 3 MB of address space each, little of it ever touched
  return r;
}

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream out;
  out << file.rdbuf();
  if (!file) throw Error("read " + path, EIO);
  return out.str();
}

Fd connecting_socket(const Address& from, const Endpoint& to) {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  if (!fd) throw Error("make a TCP socket", errno);
  const int on = 1;
  (void)::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  nl::hold_unsent(fd.get(), engine::standing_for({}).socket);
  (void)::setsockopt(fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  sockaddr_storage a{};
  auto size = static_cast<socklen_t>(nl::to_sockaddr({from, 0}, a));
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&a), size) != 0) {
    throw Error("bind to " + from.text(), errno);
  }
  size = static_cast<socklen_t>(nl::to_sockaddr(to, a));
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&a), size) != 0 && errno != EINPROGRESS) {
    throw Error("connect to " + to.text(), errno);
  }
  return fd;
}

}  // namespace

Key::Key(const std::string& path) : path_(path), text_(content(path)) {}

wire::ClientIdentity Key::identity() const {
  std::vector<std::uint8_t> bytes(text_.begin(), text_.end());
  return wire::client_identity(wire::parse_key_file(bytes, path_), path_);
}

Member::Member(std::size_t n, const Address& from, engine::Engine&& e, TimePoint now)
    : number(n), source(from), engine(std::move(e)), started(now) {}
Member::~Member() = default;

Swarm::Swarm(const Endpoint& server, const Key& key)
    : server_(server),
      key_(key),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      now_(nl::read_clocks()),
      buffer_(kReadRoom + engine::Engine::max_receive()),
      scratch_(wire::kMaxIpPacket) {
  if (!epoll_) throw Error("create an epoll instance", errno);
}

Swarm::~Swarm() = default;

Member& Swarm::add(const Address& source) {
  engine::ClientSettings s;
  s.identity = key_.identity();
  crypto::random_bytes(s.instance);
  s.endpoints = {server_};
  s.kinds = wire::kKindsAll;
  s.timeout = {};
  now_ = nl::read_clocks();
  engine::Engine engine(std::move(s), room(), entropy(), now_);
  members_.push_back(
      std::make_unique<Member>(members_.size(), source, std::move(engine), now_.mono));
  pump(*members_.back());
  return *members_.back();
}

std::size_t Swarm::up() const noexcept {
  return static_cast<std::size_t>(
      std::ranges::count_if(members_, [](const auto& m) { return m->up(); }));
}

void Swarm::set_reading(Member& m, bool reads) {
  m.reads = reads;
  for (auto& c : m.connections) watch(*c);
}

// ---- connections

void Swarm::dial(Member& m, const engine::Dial& d) {
  ++m.dials;
  m.connections.push_back(
      std::make_unique<Connection>(m, d.conn, connecting_socket(m.source, server_)));
  watch(*m.connections.back());
}

void Swarm::watch(Connection& c) {
  std::uint32_t wanted = 0;
  if (c.stage == Stage::connecting) {
    wanted = EPOLLOUT;
  } else if (c.stage != Stage::over) {
    wanted = (c.member.reads ? std::uint32_t{EPOLLIN} : 0u) | (c.blocked ? EPOLLOUT : 0u);
  }
  if (wanted == c.interest) return;
  epoll_event e{};
  e.events = wanted;
  e.data.ptr = &c;
  const int op = c.interest == 0 ? EPOLL_CTL_ADD : wanted == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
  if (::epoll_ctl(epoll_.get(), op, c.fd.get(), &e) != 0) throw Error("watch a socket", errno);
  c.interest = wanted;
}

// Events of this turn may still name it: it goes at the turn's end.
void Swarm::drop(Connection& c) {
  if (c.stage == Stage::over) return;
  c.stage = Stage::over;
  watch(c);
  dropped_.push_back(&c.member);
}

void Swarm::fail(Connection& c, int errnum) {
  if (c.stage == Stage::over) return;
  drop(c);
  c.member.engine.closed(c.id, errnum, now_);
}

void Swarm::happened(Connection& c, std::uint32_t events) {
  if (c.stage == Stage::over) return;
  if (c.stage == Stage::connecting) {
    int errnum = 0;
    socklen_t size = sizeof errnum;
    (void)::getsockopt(c.fd.get(), SOL_SOCKET, SO_ERROR, &errnum, &size);
    if (errnum != 0) {
      fail(c, errnum);
    } else {
      c.stage = Stage::open;
      c.member.engine.connected(c.id, now_);
      watch(c);
    }
  } else {
    if ((events & EPOLLOUT) != 0) flush(c);
    if ((events & ~std::uint32_t{EPOLLOUT}) != 0 && c.stage != Stage::over) read(c);
  }
  pump(c.member);
}

// ---- bytes

void Swarm::read(Connection& c) {
  for (std::size_t taken = 0; taken < kTurnBytes && c.stage != Stage::over;) {
    const std::size_t had = c.kept.size();
    std::ranges::copy(c.kept, buffer_.begin());
    const auto n = ::recv(c.fd.get(), buffer_.data() + had, kReadRoom, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) return fail(c, n == 0 ? 0 : errno);
    if (c.stage == Stage::finishing) continue;
    taken += static_cast<std::size_t>(n);
    const MutBytes stream = MutBytes(buffer_).first(had + static_cast<std::size_t>(n));
    const MutBytes rest = stream.subspan(feed(c, stream));
    c.kept.assign(rest.begin(), rest.end());
    if (static_cast<std::size_t>(n) < kReadRoom) return;
  }
}

std::size_t Swarm::feed(Connection& c, MutBytes stream) {
  std::size_t used = 0;
  for (bool more = true; more && used < stream.size();) {
    const std::size_t n = c.member.engine.received(c.id, stream.subspan(used), batch_, now_);
    used += n;
    more = n > 0 || batch_.full();
    deliver(c.member);
  }
  return used;
}

void Swarm::deliver(Member& m) {
  for (const engine::TunPacket& p : batch_.packets()) {
    p.pieces == 0 ? on_packet(m, p.packet) : deliver_gathered(m, p);
  }
  batch_.clear();
}

// Our own engine has put datagrams together for a device that we are not: apart again.
void Swarm::deliver_gathered(Member& m, const engine::TunPacket& p) {
  gathered_.assign(p.packet.begin(), p.packet.end());
  for (std::uint32_t at = p.more; at != ~0u; at = batch_.piece(at).next) {
    const Bytes more = batch_.piece(at).payload;
    gathered_.insert(gathered_.end(), more.begin(), more.end());
  }
  (void)wire::segment({wire::Kind::uso, p.vnet.gso_size}, gathered_, scratch_,
                      [&](MutBytes datagram) { on_packet(m, datagram); });
}

void Swarm::flush(Connection& c) {
  std::array<Bytes, 64> pieces;
  std::array<iovec, 64> parts;
  c.blocked = false;
  while (c.stage != Stage::over && !c.blocked) {
    const std::size_t n = c.member.engine.gather(c.id, pieces, now_);
    if (n == 0) break;
    for (std::size_t i = 0; i < n; ++i) {
      parts[i] = {const_cast<std::uint8_t*>(pieces[i].data()), pieces[i].size()};
    }
    msghdr m{};
    m.msg_iov = parts.data();
    m.msg_iovlen = n;
    const auto sent = ::sendmsg(c.fd.get(), &m, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) return fail(c, errno);
    if (sent > 0) c.member.engine.sent(c.id, static_cast<std::size_t>(sent), now_);
    c.blocked = sent < 0;
  }
  if (c.stage == Stage::finishing && !c.blocked) ::shutdown(c.fd.get(), SHUT_WR);
  watch(c);
}

bool Swarm::send(Member& m, const std::function<std::size_t(MutBytes, wire::VnetHeader&)>& write) {
  wire::Slot slot = m.engine.slot();
  if (!slot) return false;
  wire::VnetHeader vnet;
  const std::size_t size = write(slot.packet_room(), vnet);
  said_.push_back(&m);
  return m.engine.from_tun(slot, vnet, size, now_) == Drop::none;
}

// ---- what an engine wants

void Swarm::effects(Member& m) {
  const auto by_id = [&m](engine::ConnId id) -> Connection* {
    const auto at = std::ranges::find_if(
        m.connections, [&](const auto& c) { return c->id == id && c->stage != Stage::over; });
    return at == m.connections.end() ? nullptr : at->get();
  };
  for (auto some = m.engine.take_effects(); !some.empty(); some = m.engine.take_effects()) {
    for (const engine::Effect& effect : some) {
      if (const auto* d = std::get_if<engine::Dial>(&effect)) dial(m, *d);
      if (const auto* h = std::get_if<engine::Hangup>(&effect)) {
        Connection* c = by_id(h->conn);
        if (c == nullptr) continue;
        if (c->stage == Stage::connecting) {
          drop(*c);
        } else {
          c->stage = Stage::finishing;
          flush(*c);
        }
      }
      if (const auto* b = std::get_if<engine::Became>(&effect)) {
        m.state = b->state;
        if (!m.up()) continue;
        m.inner = b->lease.client_v4.address;
        if (m.times_up++ == 0) m.up_at = now_.mono;
      }
    }
  }
}

void Swarm::pump(Member& m) {
  effects(m);
  while (const auto id = m.engine.next_ready()) {
    const auto at =
        std::ranges::find_if(m.connections, [&](const auto& c) { return c->id == *id; });
    if (at != m.connections.end()) flush(**at);
  }
  effects(m);
}

// ---- the loop

void Swarm::wake_due() {
  if (now_.mono < wake_at_) return;
  wake_at_ = now_.mono + kWakeEvery;
  for (auto& m : members_) {
    if (m->engine.next_wake() > now_.mono) continue;
    m->engine.wake(now_);
    pump(*m);
  }
}

void Swarm::turn(Duration at_most) {
  now_ = nl::read_clocks();
  for (Member* m : std::exchange(said_, {})) pump(*m);
  wake_due();
  std::array<epoll_event, 256> events;
  const Duration wait = std::clamp<Duration>(wake_at_ - now_.mono, 0ms, at_most);
  const timespec t{0, wait.count()};
  const int n = ::epoll_pwait2(epoll_.get(), events.data(), events.size(), &t, nullptr);
  if (n < 0 && errno != EINTR) throw Error("wait for sockets", errno);
  now_ = nl::read_clocks();
  for (int i = 0; i < n; ++i) {
    const epoll_event& e = events[static_cast<std::size_t>(i)];
    happened(*static_cast<Connection*>(e.data.ptr), e.events);
  }
  for (Member* m : std::exchange(dropped_, {})) {
    std::erase_if(m->connections, [](const auto& c) { return c->stage == Stage::over; });
  }
}

}  // namespace vpnd::load
