// SPDX-License-Identifier: ISC
#include <algorithm>
#include <new>

#include "core/base/log.h"
#include "core/engine/server.h"

namespace vpnd::engine {
namespace {

using namespace std::chrono_literals;

constexpr Rate kClockReplies{100ms, 10};
constexpr Rate kCurveWork{2500us, 4};  // handshakes: 400 a second, four in one turn

}  // namespace

// Padding after the block is expected; anything more before we have answered is not.
std::size_t ServerEngine::read_opening(Connection& c, Bytes stream, Now now) {
  std::size_t used = 0;
  if (c.phase == Phase::opening) {
    used = c.fill_block(stream);
    if (!c.block_complete()) return used;
    gate(c, now);
  }
  if (c.phase != Phase::queued && c.phase != Phase::confirming) return stream.size();
  used += c.skip_padding(stream.size() - used);
  if (used < stream.size()) drain(c, Drop::bad_handshake, now);
  return stream.size();
}

void ServerEngine::drain(Connection& c, Drop why, Now now) {
  counters_.drop(why);
  log(Level::debug, "silent towards {}: {}", c.endpoint.text(), name(why));
  if (c.phase == Phase::confirming) pool_.release(c.identity, now.mono);
  half_open_.fail(c.id.index);
  if (c.phase != Phase::draining) ++draining_;
  c.phase = Phase::draining;
  c.gate.reset();
  c.channel.reset();
  if (c.deadline <= now.mono) return hang_up(c, now);
  carriers_.deadlines.set(c.id.index, c.deadline);
}

void ServerEngine::gate(Connection& c, Now now) {
  const Source source = source_of(c.endpoint.address);
  if (!failures_.has(source, now.mono)) return drain(c, Drop::rate_limited, now);
  auto opened = wire::Responder::open(settings_.identity, wire::Transport::stream, c.block);
  if (!opened) {
    failures_.take(source, now.mono);
    return drain(c, Drop::bad_gate, now);
  }
  if (const Drop d = replays_.accept(opened->nonce_id, opened->time, now); d != Drop::none) {
    if (d == Drop::bad_time && (opened->flags & wire::kFlagClockUnsure) != 0) {
      offer_clock(c, *opened, now);
    }
    return drain(c, d, now);
  }
  half_open_.pass(c.id.index);
  c.discard = opened->pad_len;
  c.gate = std::make_unique<wire::Gate>(*opened);
  c.phase = Phase::queued;
  waiting_.push_back(c.id);
  run_handshakes(now);
}

// Our time for a client that says it has none. It stays one that never authenticated.
void ServerEngine::offer_clock(Connection& c, const wire::Gate& opened, Now now) {
  const Source source = source_of(c.endpoint.address);
  if (!clock_replies_.has(kClockReplies, now.mono)) return;
  if (!clock_sources_.take(source, now.mono)) return;
  clock_replies_.take(kClockReplies, now.mono);
  const wire::BlockRandom random = wire::draw_block_random(entropy_);
  c.put_block(
      wire::clock_reply(settings_.identity, opened, wire::Transport::stream, now.wall, random),
      random.pad_len, entropy_);
  carriers_.want_send(c);
}

void ServerEngine::run_handshakes(Now now) {
  while (!waiting_.empty() && curve_.has(kCurveWork, now.mono)) {
    Connection* c = carriers_.find(waiting_.front());
    waiting_.pop_front();
    if (c == nullptr || c->phase != Phase::queued) continue;
    curve_.take(kCurveWork, now.mono);
    try {
      handshake(*c, now);
    } catch (const std::bad_alloc&) {  // no room for more keys: those who are in stay in
      drain(*c, Drop::half_open_full, now);
    }
  }
}

TimePoint ServerEngine::next_wake() const noexcept {
  const TimePoint curve = waiting_.empty() ? kNever : curve_.next(kCurveWork);
  return std::min(curve, carriers_.deadlines.next());
}

void ServerEngine::handshake(Connection& c, Now now) {
  wire::Responder responder(settings_.identity, *c.gate, wire::Transport::stream);
  if (const Drop d = responder.read(); d != Drop::none) {
    failures_.take(source_of(c.endpoint.address), now.mono);
    return drain(c, d, now);
  }
  c.identity = responder.identity();
  c.name = responder.peer() == nullptr ? std::string() : responder.peer()->name;
  respond(c, responder, answer(c, responder.hello(), responder.peer(), now), now);
}

// A second identity counts only once it is confirmed: what is merely reserved must not keep
// anybody out.
bool ServerEngine::full_for(const wire::Identity& id) const noexcept {
  return settings_.max_clients != 0 && sessions_.size() >= settings_.max_clients &&
         !sessions_.contains(id);
}

wire::HelloS ServerEngine::answer(Connection& c, const wire::HelloC& hello, const wire::PeerEntry*,
                                  Now now) {
  wire::HelloS s;
  const auto refuse = [&](wire::Status status) {
    s.status = status;
    return s;
  };
  const auto cipher = wire::choose_cipher(
      hello.ciphers, static_cast<std::uint16_t>(settings_.ciphers & crypto::offered_ciphers()));
  if (!cipher) return refuse(wire::Status::refused);
  if (full_for(c.identity)) return refuse(wire::Status::busy);
  AddressPool::Wish wish;
  if (!hello.requested_v4.unspecified()) wish.requested = hello.requested_v4;
  if (const auto cookie = wire::read_cookie(hello.cookie, settings_.lease_secret, c.identity)) {
    wish.cookie = cookie->v4;
  }
  const auto address = pool_.reserve(c.identity, wish, now.mono);
  if (!address) return refuse(wire::Status::no_address);
  s.cipher = *cipher;
  s.kinds = settings_.kinds;
  s.server_time = now.wall;
  s.lease = make_lease(c.identity, *address, hello.want_v6, now);
  return s;
}

wire::Lease ServerEngine::make_lease(const wire::Identity& id, const Address& v4, bool want_v6,
                                     Now now) const {
  wire::Cookie cookie;
  cookie.v4 = v4;
  cookie.issued = now.wall;
  wire::Lease lease;
  lease.seconds = settings_.lease_seconds;
  lease.mtu = settings_.mtu;
  lease.keepalive = settings_.keepalive;
  lease.client_v4 = {v4, settings_.pool_v4.length};
  lease.server_v4 = settings_.server_v4;
  lease.dns_v4 = settings_.dns_v4;
  if (settings_.pool_v6) {
    // ::1:0:N cannot be the server's own ::1.
    store_be32(cookie.v6_suffix.data(), 1);
    store_be32(cookie.v6_suffix.data() + 4, pool_.number(v4));
    ByteArray<16> v6{};
    const Bytes network = settings_.pool_v6->address.bytes();
    std::copy_n(network.begin(), 8, v6.begin());
    std::copy(cookie.v6_suffix.begin(), cookie.v6_suffix.end(), v6.begin() + 8);
    if (want_v6) {
      lease.client_v6 = {Address::v6(v6), 64};
      lease.server_v6 = settings_.server_v6;
      lease.dns_v6 = settings_.dns_v6;
    }
  }
  lease.cookie = wire::make_cookie(cookie, settings_.lease_secret, id);
  return lease;
}

void ServerEngine::respond(Connection& c, wire::Responder& responder, const wire::HelloS& hello,
                           Now now) {
  const bool ok = hello.status == wire::Status::ok;
  // From here on the address is given back with the connection, whatever happens.
  if (ok) c.phase = Phase::confirming;
  crypto::Key ephemeral;
  entropy_(ephemeral.mut());
  const wire::BlockRandom random = wire::draw_block_random(entropy_);
  c.put_block(responder.write(hello, std::move(ephemeral), now.wall, random), random.pad_len,
              entropy_);
  if (!ok) {
    log(Level::info, "{} refused (status {})", c.endpoint.text(),
        static_cast<unsigned>(hello.status));
    drain(c, Drop::none, now);
    return carriers_.want_send(c);
  }
  wire::ChannelParams params;
  params.client = false;
  params.send_limit = std::min(responder.hello().max_length, wire::kMaxPlaintext);
  params.keepalive = std::chrono::seconds(std::max<std::uint16_t>(settings_.keepalive, 1));
  params.limits = limits_;
  c.channel.emplace(params, responder.take(), entropy_, now.mono);
  c.gate.reset();
  c.send_limit = params.send_limit;
  c.peer_kinds = responder.hello().kinds;
  c.lease = hello.lease;
  c.inner.v4 = hello.lease.client_v4.address;
  c.inner.v6 = hello.lease.has_v6() ? std::optional(hello.lease.client_v6.address) : std::nullopt;
  carriers_.deadlines.set(c.id.index, now.mono + wire::kConfirmWithin);
  carriers_.want_send(c);
}

}  // namespace vpnd::engine
